"""The scale is believed only where a microscope could have stated it."""

import math

import pytest

from labeling.slides.resolution import (
    Scale,
    ome_scale,
    openslide_mpp,
    openslide_objective,
    openslide_scale,
    resolution_mpp,
    sane_mpp,
    stated_scale,
)

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
    found = ome_scale(f'<OME><Pixels PhysicalSizeX="{x}" PhysicalSizeY="{x}"{units}/></OME>')
    assert found.mpp == (pytest.approx(mpp) if mpp else None)
    assert bool(found.doubt) == (mpp is None)


def test_ome_without_a_scale():
    assert ome_scale("<OME/>") == Scale()


def test_ome_scale_that_does_not_fit_its_objective():
    pixels = '<Pixels PhysicalSizeX="2" PhysicalSizeY="2"/>'
    found = ome_scale(f'<OME><Objective NominalMagnification="40.0"/>{pixels}</OME>')
    assert found.mpp is None
    assert "2 µm per pixel, which does not fit its 40× objective" in found.doubt


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        ("NaN", "cannot be read"),
        ("n/a", "cannot be read"),
        ("0", "0 µm per pixel, which no microscope has"),
        ("1e9", "1e+09 µm per pixel, which no microscope has"),
        ("inf", "inf µm per pixel, which no microscope has"),
        ("-0.25", "-0.25 µm per pixel"),
        ("2", "2 µm per pixel, which does not fit its 40× objective"),
        ("0.025", "0.025 µm per pixel, which does not fit its 40× objective"),
    ],
)
def test_a_silly_scale_is_not_used_and_the_doubt_says_why(stated, words):
    found = stated_scale(stated, stated, objective=40)
    assert found.mpp is None
    assert words in found.doubt
    assert found.doubt.endswith("Set the scale by hand, from the scanner's report or a known length.")


@pytest.mark.parametrize(("mpp", "objective"), [("0.25", 40), ("0.499", 20), ("0.1213", 40), ("0.65", 20), ("2", 5)])
def test_scales_of_real_scanners_fit_their_objectives(mpp, objective):
    assert stated_scale(mpp, mpp, objective=objective) == Scale(float(mpp))


def test_a_decimal_comma_is_read_and_told():
    found = stated_scale("0,25", "0,25", objective=40)
    assert found.mpp == 0.25
    assert found.doubt == "The file writes its scale with a comma; it was read as 0.25 µm per pixel. Check it."


def test_axes_that_differ_are_told():
    assert "0.25 µm wide and 0.5 µm high" in stated_scale("0.25", "0.5").doubt
    assert stated_scale("0.25", None).mpp is None


def test_a_doubt_never_repeats_what_the_file_says_in_words():
    assert "Quispe" not in stated_scale("Ana Quispe", "Ana Quispe").doubt
    assert "Quispe" not in openslide_scale({"openslide.vendor": "aperio", "aperio.MPP": "Ana Quispe"}).doubt


def test_what_openslide_reads_without_a_word_is_told():
    properties = {"openslide.vendor": "aperio", "openslide.mpp-x": "0.25", "openslide.mpp-y": "0.25"}
    assert openslide_scale(properties) == Scale(0.25)
    assert openslide_scale({**properties, "aperio.MPP": "0,25"}).doubt
    assert openslide_scale({"openslide.vendor": "aperio"}) == Scale()
