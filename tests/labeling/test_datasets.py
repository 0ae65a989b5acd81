"""Frozen data sets: whose label counts, what is left out, what the hash covers."""

import hashlib
import io
import uuid
from itertools import cycle

import pytest
from django.db import InternalError, transaction
from django.db.models import ProtectedError
from PIL import Image

from config.errors import ConflictError, DomainError
from labeling import dataset_columns
from labeling.choices import Side, Source, Split
from labeling.looks import LENGTH, look_of_png
from labeling.models import DatasetItem, DatasetVersion, Label
from labeling.services import (
    FreezeChoices,
    LeakError,
    TooFewError,
    dataset_check,
    dataset_check_leaks,
    dataset_foresee,
    dataset_freeze,
    label_add,
)
from tests.factories import (
    DatasetItemFactory,
    DatasetVersionFactory,
    LabelFactory,
    PatchFactory,
    SlideFactory,
    UserFactory,
    png_of,
)

pytestmark = pytest.mark.django_db


def label(study, name, reader=None, **patch):
    fields = {"reader": reader} if reader else {}
    return LabelFactory.create(
        patch=PatchFactory.create(study=study, **patch), label_class=study.classes.get(name=name), **fields
    )


def fill(study, n=20, **patch):
    return [label(study, name, **patch) for name in ("Positive", "Negative") for _ in range(n)]


def freeze(people, **options):
    return dataset_freeze(**{"study": people.study, "user": people.admin, "seed": 7} | options)


def test_every_labelled_patch_is_on_one_side(people):
    fill(people.study)
    dataset = freeze(people)
    sides = list(dataset.items.values_list("side", flat=True))
    assert len(sides) == 40
    assert [sides.count(side) for side in (Side.TRAIN, Side.VALIDATION, Side.TEST)] == [32, 4, 4]
    for side in Side.values:
        assert dataset.items.filter(side=side).values("label_class").distinct().count() == 2
    assert (dataset.number, dataset.seed, dataset.created_by) == (1, 7, people.admin)
    assert dataset.rule["fractions"] == {"train": 0.8, "validation": 0.1, "test": 0.1}


def test_the_same_labels_and_seed_are_the_same_version(people):
    fill(people.study)
    first = freeze(people)
    assert freeze(people) == first
    other = freeze(people, seed=8)
    assert (other.number, other.content_hash == first.content_hash) == (2, False)
    label(people.study, "Positive")
    assert freeze(people).number == 3
    assert DatasetVersion.objects.count() == 3


def test_the_newest_label_of_a_reader_counts(people):
    labels = fill(people.study)
    changed, withdrawn = labels[0], labels[1]
    negative = people.study.classes.get(name="Negative")
    for old, class_id in ((changed, negative.pk), (withdrawn, None)):
        label_add(user=old.reader, patch=old.patch, class_id=class_id, client_key=uuid.uuid4())
    dataset = freeze(people)
    assert dataset.items.get(patch=changed.patch).label_class == negative
    assert not dataset.items.filter(patch=withdrawn.patch).exists()


def test_readers_who_differ_are_settled_by_majority_and_ties_are_left_out(people):
    labels = fill(people.study)
    positive, negative = people.study.classes.order_by("key")
    tied, outvoted = labels[0].patch, labels[1].patch
    for patch, classes in ((tied, [negative]), (outvoted, [negative, negative])):
        for label_class in classes:
            LabelFactory.create(patch=patch, label_class=label_class)
    dataset = freeze(people)
    assert not dataset.items.filter(patch=tied).exists()
    assert dataset.items.get(patch=outvoted).label_class == negative
    assert dataset.rule["left_out_ties"] == 1
    LabelFactory.create(patch=tied, label_class=positive)
    assert freeze(people).items.get(patch=tied).label_class == positive


def field(people, **slide):
    """A reader's labels of twenty cells of each class on a slide, far apart."""
    reader, there = UserFactory.create(), SlideFactory.create(study=people.study, **slide)
    for n in range(40):
        label(people.study, ("Positive", "Negative")[n % 2], reader, slide=there, x_l0=100 + 500 * n, y_l0=100)
    return reader, there


def test_a_label_taken_back_is_left_out_and_counted(people):
    reader, slide = field(people)
    before = freeze(people)
    assert before.rule["left_out_taken_back"] == 0
    earlier = people.study.patches.get(x_l0=100)
    later = label(people.study, "Negative", reader, slide=slide, x_l0=108, y_l0=111)
    same = label(people.study, "Negative", reader, slide=slide, x_l0=605, y_l0=100)
    beside = label(people.study, "Negative", reader, slide=slide, x_l0=1115, y_l0=100)
    dataset = freeze(people)
    assert (dataset.rule["left_out_taken_back"], dataset.rule["left_out_ties"]) == (1, 0)
    held = set(dataset.items.values_list("patch", flat=True))
    assert earlier.pk not in held
    assert {later.patch_id, same.patch_id, beside.patch_id} <= held
    assert dataset.items.count() == 42
    [row] = dataset.rule["readers"]
    assert (row["train"] + row["validation"] + row["test"], row["outvoted"]) == (42, 0)
    dataset_check(dataset)
    dataset_check(before)


def test_the_newest_word_on_the_first_patch_takes_back_the_second(people):
    reader, slide = field(people)
    earlier = people.study.patches.get(x_l0=100)
    later = label(people.study, "Negative", reader, slide=slide, x_l0=108, y_l0=111).patch
    positive = people.study.classes.get(name="Positive")
    label_add(user=reader, patch=earlier, class_id=positive.pk, client_key=uuid.uuid4())
    items = freeze(people).items
    assert items.filter(patch=earlier).exists()
    assert not items.filter(patch=later).exists()
    label_add(user=reader, patch=earlier, class_id=None, client_key=uuid.uuid4())
    dataset = freeze(people)
    assert dataset.rule["left_out_taken_back"] == 0
    assert list(dataset.items.filter(patch__in=[earlier, later]).values_list("patch", flat=True)) == [later.pk]


def test_nobody_takes_back_what_another_said_or_what_has_no_place(people):
    reader, slide = field(people)
    label(people.study, "Negative", slide=slide, x_l0=105, y_l0=100)
    elsewhere = SlideFactory.create(study=people.study)
    label(people.study, "Negative", reader, slide=elsewhere, x_l0=100, y_l0=100)
    for name in ("Positive", "Negative"):
        label(people.study, name, reader)
    dataset = freeze(people)
    assert (dataset.rule["left_out_taken_back"], dataset.items.count()) == (0, 44)


def test_only_the_reader_who_took_it_back_is_not_heard(people):
    reader, slide = field(people)
    negative = people.study.classes.get(name="Negative")
    patch = people.study.patches.get(x_l0=100)
    LabelFactory.create(patch=patch, label_class=negative)
    assert freeze(people).rule["left_out_ties"] == 1
    label(people.study, "Negative", reader, slide=slide, x_l0=100, y_l0=105)
    for choices in (FreezeChoices(), FreezeChoices(reader_id=reader.pk)):
        dataset = freeze(people, choices=choices)
        assert dataset.items.get(patch=patch).label_class == negative
        assert (dataset.rule["left_out_taken_back"], dataset.rule["left_out_ties"]) == (1, 0)


@pytest.mark.parametrize(("mpp", "taken"), [(0.25, 1), (0.5, 0), (None, 0)])
def test_how_far_a_cell_reaches_follows_the_scale(mpp, taken, people):
    people.study.model_mpp = 0.5
    people.study.save()
    reader, slide = field(people, mpp=mpp)
    label(people.study, "Negative", reader, slide=slide, x_l0=100 + 28, y_l0=100)
    assert freeze(people).rule["left_out_taken_back"] == taken


def test_sources_and_slides_choose(people):
    slide = SlideFactory.create(study=people.study, width=9000, height=9000)
    for n in range(40):
        label(people.study, ("Positive", "Negative")[n % 2], slide=slide, x_l0=100 + 200 * n, y_l0=1000)
    fill(people.study, 15)
    assert freeze(people).items.count() == 70
    assert freeze(people, sources=[Source.IMPORT]).items.count() == 30
    assert freeze(people, slides=[slide.pk]).items.count() == 40
    with pytest.raises(TooFewError):
        freeze(people, sources=[Source.POINTS])


def test_too_few_of_a_kind_is_refused_in_words(people):
    fill(people.study, 9)
    with pytest.raises(TooFewError, match=r"9 labelled cells of class Positive; at least 10"):
        freeze(people)
    for _ in range(5):
        label(people.study, "Positive")
    with pytest.raises(TooFewError, match=r"9 labelled cells of class Negative") as refused:
        freeze(people)
    assert refused.value.extra == {"counted": False, "have": 9, "need": 10}
    assert not DatasetVersion.objects.exists()


def test_too_few_of_a_kind_are_foreseen_where_labels_are_few(people, monkeypatch):
    slide = SlideFactory.create(study=people.study, width=9000)
    labels = fill(people.study, 10)
    label(people.study, "Positive", labels[0].reader, slide=slide, x_l0=100, y_l0=100)
    dataset_foresee(study=people.study)
    dataset_foresee(study=people.study, sources=[Source.IMPORT])
    for chosen in ({"sources": [Source.CLICK]}, {"slides": [slide.pk]}):
        with pytest.raises(TooFewError, match="1 labelled cells of class Positive"):
            dataset_foresee(study=people.study, **chosen)
    LabelFactory.create(patch=labels[-1].patch, label_class=labels[-1].label_class)
    label_add(user=labels[-1].reader, patch=labels[-1].patch, class_id=None, client_key=uuid.uuid4())
    dataset_foresee(study=people.study)
    label_add(user=labels[-2].reader, patch=labels[-2].patch, class_id=None, client_key=uuid.uuid4())
    with pytest.raises(TooFewError) as refusal:
        dataset_foresee(study=people.study)
    assert refusal.value.extra == {"counted": False, "have": 9, "need": 10}
    monkeypatch.setattr(dataset_columns, "GLANCE", 10)
    dataset_foresee(study=people.study)


def test_cells_all_in_one_heap_cannot_be_split(people):
    slide = SlideFactory.create(study=people.study)
    for n in range(30):
        label(people.study, ("Positive", "Negative")[n % 2], slide=slide, x_l0=100 + n, y_l0=100)
    with pytest.raises(TooFewError, match="too near each other"):
        freeze(people)


def test_a_single_field_is_split_by_smaller_tiles(people):
    slide = SlideFactory.create(study=people.study)
    for n in range(30):
        label(
            people.study, ("Positive", "Negative")[n % 2], slide=slide, x_l0=50 + 90 * (n % 6), y_l0=50 + 80 * (n // 6)
        )
    dataset = freeze(people)
    assert dataset.items.count() == 30
    assert dataset.rule["tile_px"] < 1000


def test_nothing_frozen_can_be_deleted(people):
    fill(people.study)
    dataset = freeze(people)
    frozen = dataset.items.first()
    for row in (dataset, frozen.patch, frozen.label_class):
        with pytest.raises(ProtectedError):
            row.delete()
    assert DatasetItem.objects.count() == 40


@pytest.mark.parametrize(
    "change",
    [
        lambda dataset: DatasetVersion.objects.filter(pk=dataset.pk).update(name="Another"),
        lambda dataset: DatasetVersion.objects.filter(pk=dataset.pk).update(content_hash="0" * 64),
        lambda dataset: DatasetVersion.objects.filter(pk=dataset.pk)._raw_delete("default"),
        lambda dataset: dataset.items.update(side=Side.TRAIN),
        lambda dataset: dataset.items.first().delete(),
    ],
)
def test_the_database_refuses_to_change_what_is_frozen(change, people):
    fill(people.study)
    dataset = freeze(people)
    before = list(dataset.items.order_by("pk").values())
    with pytest.raises(InternalError, match="Cannot update or delete"), transaction.atomic():
        change(dataset)
    assert list(dataset.items.order_by("pk").values()) == before
    assert DatasetVersion.objects.values().get() == {
        name: value for name, value in vars(dataset).items() if not name.startswith("_")
    }


def on_slides(study, per_slide=6, slides=12, **fields):
    """Cells of both classes on every slide, far apart."""
    made = [SlideFactory.create(study=study, **fields) for _ in range(slides)]
    for slide in made:
        for n in range(per_slide):
            label(study, ("Positive", "Negative")[n % 2], slide=slide, x_l0=100 + 200 * n, y_l0=100)
    return made


def sides_by(dataset, path):
    found: dict[object, set[str]] = {}
    for key, side in dataset.items.values_list(path, "side"):
        found.setdefault(key, set()).add(side)
    return found


def test_slides_stay_whole(people):
    on_slides(people.study)
    dataset = freeze(people, choices=FreezeChoices(split=Split.SLIDE))
    sides = sides_by(dataset, "patch__slide")
    assert len(sides) == 12
    assert all(len(there) == 1 for there in sides.values())
    assert (dataset.rule["split"], dataset.rule["tile_px"], dataset.rule["guard_px"]) == ("slide", None, None)
    dataset_check_leaks(dataset)


def test_cases_stay_whole_and_a_slide_without_one_is_its_own(people):
    slides = on_slides(people.study)
    for slide, case in zip(slides, "AABBCCDDEE", strict=False):
        slide.case_code = case
        slide.save()
    dataset = freeze(people, choices=FreezeChoices(split=Split.CASE))
    sides = sides_by(dataset, "patch__slide__case_code")
    assert all(len(there) == 1 for case, there in sides.items() if case)
    assert len(sides_by(dataset, "patch__slide")) == 12
    dataset_check_leaks(dataset)


@pytest.mark.parametrize("slides", [3, 4, 5])
def test_three_slides_are_enough_for_three_sides(people, slides):
    on_slides(people.study, per_slide=8, slides=slides)
    dataset = freeze(people, choices=FreezeChoices(split=Split.SLIDE))
    sides = [side for there in sides_by(dataset, "patch__slide").values() for side in there]
    assert sorted(sides) == ["test", *["train"] * (slides - 2), "validation"]
    dataset_check_leaks(dataset)


def test_too_few_slides_are_refused_in_words(people):
    on_slides(people.study, per_slide=20, slides=2)
    for kind, words in ((Split.SLIDE, "too few slides"), (Split.CASE, "too few cases")):
        with pytest.raises(TooFewError, match=words):
            freeze(people, choices=FreezeChoices(split=kind))


def test_a_guard_band_leaves_out_and_counts_what_straddles_it(people):
    slide = SlideFactory.create(study=people.study)
    for n in range(600):
        x, y = 100 + 130 * (n % 30), 100 + 130 * (n // 30)
        label(people.study, ("Positive", "Negative")[n % 2], slide=slide, x_l0=x, y_l0=y)
    none = freeze(people, choices=FreezeChoices(split=Split.PLACE, guard_px=0))
    assert (none.rule["refused_overlaps"], none.items.count()) == (0, 600)
    guarded = freeze(people, choices=FreezeChoices(split=Split.PLACE, guard_px=80))
    left_out = guarded.rule["refused_overlaps"]
    assert left_out > 10
    assert guarded.items.count() == 600 - left_out
    places = [(side, x, y) for side, x, y in guarded.items.values_list("side", "patch__x_l0", "patch__y_l0")]
    for side, x, y in places:
        near = {s for s, a, b in places if abs(a - x) < 150 and abs(b - y) < 150}
        assert near == {side}
    dataset_check_leaks(guarded)


def test_random_is_for_imported_patches_only(people):
    on_slides(people.study)
    fill(people.study)
    with pytest.raises(DomainError, match="72 of these patches lie on slides") as refusal:
        freeze(people, choices=FreezeChoices(split=Split.RANDOM))
    assert refusal.value.code == "dataset_not_random"
    dataset = freeze(people, sources=[Source.IMPORT], choices=FreezeChoices(split=Split.RANDOM))
    assert dataset.items.count() == 40


def test_a_named_reader_settles_what_readers_differ_on(people):
    labels = fill(people.study)
    positive, negative = people.study.classes.order_by("key")
    expert = UserFactory.create()
    settled, silent = labels[0].patch, labels[1].patch
    for patch in (settled, silent):
        LabelFactory.create_batch(2, patch=patch, label_class=positive)
    LabelFactory.create(patch=settled, reader=expert, label_class=negative)
    LabelFactory.create(patch=silent, label_class=negative)
    assert freeze(people).items.get(patch=settled).label_class == positive
    dataset = freeze(people, choices=FreezeChoices(reader_id=expert.pk))
    assert dataset.items.get(patch=settled).label_class == negative
    assert dataset.items.get(patch=silent).label_class == positive
    assert (dataset.rule["label"], dataset.rule["reader"]) == ("reader", expert.pk)
    [theirs] = [row for row in dataset.rule["readers"] if row["id"] == expert.pk]
    assert (theirs["train"] + theirs["validation"] + theirs["test"], theirs["outvoted"]) == (1, 0)
    [first] = [row for row in dataset.rule["readers"] if row["id"] == labels[0].reader_id]
    assert first["outvoted"] == 1


def test_a_named_reader_settles_a_tie(people):
    labels = fill(people.study)
    expert = LabelFactory.create(patch=labels[0].patch, label_class=people.study.classes.get(name="Negative")).reader
    assert freeze(people).rule["left_out_ties"] == 1
    dataset = freeze(people, choices=FreezeChoices(reader_id=expert.pk))
    assert (dataset.rule["left_out_ties"], dataset.items.count()) == (0, 40)


def test_a_reader_who_read_nothing_is_refused(people):
    fill(people.study)
    with pytest.raises(DomainError) as refusal:
        freeze(people, choices=FreezeChoices(reader_id=people.admin.pk))
    assert refusal.value.code == "dataset_reader_unknown"


def test_names_are_given_kept_and_unique(people):
    fill(people.study)
    assert freeze(people).name == "Data set 1"
    named = freeze(people, seed=8, choices=FreezeChoices(name=" Spring "))
    assert named.name == "Spring"
    with pytest.raises(ConflictError) as refusal:
        freeze(people, seed=9, choices=FreezeChoices(name="Spring"))
    assert refusal.value.code == "dataset_name_taken"
    assert freeze(people, seed=8, choices=FreezeChoices(name="Summer")) == named
    freeze(people, seed=10, choices=FreezeChoices(name="Data set 4"))
    assert freeze(people, seed=11).name == "Data set 4 (2)"


def test_later_labels_never_change_a_version(people):
    labels = fill(people.study)
    dataset = freeze(people)
    before = list(dataset.items.order_by("pk").values())
    label_add(user=labels[0].reader, patch=labels[0].patch, class_id=None, client_key=uuid.uuid4())
    fill(people.study, 3)
    assert list(dataset.items.order_by("pk").values()) == before


def plant(people, *patches, split=Split.CLUSTER):
    """A version whose first patch is learned from and whose others are tests."""
    dataset = DatasetVersionFactory.create(study=people.study, rule={"split": split})
    for n, patch in enumerate(patches):
        DatasetItemFactory.create(dataset=dataset, patch=patch, side=Side.TEST if n else Side.TRAIN)
    return dataset


def again(patch, turn=None):
    """The same pixels once more, as they were or turned, written anew with one pixel changed."""
    with Image.open(io.BytesIO(patch.png)) as stored:
        image = stored if turn is None else stored.transpose(turn)
        image.putpixel((3, 3), (1, 2, 3))
        out = io.BytesIO()
        image.save(out, "PNG")
    return {"png": out.getvalue(), "sha256": hashlib.sha256(out.getvalue()).hexdigest()}


def test_a_planted_leak_is_refused(people):
    slide, other = (SlideFactory.create(study=people.study, case_code="A") for _ in range(2))
    same = png_of(5)
    twice = [PatchFactory.create(study=people.study, slide=s, x_l0=100, y_l0=100, png=same) for s in (slide, other)]
    near = PatchFactory.create(study=people.study)
    nearly = PatchFactory.create(study=people.study, **again(near))
    beside = PatchFactory.create(study=people.study, slide=slide, x_l0=160, y_l0=120)
    far = PatchFactory.create(study=people.study, slide=slide, x_l0=900, y_l0=100)
    planted = {
        "duplicates": plant(people, *twice),
        "near_duplicates": plant(people, near, nearly),
        "overlaps": plant(people, twice[0], beside),
        "slides": plant(people, beside, far, split=Split.SLIDE),
        "cases": plant(people, far, twice[1], split=Split.CASE),
    }
    for what, dataset in planted.items():
        with pytest.raises(LeakError) as refusal:
            dataset_check_leaks(dataset)
        assert refusal.value.code == "dataset_leaks"
        assert what in refusal.value.extra
        patches = list(dataset.items.values_list("patch", flat=True))
        assert sorted(refusal.value.extra[what]["patches"][0]) == sorted(patches)
    dataset_check_leaks(plant(people, beside, far, nearly))


@pytest.mark.parametrize("turn", Image.Transpose)
def test_copies_turned_or_mirrored_before_the_import_are_a_leak(people, turn):
    patch = PatchFactory.create(study=people.study)
    turned = PatchFactory.create(study=people.study, **again(patch, turn))
    with pytest.raises(LeakError) as refusal:
        dataset_check_leaks(plant(people, patch, turned))
    assert list(refusal.value.extra) == ["near_duplicates"]


def test_what_was_frozen_is_whole_and_what_was_added_later_is_not(people):
    fill(people.study)
    dataset = freeze(people)
    dataset_check(dataset)
    people.study.classes.filter(name="Positive").update(name="Lymphocyte")
    dataset_check(dataset)
    DatasetItemFactory.create(dataset=dataset)
    with pytest.raises(ConflictError) as refusal:
        dataset_check(dataset)
    assert refusal.value.code == "dataset_changed"


def test_the_content_hash_is_over_the_sorted_lines(people):
    fill(people.study)
    same = SlideFactory.create(study=people.study)
    first = people.study.patches.first()
    copy = PatchFactory.create(study=people.study, png=bytes(first.png), slide=same, x_l0=9, y_l0=9)
    LabelFactory.create(patch=copy, label_class=people.study.classes.get(name="Positive"))
    dataset = freeze(people)
    rows = dataset.items.values_list("patch__sha256", "label_class__name", "side")
    lines = sorted(f"{sha256} {name} {side}\n" for sha256, name, side in rows)
    assert hashlib.sha256("".join(lines).encode()).hexdigest() == dataset.content_hash


def test_a_freeze_puts_near_duplicates_on_one_side(people):
    labels = fill(people.study, 30)
    for first, turn in zip(labels, cycle([None, *Image.Transpose]), strict=False):
        copy = PatchFactory.create(study=people.study, **again(first.patch, turn))
        LabelFactory.create(patch=copy, label_class=first.label_class)
    dataset = freeze(people)
    by_name = sides_by(dataset, "patch")
    ids = sorted(by_name)
    assert len(ids) == 120
    for first, copy in zip(ids[:60], ids[60:], strict=True):
        assert by_name[first] == by_name[copy]
    dataset_check_leaks(dataset)


def test_freezing_takes_few_queries(people, django_assert_max_num_queries):
    fill(people.study, 30)
    with django_assert_max_num_queries(24):
        freeze(people)
    assert Label.objects.count() == 60


def test_looks_are_made_once_and_kept(people, monkeypatch):
    labels = fill(people.study)
    freeze(people)
    kept = dict(people.study.patches.values_list("pk", "look"))
    assert bytes(kept[labels[0].patch_id]) == look_of_png(labels[0].patch.png).tobytes()
    assert {len(look) for look in kept.values()} == {LENGTH}
    monkeypatch.setattr(dataset_columns, "look_of_png", lambda _: 1 / 0)
    freeze(people, seed=9)
