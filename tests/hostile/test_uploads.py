"""Hostile files and names through the real door: uploaded, prepared by the worker, and the next good one works."""

import base64
import csv
import io
import logging

import pytest

from labeling import media, runs
from labeling.choices import SlideState
from labeling.models import Slide, Upload
from tests.hostile.names import NAMES
from tests.hostile.slides import ACCEPT, CASES, INCOMPLETE
from tests.labeling.conftest import drawn_pixels, own_media, people, write_png

__all__ = ["own_media", "people"]
pytestmark = pytest.mark.django_db
TUS = {"HTTP_TUS_RESUMABLE": "1.0.0"}
# One of each kind of trouble: empty, no image, damaged, bombs, pixels, and what is accepted.
TAKEN = (
    *("empty.svs", "page_named.png", "drawing.svg", "truncated_half.svs", "ifd_loop.tif", "20000_ifds.tif"),
    *("tile_bomb.tif", "deflate_bomb.png", "profile_bomb.png", "16_bit_rgb.tif", "animated.png", "one_pixel.png"),
    *("zero_length_tile.svs", "garbage_in_a_jpeg_tile.svs", "rotated_by_exif.jpg", "jpeg_and_zip.jpg"),
    *("mirax.zip", "vms.zip", "dicom.zip", "mirax_with_a_damaged_tile.zip", "way_out.zip", "link.zip", "bomb.zip"),
    *("encrypted.zip", "flipped_bit.zip", "cut.zip", "two_slides.zip", "mirax_that_reads_elsewhere.zip"),
)


def announce(people, size: int, name: bytes):
    told = f"filename {base64.b64encode(name).decode()}"
    url = f"/api/studies/{people.study.pk}/uploads"
    return people.client("lab").post(url, HTTP_UPLOAD_LENGTH=str(size), HTTP_UPLOAD_METADATA=told, **TUS)


def upload(people, data: bytes, name: bytes):
    """Send a file; gives the slide, or the refusal's code."""
    made = announce(people, len(data), name)
    if made.status_code != 201:
        assert made.status_code < 500, made.content
        return made.json()["code"]
    kind = "application/offset+octet-stream"
    sent = people.client("lab").generic(
        "PATCH", made["Location"], data, content_type=kind, HTTP_UPLOAD_OFFSET="0", **TUS
    )
    assert sent.status_code == 204, sent.content
    runs.ingest_slide(int(sent["X-Slide-Id"]))
    return Slide.objects.get(pk=int(sent["X-Slide-Id"]))


def good(people, tmp_path, seed: int) -> None:
    """Take in a sound file, and look at it."""
    slide = upload(people, write_png(tmp_path / "good.png", drawn_pixels(90, 80, seed)).read_bytes(), b"good.png")
    assert (slide.state, slide.width, slide.height) == (SlideState.READY, 90, 80)
    assert people.client("pathologist").get(f"/api/slides/{slide.pk}/tiles/7/0_0.jpg").status_code == 200


def test_hostile_files_end_by_their_code_and_the_next_good_one_works(people, tmp_path):
    cases = [case for case in CASES if case.name in TAKEN]
    assert len(cases) == len(TAKEN)
    for case in cases:
        case.make(tmp_path / case.name)
        found = upload(people, (tmp_path / case.name).read_bytes(), case.name.encode())
        if isinstance(found, str):
            assert (case.name, found) == ("empty.svs", "upload_empty")
        elif case.verdict in (ACCEPT, INCOMPLETE):
            assert (found.state, found.error_code) == (SlideState.READY, ""), case.name
        else:
            assert (found.state, found.error_code, found.attempts) == (SlideState.FAILED, case.verdict, 1), case.name
            assert found.error.endswith(".")
    good(people, tmp_path, 1)
    read = {slide.sha256 for slide in Slide.objects.filter(format__in=["mirax", "vms", "dicom"])}
    assert {path.name for path in media.unpacked()} == read
    assert len(read) == 4
    assert [path for folder in ("tmp", "uploads") for path in (media.root() / folder).glob("*")] == []
    assert runs.waiting_slides() == []


def test_hostile_names_are_data(people, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    for n, (name, kept) in enumerate(NAMES):
        assert announce(people, 10, name.encode()).status_code == 201, name
        row = Upload.objects.latest("created_at")
        assert row.file_name == kept, n
        assert media.part_path(row.pk).parent == media.root() / "uploads"
        assert people.client("lab").delete(f"/api/uploads/{row.pk}", **TUS).status_code == 204
    assert [path.name for path in media.root().rglob("*") if path.is_file()] == []
    assert not any(kept in caplog.text for name, kept in NAMES if len(kept) > 8)
    good(people, tmp_path, 2)


@pytest.mark.parametrize("name", ["\ud800.png".encode("utf-8", "surrogatepass"), b"\xff\xfe.png", b"\xc0\xaf"])
def test_names_that_are_no_text_are_refused(people, name):
    answer = announce(people, 10, name)
    assert (answer.status_code, answer.json()["code"]) == (400, "tus_metadata")
    assert not Upload.objects.exists()


ZIP_IT = "Put the slide with its folder into one ZIP file and upload that."
EXPORT_IT = "Export the slide as SVS or tiled TIFF and upload that."


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        *((name, ZIP_IT) for name in ("slide.mrxs", "SLIDE.MRXS", "scan.vms", "IM0001.dcm")),
        *((name, EXPORT_IT) for name in ("scan.vmu", "image.vsi", "image.vsi. ")),
    ],
)
def test_one_file_of_many_is_refused_before_it_is_sent(people, name, advice):
    """By its content a MIRAX file is a JPEG: its thumbnail would be counted as the slide."""
    answer = announce(people, 10, name.encode())
    assert (answer.status_code, answer.json()["code"]) == (400, "slide_several_files")
    assert answer.json()["message"].endswith(advice)
    assert not Upload.objects.exists()


def test_a_slide_goes_by_its_code_whatever_its_name(people, tmp_path):
    data = write_png(tmp_path / "x.png", drawn_pixels(90, 80, 3)).read_bytes()
    slide = upload(people, data, b"=cmd|' /C calc'!A0")
    told = people.client("lab").get(f"/api/studies/{people.study.pk}/slides").json()["results"]
    assert [row["code"] for row in told] == [slide.code] == ["S001"]
    assert b"calc" not in people.client("lab").get(f"/api/slides/{slide.pk}").content
    table = people.client("lab").get(f"/api/studies/{people.study.pk}/counts.csv")
    lines = list(csv.reader(io.StringIO(b"".join(table).decode())))
    assert lines[1][0] == "S001"
    assert not any("calc" in cell for line in lines for cell in line)
