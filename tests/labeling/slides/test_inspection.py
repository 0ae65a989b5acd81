"""What is accepted is described truly; the limits of the child hold."""

import json
import os
import platform
import socket
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import openslide
import pytest
from PIL import Image

from labeling.slides import inspection
from labeling.slides.child import run_limited
from labeling.slides.errors import SlideError
from labeling.slides.inspection import Inspection, inspect_slide
from tests.conftest import ROOT
from tests.labeling.slides import child_work
from tests.labeling.slides.files import noise, smooth, write_svs, write_tiff

MODULE = "tests.labeling.slides.child_work"


def test_svs(tmp_path):
    path = write_svs(tmp_path / "whatever", noise(600, 400))
    assert inspect_slide(path) == Inspection("pyramid", 600, 400, 0.499, 20.0, needs_pyramid=False)


def test_tiled_tiff_with_a_scale(tmp_path):
    path = write_tiff(
        tmp_path / "t.tif", noise(300, 200), tile=(128, 128), resolution=(40_000, 40_000), resolutionunit=3
    )
    assert inspect_slide(path) == Inspection("pyramid", 300, 200, 0.25, None, needs_pyramid=False)


@pytest.mark.parametrize(("dpi", "mpp"), [((72, 72), None), ((300, 300), None), ((101_600, 101_600), 0.25)])
def test_strips_are_flat(tmp_path, dpi, mpp):
    path = write_tiff(tmp_path / "t.tif", noise(300, 200), resolution=dpi, resolutionunit=2)
    assert inspect_slide(path) == Inspection("tiff", 300, 200, mpp, None, needs_pyramid=True)


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_flat_images(tmp_path, kind):
    path = tmp_path / "image"
    Image.fromarray(smooth(300, 200)).save(path, kind, dpi=(96, 96))
    assert inspect_slide(path) == Inspection(kind, 300, 200, None, None, needs_pyramid=True)


def test_flat_image_with_a_microscopes_resolution(tmp_path):
    path = tmp_path / "field.png"
    Image.fromarray(smooth(300, 200)).save(path, dpi=(254_000, 254_000))
    assert inspect_slide(path).mpp == pytest.approx(0.1)


@pytest.mark.parametrize(("orientation", "size"), [(1, (300, 200)), (3, (300, 200)), (6, (200, 300)), (8, (200, 300))])
def test_size_is_upright(tmp_path, orientation, size):
    exif = Image.Exif()
    exif[274] = orientation
    path = tmp_path / "phone.jpg"
    Image.fromarray(smooth(300, 200)).save(path, exif=exif)
    found = inspect_slide(path)
    assert (found.width, found.height) == size


def test_plain_slide_without_an_overview_gets_one(tmp_path):
    path = write_tiff(tmp_path / "t.tif", noise(4200, 80), tile=(256, 256))
    assert inspect_slide(path) == Inspection("tiff", 4200, 80, None, None, needs_pyramid=True)


def test_ome_scale_is_read(tmp_path):
    xml = '<OME><Image><Pixels PhysicalSizeX="0.2271" PhysicalSizeY="0.2271"/></Image></OME>'
    path = write_tiff(tmp_path / "x.ome.tif", noise(300, 200), description=xml)
    assert inspect_slide(path).mpp == pytest.approx(0.2271)


def test_refusal_says_what_to_do(tmp_path):
    path = write_tiff(tmp_path / "t.tif", np.ones((90, 100, 3), np.uint16))
    with pytest.raises(SlideError) as refusal:
        inspect_slide(path)
    assert refusal.value.message == "This is a 16-bit image. Export it as 8-bit RGB and upload it again."


def test_slide_of_several_files_is_refused_by_name(tmp_path, monkeypatch):
    path = write_tiff(tmp_path / "t.tif", noise(300, 200))
    monkeypatch.setattr(openslide.OpenSlide, "detect_format", lambda _path: "mirax")
    with pytest.raises(SlideError, match="mirax") as refusal:
        inspection._inspect(str(path))
    assert refusal.value.code == "slide_unsupported_format"


def test_time_limit(tmp_path):
    with pytest.raises(SlideError) as refusal:
        inspect_slide(write_svs(tmp_path / "s.svs", noise(300, 200)), timeout_s=0.01)
    assert refusal.value.code == "slide_inspection_timeout"


@pytest.mark.parametrize(
    ("work", "code"),
    [
        ("sleep", "slide_test_timeout"),
        ("spin", "slide_test_timeout"),
        ("memory", "slide_test_memory"),
        ("abort", "slide_test_memory"),
        ("crash", "slide_damaged"),
        ("refuse", "slide_of_cheese"),
        ("silent", "slide_test_memory"),
    ],
)
def test_child_fails_alone_and_is_named(work, code):
    with pytest.raises(SlideError) as refusal:
        run_limited(MODULE, [work], step="test", timeout_s=1.5, memory_mb=400)
    assert refusal.value.code == code


def test_child_tells_progress_and_answers():
    seen: list[tuple[int, int]] = []
    answer = run_limited(
        MODULE, ["count"], step="test", timeout_s=5, memory_mb=400, on_progress=lambda *step: seen.append(step)
    )
    assert answer == {"counted": 3}
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_child_has_no_secrets_of_ours(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://secret")
    answer = run_limited(MODULE, ["environment"], step="test", timeout_s=5, memory_mb=400)
    assert "DATABASE_URL" not in answer["names"]


@pytest.fixture
def listeners(tmp_path, monkeypatch) -> Iterator[list[str]]:
    """A port and a Unix socket that both answer."""
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as port, socket.socket(socket.AF_UNIX) as unix:
        unix.bind("listener")
        unix.listen()
        yield [str(port.getsockname()[1]), str(tmp_path / "listener")]


def test_child_cannot_connect_to_anything(listeners):
    assert child_work.work("connect", *listeners) == {"tcp": "connected", "unix": "connected"}
    answer = run_limited(MODULE, ["connect", *listeners], step="test", timeout_s=5, memory_mb=400)
    assert "connected" not in answer.values()


CUT_AND_CONNECT = """
import json, os, sys
from labeling.slides import network
from tests.labeling.slides import child_work
if sys.argv[2] != "root":
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
cut = getattr(network, sys.argv[1])()
print(json.dumps([cut, child_work.work("connect", *sys.argv[3:])]))
"""


@pytest.mark.parametrize("who", ["root", "nobody"])
@pytest.mark.parametrize("way", ["_leave_networks", "_refuse_sockets", "cut_network"])
def test_each_way_of_cutting_is_enough_where_it_is_permitted(way, who, listeners):
    if os.geteuid() != 0 and who == "nobody":
        pytest.skip("only root can become somebody else")
    answer = subprocess.run(
        [sys.executable, "-c", CUT_AND_CONNECT, way, who, *listeners],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    cut, reached = json.loads(answer.stdout)
    assert cut == (reached["tcp"] != "connected")
    if platform.machine() in ("x86_64", "aarch64") and way != "_leave_networks":
        assert reached == {"tcp": "PermissionError", "unix": "PermissionError"}


def test_child_opens_few_files():
    answer = run_limited(MODULE, ["open_many"], step="test", timeout_s=5, memory_mb=400)
    assert answer == {"refused": "Too many open files"}


@pytest.mark.parametrize(
    ("written", "file_mb", "answer"),
    [
        ("1", 0, {"refused": "File too large"}),
        ("3", 2, {"refused": "File too large"}),
        ("1", 2, {"written": 1}),
    ],
)
def test_child_writes_no_more_than_it_may(written, file_mb, answer, tmp_path):
    work = ["write", str(tmp_path / "made"), written]
    assert run_limited(MODULE, work, step="test", timeout_s=5, memory_mb=400, file_mb=file_mb) == answer


def test_cancelling_stops_the_child():
    class Cancelled(Exception): ...

    def cancel(_done: int, _total: int) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        run_limited(MODULE, ["count"], step="test", timeout_s=5, memory_mb=400, on_progress=cancel)
