"""The scale of a slide: from its file, set by people, taken back, and who did it."""

import importlib

import pytest
from django.apps import apps
from django.db import connection
from PIL import Image

from labeling import media, tasks
from labeling.choices import ScaleSource
from labeling.models import Slide
from labeling.services import slide_register
from tests.factories import SlideFactory
from tests.labeling.conftest import drawn_pixels

pytestmark = pytest.mark.django_db
MIGRATION = importlib.import_module("labeling.migrations.0014_where_scales_are_from")


@pytest.fixture
def slide(make_field):
    return make_field(mpp=0.1, file_mpp=0.1, mpp_source=ScaleSource.FILE).slide


def patch(people, slide, body, who="lab"):
    return people.client(who).patch(f"/api/slides/{slide.pk}", body, format="json")


def history(people, slide, who="pathologist"):
    return people.client(who).get(f"/api/slides/{slide.pk}/scale-changes").json()


def stated_by_file(people, tmp_path, **fields):
    """A slide whose file says 0.25 µm per pixel, prepared by the worker."""
    Image.fromarray(drawn_pixels(300, 200)).save(tmp_path / "field.png", dpi=(101600, 101600))
    sha256 = media.store_file(tmp_path / "field.png")
    slide, _ = slide_register(study=people.study, user=people.lab, sha256=sha256, size_bytes=1)
    Slide.objects.filter(pk=slide.pk).update(**fields)
    tasks.ingest_slide(slide.pk)
    slide.refresh_from_db()
    return slide


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"mpp": None}, (0.25, "file")),
        ({"mpp": 0.5, "mpp_source": "typed"}, (0.5, "typed")),
    ],
)
def test_the_worker_keeps_what_the_file_states_and_what_people_set(before, after, people, tmp_path):
    slide = stated_by_file(people, tmp_path, **before)
    assert slide.file_mpp == pytest.approx(0.25, rel=1e-4)
    assert (slide.mpp, slide.mpp_source) == (pytest.approx(after[0], rel=1e-4), after[1])


def test_the_files_own_scale_is_kept_apart(people, slide):
    changed = patch(people, slide, {"mpp": 0.5, "mpp_source": "objective"}).json()
    assert (changed["mpp"], changed["file_mpp"], changed["mpp_source"]) == (0.5, 0.1, "objective")
    back = patch(people, slide, {"mpp_source": "file", "mpp": 77}).json()
    assert (back["mpp"], back["mpp_source"]) == (0.1, "file")


def test_a_file_without_a_scale_has_none_to_go_back_to(people, field):
    assert (field.slide.file_mpp, field.slide.mpp_source) == (None, "")
    answer = patch(people, field.slide, {"mpp_source": "file"})
    assert (answer.status_code, answer.json()["code"]) == (409, "slide_scale_not_in_file")


@pytest.mark.parametrize("mpp", [0, -1, 0.009, 100.1, 1e9])
def test_a_silly_scale_is_refused_in_words(mpp, people, field):
    answer = patch(people, field.slide, {"mpp": mpp})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert "between 0.01 and 100 µm" in answer.content.decode()
    field.slide.refresh_from_db()
    assert field.slide.mpp is None


@pytest.mark.parametrize("mpp", [0.01, 100])
def test_the_bounds_themselves_are_scales(mpp, people, field):
    assert patch(people, field.slide, {"mpp": mpp}).json()["mpp"] == mpp


def test_who_set_which_scale_when_and_how_is_told(people, slide):
    patch(people, slide, {"mpp": 0.25, "mpp_source": "length"})
    patch(people, slide, {"note": "no scale in this"}, who="admin")
    patch(people, slide, {"mpp": None}, who="admin")
    patch(people, slide, {"mpp_source": "file"})
    told = [(c["person"], c["before"], c["after"], c["source"]) for c in history(people, slide)]
    assert told == [
        (people.lab.name, None, 0.1, "file"),
        (people.admin.name, 0.25, None, ""),
        (people.lab.name, 0.1, 0.25, "length"),
        (None, None, 0.1, "file"),
    ]
    at = [c["at"] for c in history(people, slide)]
    assert at == sorted(at, reverse=True)


def test_another_note_or_case_does_not_touch_where_the_scale_is_from(people, slide):
    patch(people, slide, {"note": "torn", "case_code": "B-7"})
    patch(people, slide, {"mpp": 0.1, "note": "the same scale again"})
    slide.refresh_from_db()
    assert slide.mpp_source == ScaleSource.FILE
    assert len(history(people, slide)) == 1


def test_the_history_takes_the_same_few_queries(people, slide, django_assert_max_num_queries):
    for n in range(1, 8):
        patch(people, slide, {"mpp": n}, who=("lab", "admin")[n % 2])
    client = people.client("lab")
    with django_assert_max_num_queries(8):
        assert len(client.get(f"/api/slides/{slide.pk}/scale-changes").json()) == 8


def test_earlier_slides_learn_from_the_audit_trail_where_their_scale_is_from(people):
    """As the rows of earlier versions were: the scale in ``mpp`` only."""
    read, typed, unknown = (SlideFactory.create(study=people.study, mpp=None) for _ in range(3))
    for slide in (read, typed):
        Slide.objects.filter(pk=slide.pk).update(mpp=0.3)
    patch(people, typed, {"mpp": 0.4})
    Slide.objects.update(mpp_source="", file_mpp=None)
    apps.get_model("labeling.SlideEvent").objects.update(mpp_source="")
    with connection.cursor() as cursor:
        for statement in (MIGRATION.SAY_IN_EVENTS, MIGRATION.KEEP_THE_FILES, MIGRATION.SAY_IN_SLIDES):
            cursor.execute(statement)
    found = {s.pk: (s.mpp, s.file_mpp, s.mpp_source) for s in Slide.objects.all()}
    assert found[read.pk] == (0.3, 0.3, "file")
    assert found[typed.pk] == (0.4, 0.3, "typed")
    assert found[unknown.pk] == (None, None, "")
    told = [(c["person"], c["before"], c["after"], c["source"]) for c in history(people, typed)]
    assert told == [(people.lab.name, 0.3, 0.4, "typed"), (None, None, 0.3, "file")]
