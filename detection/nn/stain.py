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
