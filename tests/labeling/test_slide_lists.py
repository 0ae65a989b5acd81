"""Hundreds of slides: found, sorted, chosen, and changed or deleted many at once."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test.utils import CaptureQueriesContext

from detection.models import ModelVersion
from labeling.choices import SlideState
from labeling.models import Slide
from tests.detection.makers import DetectionRunFactory, model_of
from tests.factories import LabelFactory, PatchFactory, SlideFactory, UserFactory, digest

pytestmark = pytest.mark.django_db


def codes(client, study, query="", end="slides"):
    answer = client.get(f"/api/studies/{study.pk}/{end}?{query}")
    assert answer.status_code == 200, answer.content
    rows = answer.json()["results"] if end == "slides" else answer.json()
    return [row["code"] for row in rows]


@pytest.fixture
def shelf(people):
    """Four slides of the study that differ in everything, and one of another study."""
    rosa = UserFactory.create(first_name="Rosa", last_name="Vega")
    facts: list[dict[str, Any]] = [
        {"case_code": "B-2", "stain": "CD3", "width": 900, "height": 900, "mpp": 0.5, "note": "torn edge"},
        {"case_code": "", "stain": "CD8", "width": 100, "height": 100, "uploaded_by": rosa},
        {"case_code": "B-1", "stain": "", "width": 50_000, "height": 60_000, "mpp": 0.25},
        {"case_code": "B-1", "state": SlideState.FAILED, "width": None, "height": None},
    ]
    slides = []
    for number, fact in enumerate(facts, start=1):
        when = datetime(2026, 11, number, 12, tzinfo=UTC)
        defaults = {"uploaded_by": people.lab, "created_at": when}
        slides.append(SlideFactory.create(study=people.study, number=number, **(defaults | fact)))
    SlideFactory.create(case_code="B-1", stain="CD3", uploaded_by=UserFactory.create(first_name="Elsewhere"))
    for x in (50, 60):
        LabelFactory.create(patch=PatchFactory.create(slide=slides[1], x_l0=x, y_l0=50))
    return slides


def count_cells(slide, *counts):
    """Give a slide detections with these counts, the last one newest."""
    model = ModelVersion.objects.filter(study=slide.study).first() or model_of(slide.study)
    for count in counts:
        DetectionRunFactory.create(slide=slide, model=model, count=count)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("stain=CD3", "S001"),
        ("stain=cd3", ""),
        ("case_code=B-1", "S003 S004"),
        ("case_code=B-1&state=failed", "S004"),
        ("search=cd", "S001 S002"),
        ("search=torn", "S001"),
        ("search=s4", "S004"),
        ("missing=case_code", "S002"),
        ("missing=stain", "S003 S004"),
        ("missing=mpp", "S002"),
        ("uploaded_from=2026-11-02T12:00:00Z", "S002 S003 S004"),
        ("uploaded_before=2026-11-02T12:00:00Z", "S001"),
        ("uploaded_from=2026-11-02T06:00:00-05:00&uploaded_before=2026-11-04T00:00:00-05:00", "S002 S003"),
        ("ordering=case_code", "S003 S004 S001 S002"),
        ("ordering=-created_at", "S004 S003 S002 S001"),
        ("ordering=-area_px", "S003 S001 S002 S004"),
        ("ordering=area_px", "S002 S001 S003 S004"),
        ("ordering=-label_count", "S002 S001 S003 S004"),
        ("ordering=-stain", "S002 S001 S003 S004"),
    ],
)
def test_slides_are_found_and_sorted(query, found, people, shelf):
    assert codes(people.client("pathologist"), people.study, query) == found.split()
    assert codes(people.client("pathologist"), people.study, query, "slide-names") == found.split()


@pytest.mark.parametrize(
    "query", ["missing=note", "uploaded_by=-1", "uploaded_by=x", "uploaded_from=yesterday", "ordering=sha256"]
)
def test_what_is_no_filter_is_refused(query, people):
    for end in ("slides", "slide-names"):
        answer = people.client("lab").get(f"/api/studies/{people.study.pk}/{end}?{query}")
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_slides_are_found_by_who_brought_them(people, shelf):
    rosa = shelf[1].uploaded_by
    assert codes(people.client("lab"), people.study, f"uploaded_by={rosa.pk}") == ["S002"]
    assert codes(people.client("lab"), people.study, f"uploaded_by={people.stranger.pk}") == []


def test_the_newest_count_sorts_and_what_has_none_comes_last(people, shelf):
    count_cells(shelf[0], 900, 7)
    count_cells(shelf[2], 80)
    count_cells(shelf[1], 5000, None)
    client = people.client("lab")
    assert codes(client, people.study, "ordering=-cell_count") == ["S003", "S001", "S002", "S004"]
    assert codes(client, people.study, "ordering=cell_count") == ["S001", "S003", "S002", "S004"]


def test_the_filters_offer_what_the_study_has_and_nothing_of_another(people, shelf):
    facets = people.client("pathologist").get(f"/api/studies/{people.study.pk}/slide-facets").json()
    assert (facets["cases"], facets["stains"]) == (["B-1", "B-2"], ["CD3", "CD8"])
    rosa = shelf[1].uploaded_by
    assert {(p["id"], p["name"]) for p in facets["people"]} == {
        (people.lab.pk, people.lab.name),
        (rosa.pk, "Rosa Vega"),
    }


def test_the_newest_detections_of_named_slides(people, shelf):
    count_cells(shelf[0], 900, 7)
    count_cells(shelf[2], 80)
    url = f"/api/studies/{people.study.pk}/detection-runs?latest=1&slides={shelf[0].pk}&slides={shelf[1].pk}"
    rows = people.client("pathologist").get(url).json()["results"]
    assert [(row["slide_code"], row["count"]) for row in rows] == [("S001", 7)]


def test_five_hundred_slides_take_the_same_few_queries_as_one(people):
    client = people.client("pathologist")
    ends = ["slides?page_size=60&ordering=-cell_count", "slides?page_size=60&page=8&search=b&ordering=-label_count"]
    ends += ["slide-names", "slide-facets"]
    SlideFactory.create_batch(2, study=people.study, case_code="b-0", stain="CD3", uploaded_by=people.lab)
    few = [_queries(client, people.study, end.replace("page=8", "page=1")) for end in ends]
    rows = [
        Slide(study=people.study, number=n, sha256=digest(f"many {n}"), size_bytes=1, case_code=f"b-{n % 40}",
              width=10, height=10, state=SlideState.READY, uploaded_by=people.lab)
        for n in range(10_000, 10_500)
    ]  # fmt: skip
    Slide.objects.bulk_create(rows)
    assert [_queries(client, people.study, end) for end in ends] == few
    assert max(few) <= 7


def _queries(client, study, end):
    with CaptureQueriesContext(connection) as found:
        assert client.get(f"/api/studies/{study.pk}/{end}").status_code == 200
    return len(found)


def test_pages_of_equal_rows_never_overlap(people):
    SlideFactory.create_batch(30, study=people.study, stain="CD3")
    pages = [codes(people.client("lab"), people.study, f"ordering=stain&page_size=10&page={n}") for n in (1, 2, 3)]
    assert len({code for page in pages for code in page}) == 30


def act(client, study, end, slides, **more):
    ids = [slide if isinstance(slide, int) else slide.pk for slide in slides]
    return client.post(f"/api/studies/{study.pk}/{end}", {"slides": ids, **more}, format="json")


def test_many_slides_are_changed_and_each_change_is_kept_in_the_history(people, shelf):
    answer = act(people.client("lab"), people.study, "slide-changes", shelf[:3], changes={"case_code": " 26-9 "})
    assert answer.json() == {"done": [slide.pk for slide in shelf[:3]], "refused": []}
    assert [s.case_code for s in people.study.slides.order_by("number")] == ["26-9", "26-9", "26-9", "B-1"]
    act(people.client("lab"), people.study, "slide-changes", shelf[:1], changes={"stain": "Ki-67"})
    shelf[0].refresh_from_db()
    assert (shelf[0].stain, shelf[0].note) == ("Ki-67", "torn edge")
    events = apps.get_model("labeling", "SlideEvent").objects.filter(pgh_obj=shelf[0]).order_by("pgh_id")
    assert [(event.case_code, event.stain) for event in events] == [("B-2", "CD3"), ("26-9", "CD3"), ("26-9", "Ki-67")]


def test_one_that_is_refused_holds_up_no_other(people, shelf):
    people.study.model_mpp = 0.25
    people.study.save()
    other = SlideFactory.create()
    wanted = [shelf[0], shelf[1], other, shelf[2], shelf[0]]
    answer = act(people.client("lab"), people.study, "slide-changes", wanted, changes={"mpp": 0.3}).json()
    assert answer["done"] == [shelf[0].pk, shelf[2].pk]
    refused = [(one["slide"], one["slide_code"], one["code"]) for one in answer["refused"]]
    assert refused == [(shelf[1].pk, "S002", "slide_scale_in_use"), (other.pk, None, "not_found")]
    assert all(one["message"] for one in answer["refused"])
    other.refresh_from_db()
    assert other.mpp is None


def test_those_that_can_be_deleted_are_deleted(people, shelf):
    answer = act(people.client("admin"), people.study, "slide-deletions", [shelf[0], shelf[3]]).json()
    assert answer["done"] == [shelf[3].pk]
    assert [(one["slide_code"], one["code"]) for one in answer["refused"]] == [("S001", "slide_in_use")]
    assert people.study.slides.count() == 3


@pytest.mark.parametrize(
    "body",
    [
        {"slides": [], "changes": {"stain": "CD3"}},
        {"slides": list(range(1, 502)), "changes": {"stain": "CD3"}},
        {"slides": [1], "changes": {"stain": "x" * 41}},
        {"slides": [1], "changes": {"mpp": 0}},
        {"slides": ["x"], "changes": {}},
        {"slides": [1]},
    ],
)
def test_a_malformed_wish_changes_nothing(body, people):
    answer = people.client("lab").post(f"/api/studies/{people.study.pk}/slide-changes", body, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


@pytest.mark.parametrize(("who", "status"), [("pathologist", 403), ("stranger", 404), ("nobody", 401), ("lab", 200)])
def test_only_staff_change_and_delete(who, status, people, shelf):
    client = people.client(who)
    assert act(client, people.study, "slide-changes", shelf[:1], changes={"stain": "CD8"}).status_code == status
    assert act(client, people.study, "slide-deletions", shelf[:1]).status_code == status
    shelf[0].refresh_from_db()
    assert shelf[0].stain == ("CD8" if status == 200 else "CD3")


@pytest.mark.parametrize("end", ["slides", "slide-names", "slide-facets"])
def test_a_stranger_learns_no_name(end, people, shelf):
    answer = people.client("stranger").get(f"/api/studies/{people.study.pk}/{end}")
    assert answer.status_code == 404
    assert "Rosa" not in answer.content.decode()
