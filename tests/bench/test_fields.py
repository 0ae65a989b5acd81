"""Fields are rebuilt where their patches lay, and judged only there."""

import json

import numpy as np
import pytest

from bench import fields as bench
from bench.detection import with_head
from bench.fields import GLASS, Canvas, stained_spots, thresholded
from bench.protocols import Micrograph
from detection.nn.checkpoint import save_checkpoint
from detection.nn.data import PatchSet
from detection.nn.training import train
from tests.detection.nn.toys import tiny_config, toy_patches


def micrograph(corners) -> Micrograph:
    """Brown discs and blue ones in turn, at these corners."""
    patches = toy_patches(len(corners), 4)
    names = np.where(patches.labels == 1, "positive", "negative")
    return Micrograph(patches, names, np.array(corners, dtype=np.int64), np.arange(len(corners)))


def whole(place: Micrograph) -> Canvas:
    return Canvas.of(place, np.ones(len(place.corners), dtype=bool))


def test_patches_lie_where_they_lay_on_glass():
    place = micrograph([(1000, 500), (1100, 520), (1700, 500)])
    canvas = whole(place)
    assert canvas.image.shape == (90, 770, 3)
    assert np.array_equal(canvas.image[:70, :70], place.patches.images[0])
    assert np.array_equal(canvas.image[20:90, 100:170], place.patches.images[1])
    assert tuple(canvas.image[0, 90]) == GLASS
    assert canvas.covered.sum() == 3 * 70 * 70
    assert canvas.cells.tolist() == [[135, 55]]


def test_a_cell_that_was_labelled_twice_is_one():
    place = micrograph([(0, 0), (400, 400), (0, 300), (8, 306)])
    labels = np.array([0, 0, 1, 1], dtype=np.int64)
    place = Micrograph(PatchSet(place.patches.images, labels), place.names, place.corners, place.order)
    assert whole(place).cells.tolist() == [[39, 338]]


def test_what_lies_between_the_patches_is_left_out():
    canvas = whole(micrograph([(0, 0), (200, 0)]))
    found = canvas.on_patches(np.array([[35.0, 35.0], [100.0, 35.0], [235.4, 35.0]]))
    assert found.tolist() == [[35.0, 35.0], [235.4, 35.0]]


def test_counts_are_compared_field_by_field():
    # Cells at (235, 35) and (735, 35): one in each of the first two fields.
    canvas = whole(micrograph([(0, 0), (200, 0), (600, 0), (700, 0)]))
    found = np.array([[236.0, 36.0], *[[20.0 + n, 20.0] for n in range(6)]])
    judged = canvas.judged(found)
    assert (judged["cells"], judged["found"], judged["fields"]) == (2, 7, 2)
    assert judged["precision"] == pytest.approx(100 / 7)
    assert judged["recall"] == 50
    assert (judged["fields_within_5"], judged["fields_within_11"], judged["largest_error"]) == (1, 2, 6)


def test_a_threshold_finds_brown_and_not_blue():
    canvas = whole(micrograph([(0, 0), (200, 0), (400, 200), (600, 200)]))
    found = stained_spots(canvas, sigma_px=2.0, density=0.1, area_px2=300)
    assert len(found) == 2
    assert canvas.judged(found)["f1"] == 100
    assert thresholded(canvas, canvas)["f1"] == 100


def test_a_model_is_judged_from_the_command_line(tmp_path, monkeypatch):
    training, validation, config = toy_patches(96, 1), toy_patches(24, 2), tiny_config(epochs=12)
    outcome = train(training, validation, config, seed=1)
    save_checkpoint(tmp_path / "model.safetensors", *with_head(outcome, config, training, validation))
    corners = [(x + side, y) for side in (0, 9200) for y in (0, 300) for x in (0, 200, 400, 700)]
    monkeypatch.setattr(bench, "micrograph", lambda data: micrograph(corners))
    monkeypatch.setenv("TILSCOPE_REAL_DATA", str(tmp_path))
    (tmp_path / "prisma").mkdir()
    bench.main(["--model", str(tmp_path / "model.safetensors"), "--json", str(tmp_path / "out.json")])
    figures = json.loads((tmp_path / "out.json").read_text())
    assert figures["model"]["cells"] == 4
    assert figures["model"]["f1"] > 80
    assert figures["dab_threshold"]["f1"] == 100
    assert figures["found_where_nothing_is"] == {"glass": 0}
