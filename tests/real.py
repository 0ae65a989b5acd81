"""Real micrographs for tests: fields rebuilt from labelled patches, and labelled points."""

import csv
import io
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

GLASS = (222, 218, 222)
PATCH_PX = 70


@dataclass(frozen=True)
class Cell:
    """A labelled cell: its centre pixel and its class."""

    x: int
    y: int
    label: str


def west_cells(data: Path) -> list[tuple[str, int, int, str]]:
    """List (file, left, top, class) of the patches cut from the western half of a CD3 micrograph."""
    with (data / "prisma" / "slide3_west.csv").open() as lines:
        return [(row["file"], int(row["x_l0"]), int(row["y_l0"]), row["label"]) for row in csv.DictReader(lines)]


def rebuild_field(data: Path, *, left: int, top: int, width: int, height: int) -> tuple[Image.Image, list[Cell]]:
    """Paste the labelled patches that lie wholly inside a box onto glass.

    Returns:
        The field, and its cells in the field's own pixels, each cell once (labels within 14 px are one cell).
    """
    inside = [
        (file, x - left, y - top, label)
        for file, x, y, label in west_cells(data)
        if left <= x <= left + width - PATCH_PX and top <= y <= top + height - PATCH_PX
    ]
    wanted = {file for file, *_ in inside}
    pixels = {}
    with tarfile.open(data / "prisma" / "slide3_west.tar.gz") as archive:
        for member in archive:
            name = Path(member.name).name
            if name in wanted and (stream := archive.extractfile(member)):
                pixels[name] = Image.open(io.BytesIO(stream.read())).convert("RGB")
    field = Image.new("RGB", (width, height), GLASS)
    cells: list[Cell] = []
    for file, x, y, label in inside:
        field.paste(pixels[file].crop((0, 0, PATCH_PX, PATCH_PX)), (x, y))
        centre = Cell(x + PATCH_PX // 2, y + PATCH_PX // 2, label)
        if all((cell.x - centre.x) ** 2 + (cell.y - centre.y) ** 2 > 14**2 for cell in cells):
            cells.append(centre)
    return field, cells


def shidc_points(path: Path) -> list[Cell]:
    """Read the labelled points beside a SHIDC field: 1 positive, 2 negative, 3 TIL."""
    return [Cell(point["x"], point["y"], str(point["label_id"])) for point in json.loads(path.read_text())]


def as_array(image: Image.Image) -> NDArray[np.uint8]:
    """Give an image's pixels as (h, w, 3) uint8."""
    return np.asarray(image.convert("RGB"))
