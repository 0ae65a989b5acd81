"""Rare kinds of negatives are drawn more often, and the classes keep their shares."""

import numpy as np
import pytest

from detection.nn.config import PRESETS
from detection.nn.data import PatchSet
from detection.nn.sampling import draw_weights
from detection.nn.training import train
from tests.detection.nn.toys import tiny_config, toy_patches

BLUE, BROWN = (90, 100, 200), (120, 70, 30)


def plain(*counted: tuple[tuple[int, int, int], int, int, int]) -> PatchSet:
    """Patches of one colour each: (colour, label, kind, how many)."""
    images = [np.broadcast_to(np.array(colour, dtype=np.uint8), (n, 70, 70, 3)) for colour, _, _, n in counted]
    labels = np.repeat([label for _, label, _, _ in counted], [n for *_, n in counted])
    kinds = np.repeat([kind for _, _, kind, _ in counted], [n for *_, n in counted])
    return PatchSet(np.concatenate(images), labels.astype(np.int64), kinds.astype(np.int64))


def shares(patches: PatchSet, balance: float, *sizes: int) -> list[float]:
    weights = draw_weights(patches, balance)
    assert weights is not None
    return [float(part.sum()) for part in np.split(weights, np.cumsum(sizes)[:-1])]


def test_at_one_all_kinds_of_negatives_have_equal_shares():
    patches = plain((BROWN, 1, 2, 100), (BLUE, 0, 0, 80), (BROWN, 0, 1, 20))
    assert shares(patches, 1.0, 100, 80, 20) == pytest.approx([100, 50, 50])


def test_between_the_share_goes_with_a_power_of_the_count():
    patches = plain((BROWN, 1, 2, 100), (BLUE, 0, 0, 81), (BROWN, 0, 1, 16))
    assert shares(patches, 0.5, 100, 81, 16) == pytest.approx([100, 97 * 9 / 13, 97 * 4 / 13])


def test_stained_negatives_are_a_kind_without_anybody_saying_so():
    known = plain((BROWN, 1, 1, 50), (BLUE, 0, 0, 40), (BROWN, 0, 0, 10))
    for patches in (known, PatchSet(known.images, known.labels)):
        assert shares(patches, 1.0, 50, 40, 10) == pytest.approx([50, 25, 25])


def test_a_single_patch_is_drawn_at_most_ten_times_as_often_as_the_mean():
    patches = plain((BROWN, 1, 2, 500), (BLUE, 0, 0, 499), (BROWN, 0, 1, 1))
    weights = draw_weights(patches, 1.0)
    assert weights is not None
    assert weights[-1] == pytest.approx(10)
    assert weights[500:].sum() == pytest.approx(500)


@pytest.mark.parametrize("patches", [plain((BROWN, 1, 1, 5), (BLUE, 0, 0, 9)), plain((BROWN, 1, 1, 5))])
def test_there_is_nothing_to_weigh_where_the_negatives_are_of_one_kind(patches):
    assert draw_weights(patches, 1.0) is None


def test_without_balance_all_are_drawn_equally_often():
    assert draw_weights(plain((BROWN, 1, 2, 9), (BLUE, 0, 0, 8), (BROWN, 0, 1, 2)), 0.0) is None


def test_the_default_recipe_balances_and_a_training_shows_it():
    assert PRESETS["default"].balance > 0
    toys = toy_patches(40, 0)
    kinds = np.where(np.arange(40) % 8 == 0, 2, toys.labels)
    found = [
        train(PatchSet(toys.images, toys.labels, kinds), toys, tiny_config(epochs=1, batch_size=8, balance=b), seed=1)
        for b in (0.0, 1.0, 1.0)
    ]
    plain_run, balanced, again = (one.model.fc3.weight.detach().numpy() for one in found)
    assert not np.array_equal(plain_run, balanced)
    assert np.array_equal(balanced, again)
