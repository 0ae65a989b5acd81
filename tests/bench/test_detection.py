"""Both engines count the same cells, and the table of variants measures what it names."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench import detection as bench
from bench.detection import Bench, Field
from detection.nn.blocks import DetectionParams
from detection.nn.config import PRESETS
from detection.nn.data import PatchSet
from detection.nn.engine import resolved_precision
from detection.nn.network import NetworkShape
from detection.nn.training import train
from labeling.drawn.tissue import Tissue
from tests.detection.nn.real_patches import paper_patches
from tests.detection.nn.test_engine import needs_openvino

PRECISIONS = ["fp32", resolved_precision("auto", "cpu")]


def learnt(training: PatchSet, validation: PatchSet) -> Bench:
    config = PRESETS["quick"].changed(shape=NetworkShape((16, 32, 48), fc=128), max_steps=80, precision="fp32")
    outcome = train(training, validation, config, seed=bench.SEED)
    return Bench(*bench.with_head(outcome, config, training, validation), repeats=1)


@pytest.fixture(scope="module")
def drawn() -> Bench:
    return learnt(bench.drawn_patches(300, 1), bench.drawn_patches(100, 2))


@pytest.fixture(scope="module")
def real(real_data: Path) -> Bench:
    patches = paper_patches(real_data)
    chosen = np.random.default_rng(1).permutation(len(patches))[:900]
    return learnt(patches.take(chosen[:600]), patches.take(chosen[600:]))


def assert_same_cells(one: Bench, field: Field, params: DetectionParams, at_least: int) -> None:
    found = []
    for name in ("torch", "openvino"):
        engine = one.engine(replace(params, engine=name))
        assert engine.engine == name
        found.append(one.cells(one.detect(engine, field, params)[0]))
    assert len(found[0]) == len(found[1]) >= at_least
    assert bench._apart(*found) == bench._apart(*found[::-1]) == 0
    assert abs(np.sort(found[0][:, 2]) - np.sort(found[1][:, 2])).max() < 0.02


@needs_openvino
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("stride_px", [8, 4])
def test_both_engines_count_the_same_on_the_drawn_field(drawn, stride_px, precision):
    field = Field(Tissue(4000, 3000, bench.SEED).render(1500, 1000, bench.WIDTH, bench.HEIGHT))
    assert_same_cells(drawn, field, DetectionParams(stride_px=stride_px, precision=precision), at_least=5)


@needs_openvino
@pytest.mark.real_data
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("stride_px", [8, 4])
def test_both_engines_count_the_same_on_a_real_field(real, real_data, stride_px, precision):
    with Image.open(real_data / "slides" / "ihc.png") as picture:
        field = Field(np.asarray(picture.convert("RGB")))
    assert_same_cells(real, field, DetectionParams(stride_px=stride_px, precision=precision), at_least=5)
