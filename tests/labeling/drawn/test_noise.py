import numpy as np
import pytest

from labeling.drawn.noise import TEXTURE_PX, hash01, smoothstep, texture, textured, value_noise
from labeling.drawn.stain import DAB, HAEMATOXYLIN, colour


def test_the_hash_is_even_and_differs_by_salt():
    x, y = np.arange(300)[None, :], np.arange(-150, 150)[:, None]
    first, second = hash01(x, y, 1), hash01(x, y, 2)
    assert first.min() >= 0
    assert first.max() < 1
    assert np.histogram(first, 10, (0, 1))[0] == pytest.approx(9000, rel=0.06)
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.02
    assert abs(np.corrcoef(first[:, 1:].ravel(), first[:, :-1].ravel())[0, 1]) < 0.02


def test_value_noise_is_smooth_and_bounded_across_the_origin():
    x = np.arange(-500, 500, dtype=np.float32)
    values = value_noise(x, np.full(1, 3, np.float32), period=50, salt=4)
    assert np.abs(values).max() <= 1
    assert np.abs(np.diff(values)).max() < 0.07
    assert values.std() > 0.2


def test_value_noise_of_a_part_is_part_of_the_whole():
    x, y = np.arange(400, dtype=np.float32)[None, :], np.arange(300, dtype=np.float32)[:, None]
    whole = value_noise(x, y, period=37, salt=9)
    assert np.array_equal(value_noise(x[:, 50:90], y[20:60], period=37, salt=9), whole[20:60, 50:90])


def test_a_texture_repeats_without_a_seam():
    stamp = texture(3, 3, 1)
    assert stamp.std() == pytest.approx(1, rel=1e-3)
    seam = np.abs(stamp[0] - stamp[-1]).mean()
    assert seam == pytest.approx(np.abs(np.diff(stamp, axis=0)).mean(), rel=0.2)
    assert np.array_equal(textured(stamp, -7, 5, (20, 30)), textured(stamp, TEXTURE_PX - 7, TEXTURE_PX + 5, (20, 30)))


@pytest.mark.parametrize(("low", "high", "expected"), [(0, 2, [0, 0, 0.5, 1]), (2, 0, [1, 1, 0.5, 0])])
def test_smoothstep_rises_or_falls(low, high, expected):
    assert smoothstep(np.array([-1, 0, 1, 3], np.float32), low, high) == pytest.approx(expected)


def test_stains_follow_beer_and_lambert():
    one = np.ones((1, 1), np.float32)
    clear = colour(0 * one, 0 * one, one)
    for vector, mixed in ((HAEMATOXYLIN, colour(one, 0 * one, one)), (DAB, colour(0 * one, one, one))):
        assert np.hypot.reduce(vector) == pytest.approx(1, abs=0.01)
        assert -np.log10(mixed / clear).ravel() == pytest.approx(vector, rel=1e-3)
    assert colour(0 * one, 0 * one, 0.5 * one) == pytest.approx(clear / 2)
