import csv

import openslide
import pytest
from django.core.management import CommandError, call_command

from labeling.drawn.tissue import Tissue


def test_the_command_writes_a_slide_and_its_cells(tmp_path, capsys):
    slide_path, cells_path = tmp_path / "slide.tif", tmp_path / "cells.csv"
    call_command(
        "draw_slide", slide_path, "--width=900", "--height=700", "--seed=3", "--mpp=0.2", f"--cells={cells_path}"
    )
    with openslide.OpenSlide(slide_path) as slide:
        assert slide.dimensions == (900, 700)
        assert float(slide.properties["openslide.mpp-x"]) == pytest.approx(0.2)
    cells = Tissue(900, 700, 3, 0.2).cells
    with cells_path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(int(row["x_l0"]), int(row["y_l0"]), row["kind"], row["variety"]) for row in rows] == [
        (int(cell["x"]), int(cell["y"]), cell["kind"], cell["variety"]) for cell in cells
    ]
    assert f"{len(cells)} cells" in capsys.readouterr().out


@pytest.mark.parametrize("options", [{"width": 0}, {"mpp": 50.0}])
def test_a_slide_that_cannot_be_is_an_error_in_words(tmp_path, options):
    with pytest.raises(CommandError, match=r"pixel"):
        call_command("draw_slide", tmp_path / "slide.tif", **{"width": 100, "height": 100, "seed": 1, **options})
    assert not list(tmp_path.glob("*.tif*"))


def test_a_folder_that_is_not_there_is_an_error_in_words(tmp_path):
    with pytest.raises(CommandError, match="absent"):
        call_command("draw_slide", tmp_path / "absent" / "slide.tif", width=80, height=80)
