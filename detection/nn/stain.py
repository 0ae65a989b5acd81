"""Stain separation: optical density of haematoxylin, eosin and DAB from 8-bit RGB.

Source: Ruifrok and Johnston, "Quantification of histochemical staining by color deconvolution", 2001; the vectors are
those of ``skimage.color.rgb2hed``, against which the tests compare.
"""

import numpy as np
from numpy.typing import NDArray
from skimage.color import hed_from_rgb, rgb_from_hed

HED_FROM_OD: NDArray[np.float32] = np.asarray(hed_from_rgb, dtype=np.float32)
OD_FROM_HED: NDArray[np.float32] = np.asarray(rgb_from_hed, dtype=np.float32)

UNITS_PER_OD = 4096
"""Densities are whole numbers of 1/4096 optical density, so that sums over windows are exact in any order."""

_OD_OF_BYTE = -np.log10((np.arange(256) + 1) / 256)
_DAB_UNITS = np.rint(_OD_OF_BYTE[:, None] * HED_FROM_OD[:, 2][None, :] * UNITS_PER_OD).astype(np.int32)
_MEAN_UNITS = np.rint(_OD_OF_BYTE / 3 * UNITS_PER_OD).astype(np.int32)
_HALF_WORD = 32
_RED, _GREEN, _BLUE = ((_DAB_UNITS[:, n].astype(np.int64) << _HALF_WORD) + _MEAN_UNITS for n in range(3))
# Of two channels at once: one look into half a megabyte costs less than two into two kilobytes.
_RED_GREEN = (_RED[:, None] + _GREEN).ravel()


def dab_density(image: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Measure DAB, base-10 optical density in units of 1/4096.

    Args:
        image: uint8 (..., 3) RGB.

    Returns:
        int32 (...); may be negative where there is none.
    """
    density = _DAB_UNITS[:, 0][image[..., 0]]
    density += _DAB_UNITS[:, 1][image[..., 1]]
    density += _DAB_UNITS[:, 2][image[..., 2]]
    return density


def total_density(image: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Measure the mean optical density of the three channels, in units of 1/4096; about 0 on glass."""
    density = _MEAN_UNITS[image[..., 0]]
    density += _MEAN_UNITS[image[..., 1]]
    density += _MEAN_UNITS[image[..., 2]]
    return density


def packed_densities(image: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Look both densities up at once, for summing: DAB in the upper half of a word, the total in the lower.

    Sums and differences of such words are those of both densities, as long as the total of what is unpacked in the end
    lies between 0 and 2³².

    Args:
        image: uint8 (..., 3) RGB.

    Returns:
        int64 (...).
    """
    red_green = image[..., 0].astype(np.uint16)
    red_green <<= 8
    red_green |= image[..., 1]
    # No byte lies outside its table; "clip" only says that nobody need look.
    words = _RED_GREEN.take(red_green, mode="clip")
    words += _BLUE.take(image[..., 2], mode="clip")
    return words


def unpacked_densities(words: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Take sums of ``packed_densities`` apart: DAB and total density, in units of 1/4096."""
    return words >> _HALF_WORD, words & ((1 << _HALF_WORD) - 1)
