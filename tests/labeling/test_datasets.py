"""Frozen data sets: whose label counts, what is left out, what the hash covers."""

import uuid

import pytest
from django.db.models import ProtectedError

from labeling.choices import Side, Source
from labeling.models import DatasetItem, DatasetVersion, Label
from labeling.services import TooFewError, dataset_freeze, label_add
from tests.factories import LabelFactory, PatchFactory, SlideFactory

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


def test_freezing_takes_few_queries(people, django_assert_max_num_queries):
    fill(people.study, 30)
    with django_assert_max_num_queries(14):
        freeze(people)
    assert Label.objects.count() == 60
