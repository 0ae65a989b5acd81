"""Micrometres per pixel: which statements of a file are believed, and what is said of those that are not."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

# Vendors and OME state the scale on purpose; a resolution tag is also filled in by printers' software (72, 96, 300,
# 1,200 dpi are 353, 265, 85 and 21 µm), so it is believed only where a microscope could have made it.
_STATED_UM = (0.01, 100.0)
_TAGGED_UM = (0.01, 10.0)
# µm per pixel times the objective's power: 10 is the rule (20× at 0.5 µm), scanners with other cameras and adapters
# were met between 4 and 14.
_FITTING_UM = (3.0, 30.0)
_SET_IT = "Set the scale by hand, from the scanner's report or a known length."
_UNITS_UM = {"nm": 1e-3, "µm": 1.0, "μm": 1.0, "um": 1.0, "mm": 1e3, "cm": 1e4}


@dataclass(frozen=True)
class Scale:
    """What is known of a file's scale.

    Attributes:
        mpp: µm per pixel, None where the file states none that can be believed.
        doubt: why the statement was not believed, or only with care, in words; they hold numbers, never a file's text.
    """

    mpp: float | None = None
    doubt: str = ""


def stated_scale(x: str | None, y: str | None, *, unit_um: float | None = 1.0, objective: float | None = None) -> Scale:
    """Judge a scale that a scanner or a program states on purpose.

    Args:
        x: the stated length of a pixel across, as it stands in the file; None where there is no statement.
        y: the same down.
        unit_um: µm in the unit of the lengths, None where it is not known here.
        objective: power of the objective, where stated.
    """
    if x is None and y is None:
        return Scale()
    x_um, y_um = (_length(text, unit_um) for text in (x, y))
    mpp = sane_mpp(x_um, y_um)
    if mpp is None:
        return Scale(doubt=f"{_disbelief(x_um, y_um)} {_SET_IT}")
    if objective and not _FITTING_UM[0] <= mpp * objective <= _FITTING_UM[1]:
        words = f"The file says {mpp:g} µm per pixel, which does not fit its {objective:g}× objective"
        return Scale(doubt=f"{words}, so it is not used. {_SET_IT}")
    if "," in f"{x}{y}":
        return Scale(mpp, f"The file writes its scale with a comma; it was read as {mpp:g} µm per pixel. Check it.")
    return Scale(mpp)


def _length(text: str | None, unit_um: float | None) -> float | None:
    """Read a number with a decimal point or comma."""
    try:
        return None if text is None or unit_um is None else float(text.replace(",", ".")) * unit_um
    except ValueError:
        return None


def _disbelief(x_um: float | None, y_um: float | None) -> str:
    if x_um is None or y_um is None or math.isnan(x_um) or math.isnan(y_um):
        return "The file states a scale that cannot be read."
    if x_um == y_um:
        return f"The file says {x_um:g} µm per pixel, which no microscope has."
    return f"The file says that a pixel is {x_um:g} µm wide and {y_um:g} µm high, which is not used."


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


def openslide_scale(properties: Mapping[str, str]) -> Scale:
    """Judge the scale that OpenSlide reports; a plain TIFF's comes from resolution tags and is believed or ignored."""
    if properties.get("openslide.vendor") == "generic-tiff":
        return Scale(openslide_mpp(properties))
    # OpenSlide reads a decimal comma without a word, and says nothing of a number that it cannot read.
    aperio = properties.get("aperio.MPP")
    x, y = (aperio or properties.get(f"openslide.mpp-{axis}") for axis in "xy")
    return stated_scale(x, y, objective=openslide_objective(properties))


def openslide_objective(properties: Mapping[str, str]) -> float | None:
    """Give the objective's power that OpenSlide reports, where it is sane."""
    return _sane_power(_number(properties, "openslide.objective-power"))


def _sane_power(power: float | None) -> float | None:
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


def ome_scale(xml: str) -> Scale:
    """Judge the scale in an OME-XML block; read by pattern, so that no hostile XML is ever parsed."""
    head = xml[:200_000]
    x, y = (_attribute(head, f"PhysicalSize{axis}") for axis in "XY")
    units = {_UNITS_UM.get(_attribute(head, f"PhysicalSize{axis}Unit") or "µm") for axis in "XY"}
    unit_um = units.pop() if len(units) == 1 else None
    power = _sane_power(_length(_attribute(head, "NominalMagnification"), 1.0))
    return stated_scale(x, y, unit_um=unit_um, objective=power)


def _attribute(xml: str, name: str) -> str | None:
    found = re.search(rf'\b{name}="([^"]{{1,32}})"', xml)
    return found.group(1) if found else None


def _number(properties: Mapping[str, str], key: str) -> float | None:
    try:
        return float(properties[key])
    except (KeyError, ValueError):
        return None
