"""Regions that people draw."""

import itertools

import numpy as np
import pytest

from detection.nn.blocks import region_mask
from detection.nn.errors import DetectionError
from detection.nn.regions import MAX_CORNERS, check_drawn, crosses_itself, inside, pixel_centred

SQUARE = [[0, 0], [100, 0], [100, 100], [0, 100]]
BOW_TIE = [[0, 0], [100, 100], [100, 0], [0, 100]]


def circle(corners: int, radius: float = 500) -> list[list[float]]:
    turn = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return [[600 + radius * float(np.cos(t)), 600 + radius * float(np.sin(t))] for t in turn]


def pixels(side: int) -> np.ndarray:
    xs, ys = np.meshgrid(np.arange(side), np.arange(side))
    return np.stack([xs.ravel(), ys.ravel()], axis=1)


def test_a_rectangle_has_its_left_and_upper_edge_only():
    edges = np.array([[0, 50], [100, 50], [50, 0], [50, 100], [0, 0], [100, 100]]) - 0.5
    assert inside(edges, [SQUARE]).tolist() == [True, False, True, False, True, False]


def test_the_pixels_of_a_rectangle_are_its_area():
    assert inside(pixels(120), [SQUARE]).sum() == 100 * 100


def test_no_regions_are_everywhere_and_no_points_are_none():
    assert inside(np.array([[5.0, 5.0]]), None).tolist() == [True]
    assert inside(np.zeros((0, 2)), [SQUARE]).shape == (0,)


def test_the_order_of_the_points_is_kept():
    points = np.array([[50, 90], [500, 10], [50, 10], [10, 500], [99, 99]])
    assert inside(points, [SQUARE]).tolist() == [True, False, True, False, True]


def test_a_hollow_is_outside():
    horseshoe = [[0, 0], [90, 0], [90, 90], [60, 90], [60, 30], [30, 30], [30, 90], [0, 90]]
    assert inside(np.array([[45, 60], [45, 15], [15, 60], [75, 60]]), [horseshoe]).tolist() == [False, True, True, True]


@pytest.mark.parametrize("seed", range(20))
def test_neighbours_that_share_an_edge_share_no_point(seed):
    """A square cut in two by a crooked line, the points on the line among them: each lies in exactly one part."""
    rng = np.random.default_rng(seed)
    line = [[float(x), float(y)] for x, y in zip(rng.uniform(20, 80, 5), np.linspace(0, 100, 5), strict=True)]
    left: list[list[float]] = [[0, 0], *line, [0, 100]]
    right: list[list[float]] = [[100, 100], *line[::-1], [100, 0]]
    between = [np.linspace(a, b, 30) for a, b in itertools.pairwise(line)]
    points = np.concatenate([rng.uniform(0, 100, (500, 2)), *between, np.array(line)]) - 0.5
    points = points[points[:, 1] + 0.5 < 100]
    assert (inside(points, [left]).astype(int) + inside(points, [right]) == 1).all()


def test_regions_that_overlap_have_each_point_once():
    assert inside(pixels(200), [SQUARE, [[50, 50], [150, 50], [150, 150], [50, 150]]]).sum() == 2 * 100**2 - 50**2


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_the_detector_measures_the_area_of_a_rectangle_exactly(scale):
    mask = region_mask((0, 0, 200, 200), pixel_centred([[[10, 20], [110, 20], [110, 60], [10, 60]]]), scale)
    assert mask.sum() * scale**2 == 100 * 40


@pytest.mark.parametrize("line", [[[40, 0], [47, 35], [38, 70]], [[0, 0], [100, 100]], [[100, 0], [0, 100]]])
def test_the_detector_and_the_points_agree_on_which_pixel_is_whose(line):
    corners = [[0, 0], *line, [0, 100]]
    mask = region_mask((0, 0, 110, 110), pixel_centred([corners]), 1.0)
    assert (mask.ravel() == inside(pixels(110), [corners])).all()


def test_the_detector_measures_neighbours_without_a_common_pixel():
    halves = [[[0, 0], [60, 0], [60, 80], [0, 80]], [[60, 0], [100, 0], [100, 80], [60, 80]]]
    one, other = (region_mask((0, 0, 200, 200), pixel_centred([half]), 1.0) for half in halves)
    assert not (one & other).any()
    assert (one | other).sum() == 100 * 80
    assert pixel_centred(None) is None


@pytest.mark.parametrize(
    ("corners", "crosses"),
    [
        (SQUARE, False),
        (BOW_TIE, True),
        ([[0, 0], [100, 0], [100, 100], [50, -20], [0, 100]], True),
        ([[0, 0], [50, 0], [100, 0], [100, 100]], False),
        ([[0, 0], [0, 0], [100, 0], [100, 100]], False),
        ([[0, 0], [50, 50], [100, 0], [100, 100], [50, 50], [0, 100]], False),
        (circle(MAX_CORNERS), False),
        ([[0, 0], [100, 0], [100, 100]], False),
    ],
)
def test_which_outlines_cross_themselves(corners, crosses):
    assert crosses_itself(np.array(corners, dtype=float)) is crosses


@pytest.mark.parametrize(
    ("region", "words"),
    [
        (BOW_TIE, "crosses its own outline"),
        ([[0, 0], [69, 0], [69, 69], [0, 69]], "smaller than one patch"),
        (circle(MAX_CORNERS + 1), "1,001 corners"),
    ],
)
def test_a_bad_region_is_named(region, words):
    with pytest.raises(DetectionError, match=words) as refusal:
        check_drawn([SQUARE, region], least_side_px=70)
    assert (refusal.value.code, refusal.value.extra) == ("region_invalid", {"region": 2})
    assert "Region 2" in refusal.value.message


@pytest.mark.parametrize("regions", [[], [[[0, 0], [100, 0]]], [[[0, 0], [100, float("nan")], [0, 100]]], [[["a", 0]]]])
def test_what_is_no_region_is_refused(regions):
    with pytest.raises(DetectionError) as refusal:
        check_drawn(regions, least_side_px=70)
    assert refusal.value.code == "region_invalid"


def test_good_regions_pass():
    check_drawn([SQUARE, circle(MAX_CORNERS), [[0, 0], [70, 0], [70, 70], [0, 70]]], least_side_px=70)
