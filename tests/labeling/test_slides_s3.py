"""Slides in a bucket: whole before the row says so, prepared on any machine, and patient with a bucket that is down."""

import hashlib
import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db.models.functions import Now

from config import bucket
from labeling import handover, media, runs
from labeling.choices import SlideState
from labeling.models import Slide, Upload
from labeling.readers import pool
from labeling.services import slide_register
from labeling.slides.inspection import inspect_slide
from tests.labeling.conftest import drawn_pixels, write_png
from tests.labeling.test_media_s3 import wipe
from tests.labeling.test_uploads import TUS, create, send

pytestmark = pytest.mark.django_db


@pytest.fixture
def png(tmp_path: Path) -> bytes:
    return write_png(tmp_path / "sent.png", drawn_pixels(90, 80)).read_bytes()


@pytest.fixture
def slide(people, s3, png) -> Slide:
    """A slide that was uploaded and waits for the worker."""
    sha256 = media.store_bytes(png)
    return slide_register(study=people.study, user=people.lab, sha256=sha256, size_bytes=len(png))[0]


def prepared(slide: Slide) -> Slide:
    runs.ingest_slide(slide.pk)
    slide.refresh_from_db()
    return slide


def rested() -> None:
    """Let the pause of what rests be over."""
    Slide.objects.update(lease_until=Now() - timedelta(seconds=1))


def test_an_upload_is_in_the_bucket_before_it_is_a_slide(people, s3, own_media, png):
    client = people.client("lab")
    url, cut = create(client, people, len(png))["Location"], len(png) - 10
    send(client, url, 0, png[:cut])
    s3.kill()
    refused = send(client, url, cut, png[cut:])
    assert (refused.status_code, refused.json()["code"]) == (503, "media_unreachable")
    assert client.head(url, **TUS).status_code == 503
    assert runs.finish_upload(str(Upload.objects.get().pk)) is None
    assert not Slide.objects.exists()
    s3.start()
    whole = client.head(url, **TUS)
    assert (whole["Upload-Offset"], whole["X-Slide-Id"]) == (str(len(png)), str(Slide.objects.get().pk))
    sha256 = hashlib.sha256(png).hexdigest()
    assert s3.objects() == {media.key_of(sha256): len(png)}
    assert Slide.objects.get().sha256 == sha256
    assert not media.part_path(Upload.objects.get().pk).exists()


def test_a_worker_without_the_half_file_leaves_it_to_the_machine_that_has_it(people, s3, own_media, png):
    client = people.client("lab")
    url = create(client, people, len(png))["Location"]
    s3.kill()
    send(client, url, 0, png)
    s3.start()
    upload = Upload.objects.get()
    part = media.part_path(upload.pk)
    part.rename(own_media / "elsewhere")
    assert runs.finish_upload(str(upload.pk)) is None
    (own_media / "elsewhere").rename(part)
    assert runs.finish_upload(str(upload.pk)) == Slide.objects.get().pk


def test_a_worker_on_another_machine_prepares_it_and_the_web_server_shows_it(people, slide, own_media):
    wipe(own_media)
    assert prepared(slide).state == SlideState.READY
    wipe(own_media)
    pool.close()
    client = people.client("pathologist")
    for address in ("thumbnail", "tiles/7/0_0.jpg"):
        answer = client.get(f"/api/slides/{slide.pk}/{address}")
        assert (answer.status_code, answer["Content-Type"]) == (200, "image/jpeg"), address


def test_a_bucket_that_is_down_delays_a_slide_and_fails_none(slide, s3, own_media):
    wipe(own_media)
    s3.kill()
    for _ in range(2):
        assert prepared(slide).state == SlideState.PROCESSING
        assert (slide.attempts, slide.error) == (0, "")
        assert "does not answer" in slide.message
        assert runs.waiting_slides() == []
        rested()
        assert runs.waiting_slides() == [slide.pk]
    s3.start()
    assert (prepared(slide).state, slide.message) == (SlideState.READY, "")


def test_a_bucket_that_goes_down_under_the_work_delays_it_too(slide, s3, monkeypatch):
    monkeypatch.setattr(runs.slides, "inspect_slide", lambda path: (s3.kill(), inspect_slide(path))[1])
    assert (prepared(slide).state, slide.attempts, slide.pyramid_sha256) == (SlideState.PROCESSING, 0, "")
    monkeypatch.undo()
    s3.start()
    rested()
    assert prepared(slide).state == SlideState.READY


def test_what_is_shown_while_the_bucket_is_down_says_so(people, s3, field, own_media):
    wipe(own_media)
    pool.close()
    s3.kill()
    client = people.client("pathologist")
    for address in ("thumbnail", "tiles/7/0_0.jpg"):
        answer = client.get(f"/api/slides/{field.slide.pk}/{address}")
        assert (answer.status_code, answer.json()["code"]) == (503, "media_unreachable"), address


def verified(capsys, *options: str) -> tuple[int, list[dict[str, str]]]:
    capsys.readouterr()
    code = 0
    try:
        call_command("verify", "--json", *options)
    except SystemExit as ended:
        code = int(ended.code or 0)
    return code, json.loads(capsys.readouterr().out)


def test_verify_is_content_with_a_whole_bucket(s3, field, capsys):
    with media.temp_file() as path:
        path.write_bytes(b"waits")
        handover.set_aside(path)
    assert verified(capsys) == verified(capsys, "--hashes") == (0, [])


def test_verify_names_what_is_missing_and_of_another_size(s3, field, tmp_path, capsys):
    slide, other = field.slide, tmp_path / "other"
    other.write_bytes(b"shorter")
    bucket.put(other, media.key_of(slide.sha256))
    bucket.remove(media.key_of(slide.pyramid_sha256))
    nobodys = media.store_bytes(b"nobody's")
    bucket.put(other, "notes.txt")
    code, found = verified(capsys)
    assert code == 1
    names = (slide.sha256, slide.pyramid_sha256, nobodys)
    kinds = {(d["kind"], sha256) for d in found for sha256 in names if sha256 in d["what"]}
    assert kinds == {("damaged", slide.sha256), ("missing", slide.pyramid_sha256), ("unnamed", nobodys)}
    assert [d["what"] for d in found if "notes.txt" in d["what"]] == ["object notes.txt: no row names it"]
    assert len(found) == 4


def test_verify_reads_the_bytes_only_when_asked(s3, field, tmp_path, capsys):
    slide, other = field.slide, tmp_path / "other"
    data = media.read(slide.thumbnail_sha256)
    other.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    bucket.put(other, media.key_of(slide.thumbnail_sha256))
    assert verified(capsys) == (0, [])
    code, found = verified(capsys, "--hashes")
    assert (code, [d["kind"] for d in found]) == (1, ["damaged"])
    assert slide.thumbnail_sha256 in found[0]["what"]


def test_an_installation_that_has_files_gets_a_bucket(field, s3, own_media, capsys):
    """The field was stored before: fixtures are made in the order in which a test names them."""
    assert [d["kind"] for d in verified(capsys)[1]] == ["missing"] * 3
    call_command("fill_bucket")
    assert "3 files, 3 of them new" in capsys.readouterr().out
    assert verified(capsys, "--hashes") == (0, [])
    call_command("fill_bucket")
    assert "3 files, 0 of them new" in capsys.readouterr().out
    assert len(list(media.stored())) == 3


def test_there_is_nothing_to_fill_without_a_bucket():
    with pytest.raises(CommandError, match="no bucket"):
        call_command("fill_bucket")
