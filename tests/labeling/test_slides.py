"""Slides: lists, changes, tiles, thumbnails, who looked."""

import io
import re
import time

import numpy as np
import pytest
from django.apps import apps
from django.contrib.sessions.models import Session
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from PIL import Image

from config.web import READ_FIRST
from labeling import media
from labeling.apis.images import DECISION_S
from labeling.choices import Role, SlideState
from labeling.models import AccessRecord, Membership, Slide, User
from labeling.slides.tiles import TILE_PX, TilePyramid
from tests.factories import LabelFactory, PatchFactory, SlideFactory, StudyFactory, UploadFactory

pytestmark = pytest.mark.django_db


def queries(client, url) -> int:
    with CaptureQueriesContext(connection) as found:
        assert client.get(url).status_code == 200
    return len(found)


def test_a_slide_says_all_about_itself(people, field):
    slide = people.client("pathologist").get(f"/api/slides/{field.slide.pk}").json()
    assert slide["code"] == "S001"
    assert (slide["width"], slide["height"], slide["state"], slide["format"]) == (300, 200, "ready", "png")
    assert slide["error"] is None
    assert slide["progress"] == {"done": 0, "total": 0, "message": ""}
    assert slide["uploaded_by"] == people.lab.name
    assert "number" not in slide
    assert "pyramid_sha256" not in slide


def test_a_refused_slide_says_why(people):
    slide = SlideFactory.create(
        study=people.study, state=SlideState.FAILED, error_code="slide_damaged", error="It is damaged. Send it again."
    )
    answer = people.client("lab").get(f"/api/slides/{slide.pk}").json()
    assert answer["error"] == {"code": "slide_damaged", "message": "It is damaged. Send it again."}


@pytest.mark.parametrize(
    ("query", "codes"),
    [
        ("", ["S001", "S002", "S013"]),
        ("ordering=-number", ["S013", "S002", "S001"]),
        ("ordering=-label_count,number", ["S013", "S001", "S002"]),
        ("state=failed", ["S002"]),
        ("case_code=B-7", ["S013"]),
        ("search=S013", ["S013"]),
        ("search=13", ["S013"]),
        ("search=b-", ["S013"]),
        ("search=edge", ["S001"]),
        ("search=nowhere", []),
        ("search=S" + "9" * 50, []),
        ("page_size=1&page=2", ["S002"]),
        ("state=gone", None),
        ("ordering=uploaded_by__password", None),
        ("page=99", "not_found"),
    ],
)
def test_slides_are_filtered_and_ordered_by_the_allow_list(query, codes, people):
    SlideFactory.create(study=people.study, number=1, note="at the edge")
    SlideFactory.create(study=people.study, number=2, state=SlideState.FAILED)
    last = SlideFactory.create(study=people.study, number=13, case_code="B-7")
    LabelFactory.create(patch=PatchFactory.create(slide=last, x_l0=50, y_l0=50))
    SlideFactory.create()
    answer = people.client("lab").get(f"/api/studies/{people.study.pk}/slides?{query}")
    if codes is None:
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    elif isinstance(codes, str):
        assert (answer.status_code, answer.json()["code"]) == (404, codes)
    else:
        assert [s["code"] for s in answer.json()["results"]] == codes


@pytest.mark.parametrize("url", ["studies/{study}/slides", "studies/{study}/patches", "slides/{slide}/markers"])
def test_lists_take_the_same_few_queries(url, people):
    slide = SlideFactory.create(study=people.study)
    LabelFactory.create(patch=PatchFactory.create(slide=slide, x_l0=40, y_l0=40))
    address = f"/api/{url.format(study=people.study.pk, slide=slide.pk)}"
    client = people.client("pathologist")
    before = queries(client, address)
    for n in range(6):
        LabelFactory.create(patch=PatchFactory.create(slide=slide, x_l0=50 + n, y_l0=40))
        LabelFactory.create(patch=PatchFactory.create(slide=SlideFactory.create(study=people.study), x_l0=50, y_l0=40))
    assert queries(client, address) == before <= 8


def test_the_pixels_of_patches_are_never_read_for_a_list(people):
    LabelFactory.create(patch=PatchFactory.create(study=people.study))
    with CaptureQueriesContext(connection) as found:
        people.client("lab").get(f"/api/studies/{people.study.pk}/patches")
    assert not any('"png"' in query["sql"] for query in found)


def test_staff_describe_a_slide(people, field):
    url = f"/api/slides/{field.slide.pk}"
    body = {"case_code": "=B-7", "note": "edge torn", "mpp": 0.25}
    slide = people.client("lab").patch(url, body, format="json").json()
    assert (slide["case_code"], slide["note"], slide["mpp"]) == ("=B-7", "edge torn", 0.25)
    for bad in ({"mpp": 0}, {"mpp": -1}, {"case_code": "x" * 61}, {"note": None}):
        assert people.client("lab").patch(url, bad, format="json").json()["code"] == "invalid"
    assert people.client("lab").patch(url, {"sha256": "0" * 64, "state": "failed"}, format="json").status_code == 200
    field.slide.refresh_from_db()
    assert field.slide.state == SlideState.READY


def test_a_scale_is_fixed_once_patches_were_cropped_at_it(people, make_field):
    people.study.model_mpp = 0.2
    people.study.save()
    slide = make_field(mpp=0.1).slide
    client, url = people.client("lab"), f"/api/slides/{slide.pk}"
    assert client.patch(url, {"mpp": 0.2}, format="json").status_code == 200
    PatchFactory.create(slide=slide, x_l0=50, y_l0=50)
    answer = client.patch(url, {"mpp": 0.3}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "slide_scale_in_use")


def test_only_refused_slides_can_be_deleted(people, field):
    client = people.client("lab")
    answer = client.delete(f"/api/slides/{field.slide.pk}")
    assert (answer.status_code, answer.json()["code"]) == (409, "slide_in_use")
    failed = SlideFactory.create(study=people.study, state=SlideState.FAILED)
    UploadFactory.create(study=people.study, owner=people.lab, slide=failed)
    assert client.delete(f"/api/slides/{failed.pk}").status_code == 204
    assert client.delete(f"/api/slides/{failed.pk}").status_code == 404
    labelled = SlideFactory.create(study=people.study, state=SlideState.FAILED)
    PatchFactory.create(slide=labelled, x_l0=50, y_l0=50)
    assert client.delete(f"/api/slides/{labelled.pk}").json()["code"] == "slide_in_use"


def test_every_tile_of_every_level_is_served_and_no_other(people, make_field):
    field = make_field(600, 300)
    client, pyramid = people.client("pathologist"), TilePyramid(600, 300)
    for level in range(pyramid.max_level + 1):
        columns, rows = pyramid.grid(level)
        for col, row in [(0, 0), (columns - 1, rows - 1)]:
            answer = client.get(f"/api/slides/{field.slide.pk}/tiles/{level}/{col}_{row}.jpg")
            assert (answer.status_code, answer["Content-Type"]) == (200, "image/jpeg")
            assert Image.open(io.BytesIO(answer.content)).size == pyramid.box(level, col, row)[2:]
        for col, row in [(columns, 0), (0, rows), (10**12, 0)]:
            answer = client.get(f"/api/slides/{field.slide.pk}/tiles/{level}/{col}_{row}.jpg")
            assert (answer.status_code, answer.json()["code"]) == (404, "tile_not_found")
    assert client.get(f"/api/slides/{field.slide.pk}/tiles/{10**9}/0_0.jpg").status_code == 404


def test_a_tile_shows_the_slides_pixels(people, make_field):
    field = make_field(600, 300)
    level = TilePyramid(600, 300).max_level
    answer = people.client("lab").get(f"/api/slides/{field.slide.pk}/tiles/{level}/1_0.jpg")
    shown = np.asarray(Image.open(io.BytesIO(answer.content))).astype(int)
    assert np.abs(shown - field.pixels[0:TILE_PX, TILE_PX : 2 * TILE_PX].astype(int)).mean() < 12


def test_tiles_are_kept_by_the_browser_and_by_nobody_between(people, field):
    client, url = people.client("lab"), f"/api/slides/{field.slide.pk}/tiles/3/0_0.jpg"
    first = client.get(url)
    assert first["Cache-Control"] == "private, max-age=31536000, immutable"
    assert first["X-Content-Type-Options"] == "nosniff"
    again = client.get(url, HTTP_IF_NONE_MATCH=f'"other", W/{first["ETag"]}')
    assert (again.status_code, again.content) == (304, b"")


def test_an_image_request_gets_its_image_and_errors_as_json(people, field):
    client = people.client("lab")
    url = f"/api/slides/{field.slide.pk}/tiles/3/0_0.jpg"
    assert client.get(url, HTTP_ACCEPT="image/webp").status_code == 200
    missing = client.get(f"/api/slides/{field.slide.pk}/tiles/3/9_9.jpg", HTTP_ACCEPT="image/webp")
    assert missing["Content-Type"] == "application/json"


@pytest.fixture
def later(monkeypatch):
    """Let the seconds pass for which a decision holds."""
    real = time.monotonic
    return lambda: monkeypatch.setattr("labeling.apis.images.time.monotonic", lambda: real() + DECISION_S + 0.01)


def test_a_tile_asks_what_the_web_server_reads_first_and_most_need_no_query(people, field):
    client, url = people.client("lab"), f"/api/slides/{field.slide.pk}/tiles/0/0_0.jpg"
    with CaptureQueriesContext(connection) as found:
        assert client.get(url).status_code == 200
    asked = [re.findall(r'(?:FROM|JOIN) "(\w+)"', query["sql"]) for query in found]
    assert asked == [[apps.get_model(name)._meta.db_table] for name in READ_FIRST]
    assert queries(client, url) == queries(client, f"/api/slides/{field.slide.pk}/tiles/5/0_0.jpg") == 0
    again = client.get(url, HTTP_IF_NONE_MATCH=client.get(url)["ETag"])
    assert (again.status_code, again.content) == (304, b"")


def test_both_ways_to_a_tile_say_the_same(people, field):
    client, url = people.client("lab"), f"/api/slides/{field.slide.pk}/tiles/9/1_0.jpg"
    long, short = client.get(url), client.get(url)
    assert (long.status_code, long.content) == (short.status_code, short.content)
    assert {**long.headers, "Allow": ""} == {**short.headers, "Allow": ""}
    assert short["X-Content-Type-Options"] == "nosniff"
    assert short["X-Frame-Options"] == "DENY"
    assert short["Referrer-Policy"] == "same-origin"
    assert short["Vary"] == "Cookie"
    assert "default-src 'none'" in short["Content-Security-Policy"]


def _leave(people, slide, client):
    Membership.objects.filter(study=people.study, user=people.lab).delete()


def _sign_out(people, slide, client):
    Session.objects.all().delete()


def _let_the_session_end(people, slide, client):
    Session.objects.update(expire_date=timezone.now())


def _close_the_account(people, slide, client):
    User.objects.filter(pk=people.lab.pk).update(is_active=False)


def _change_the_password(people, slide, client):
    people.lab.set_password("another long one")
    people.lab.save()


def _take_the_slide_back(people, slide, client):
    Slide.objects.filter(pk=slide.pk).update(state=SlideState.QUEUED)


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (_leave, 404),
        (_sign_out, 401),
        (_let_the_session_end, 401),
        (_close_the_account, 401),
        (_change_the_password, 401),
        (_take_the_slide_back, 409),
    ],
)
def test_a_decision_holds_for_seconds_only(end, status, people, field, later):
    client, url = people.client("lab"), f"/api/slides/{field.slide.pk}/tiles/0/0_0.jpg"
    assert client.get(url).status_code == 200
    end(people, field.slide, client)
    assert client.get(url).status_code == 200
    later()
    assert client.get(url).status_code == status
    assert client.get(url).status_code == status


def test_no_is_not_remembered(people, field):
    client, url = people.client("stranger"), f"/api/slides/{field.slide.pk}/tiles/0/0_0.jpg"
    assert client.get(url).status_code == 404
    Membership.objects.create(study=people.study, user=people.stranger, role=Role.LAB)
    assert client.get(url).status_code == 200


def test_a_decision_goes_by_the_whole_session(people, field):
    url = f"/api/slides/{field.slide.pk}/tiles/0/0_0.jpg"
    client, other = people.client("lab"), people.client("nobody")
    assert client.get(url).status_code == 200
    key = client.cookies["sessionid"].value
    for forged in (key[:-1], key.upper(), "", "x"):
        other.cookies["sessionid"] = forged
        assert other.get(url).status_code == 401


def test_a_decision_opens_one_slide_under_our_own_host(people, field, make_field):
    client, url = people.client("lab"), f"/api/slides/{field.slide.pk}/tiles/0/0_0.jpg"
    foreign = make_field(seed=2, study=StudyFactory.create()).slide
    assert client.get(url).status_code == 200
    assert client.get(f"/api/slides/{foreign.pk}/tiles/0/0_0.jpg").status_code == 404
    assert client.get(url, HTTP_HOST="elsewhere.example").status_code == 400
    assert client.get(url.replace(".jpg", ".jpg/")).status_code == 404
    assert client.get(url.replace("0_0", "5_5")).json()["code"] == "tile_not_found"
    assert client.delete(url).status_code == 405


def test_a_plain_request_is_led_to_https_first(people, field, settings):
    client, url = people.client("lab"), f"/api/slides/{field.slide.pk}/tiles/0/0_0.jpg"
    assert client.get(url).status_code == 200
    settings.SECURE_SSL_REDIRECT = True
    client.handler.load_middleware()
    assert client.get(url).status_code == 301


def test_a_decision_is_one_persons(people, field):
    url = f"/api/slides/{field.slide.pk}/tiles/0/0_0.jpg"
    assert people.client("lab").get(url).status_code == 200
    assert people.client("stranger").get(url).status_code == 404
    assert people.client("nobody").get(url).status_code == 401
    assert people.client("lab").post(url).status_code == 405


def test_a_slide_in_the_making_has_no_tiles(people):
    slide = SlideFactory.create(study=people.study, state=SlideState.QUEUED, width=None, height=None)
    for end in ("tiles/0/0_0.jpg", "thumbnail"):
        answer = people.client("lab").get(f"/api/slides/{slide.pk}/{end}")
        assert (answer.status_code, answer.json()["code"]) == (409, "slide_not_ready")


def test_the_thumbnail_is_a_small_jpeg(people, field):
    client, url = people.client("lab"), f"/api/slides/{field.slide.pk}/thumbnail"
    answer = client.get(url)
    assert max(Image.open(io.BytesIO(answer.content)).size) <= 512
    assert client.get(url, HTTP_IF_NONE_MATCH=answer["ETag"]).status_code == 304


def test_a_file_that_vanished_is_an_error_in_words_not_a_crash(people, field):
    media.path_of(field.slide.thumbnail_sha256).unlink()
    media.path_of(field.slide.pyramid_sha256).unlink()
    for end in ("tiles/0/0_0.jpg", "thumbnail"):
        answer = people.client("lab").get(f"/api/slides/{field.slide.pk}/{end}")
        assert answer.status_code >= 400
        assert set(answer.json()) == {"code", "message", "extra"}


def test_opening_a_slide_is_written_down_once_per_visit(people, field):
    url = f"/api/slides/{field.slide.pk}"
    for _ in range(3):
        people.client("pathologist").get(url)
    people.client("lab").get(url)
    people.client("stranger").get(url)
    found = set(AccessRecord.objects.values_list("user", "slide", "action"))
    assert found == {(p.pk, field.slide.pk, "open_slide") for p in (people.pathologist, people.lab)}
    assert AccessRecord.objects.count() == 2


def test_a_slide_of_another_study_is_unknown_to_ours(people):
    assert Slide.objects.count() == 0
    foreign = SlideFactory.create(study=people.stranger.memberships.get().study)
    assert people.client("lab").get(f"/api/slides/{foreign.pk}").status_code == 404
    assert people.client("stranger").get(f"/api/slides/{foreign.pk}").status_code == 200
