"""Glass is skipped by a coarse look, and never a block in which the stain gate would have passed a window."""

import numpy as np
import pytest
import pyvips

from detection.nn.blocks import DetectionParams, plan_blocks
from detection.nn.gate import Gate, calibrate_gate
from detection.nn.sliding_window import detect_block, is_glass
from labeling.drawn.slide_file import write_slide
from labeling.drawn.tissue import Tissue
from labeling.slides.reader import SlideReader
from tests.detection.nn.toys import BROWN, GLASS, ArrayReader, SpotScorer, disc, toy_patches

GATE = Gate(dab_min=0.1, tissue_min=0.1)


class NoDab(Gate):
    """Asks for tissue alone, so that what it passes is all that the coarse look may not skip."""

    def passes_sums(self, dab, tissue):
        return super().passes_sums(np.full_like(dab, 1 << 40), tissue)


class Coarse(ArrayReader):
    """A slide in memory that can be looked at coarsely."""

    seen_bad = False

    def overview(self, box, scale, *, most):
        x, y, w, h = box
        y0, x0 = max(0, y), max(0, x)
        part = self.image[y0 : max(0, y + h), x0 : max(0, x + w)][::4, ::4]
        return part, np.full(part.shape[:2], not self.seen_bad)


class Unread(Coarse):
    def read(self, x, y, w, h, scale=1.0):
        raise AssertionError("glass was read")


def glass(width=600, height=500):
    return np.full((height, width, 3), GLASS, dtype=np.uint8)


def detect(reader, params=None, gate=GATE):
    [block] = plan_blocks(reader.size, None, block_px=1024)
    return detect_block(SpotScorer(), reader, block, scale=1.0, params=params or DetectionParams(), gate=gate)


def test_glass_is_not_read_and_counts_as_area():
    result = detect(Unread(glass()))
    assert (len(result.candidates), result.read_px, result.unreadable_px) == (0, 600 * 500, 0)


def test_one_cell_is_enough_to_read():
    image = glass()
    disc(image, 300, 250, 20, BROWN)
    assert len(detect(Coarse(image)).candidates) == len(detect(ArrayReader(image)).candidates) > 0


@pytest.mark.parametrize(
    ("params", "gate"),
    [(DetectionParams(tissue_gate=False), GATE), (DetectionParams(gate=False), GATE), (DetectionParams(), None)],
)
def test_switched_off_everything_is_read(params, gate):
    with pytest.raises(AssertionError, match="glass was read"):
        detect(Unread(glass()), params, gate)


def test_what_cannot_be_seen_coarsely_is_read():
    reader = Unread(glass())
    reader.seen_bad = True
    with pytest.raises(AssertionError, match="glass was read"):
        detect(reader)


def skipped_and_passed(path, gate, *, block_px=512):
    """For each block: is it skipped, and does the gate pass any of its windows?"""
    found = []
    with SlideReader(path) as reader:
        for block in plan_blocks(reader.size, None, block_px=block_px):
            pad = 40
            image, _ = reader.read(block.x - pad, block.y - pad, block.w + 2 * pad, block.h + 2 * pad)
            rows, cols = ((side - 70) // 4 * 4 + 70 for side in image.shape[:2])
            found.append(
                (is_glass(reader, block, scale=1.0, gate=gate), gate.passes_grid(image[:rows, :cols], 4).any())
            )
    return np.array(found, dtype=bool).T


def assert_never_skips_what_passes(path) -> int:
    """Compare under several gates; returns how many blocks were skipped."""
    count = 0
    for tissue_min in (0.05, 0.1, 0.2, 0.4):
        skipped, passed = skipped_and_passed(path, NoDab(dab_min=0.0, tissue_min=tissue_min))
        assert not (skipped & passed).any()
        count += skipped.sum()
    return count


def test_never_skips_what_would_pass_on_a_drawn_slide(tmp_path):
    write_slide(Tissue(3072, 2048, 3), tmp_path / "slide.tif")
    assert_never_skips_what_passes(tmp_path / "slide.tif")


def test_never_skips_lone_cells(tmp_path):
    image, rng = glass(2048, 1024), np.random.default_rng(0)
    for x, y in rng.integers((30, 30), (1000, 990), size=(6, 2)):
        disc(image, x, y, int(rng.integers(6, 22)), BROWN)
    source = pyvips.Image.new_from_memory(image.tobytes(), 2048, 1024, 3, "uchar").copy(interpretation="srgb")
    source.tiffsave(str(tmp_path / "s.tif"), tile=True, pyramid=True, compression="jpeg", Q=80)
    assert assert_never_skips_what_passes(tmp_path / "s.tif") > 4
    skipped, passed = skipped_and_passed(tmp_path / "s.tif", calibrate_gate(toy_patches(100, 0)))
    assert not (skipped & passed).any()


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["ihc.png", "HE_example.tif", "OS-2-ndpi.ome.tif", "CMU-1-Small-Region.svs"])
def test_never_skips_what_would_pass_on_real_slides(real_data, tmp_path, name):
    pyvips.Image.new_from_file(str(real_data / "slides" / name))[0:3].tiffsave(
        str(tmp_path / "s.tif"), tile=True, pyramid=True, compression="jpeg", Q=80
    )
    assert_never_skips_what_passes(tmp_path / "s.tif")


def test_a_slide_without_levels_is_read(tmp_path):
    source = pyvips.Image.new_from_memory(glass(600, 500).tobytes(), 600, 500, 3, "uchar")
    source.copy(interpretation="srgb").tiffsave(str(tmp_path / "s.tif"), tile=True, compression="jpeg")
    with SlideReader(tmp_path / "s.tif") as reader:
        [block] = plan_blocks(reader.size, None, block_px=1024)
        assert not is_glass(reader, block, scale=1.0, gate=GATE)
