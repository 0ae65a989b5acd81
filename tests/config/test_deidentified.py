"""What a file says of its patient is nowhere in what the server gives, writes or logs."""

import base64
import io
import itertools
import logging
import re

import numpy as np
import pytest
from django.apps import apps
from django.contrib import admin
from django.core.management import call_command
from django.urls import reverse
from PIL import Image

from detection.models import DetectionRun
from labeling import media, runs
from labeling.choices import SlideState
from labeling.models import Slide
from labeling.slides.tiles import TilePyramid
from tests.config.test_access import ROWS, address, objects
from tests.detection.makers import add_toy_labels, finished_run
from tests.hostile.planted import (
    FLAT_WORDS,
    LABEL_COLOUR,
    MACRO_COLOUR,
    NAME,
    WORDS,
    write_planted_dicom,
    write_planted_jpeg,
    write_planted_mirax,
    write_planted_png,
    write_planted_svs,
    write_planted_vms,
)
from tests.labeling.conftest import Field
from tests.labeling.slides.files import smooth

pytestmark = pytest.mark.django_db
TUS = {"HTTP_TUS_RESUMABLE": "1.0.0"}
# Every planted word, and the file's name, begin with it.
SEED = b"Plant"
KINDS = {
    "svs": write_planted_svs,
    "png": write_planted_png,
    "jpg": write_planted_jpeg,
    "mrxs.zip": write_planted_mirax,
    "vms.zip": write_planted_vms,
    "dcm.zip": write_planted_dicom,
}
GETS = [route for route, method, _ in ROWS if method == "GET"]
__all__ = ["objects"]


def send(people, data: bytes, name: str) -> Slide:
    """Upload a file as the browser does, and have the worker prepare it."""
    client = people.client("lab")
    told = f"filename {base64.b64encode(name.encode()).decode()}"
    url = client.post(
        f"/api/studies/{people.study.pk}/uploads",
        HTTP_UPLOAD_LENGTH=str(len(data)),
        HTTP_UPLOAD_METADATA=told,
        **TUS,
    )["Location"]
    sent = client.generic(
        "PATCH", url, data, content_type="application/offset+octet-stream", HTTP_UPLOAD_OFFSET="0", **TUS
    )
    runs.ingest_slide(int(sent["X-Slide-Id"]))
    return Slide.objects.get(pk=int(sent["X-Slide-Id"]))


@pytest.fixture(params=KINDS)
def field(request, people, tmp_path) -> Field:
    """A slide with words planted wherever its format has room."""
    # MIRAX and VMS keep whole tiles.
    pixels = smooth(768, 512) if request.param.endswith(".zip") else smooth(700, 500)
    data = KINDS[request.param](tmp_path / f"{NAME}.{request.param}", pixels).read_bytes()
    planted = [word for word in (*WORDS, *FLAT_WORDS) if word in data]
    assert len(planted) >= (12 if request.param == "svs" else 4)
    slide = send(people, data, f"{NAME}.{request.param}")
    assert (slide.state, slide.error) == (SlideState.READY, "")
    return Field(slide, pixels)


def body_of(answer) -> bytes:
    """All bytes of an answer, its headers included."""
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return str(dict(answer.headers)).encode() + b"\n" + body


def assert_clean(data: bytes, where: str) -> None:
    """Find neither a planted word nor, in a picture, its letters or the colours of label and macro image."""
    assert SEED not in data, where
    for magic in (b"\xff\xd8\xff", b"\x89PNG"):
        if (start := data.find(magic)) >= 0:
            image = Image.open(io.BytesIO(data[start:]))
            assert not set(image.info) & {"exif", "comment", "icc_profile", "xmp", "Comment"}, where
            pixels = np.asarray(image.convert("RGB"), dtype=np.int16)
            assert SEED not in pixels.astype(np.uint8).tobytes(), where
            for colour in (LABEL_COLOUR, MACRO_COLOUR):
                # A patch of noise has three such pixels in a thousand, and by chance twice as many.
                assert (np.abs(pixels - colour).sum(axis=2) < 60).mean() < 0.02, where


def addresses(slide: Slide, objects: dict[str, object]) -> list[str]:
    """Every address that answers GET for the slide: all tiles, all routes, all pages of the site admin."""
    pyramid = TilePyramid(slide.width or 0, slide.height or 0)
    tiles = [
        {**objects, "level": level, "col": col, "row": row}
        for level in range(pyramid.max_level + 1)
        for col, row in itertools.product(*map(range, pyramid.grid(level)))
    ]
    listed = [address(route, known) for route in GETS for known in (tiles if "<int:level>" in route else [objects])]
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        listed.append(reverse(f"{name}_changelist"))
        listed += [reverse(f"{name}_change", args=[pk]) for pk in model._default_manager.values_list("pk", flat=True)]
    return listed


def test_no_word_leaves_the_server(people, field, objects, tmp_path, caplog, capfd):
    caplog.set_level(logging.INFO)
    run = finished_run([(100, 100, 0.9)], slide=field.slide, model=DetectionRun.objects.get().model, number=2)
    objects |= {"detection-runs/run_id": run.pk}
    client, answered = people.client("site_admin"), {}
    people.site_admin.is_staff = True
    people.site_admin.save()
    for url in addresses(field.slide, objects):
        answer = client.get(url)
        answered[url] = answer.status_code
        assert_clean(body_of(answer), url)
    good = sum(status == 200 for status in answered.values())
    assert good > 0.9 * len(answered), {url: status for url, status in answered.items() if status != 200}
    assert sum("/tiles/" in url and status == 200 for url, status in answered.items()) == 17
    assert_clean(caplog.text.encode(), "log")
    assert_clean("".join(capfd.readouterr()).encode(), "output")


def test_no_word_stands_in_a_row_that_anybody_sees(people, field, objects):
    people.client("lab").get(f"/api/slides/{field.slide.pk}")
    kept = {("labeling", "upload")}
    for model in apps.get_models():
        rows = str(list(model._default_manager.values())).encode()
        if (model._meta.app_label, model._meta.model_name) not in kept:
            assert SEED not in rows, model
    made = {field.slide.thumbnail_sha256, field.slide.pyramid_sha256, field.slide.overview_sha256} - {""}
    for sha256 in made:
        assert SEED not in media.read(sha256)


@pytest.mark.parametrize("field", ["svs"], indirect=True)
def test_no_word_is_taken_out_with_labels(people, field, tmp_path, capsys):
    counted = people.study.classes.get(counted=True)
    for n in range(3):
        place = {
            "x": 100 + 90 * n,
            "y": 120,
            "class_id": counted.pk,
            "client_key": f"00000000-0000-4000-8000-00000000000{n}",
        }
        answer = people.client("pathologist").post(f"/api/slides/{field.slide.pk}/patches", place, format="json")
        assert answer.status_code in (200, 201), answer.content
    add_toy_labels(people.study)
    call_command("dataset", "freeze", "--study", people.study.name)
    call_command("dataset", "export", "1", str(tmp_path / "out.tar"), "--study", people.study.name)
    call_command("verify")
    data = (tmp_path / "out.tar").read_bytes()
    assert SEED not in data
    assert len(data) > 60 * 1000
    assert SEED not in capsys.readouterr().out.encode()


def test_a_refusal_does_not_repeat_the_file(people, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    whole = write_planted_svs(tmp_path / f"{NAME}.svs", smooth(700, 500)).read_bytes()
    zipped = write_planted_vms(tmp_path / f"{NAME}.zip", smooth(768, 512)).read_bytes()
    incomplete = zipped.replace(f"{NAME}_map.jpg".encode(), f"{NAME}_gap.jpg".encode(), 1)
    cut = [whole[: len(whole) // 10], zipped[: len(zipped) // 2], incomplete]
    for n, data in enumerate([*cut, whole.replace(b"MPP = 0.499", b"MPP = Plant"), WORDS[0] * 9]):
        slide = send(people, data, f"{NAME}{n}.svs")
        told = people.client("lab").get(f"/api/slides/{slide.pk}")
        assert told.json()["error"] or told.json()["mpp_doubt"]
        assert SEED not in told.content
    assert SEED not in caplog.text.encode()


def test_the_search_finds_what_it_looks_for(tmp_path):
    """So that a clean answer means something."""
    picture = tmp_path / "x.png"
    Image.fromarray(np.full((80, 90, 3), LABEL_COLOUR, np.uint8)).save(picture)
    for data in (WORDS[0], picture.read_bytes(), write_planted_jpeg(tmp_path / "x.jpg", smooth(90, 80)).read_bytes()):
        with pytest.raises(AssertionError):
            assert_clean(data, "here")
    assert re.search("tiles", " ".join(GETS))
