"""Fields are split by case, windows beside cells are no cells, and counts are held against the cells."""

import json
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.distance import cdist

from bench import ki67 as bench
from bench.ki67 import MINED, Photo, after_mining, around, judged, mined, model_finds, off_cells, photos
from tests.detection.nn.toys import BROWN, GLASS, disc, tiny_config

PLACES = np.array([(60, 60), (200, 90), (330, 60), (5, 200), (200, 220), (330, 240)], dtype=np.float64)


def photo(case="p1_0001", kinds=(1, 2, 1, 1, 3, 1)) -> Photo:
    """Brown discs and blue ones."""
    image = np.full((300, 400, 3), GLASS, dtype=np.uint8)
    for (x, y), kind in zip(PLACES.astype(int), kinds, strict=True):
        colour = BROWN if kind == 1 else (90, 100, 170)
        left, top = max(0, x - 30), max(0, y - 30)
        disc(image[top : y + 30, left : x + 30], x - left, y - top, 20, colour)
    return Photo(case, image, PLACES, np.array(kinds))


def test_patches_are_cut_round_the_labelled_cells():
    patches = around(photo(), PLACES, photo().kinds)
    assert patches.labels.tolist() == [1, 0, 1, 1, 0, 1]
    assert np.array_equal(patches.images[0], photo().image[25:95, 25:95])


def test_windows_beside_lie_on_no_positive_cell_and_show_nothing_of_what_judges():
    teaches = np.array([True, True, True, True, True, False])
    found = off_cells(photo(), teaches, seed=1)
    assert len(found) >= 4
    nearest = cdist(found, photo().positive).min(axis=1)
    assert (nearest >= 20).all()
    assert (nearest <= 35).all()
    judging = np.array([(85.0, 60.0)])
    beside_it = Photo("p1_0001", photo().image, np.concatenate([PLACES, judging]), np.array([1, 2, 1, 1, 3, 1, 2]))
    found = off_cells(beside_it, np.array([True] * 6 + [False]), seed=1)
    assert (cdist(found, judging, "chebyshev") >= 70).all()


def test_a_field_without_a_positive_cell_gives_no_window_beside():
    assert len(off_cells(photo(kinds=(2, 2, 3, 2, 3, 2)), np.ones(6, dtype=bool), seed=1)) == 0


def test_wrong_finds_lie_on_no_positive_cell_and_on_no_patch():
    sure = [(65, 65, 0.99), (200, 90, 0.95), (130, 150, 0.93), (135, 150, 0.98), (280, 150, 0.6)]
    assert mined(photo(), np.array(sure)).tolist() == [[135, 150]]


def test_wrong_finds_teach_and_judge_nothing(monkeypatch):
    def learn(training, validation, *_, **__):
        learned.append((training, validation))
        raise InterruptedError

    learned: list[Any] = []
    monkeypatch.setattr(bench, "train", learn)
    apart, beside_all = (130.0, 150.0), [tuple(place + 15) for place in PLACES]
    with pytest.raises(InterruptedError):
        model_finds([photo()] * 4, tiny_config(), beside=False, seed=1, wrong=[np.array([apart, *beside_all])] * 4)
    [(training, validation)] = learned
    assert len(validation)
    assert not (validation.kinds == MINED).any()
    assert training.labels[training.kinds == MINED].tolist() == [0] * (4 + 24 - len(validation))


def test_the_second_training_gets_what_the_first_found_wrongly(monkeypatch):
    def learn(*_, wrong=(), **__):
        given.append([places.tolist() for places in wrong])
        return lambda image: np.array([(65, 65, 0.99), (135, 150, 0.98)])

    given: list[Any] = []
    monkeypatch.setattr(bench, "model_finds", learn)
    after_mining([photo(), photo()], tiny_config(), seed=1)
    assert given == [[], [[[135, 150]], [[135, 150]]]]


def test_counts_are_judged_over_all_fields_and_one_by_one():
    fields = [photo(), photo(kinds=(1, 1, 2, 2, 2, 2))]
    found = iter([PLACES[[0, 2]] + 5, np.array([(200.0, 90.0), (10.0, 10.0), (390.0, 10.0), (390.0, 290.0)])])
    figures = judged(fields, lambda image: next(found))
    assert figures["counts"] == [(4, 2), (2, 4)]
    assert figures["precision"] == pytest.approx(50)
    assert figures["recall"] == pytest.approx(50)
    assert (figures["mean_error"], figures["largest_error"], figures["count_error_percent"]) == (2, 2, 0)


def test_cases_are_apart_and_the_whole_runs_from_the_command_line(tmp_path, monkeypatch):
    folder = tmp_path / "shidc-ki67"
    folder.mkdir()
    (tmp_path / "prisma").mkdir()
    for stem in ("p1_0001_1", "p1_0001_2", "p1_0002_1", "p1_0300_2", "p1_0313_1"):
        field = photo()
        Image.fromarray(field.image).save(folder / f"{stem}.jpg", quality=98)
        points = [
            {"x": int(x), "y": int(y), "label_id": int(kind)}
            for (x, y), kind in zip(field.cells, field.kinds, strict=True)
        ]
        (folder / f"{stem}.json").write_text(json.dumps(points))
    known, fields = photos(tmp_path)
    assert {p.case for p in known} == {"p1_0001", "p1_0002"}
    assert {p.case for p in fields} == {"p1_0300", "p1_0313"}
    monkeypatch.setenv("TILSCOPE_REAL_DATA", str(tmp_path))
    monkeypatch.setattr(bench, "PRESETS", {"default": tiny_config(epochs=25, batch_size=8)})
    bench.main(["--json", str(tmp_path / "out.json")])
    figures = json.loads((tmp_path / "out.json").read_text())
    assert figures["fields"] == [3, 2]
    assert figures["dab_threshold"]["f1"] == 100
    assert figures["dab_threshold"]["mean_error"] == 0
    for name in ("model", "model_with_windows_beside", "model_after_mining"):
        assert [cells for cells, _ in figures[name]["by_seed"][0]["counts"]] == [4, 4]
        assert figures[name]["f1"] == pytest.approx(figures[name]["by_seed"][0]["f1"], abs=1e-3)
        assert figures[name]["f1"] > 50
