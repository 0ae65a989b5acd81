"""Stain as optical density: haematoxylin and DAB absorb the lamp's light, as the camera sees it."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from labeling.drawn.noise import Floats

# Unit vectors of optical density in R, G, B, measured on CD3 sections (mean over blue and over brown pixels).
# Within 8 degrees of Ruifrok & Johnston, Anal Quant Cytol Histol 23:291 (2001), so their deconvolution separates them.
HAEMATOXYLIN: Final = (0.771, 0.568, 0.288)
DAB: Final = (0.345, 0.547, 0.763)
LAMP: Final = (242.0, 235.0, 231.0)
# Glass with mounting medium: what is left where there is no tissue, about (225, 221, 222).
GLASS: Final = (0.038, 0.006)


def colour(haematoxylin: Floats, dab: Floats, light: Floats) -> NDArray[np.float32]:
    """Mix two stains into a colour by the law of Beer and Lambert.

    Args:
        haematoxylin: (h, w) density, 0 for none, about 0.5 in a nucleus.
        dab: (h, w) density, about 1 on a strongly stained membrane.
        light: (h, w) brightness of the lamp, 1 for the nominal one.

    Returns:
        (h, w, 3) float32, R, G, B in 0 to 255 and a little above.
    """
    out = np.empty((*haematoxylin.shape, 3), np.float32)
    for channel in range(3):
        density = haematoxylin * np.float32(-np.log(10) * HAEMATOXYLIN[channel])
        density += dab * np.float32(-np.log(10) * DAB[channel])
        np.exp(density, out=density)
        density *= light
        np.multiply(density, np.float32(LAMP[channel]), out=out[..., channel])
    return out
