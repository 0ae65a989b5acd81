"""Which finds are probably wrong, by hand."""

import numpy as np
import pytest

from detection.nn.mining import Known, Reach, hard_finds, near

REACH = Reach(cell_px=10, same_px=35, apart_px=70, looked_px=700)


def places(*points: tuple[float, float]) -> np.ndarray:
    return np.array(points, dtype=np.float64).reshape(-1, 2)


def known(*, cells=(), labels=(), patches=()) -> Known:
    return Known(cells=places(*cells), labels=places(*labels), patches=places(*patches))


def chosen(finds, about=None, limit=10):
    points = np.array(finds, dtype=np.float32).reshape(-1, 3)
    return hard_finds(points, about or known(), REACH, limit=limit).tolist()


def test_the_surest_come_first_and_the_unsure_not_at_all():
    assert chosen([(0, 0, 0.91), (200, 0, 0.99), (400, 0, 0.7)]) == [1, 0]


def test_where_none_is_sure_the_highest_are_taken():
    assert chosen([(0, 0, 0.6), (200, 0, 0.8), (400, 0, 0.7)], limit=2) == [1, 2]


def test_a_labelled_cell_is_not_proposed_up_to_its_radius():
    finds = [(10, 0, 0.95), (300, 11, 0.95)]
    assert chosen(finds, known(cells=[(0, 0), (300, 0)])) == [1]


def test_what_has_a_patch_already_is_not_proposed_again():
    assert chosen([(35, 0, 0.95), (336, 0, 0.95)], known(patches=[(0, 0), (300, 0)])) == [1]


def test_neighbours_are_not_both_proposed():
    assert chosen([(0, 0, 0.92), (70, 0, 0.95), (141, 0, 0.91)]) == [1, 2]


def test_tissue_that_somebody_has_looked_at_comes_first():
    assert chosen([(5000, 0, 0.99), (600, 0, 0.92)], known(labels=[(0, 0)])) == [1, 0]


def test_no_more_than_asked_for():
    assert len(chosen([(100 * n, 0, 0.95) for n in range(20)], limit=7)) == 7
    assert chosen([(0, 0, 0.95)], limit=0) == []


def test_nothing_is_found_in_nothing():
    assert chosen([]) == []
    assert chosen([(0, 0, 0.95)], known(cells=[(0, 0)])) == []


@pytest.mark.parametrize(("distance", "is_near"), [(9.999, True), (10, True), (10.001, False)])
def test_the_radius_itself_is_near(distance, is_near):
    assert near(places((distance, 0)), places((0, 0)), 10).tolist() == [is_near]
    assert near(places((0, 0)), places(), 10).tolist() == [False]
