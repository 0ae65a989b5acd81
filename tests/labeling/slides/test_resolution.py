"""The scale is believed only where a microscope could have stated it."""

import math

import pytest

from labeling.slides.resolution import ome_mpp, openslide_mpp, openslide_objective, resolution_mpp, sane_mpp

INCH, CM = 25_400.0, 10_000.0


@pytest.mark.parametrize("value", [0.01, 0.25, 0.499, 100.0])
def test_stated_scale_in_bounds_is_kept(value):
    assert sane_mpp(value, value) == value


@pytest.mark.parametrize("value", [None, 0.0, -0.25, 0.009, 101.0, math.nan, math.inf])
def test_absent_and_absurd_scales_are_dropped(value):
    assert sane_mpp(value, value) is None
    assert sane_mpp(0.25, value) is None


def test_axes_may_differ_by_5_percent():
    assert sane_mpp(0.25, 0.26) == pytest.approx(0.255)
    assert sane_mpp(0.25, 0.30) is None


@pytest.mark.parametrize("dpi", [1, 72, 96, 150, 300, 600, 1200, 2400])
def test_printers_resolutions_are_never_a_scale(dpi):
    assert resolution_mpp(dpi, dpi, INCH) is None


def test_microscopes_resolutions_are():
    assert resolution_mpp(40_000, 40_000, CM) == 0.25
    assert resolution_mpp(101_600, 101_600, INCH) == 0.25
    assert resolution_mpp(40_000, 40_000, None) is None
    assert resolution_mpp(0, 40_000, CM) is None


def test_vendors_scale_may_be_coarse_but_a_plain_tiffs_may_not():
    coarse = {"openslide.mpp-x": "84.67", "openslide.mpp-y": "84.67"}
    assert openslide_mpp({**coarse, "openslide.vendor": "aperio"}) == pytest.approx(84.67)
    assert openslide_mpp({**coarse, "openslide.vendor": "generic-tiff"}) is None
    assert openslide_mpp({"openslide.mpp-x": "no number", "openslide.mpp-y": "0.25"}) is None
    assert openslide_mpp({}) is None


@pytest.mark.parametrize(
    ("stated", "believed"), [("20", 20.0), ("40.0", 40.0), ("0", None), ("900", None), ("x", None)]
)
def test_objective(stated, believed):
    assert openslide_objective({"openslide.objective-power": stated}) == believed


@pytest.mark.parametrize(
    ("x", "unit", "mpp"),
    [
        ("0.25", None, 0.25),
        ("0.25", "µm", 0.25),
        ("250", "nm", 0.25),
        ("2.5e-4", "mm", 0.25),
        ("0.25", "furlong", None),
        ("-0.25", "µm", None),
        ("--", "µm", None),
        ("1e400", "µm", None),
    ],
)
def test_ome_scale(x, unit, mpp):
    units = "".join(f' PhysicalSize{axis}Unit="{unit}"' for axis in "XY") if unit else ""
    found = ome_mpp(f'<OME><Pixels PhysicalSizeX="{x}" PhysicalSizeY="{x}"{units}/></OME>')
    assert found == (pytest.approx(mpp) if mpp else None)


def test_ome_without_a_scale():
    assert ome_mpp("<OME/>") is None
