"""Sparse slides hold the tissue that they say, apart; one worker and two count the same on them."""

import numpy as np
import openslide
import pytest

from bench import slides as bench
from bench.slides import GLASS_RGB, Size, draw, places, slope
from detection.choices import RunState
from detection.models import DetectionRun
from tests.detection.makers import disc_field, scattered, write_toy_checkpoint
from tests.faults.workers import worker_environment

SIZES = [bench.SIZES[0], bench.SIZES[-1], bench.QUICK[0]]


@pytest.mark.parametrize("size", SIZES)
def test_islands_lie_apart_and_inside(size):
    corners = np.array(places(size))
    assert len(corners) == size.islands
    assert (corners >= 0).all()
    assert (corners + bench.ISLAND_PX <= (size.width, size.height)).all()
    apart = np.abs(corners[:, None] - corners[None]).max(axis=2)
    assert (apart[~np.eye(len(corners), dtype=bool)] >= bench.ISLAND_PX).all()


def test_a_drawn_slide_is_glass_with_islands(tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "ISLAND_PX", 256)
    size, path = Size(1500, 1200, 2), tmp_path / "slide.tif"
    draw(size, np.full((256, 256, 3), (150, 90, 60), np.uint8), path)
    with openslide.OpenSlide(path) as slide:
        assert slide.dimensions == (1500, 1200)
        image = np.asarray(slide.read_region((0, 0), 0, slide.dimensions))[..., :3].astype(int)
    tissue = np.abs(image - (150, 90, 60)).max(axis=2) < 12
    glass = np.abs(image - GLASS_RGB).max(axis=2) < 12
    assert abs(tissue.sum() - size.tissue_px) < 5000
    assert (tissue | glass).mean() > 0.98


def test_a_line_is_fitted():
    rows = [{"tissue_megapixels": n, "seconds": 2 * n + 1} for n in (10, 20, 40)]
    assert slope(rows) == {"s_per_megapixel": 2.0, "start_s": 1.0, "r2": 1.0}


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_one_worker_and_two_count_the_same(tmp_path, monkeypatch):
    write_toy_checkpoint(tmp_path / "model.safetensors")
    field = disc_field(256, 256, scattered(256, 256))
    monkeypatch.setattr(bench, "ISLAND_PX", 256)
    monkeypatch.setenv("DATABASE_URL", worker_environment()["DATABASE_URL"])
    study_id, size = bench.study_with(tmp_path / "model.safetensors"), Size(1500, 1200, 2)
    draw(size, field, tmp_path / "slide.tif")
    found = bench.two_against_one(bench.register(study_id, size, tmp_path / "slide.tif"), repeats=1)
    run = DetectionRun.objects.latest("pk")
    assert (run.state, found["same_points"]) == (RunState.DONE, True)
    assert (run.count or 0) > 5
