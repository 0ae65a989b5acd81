"""Proposals: who may ask, what is proposed, and that only a judgement makes a label."""

import io
import json
import uuid

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from detection import mining
from detection.choices import RunState
from detection.models import Proposal
from labeling import dataset_columns
from labeling.choices import Source
from labeling.models import Label, Patch
from labeling.services import patch_label
from tests.detection.makers import DetectionRunFactory, disc_field, finished_run, model_of, store_slide
from tests.factories import LabelFactory, PatchFactory, SlideFactory, StudyFactory, png_of

pytestmark = pytest.mark.django_db

POINTS = [(100, 100, 0.99), (300, 100, 0.95), (500, 100, 0.92), (300, 400, 0.6)]


@pytest.fixture
def slide(people, tmp_path):
    noise = np.random.default_rng(1).integers(0, 60, (500, 600, 3), dtype=np.uint8)
    return store_slide(people.study, disc_field(600, 500, np.array([[100, 100]])) - noise, tmp_path)


@pytest.fixture
def run(slide):
    return finished_run(POINTS, slide=slide, params={"radius_px": 30.0})


def mine(people, who="pathologist", **body):
    return people.client(who).post(f"/api/studies/{people.study.pk}/proposals", body, format="json")


def listed(people, **query):
    return people.client("lab").get(f"/api/studies/{people.study.pk}/proposals", query).json()["results"]


def test_sure_finds_without_a_label_become_patches_without_a_label(people, slide, run):
    answer = mine(people)
    assert (answer.status_code, answer.json()) == (201, {"made": 3, "waiting": 3})
    rows = listed(people)
    assert [(row["x_l0"], row["y_l0"]) for row in rows] == [(100, 100), (300, 100), (500, 100)]
    assert rows[0]["score"] == pytest.approx(0.99)
    assert (rows[0]["run"], rows[0]["model"], rows[0]["slide_code"]) == (run.number, run.model.number, slide.code)
    patch = Patch.objects.get(pk=rows[0]["patch_id"])
    assert (patch.source, patch.slide) == (Source.MINED, slide)
    assert not Label.objects.exists()
    assert people.client("lab").get(f"/api/patches/{patch.pk}/image").status_code == 200


def test_a_proposal_is_no_label_anywhere_until_it_is_judged(people, run):
    mine(people)
    client = people.client("pathologist")
    assert client.get(f"/api/studies/{people.study.pk}/patches").json()["count"] == 0
    assert client.get(f"/api/studies/{people.study.pk}/patch-summary").json()["total"] == 0
    assert len(dataset_columns.standing_votes(people.study, (), ())) == 0


@pytest.mark.parametrize("counted", [True, False])
def test_a_judgement_makes_it_a_labelled_patch(people, run, counted):
    mine(people)
    first = listed(people)[0]
    judged = people.study.classes.get(counted=counted)
    client = people.client("pathologist")
    body = {"class_id": judged.pk, "client_key": str(uuid.uuid4())}
    assert client.post(f"/api/patches/{first['patch_id']}/labels", body, format="json").status_code == 201
    assert len(listed(people)) == 2
    [patch] = client.get(f"/api/studies/{people.study.pk}/patches").json()["results"]
    assert (patch["id"], patch["source"], patch["class_id"]) == (first["patch_id"], "mined", judged.pk)
    assert Proposal.objects.get(patch=first["patch_id"]).run == run


def test_one_that_nobody_can_judge_is_put_aside_by_withdrawing(people, run):
    mine(people)
    first = listed(people)[0]["patch_id"]
    body = {"class_id": None, "client_key": str(uuid.uuid4())}
    people.client("pathologist").post(f"/api/patches/{first}/labels", body, format="json")
    assert first not in [row["patch_id"] for row in listed(people)]
    assert mine(people, limit=2).json() == {"made": 0, "waiting": 2}


def test_where_no_sure_find_is_left_the_highest_are_proposed(people, run):
    mine(people)
    assert mine(people, limit=10).json() == {"made": 1, "waiting": 4}
    assert listed(people)[-1]["score"] == pytest.approx(0.6)


def test_asking_twice_is_asking_once(people, run):
    assert mine(people, limit=2).json() == {"made": 2, "waiting": 2}
    assert mine(people, limit=2).json() == {"made": 0, "waiting": 2}
    assert mine(people, limit=10).json() == {"made": 1, "waiting": 3}
    assert Proposal.objects.count() == 3


def test_labelled_cells_and_patches_that_are_there_are_left_out(people, slide, run):
    counted, other = people.study.classes.get(counted=True), people.study.classes.get(counted=False)
    LabelFactory.create(patch=PatchFactory.create(slide=slide, x_l0=125, y_l0=100), label_class=counted)
    LabelFactory.create(patch=PatchFactory.create(slide=slide, x_l0=330, y_l0=100), label_class=other)
    mine(people)
    assert [row["x_l0"] for row in listed(people)] == [500]


def test_a_withdrawn_label_says_nothing_but_its_patch_is_there(people, slide, run):
    patch = PatchFactory.create(slide=slide, x_l0=140, y_l0=100)
    reader = people.pathologist
    LabelFactory.create(patch=patch, reader=reader)
    LabelFactory.create(patch=patch, reader=reader, label_class=None)
    mine(people)
    assert [row["x_l0"] for row in listed(people)] == [100, 300, 500]


def test_pixels_that_the_study_has_already_are_not_proposed(people, slide, run):
    mine(people)
    first = Patch.objects.get(pk=listed(people)[0]["patch_id"])
    png, sha256 = bytes(first.png), first.sha256
    Proposal.objects.all().delete()
    Patch.objects.all().delete()
    PatchFactory.create(study=people.study, png=png, sha256=sha256)
    assert mine(people).json()["made"] == 2


def test_only_the_newest_result_of_a_slide_is_searched(people, slide, run):
    finished_run([(200, 300, 0.97)], slide=slide)
    DetectionRunFactory.create(slide=slide, state=RunState.FAILED)
    mine(people)
    assert [(row["x_l0"], row["y_l0"]) for row in listed(people)] == [(200, 300)]


def test_every_slide_has_its_turn(people, slide, run, tmp_path):
    noise = np.random.default_rng(2).integers(0, 255, (500, 600, 3), dtype=np.uint8)
    other = store_slide(people.study, noise, tmp_path)
    finished_run([(100, 100, 0.91), (300, 300, 0.9)], slide=other, params={})
    mine(people, limit=3)
    assert [row["slide"] for row in listed(people)] == [slide.pk, other.pk, slide.pk]
    assert {row["slide"] for row in listed(people, slide=other.pk)} == {other.pk}


def test_a_slide_that_cannot_be_read_holds_up_no_other(people, run):
    finished_run([(100, 100, 0.99)], slide=SlideFactory.create(study=people.study))
    assert mine(people).json()["made"] == 3


def test_places_outside_the_slide_move_inwards(people, slide):
    finished_run([(599.4, 499.4, 0.97)], slide=slide)
    mine(people)
    [row] = listed(people)
    assert (row["x_l0"], row["y_l0"]) == (565, 465)


def test_without_a_finished_count_it_says_what_to_do(people, slide):
    DetectionRunFactory.create(slide=slide)
    answer = mine(people)
    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_detected")


@pytest.mark.parametrize("body", [{"limit": 0}, {"limit": 201}, {"slides": []}, {"slides": "all"}])
def test_a_bad_request_is_refused(people, run, body):
    assert mine(people, **body).status_code == 400
    assert not Proposal.objects.exists()


def test_slides_of_another_study_are_not_there(people, run):
    foreign = SlideFactory.create()
    assert mine(people, slides=[foreign.pk]).status_code == 404
    answer = people.client("lab").get(f"/api/studies/{people.study.pk}/proposals", {"slide": foreign.pk})
    assert answer.status_code == 404


def test_the_list_takes_as_many_queries_for_many(people, run, django_assert_max_num_queries):
    mine(people)
    client = people.client("lab")
    client.get(f"/api/studies/{people.study.pk}/proposals")
    with django_assert_max_num_queries(8):
        client.get(f"/api/studies/{people.study.pk}/proposals")


def test_a_click_on_a_proposed_place_labels_that_patch(people, slide, run):
    mine(people)
    first = listed(people)[0]
    said = patch_label(
        user=people.pathologist,
        slide=slide,
        x=first["x_l0"],
        y=first["y_l0"],
        class_id=people.study.classes.get(counted=True).pk,
        client_key=uuid.uuid4(),
    )
    assert said.label.patch_id == first["patch_id"]
    assert len(listed(people)) == 2


def call(*args: object) -> str:
    out = io.StringIO()
    call_command("mine", *[str(arg) for arg in args], stdout=out)
    return out.getvalue()


def test_the_command_does_the_same(people, slide, run, tmp_path):
    out = tmp_path / "mined.json"
    said = call("--study", people.study.name, "--slide", slide.code, "--limit", 2, "--json", out)
    assert said == "2 new proposals, 2 wait for a pathologist on the label page.\n"
    written = json.loads(out.read_text())
    assert written["made"] == 2
    assert [row["x_l0"] for row in written["proposals"]] == [100, 300]
    assert Proposal.objects.values_list("created_by", flat=True).distinct().get() == people.study.created_by_id
    call("--study", people.study.name, "--limit", 3, "--user", people.pathologist.username)
    assert Proposal.objects.latest("pk").created_by == people.pathologist


@pytest.mark.parametrize(
    ("args", "words"), [(("--limit", 0), "--limit"), (("--slide", "S999"), "no slide"), ((), "Count cells first")]
)
def test_the_command_refuses_in_words(people, args, words):
    with pytest.raises(CommandError, match=words):
        call("--study", people.study.name, *args)


def test_foreign_patches_do_not_matter(people, run):
    study = StudyFactory.create()
    PatchFactory.create(study=study, png=png_of(1))
    model_of(study)
    assert mining.waiting_proposals(study).count() == 0
    assert mine(people).json()["made"] == 3
    assert mining.waiting_proposals(study).count() == 0
