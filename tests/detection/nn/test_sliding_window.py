"""Planted cells are found once, wherever the seams are, and unreadable tissue is never "no cells"."""

import threading

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.nn.blocks import DetectionParams, inside_regions, plan_blocks
from detection.nn.engine import Engine
from detection.nn.gate import Gate
from detection.nn.network import PaperNet
from detection.nn.nms import suppress
from detection.nn.sliding_window import detect_block
from tests.detection.nn.test_network import network
from tests.detection.nn.toys import BROWN, GLASS, TINY, ArrayReader, SpotScorer, disc, spots

PARAMS = DetectionParams()


def detect(model, reader, *, block_px=512, regions=None, gate=None, scale=1.0, params=PARAMS):
    """Run every block; return sorted candidates, read and unreadable pixels."""
    frame = (int(reader.size[0] / scale), int(reader.size[1] / scale))
    results = [
        detect_block(model, reader, block, scale=scale, params=params, gate=gate, regions=regions)
        for block in plan_blocks(frame, regions, block_px=block_px, scale=scale)
    ]
    found = np.concatenate([result.candidates for result in results])
    found = found[np.lexsort(found.T)]
    return found, sum(r.read_px for r in results), sum(r.unreadable_px for r in results)


def cells_of(candidates, radius=30.0, threshold=0.5):
    kept = candidates[candidates[:, 2] >= threshold]
    return kept[suppress(kept[:, :2], kept[:, 2], radius_px=radius)]


def assert_found_once(cells, places, within=5.0):
    distances = np.linalg.norm(cells[:, None, :2] - places[None], axis=2)
    assert len(cells) == len(places)
    assert (np.sort(distances, axis=0)[0] <= within).all()
    assert len(set(distances.argmin(axis=0))) == len(places)


def scattered(width, height, count, seed, apart=70):
    rng = np.random.default_rng(seed)
    places: list[np.ndarray] = []
    for place in rng.integers((24, 24), (width - 24, height - 24), size=(300, 2)):
        if len(places) < count and all(np.linalg.norm(place - other) >= apart for other in places):
            places.append(place)
    return np.array(places)


SEAMS = np.array([[512, 512], [511, 300], [515, 700], [300, 512], [700, 508], [1024, 100], [1020, 512], [90, 1023]])


def test_cells_on_the_seams_are_found_once():
    reader = ArrayReader(spots((1200, 1100), SEAMS))
    cells = cells_of(detect(SpotScorer(), reader)[0])
    assert_found_once(cells, SEAMS)


@settings(max_examples=6, deadline=None)
@given(st.integers(70, 1000), st.integers(70, 700), st.integers(0, 10_000))
def test_planted_cells_are_found_once(width, height, seed):
    places = scattered(width, height, 40, seed)
    found, read_px, unreadable_px = detect(SpotScorer(), ArrayReader(spots((width, height), places)))
    assert_found_once(cells_of(found), places, within=6.0)
    assert (read_px, unreadable_px) == (width * height, 0)


@settings(max_examples=4, deadline=None)
@given(st.integers(1, 3000), st.integers(0, 100), st.sampled_from([8, 4]))
def test_the_block_size_changes_no_bit(block_px, seed, stride_px):
    image = np.random.default_rng(seed).integers(0, 256, size=(540, 1060, 3), dtype=np.uint8)
    model = Engine(network(TINY, seed))
    gate = Gate(dab_min=0.1, tissue_min=0.3)
    params = DetectionParams(stride_px=stride_px, floor=0.001)
    whole = detect(model, ArrayReader(image), block_px=2048, gate=gate, params=params)
    blocks = detect(model, ArrayReader(image), block_px=block_px, gate=gate, params=params)
    assert len(whole[0]) > 0
    assert whole[0].tobytes() == blocks[0].tobytes()
    assert whole[1:] == blocks[1:]


@pytest.mark.parametrize("stride_px", [8, 4])
def test_a_region_finds_what_the_whole_slide_finds_there(stride_px):
    image = np.random.default_rng(1).integers(0, 256, size=(600, 700, 3), dtype=np.uint8)
    model, params = Engine(network(TINY, 1)), DetectionParams(stride_px=stride_px, floor=0.001)
    region = [[100, 80], [430, 80], [430, 390], [100, 300]]
    whole = detect(model, ArrayReader(image), params=params)[0]
    part = detect(model, ArrayReader(image), regions=[region], params=params)[0]
    inside = whole[inside_regions(whole[:, :2], [region])]
    assert len(part) > 0
    assert {tuple(row) for row in part} == {tuple(row) for row in inside}


@pytest.mark.parametrize("stride_px", [4, 2, 1])
def test_finer_strides_find_the_same_cells(stride_px):
    places = scattered(560, 300, 12, 3)
    params = DetectionParams(stride_px=stride_px)
    cells = cells_of(detect(SpotScorer(), ArrayReader(spots((560, 300), places)), params=params)[0])
    assert_found_once(cells, places, within=6.0)


def test_two_block_sizes_at_the_paper_s_size():
    image = np.full((560, 620, 3), GLASS, dtype=np.uint8)
    for x, y in ((505, 60), (520, 515), (100, 500)):
        disc(image, x, y, 22, BROWN)
    torch.manual_seed(0)
    model = Engine(PaperNet().eval())
    gate = Gate(dab_min=0.3, tissue_min=0.1)
    params = DetectionParams(floor=0.001)
    runs = [detect(model, ArrayReader(image), block_px=size, gate=gate, params=params)[0] for size in (512, 1024)]
    assert len(runs[0]) > 0
    assert runs[0].tobytes() == runs[1].tobytes()


def test_scores_are_those_of_the_windows():
    image = np.random.default_rng(5).integers(0, 256, size=(300, 600, 3), dtype=np.uint8)
    model = network(TINY, 5)
    found, *_ = detect(Engine(model, precision="fp32"), ArrayReader(image), params=DetectionParams(floor=0.001))
    with torch.inference_mode():
        inside = model.dense(model.prepare(image[None, : 70 + 8 * 28, : 70 + 8 * 66])).numpy()
    inner = found[(found[:, 0] > 70) & (found[:, 0] < 500) & (found[:, 1] > 70) & (found[:, 1] < 200)]
    assert len(inner) > 0
    for score in inner[:, 2]:
        assert np.abs(inside - score).min() <= 1e-5


def test_unreadable_pixels_are_counted_and_give_no_cells():
    places = np.array([[100, 100], [300, 100], [100, 300], [300, 300]])
    bad = np.zeros((400, 400), dtype=bool)
    bad[290:310, 290:310] = True
    found, read_px, unreadable_px = detect(SpotScorer(), ArrayReader(spots((400, 400), places), bad=bad))
    assert unreadable_px == 400
    assert read_px == 400 * 400 - 400
    assert_found_once(cells_of(found), places[:3])
    near = (np.abs(found[:, 0] - 299.5) < 40) & (np.abs(found[:, 1] - 299.5) < 40)
    assert not near.any()


def test_nothing_readable_at_all():
    reader = ArrayReader(spots((200, 150), np.array([[100, 75]])), bad=np.ones((150, 200), dtype=bool))
    found, read_px, unreadable_px = detect(SpotScorer(), reader)
    assert (len(found), read_px, unreadable_px) == (0, 0, 200 * 150)


def test_cells_at_the_edge_are_found():
    places = np.array([[6, 6], [200, 4], [394, 150], [120, 295], [395, 294]])
    assert_found_once(cells_of(detect(SpotScorer(), ArrayReader(spots((400, 300), places)))[0]), places, within=8)


def test_only_the_region_is_searched_and_measured():
    places = scattered(1200, 900, 60, 1)
    region = [[200, 150], [900, 150], [900, 700], [200, 700]]
    found, read_px, _ = detect(SpotScorer(), ArrayReader(spots((1200, 900), places)), regions=[region])
    inside = places[(places[:, 0] > 206) & (places[:, 0] < 894) & (places[:, 1] > 156) & (places[:, 1] < 694)]
    cells = cells_of(found)
    assert ((cells[:, 0] >= 199) & (cells[:, 0] <= 901) & (cells[:, 1] >= 149) & (cells[:, 1] <= 701)).all()
    for place in inside:
        assert (np.linalg.norm(cells[:, :2] - place, axis=1) <= 6).sum() == 1
    assert abs(read_px - 700 * 550) <= 1300


def test_points_are_in_level_0_pixels():
    places = np.array([[100, 100], [520, 300]])
    image = spots((700, 400), places)
    plain = cells_of(detect(SpotScorer(), ArrayReader(image))[0])
    halved = cells_of(detect(SpotScorer(), ArrayReader(image, scale=0.5), scale=0.5)[0], radius=15)
    assert np.allclose((plain[:, :2] + 0.5) * 0.5 - 0.5, halved[:, :2], atol=1e-3)


def test_the_gate_saves_work_and_keeps_the_cells():
    image = np.full((400, 700, 3), GLASS, dtype=np.uint8)
    disc(image, 150, 200, 20, BROWN)
    judged = []

    class Counting(SpotScorer):
        def head(self, features):
            judged.append(len(features))
            return super().head(features)

    gate = Gate(dab_min=0.1, tissue_min=0.05)
    gated = cells_of(detect(Counting(), ArrayReader(image), gate=gate)[0])
    with_gate = sum(judged)
    judged.clear()
    switched_off = cells_of(detect(Counting(), ArrayReader(image), gate=gate, params=DetectionParams(gate=False))[0])
    assert with_gate < sum(judged) / 3
    assert len(gated) == len(switched_off) == 1
    assert gated[0, 2] == switched_off[0, 2]


def test_empty_glass_never_reaches_the_network():
    class Forbidden(SpotScorer):
        def trunk(self, x):
            raise AssertionError("glass was judged")

    image = np.full((300, 300, 3), GLASS, dtype=np.uint8)
    found, read_px, _ = detect(Forbidden(), ArrayReader(image), gate=Gate(dab_min=0.1, tissue_min=0.1))
    assert (len(found), read_px) == (0, 90_000)


def test_a_plateau_has_one_peak_in_its_middle():
    class Plateau(SpotScorer):
        def head(self, features):
            middle = features[:, 0, 2:5, 2:5].amax(dim=(1, 2))
            return torch.stack([torch.zeros_like(middle), (middle > 0.3) * 20.0 - 10], dim=1)

    places = np.array([[150, 150], [509, 150]])
    cells = cells_of(detect(Plateau(), ArrayReader(spots((700, 300), places)))[0])
    assert_found_once(cells, places, within=12)


class LastPartReader(ArrayReader):
    """Does something before it reads the last rows."""

    def __init__(self, image, before_the_last):
        super().__init__(image)
        self.before_the_last = before_the_last

    def read(self, x, y, w, h, scale=1.0):
        if y + h == self.size[1]:
            self.before_the_last()
        return super().read(x, y, w, h, scale)


class TellingScorer(SpotScorer):
    """Tells when it was first asked."""

    def __init__(self):
        super().__init__()
        self.asked = threading.Event()

    def score(self, image, chosen, stride_px):
        self.asked.set()
        return super().score(image, chosen, stride_px)


def test_the_first_windows_are_judged_while_the_last_rows_are_read():
    places = np.array([(300, 300), (300, 1800)])
    scorer, waited = TellingScorer(), []
    reader = LastPartReader(spots((600, 2048), places), lambda: waited.append(scorer.asked.wait(timeout=60)))
    found, read_px, unread_px = detect(scorer, reader, block_px=2048)
    assert waited == [True]
    assert_found_once(cells_of(found), places)
    assert (read_px, unread_px) == (600 * 2048, 0)
    assert scorer.spent.seconds.keys() == {"tissue_gate", "read", "read beside", "gate", "peaks"}


def test_where_a_worker_has_one_core_a_block_is_read_at_once():
    class OneCore(SpotScorer):
        reads_ahead = False

    boxes = []

    class Telling(ArrayReader):
        def read(self, *box, **options):
            boxes.append((*box, threading.current_thread() is threading.main_thread()))
            return super().read(*box, **options)

    places = np.array([(300, 300), (300, 1800)])
    found, *_ = detect(OneCore(), Telling(spots((600, 2048), places)), block_px=2048)
    assert boxes == [(0, 0, 600, 2048, 1.0, True)]
    assert_found_once(cells_of(found), places)


def test_an_error_in_the_last_rows_ends_the_block_and_leaves_no_thread():
    def fail():
        raise OSError("the disk is gone")

    threads = threading.active_count()
    with pytest.raises(OSError, match="the disk is gone"):
        detect(SpotScorer(), LastPartReader(np.full((2048, 600, 3), GLASS, dtype=np.uint8), fail), block_px=2048)
    assert threading.active_count() == threads
