"""Windows beside cells: cut where they may be, from the slide's own pixels, always the same, and never a leak."""

import shutil

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from config.errors import UnavailableError
from detection.choices import RunState
from detection.models import ModelVersion
from detection.nn.beside import FAR_PX, KIND, NEAR_PX
from detection.nn.checkpoint import load_checkpoint
from detection.registry.card import model_card
from detection.registry.card_text import card_markdown
from detection.runs import folds, windows
from detection.runs.patch_cache import load, load_sides
from detection.selectors import model_at, windows_words
from labeling import media, readers
from labeling.choices import Side
from labeling.models import DatasetVersion
from labeling.services import dataset_freeze, points_import
from labeling.slides.reader import SlideReader
from tests.detection.makers import add_toy_labels, finished, scattered, start_training, store_slide
from tests.detection.nn.toys import BLUE, BROWN, GLASS, disc
from tests.factories import DatasetItemFactory, DatasetVersionFactory, PatchFactory, SlideFactory
from tests.labeling.conftest import drawn_pixels

SIZE = (1500, 1100)


def label(people, slide, places, *, every=2):
    """Label cells on a slide, one in ``every`` counted."""
    kinds = [people.study.classes.get(counted=counted) for counted in (True, False)]
    named = [(x, y, kinds[n % every > 0]) for n, (x, y) in enumerate(places.tolist())]
    report = points_import(slide=slide, user=people.pathologist, points=named)
    assert not report.refused


@pytest.fixture
def slide(people, tmp_path, db):
    """A slide on which no two places look alike, with 130 cells, half of them counted."""
    slide = store_slide(people.study, drawn_pixels(*SIZE), tmp_path)
    label(people, slide, scattered(*SIZE, step=100))
    return slide


@pytest.fixture
def dataset(people, slide):
    return dataset_freeze(study=people.study, user=people.admin, seed=3)


def centres(dataset, slide, **which):
    rows = dataset.items.filter(patch__slide=slide, **which).order_by("pk").values_list("patch__x_l0", "patch__y_l0")
    return np.array(list(rows), dtype=np.int64).reshape(-1, 2)


def overlap(places, others, reach=70):
    """Pairs that share a pixel: bool (N, M)."""
    return cdist(places, others, "chebyshev") < reach


def planted(people, slide, cells, **others) -> DatasetVersion:
    """A version by hand: counted cells to learn from, and one other cell on each of some sides."""
    dataset = DatasetVersionFactory.create(study=people.study)
    counted, other = people.study.classes.get(counted=True), people.study.classes.get(counted=False)
    for x, y in cells:
        patch = PatchFactory.create(slide=slide, x_l0=x, y_l0=y)
        DatasetItemFactory.create(dataset=dataset, patch=patch, label_class=counted, side=Side.TRAIN)
    for side, (x, y) in others.items():
        patch = PatchFactory.create(slide=slide, x_l0=x, y_l0=y)
        DatasetItemFactory.create(dataset=dataset, patch=patch, label_class=other, side=side)
    return dataset


def places_of(dataset, each=8):
    return np.concatenate([part.places for part in windows.plan(dataset, each=each)])


def test_they_follow_the_training_patches_with_the_slides_own_pixels(dataset, slide):
    bare, loaded = load_sides(dataset), load(dataset, beside=2)
    training, count = loaded.sides[Side.TRAIN], len(bare[Side.TRAIN])
    assert len(training) == count + len(loaded.places)
    assert len(loaded.places) > loaded.beside["cells"]
    assert (training.images[:count] == bare[Side.TRAIN].images).all()
    assert training.kinds is not None
    assert not training.labels[count:].any()
    assert (training.kinds[count:] == KIND).all()
    pixels = drawn_pixels(*SIZE)
    for (where, x, y), image in zip(loaded.places.tolist(), training.images[count:], strict=True):
        assert where == slide.pk
        assert (image == pixels[y - 35 : y + 35, x - 35 : x + 35]).all()
    for side in (Side.VALIDATION, Side.TEST):
        assert (loaded.sides[side].images == bare[side].images).all()
        assert (loaded.sides[side].labels == bare[side].labels).all()
    assert isinstance(training.images.base, np.memmap)


def test_each_lies_beside_a_learned_cell_on_no_cell_and_over_nothing_that_judges(dataset, slide):
    places = places_of(dataset)
    counted = centres(dataset, slide, label_class__counted=True)
    learned = centres(dataset, slide, label_class__counted=True, side=Side.TRAIN)
    judging = centres(dataset, slide, side__in=(Side.VALIDATION, Side.TEST))
    assert len(places) > 4 * len(learned)
    assert (cdist(places, learned).min(axis=1) <= FAR_PX + 1).all()
    assert (cdist(places, counted) >= NEAR_PX).all()
    assert not overlap(places, judging).any()
    assert ((places >= 35) & (places <= np.array(SIZE) - 35)).all()


def test_the_same_version_always_gives_the_same_and_another_one_others(dataset, people, slide):
    first = load(dataset, beside=2)
    images = first.sides[Side.TRAIN].images.copy()
    shutil.rmtree(media.root() / "patches")
    label(people, slide, np.array([(95, 95), (1405, 1005)]), every=1)
    again = load(dataset, beside=2)
    assert (first.places == again.places).all()
    assert (again.sides[Side.TRAIN].images == images).all()
    other = dataset_freeze(study=people.study, user=people.admin, seed=9)
    assert not {tuple(place) for place in places_of(other)} >= {tuple(place) for place in places_of(dataset)}


def test_how_many_is_part_of_the_key_and_they_are_cut_once(dataset, monkeypatch):
    few, many = load(dataset, beside=1), load(dataset, beside=3)
    assert 2 * len(few.places) < len(many.places)
    assert len(list((media.root() / "patches").iterdir())) == 2
    monkeypatch.setattr(windows, "patch_pixels", lambda *_, **__: 1 / 0)
    assert (load(dataset, beside=3).places == many.places).all()


@pytest.mark.django_db
def test_a_patch_that_judges_keeps_windows_away(people):
    slide = planted_on(people)
    near = (571, 500)
    free = places_of(planted(people, slide, [(500, 500)]))
    assert overlap(free, [near]).any()
    for side in (Side.VALIDATION, Side.TEST):
        kept = places_of(planted(people, planted_on(people), [(500, 500)], **{side: near}))
        assert 0 < len(kept) < 8
        assert not overlap(kept, [near]).any()


@pytest.mark.django_db
def test_a_guard_band_is_kept_too(people):
    dataset = planted(people, planted_on(people), [(500, 500)], test=(600, 500))
    assert overlap(places_of(dataset), [(600, 500)], reach=105).any()
    guarded = DatasetVersionFactory.create(study=people.study, rule={"guard_px": 35})
    for item in dataset.items.all():
        DatasetItemFactory.create(dataset=guarded, patch=item.patch, label_class=item.label_class, side=item.side)
    assert len(places_of(guarded))
    assert not overlap(places_of(guarded), [(600, 500)], reach=105).any()


def planted_on(people):
    """A slide of which only the rows are needed; cells near each other, and at its edge."""
    return SlideFactory.create(study=people.study, width=1000, height=1000)


@pytest.mark.django_db
def test_counted_cells_of_all_sides_are_left_alone_and_edges_are_kept(people):
    slide = planted_on(people)
    dataset = planted(people, slide, [(35, 35), (500, 500), (528, 500)])
    test = PatchFactory.create(slide=slide, x_l0=500, y_l0=528)
    counted = people.study.classes.get(counted=True)
    DatasetItemFactory.create(dataset=dataset, patch=test, label_class=counted, side=Side.TEST)
    places = places_of(dataset)
    assert ((places >= 35) & (places < 965)).all()
    assert (cdist(places, [(35, 35), (500, 500), (528, 500), (500, 528)]) >= NEAR_PX).all()
    # Nearer than 70 px to the patch that judges lies all that could be beside the other two.
    assert (cdist(places, [(35, 35)]) <= FAR_PX + 1).all()


def test_at_the_studys_scale_all_lengths_grow_with_it(people, tmp_path, db):
    people.study.model_mpp = 0.5
    people.study.save()
    slide = store_slide(people.study, drawn_pixels(*SIZE), tmp_path, mpp=0.25)
    label(people, slide, scattered(*SIZE, step=200), every=3)
    dataset = dataset_freeze(study=people.study, user=people.admin)
    loaded = load(dataset, beside=3)
    places = loaded.places[:, 1:]
    learned = centres(dataset, slide, label_class__counted=True, side=Side.TRAIN)
    nearest = cdist(places, learned).min(axis=1)
    assert len(places)
    assert ((nearest >= 2 * NEAR_PX) & (nearest <= 2 * FAR_PX + 1)).all()
    assert not overlap(places, centres(dataset, slide, side__in=(Side.VALIDATION, Side.TEST)), reach=140).any()
    with SlideReader(media.path_of(slide.file_sha256)) as reader:
        images = loaded.sides[Side.TRAIN].images[-len(places) :]
        for (x, y), image in zip(places.tolist(), images, strict=True):
            assert (reader.read(x // 2 - 35, y // 2 - 35, 70, 70, 2.0)[0] == image).all()


def test_a_slide_that_cannot_be_read_is_left_out_until_it_can(people, slide, tmp_path):
    gone = store_slide(people.study, drawn_pixels(*SIZE, seed=2), tmp_path)
    label(people, gone, scattered(*SIZE, step=110))
    dataset = dataset_freeze(study=people.study, user=people.admin)
    path = media.path_of(gone.file_sha256)
    path.rename(tmp_path / "aside")
    readers.pool.close()
    loaded = load(dataset, beside=2)
    assert set(loaded.places[:, 0]) == {slide.pk}
    assert loaded.beside["unreadable_slides"] == [gone.code]
    assert windows_words(loaded.beside).endswith(f"; {gone.code} could not be read")
    assert (load(dataset, beside=2).places == loaded.places).all()
    (tmp_path / "aside").rename(path)
    again = load(dataset, beside=2)
    assert set(again.places[:, 0]) == {slide.pk, gone.pk}
    assert again.beside["unreadable_slides"] == []
    assert (again.places[again.places[:, 0] == slide.pk] == loaded.places).all()


def test_a_damaged_place_costs_its_windows_only(dataset, slide, monkeypatch):
    whole = load(dataset, beside=2)
    shutil.rmtree(media.root() / "patches")
    x, y = whole.places[7, 1:].tolist()
    read = SlideReader.read

    def damaged(self, left, top, w, h, scale=1.0):
        pixels, mask = read(self, left, top, w, h, scale)
        return pixels, mask & ~(left <= x < left + w and top <= y < top + h)

    monkeypatch.setattr(SlideReader, "read", damaged)
    found = load(dataset, beside=2)
    assert found.beside["unreadable_slides"] == []
    covers = overlap(whole.places[:, 1:], [(x, y)], reach=34).ravel()
    assert len(found.places) <= len(whole.places) - covers.sum()
    assert len(found.places) > len(whole.places) - 20
    assert not overlap(found.places[:, 1:], [(x, y)], reach=34).any()
    assert len(found.sides[Side.TRAIN]) == len(load_sides(dataset)[Side.TRAIN]) + len(found.places)


def test_what_does_not_answer_now_is_no_damage(dataset, monkeypatch):
    def away(sha256):
        raise UnavailableError("The bucket does not answer.")

    monkeypatch.setattr(readers, "slide_reader", away)
    with pytest.raises(UnavailableError):
        load(dataset, beside=2)
    assert list((media.root() / "patches").iterdir()) == []


def test_a_window_on_a_stained_cell_that_nobody_labelled_is_left_out(people, tmp_path, db):
    places = scattered(*SIZE, step=100)
    neighbours = places + np.array([28, 0])
    # Coarse blocks of pale colours: places that look alike would stand on one side.
    pixels = drawn_pixels(SIZE[0] // 20, SIZE[1] // 20).repeat(20, axis=0).repeat(20, axis=1) // 3 + 170
    for n, (x, y) in enumerate(places.tolist()):
        disc(pixels, x, y, (7, 9, 12)[n % 3], BROWN)
    for x, y in neighbours.tolist():
        disc(pixels, x, y, 12, BROWN)
    slide = store_slide(people.study, pixels, tmp_path)
    label(people, slide, places)
    dataset = dataset_freeze(study=people.study, user=people.admin, seed=3)
    planned = windows.plan(dataset, each=8)[0].places
    loaded = load(dataset, beside=8)
    assert cdist(planned, neighbours).min() < 4
    assert cdist(loaded.places[:, 1:], neighbours).min() > 4
    assert len(planned) / 2 < loaded.beside["cut"] < len(planned)
    assert loaded.beside["unreadable_slides"] == []


def test_patches_without_a_slide_get_none(people, db):
    add_toy_labels(people.study)
    dataset = dataset_freeze(study=people.study, user=people.admin)
    bare, loaded = load_sides(dataset), load(dataset, beside=2)
    assert all((bare[side].images == loaded.sides[side].images).all() for side in Side.values)
    assert len(list((media.root() / "patches").iterdir())) == 1
    cells = dataset.items.filter(side=Side.TRAIN, label_class__counted=True).count()
    assert loaded.beside == {"each": 2, "cells": cells, "without_slide": cells, "cut": 0, "unreadable_slides": []}


def test_cutting_tells_how_far_it_is_and_leaves_nothing_where_that_ends_it(dataset):
    said = []
    load(dataset, beside=4, tell=lambda *news: said.append(news))
    told = [news for news in said if news[0] == "Cutting windows beside cells"]
    assert [done for _, done, _ in told] == list(range(0, told[-1][2], 100))
    shutil.rmtree(media.root() / "patches")

    def enough(message, done, total):
        if message == told[0][0] and done:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        load(dataset, beside=4, tell=enough)
    assert list((media.root() / "patches").iterdir()) == []


def test_in_folds_a_window_never_judges_and_shows_nothing_of_what_does(dataset, slide):
    loaded = load(dataset, beside=4)
    dealt = folds.deal(dataset, loaded.places, k=3, seed=1)
    patches = centres(dataset, slide, side=Side.TRAIN)
    assert dealt.of_patch.tolist() == folds.fold_numbers(dataset, k=3, seed=1).tolist()
    for fold in range(3):
        judges, learns = dealt.judges(fold), dealt.learns(fold)
        assert len(judges) == len(learns) == len(loaded.sides[Side.TRAIN])
        assert not (judges & learns).any()
        assert not judges[len(patches) :].any()
        shows = overlap(loaded.places[:, 1:], patches[dealt.of_patch == fold]).any(axis=1)
        assert shows.any()
        assert np.array_equal(learns[len(patches) :], ~shows)
        assert np.array_equal(learns[: len(patches)], dealt.of_patch != fold)


def brown_and_blue(places, seed=4):
    """Brown discs and blue ones in turn among grey ones, no two places the same."""
    rng = np.random.default_rng(seed)
    image = np.full((SIZE[1], SIZE[0], 3), GLASS, dtype=np.uint8)
    for n, (x, y) in enumerate(places.tolist()):
        box = image[y - 35 : y + 35, x - 35 : x + 35]
        for left, top in rng.integers(0, 70, size=(6, 2)):
            disc(box, left, top, float(rng.integers(4, 11)), (150, 150, 150))
        x, y = 35 + rng.integers(-3, 4, size=2)
        disc(box, x, y, float(rng.integers(18, 25)), BLUE if n % 2 else BROWN)
    noise = rng.integers(-12, 13, size=image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("search", [{}, {"folds": 2}])
def test_a_training_learns_from_them_and_says_so(people, tmp_path, search):
    places = scattered(*SIZE, step=100)
    slide = store_slide(people.study, brown_and_blue(places), tmp_path)
    label(people, slide, places)
    run = finished(start_training(people.study, recipe={"windows_beside": 2}, **search))
    assert (run.state, run.error) == (RunState.DONE, "")
    told = run.windows_beside
    assert told is not None
    assert told["cut"] > told["cells"] > 20
    assert (told["each"], told["without_slide"], told["unreadable_slides"]) == (2, 0, [])
    model = ModelVersion.objects.get(trial__run=run)
    _, meta = load_checkpoint(media.path_of(model.sha256))
    assert meta.config.windows_beside == 2
    card = model_card(model_at(model.pk))
    assert card["origin"]["windows_beside"] == f"{told['cut']} beside {told['cells']} counted cells, 2 each at most"
    assert "**Windows beside cells:** " in card_markdown(card)


def test_words_for_what_was_cut():
    told = {"each": 2, "cells": 1200, "without_slide": 30, "cut": 2100, "unreadable_slides": ["S001", "S004"]}
    assert windows_words(told) == (
        "2,100 beside 1,200 counted cells, 2 each at most; 30 of these cells were imported without a slide; "
        "S001, S004 could not be read"
    )
    assert windows_words(told | {"each": 0}) == "none"
    assert windows_words(None) == ""
