"""Two tile servers to compare with, as plain WSGI: OpenSlide's own deep-zoom example, and large_image.

Both serve the slides that TILSCOPE_BENCH_SLIDES names (JSON, name: path) at ``/NAME/LEVEL/COL_ROW`` to everybody.
OpenSlide's example does what its ``examples/deepzoom`` does, quality 75 included, with the tiles of 256 px without
overlap that suit it best here; large_image has the grid of the slide's own tiles.
"""

import io
import json
import os
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import openslide
from openslide.deepzoom import DeepZoomGenerator

Start = Callable[[str, list[tuple[str, str]]], object]
App = Callable[[dict[str, Any], Start], Iterable[bytes]]
Grid = list[tuple[int, int]]


def _path(name: str) -> str:
    return str(json.loads(os.environ["TILSCOPE_BENCH_SLIDES"])[name])


def _app(tile: Callable[[str, int, int, int], bytes]) -> App:
    def answer(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        name, level, place = environ["PATH_INFO"].strip("/").split("/")
        col, row = place.split("_")
        body = tile(name, int(level), int(col), int(row))
        start("200 OK", [("Content-Type", "image/jpeg"), ("Content-Length", str(len(body)))])
        return [body]

    return answer


@cache
def _deepzoom(name: str) -> DeepZoomGenerator:
    return DeepZoomGenerator(openslide.OpenSlide(_path(name)), tile_size=256, overlap=0, limit_bounds=True)


def deepzoom_grid(path: Path) -> Grid:
    """List (columns, rows) of the levels, from the coarsest to the finest, as OpenSlide's example has them."""
    with openslide.OpenSlide(path) as slide:
        tiles = DeepZoomGenerator(slide, tile_size=256, overlap=0, limit_bounds=True).level_tiles
        return [(int(columns), int(rows)) for columns, rows in tiles]


def _deepzoom_tile(name: str, level: int, col: int, row: int) -> bytes:
    out = io.BytesIO()
    picture = _deepzoom(name).get_tile(level, (col, row))
    picture.save(out, "jpeg", quality=75, icc_profile=picture.info.get("icc_profile"))
    return out.getvalue()


@cache
def _source(name: str) -> Any:
    import large_image

    return large_image.open(_path(name))


def large_image_grid(path: Path) -> Grid:
    """List (columns, rows) of the levels, from the coarsest to the finest, as large_image has them."""
    import large_image

    whole = large_image.open(str(path)).getMetadata()
    across, down = (
        -(-whole[f"size{axis}"] // whole[f"tile{side}"]) for axis, side in (("X", "Width"), ("Y", "Height"))
    )
    scales = [1 << (whole["levels"] - 1 - level) for level in range(whole["levels"])]
    return [(-(-across // scale), -(-down // scale)) for scale in scales]


def _source_tile(name: str, level: int, col: int, row: int) -> bytes:
    return bytes(_source(name).getTile(col, row, level))


openslide_example = _app(_deepzoom_tile)
large_image_server = _app(_source_tile)
