"""From a stored file to a slide that opens."""

import io
from datetime import timedelta

import pytest
from django.utils import timezone
from PIL import Image

from config.errors import DomainError
from labeling import media, runs, tasks, tile_bytes
from labeling.choices import SlideState
from labeling.models import Slide, Upload
from labeling.runs import slides as slide_runs
from labeling.services import slide_register
from labeling.slides.overview import overview_tile
from labeling.slides.reader import SlideReader
from tests.factories import SlideFactory, UploadFactory
from tests.labeling.conftest import drawn_pixels, write_png
from tests.labeling.slides.files import noise, smooth, write_svs
from tests.labeling.slides.test_stored_tiles import cut, encoded, write

pytestmark = pytest.mark.django_db


def stored(people, data: bytes, **fields) -> Slide:
    slide, _ = slide_register(study=people.study, user=people.lab, sha256=media.store_bytes(data), size_bytes=len(data))
    Slide.objects.filter(pk=slide.pk).update(**fields)
    return slide


def test_a_png_becomes_a_slide_with_the_same_pixels_and_twice_is_once(people, tmp_path):
    pixels = drawn_pixels(300, 200)
    slide = stored(people, write_png(tmp_path / "field.png", pixels).read_bytes())
    tasks.ingest_slide(slide.pk)
    slide.refresh_from_db()
    assert (slide.state, slide.width, slide.height, slide.format) == (SlideState.READY, 300, 200, "png")
    assert media.path_of(slide.thumbnail_sha256).read_bytes()[:2] == b"\xff\xd8"
    assert slide.overview_sha256 == ""
    with SlideReader(media.path_of(slide.pyramid_sha256)) as reader:
        found, mask = reader.read(0, 0, 300, 200)
    assert mask.all()
    assert (found == pixels).all()
    before = Slide.objects.values().get(pk=slide.pk)
    tasks.ingest_slide(slide.pk)
    assert Slide.objects.values().get(pk=slide.pk) == before


def test_the_coarse_tiles_of_a_slide_of_one_level_are_drawn_once(people, tmp_path, monkeypatch):
    tiles = [encoded(part) for part in cut(smooth(1300, 1000))]
    slide = stored(people, write(tmp_path / "s.tif", tiles, width=1300, height=1000).read_bytes())
    tasks.ingest_slide(slide.pk)
    slide.refresh_from_db()
    assert slide.state == SlideState.READY
    monkeypatch.delattr(tile_bytes, "render_tile")
    served = people.client("lab").get(f"/api/slides/{slide.pk}/tiles/10/1_0.jpg")
    assert served.content == overview_tile(media.path_of(slide.overview_sha256), (10, 1, 0))
    assert Image.open(io.BytesIO(served.content)).size == (256, 256)


def test_without_its_overview_a_slide_is_drawn_when_it_is_looked_at(people, tmp_path):
    tiles = [encoded(part) for part in cut(smooth(1300, 1000))]
    slide = stored(people, write(tmp_path / "s.tif", tiles, width=1300, height=1000).read_bytes())
    tasks.ingest_slide(slide.pk)
    slide.refresh_from_db()
    media.path_of(slide.overview_sha256).unlink()
    assert people.client("lab").get(f"/api/slides/{slide.pk}/tiles/10/1_0.jpg").status_code == 200


def test_a_file_that_is_no_image_is_refused_with_a_code_and_words(people):
    slide = stored(people, b"%PDF-1.7 nothing to see")
    tasks.ingest_slide(slide.pk)
    slide.refresh_from_db()
    assert slide.state == SlideState.FAILED
    assert slide.error_code == "slide_unknown_format"
    assert len(slide.error) > 20
    tasks.ingest_slide(slide.pk)
    slide.refresh_from_db()
    assert slide.attempts == 1


def test_a_missing_file_is_told(people):
    slide = SlideFactory.create(study=people.study, state=SlideState.QUEUED, width=None, height=None)
    tasks.ingest_slide(slide.pk)
    slide.refresh_from_db()
    assert (slide.state, slide.error_code) == (SlideState.FAILED, "slide_missing")


def test_a_slide_that_is_gone_is_no_work(db):
    tasks.ingest_slide(10**9)


def test_the_reconciler_rings_for_what_waits_and_only_that(people, field, monkeypatch):
    waiting, rung = stored(people, b"x"), []
    monkeypatch.setattr(tasks.ingest_slide, "apply_async", lambda args, **_: rung.append(args))
    tasks.reconcile()
    tasks.reconcile()
    assert rung == [(waiting.pk,)] * 2


def test_a_live_lease_keeps_others_away_and_a_dead_one_does_not(people):
    slide = stored(people, b"no image", state=SlideState.PROCESSING, token=4, attempts=1)
    Slide.objects.filter(pk=slide.pk).update(lease_until=timezone.now() + timedelta(minutes=1))
    assert runs.waiting_slides() == []
    tasks.ingest_slide(slide.pk)
    slide.refresh_from_db()
    assert (slide.state, slide.token) == (SlideState.PROCESSING, 4)
    Slide.objects.filter(pk=slide.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert runs.waiting_slides() == [slide.pk]
    tasks.ingest_slide(slide.pk)
    slide.refresh_from_db()
    assert (slide.state, slide.token, slide.attempts) == (SlideState.FAILED, 5, 2)


def test_work_of_a_lost_lease_is_thrown_away(people, monkeypatch):
    slide = stored(people, b"whatever")

    def overtaken(path):
        Slide.objects.filter(pk=slide.pk).update(token=99)
        raise DomainError("too late", code="too_late")

    monkeypatch.setattr(slide_runs, "inspect_slide", overtaken)
    tasks.ingest_slide(slide.pk)
    slide.refresh_from_db()
    assert (slide.state, slide.error_code, slide.token) == (SlideState.PROCESSING, "", 99)


def test_what_nobody_foresaw_is_tried_three_times_and_then_told(people, monkeypatch):
    slide = stored(people, b"whatever")

    def broken(path):
        raise ZeroDivisionError

    monkeypatch.setattr(slide_runs, "inspect_slide", broken)
    for attempt in (1, 2, 3):
        assert runs.waiting_slides() == [slide.pk]
        with pytest.raises(ZeroDivisionError):
            tasks.ingest_slide(slide.pk)
        slide.refresh_from_db()
        assert slide.attempts == attempt
    assert (slide.state, slide.error_code) == (SlideState.FAILED, "slide_ingest_failed")
    assert runs.waiting_slides() == []


def test_a_worker_that_dies_three_times_ends_the_slide(people):
    slide = stored(people, b"x", state=SlideState.PROCESSING, attempts=3, lease_until=timezone.now())
    assert runs.waiting_slides() == []
    slide.refresh_from_db()
    assert (slide.state, slide.error_code) == (SlideState.FAILED, "slide_ingest_failed")


def test_a_scale_set_by_hand_is_kept(people, tmp_path):
    slide = stored(people, b"no image", mpp=0.25)
    tasks.ingest_slide(slide.pk)
    slide.refresh_from_db()
    assert slide.mpp == 0.25


def test_uploads_nobody_touches_for_a_week_go_with_their_bytes(people):
    old, new = UploadFactory.create(owner=people.lab), UploadFactory.create(owner=people.lab)
    for upload in (old, new):
        media.part_path(upload.pk).parent.mkdir(exist_ok=True)
        media.part_path(upload.pk).write_bytes(b"half")
    Upload.objects.filter(pk=old.pk).update(touched_at=timezone.now() - timedelta(days=8))
    assert runs.remove_stale_uploads() == 1
    assert runs.remove_stale_uploads() == 0
    assert not media.part_path(old.pk).exists()
    assert media.part_path(new.pk).exists()
    assert list(Upload.objects.all()) == [new]


def test_a_scale_in_doubt_is_told_until_somebody_sets_it(people, tmp_path):
    path = write_svs(tmp_path / "s.svs", noise(300, 200), mpp=2.0)
    slide = stored(people, path.read_bytes())
    tasks.ingest_slide(slide.pk)
    address = f"/api/slides/{slide.pk}"
    told = people.client("lab").get(address).json()
    assert (told["state"], told["mpp"], told["objective"]) == ("ready", None, 20)
    assert "2 µm per pixel, which does not fit its 20× objective" in told["mpp_doubt"]
    answer = people.client("lab").patch(address, {"note": "asked the scanner room"}, format="json").json()
    assert answer["mpp_doubt"] == told["mpp_doubt"]
    answer = people.client("lab").patch(address, {"mpp": 0.5}, format="json").json()
    assert (answer["mpp"], answer["mpp_doubt"]) == (0.5, "")


def test_a_scale_in_doubt_is_settled_where_somebody_set_it_first(people, tmp_path):
    slide = stored(people, write_svs(tmp_path / "s.svs", noise(300, 200), mpp=2.0).read_bytes(), mpp=0.5)
    tasks.ingest_slide(slide.pk)
    slide.refresh_from_db()
    assert (slide.mpp, slide.mpp_doubt) == (0.5, "")
