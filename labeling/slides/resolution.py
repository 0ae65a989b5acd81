"""Micrometres per pixel: which statements of a file are believed."""

import math
import re
from collections.abc import Mapping

# Vendors and OME state the scale on purpose; a resolution tag is also filled in by printers' software (72, 96, 300,
# 1,200 dpi are 353, 265, 85 and 21 µm), so it is believed only where a microscope could have made it.
_STATED_UM = (0.01, 100.0)
_TAGGED_UM = (0.01, 10.0)
_UNITS_UM = {"nm": 1e-3, "µm": 1.0, "μm": 1.0, "um": 1.0, "mm": 1e3, "cm": 1e4}


def sane_mpp(x_um: float | None, y_um: float | None, *, tagged: bool = False) -> float | None:
    """Give one µm per pixel for both axes, or None if the two are absent, absurd or differ by more than 5 %.

    Args:
        x_um: µm per pixel across.
        y_um: µm per pixel down.
        tagged: the values come from resolution tags, not from a microscope's own statement.
    """
    low, high = _TAGGED_UM if tagged else _STATED_UM
    if x_um is None or y_um is None or not all(math.isfinite(v) and low <= v <= high for v in (x_um, y_um)):
        return None
    return (x_um + y_um) / 2 if abs(x_um - y_um) <= 0.05 * max(x_um, y_um) else None


def openslide_mpp(properties: Mapping[str, str]) -> float | None:
    """Give the µm per pixel that OpenSlide reports, where it is sane."""
    tagged = properties.get("openslide.vendor") == "generic-tiff"
    return sane_mpp(_number(properties, "openslide.mpp-x"), _number(properties, "openslide.mpp-y"), tagged=tagged)


def openslide_objective(properties: Mapping[str, str]) -> float | None:
    """Give the objective's power that OpenSlide reports, where it is sane."""
    power = _number(properties, "openslide.objective-power")
    return power if power is not None and 0.5 <= power <= 200 else None


def resolution_mpp(x_per_unit: float, y_per_unit: float, unit_um: float | None) -> float | None:
    """Give the µm per pixel behind resolution tags.

    Args:
        x_per_unit: pixels per unit across.
        y_per_unit: pixels per unit down.
        unit_um: length of the unit in µm (cm: 10,000; inch: 25,400); None where the file names no unit.
    """
    if unit_um is None or not (x_per_unit > 0 and y_per_unit > 0):
        return None
    return sane_mpp(unit_um / x_per_unit, unit_um / y_per_unit, tagged=True)


def ome_mpp(xml: str) -> float | None:
    """Give the µm per pixel in an OME-XML block; read by pattern, so that no hostile XML is ever parsed."""
    found = [_ome_length(xml[:200_000], axis) for axis in "XY"]
    return sane_mpp(found[0], found[1])


def _ome_length(xml: str, axis: str) -> float | None:
    value = re.search(rf'PhysicalSize{axis}="([0-9.eE+-]{{1,32}})"', xml)
    unit = re.search(rf'PhysicalSize{axis}Unit="([^"]{{1,16}})"', xml)
    factor = _UNITS_UM.get(unit.group(1)) if unit else 1.0
    if value is None or factor is None:
        return None
    try:
        return float(value.group(1)) * factor
    except ValueError:
        return None


def _number(properties: Mapping[str, str], key: str) -> float | None:
    try:
        return float(properties[key])
    except (KeyError, ValueError):
        return None
