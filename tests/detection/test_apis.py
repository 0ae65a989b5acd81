"""What the addresses of this side answer."""

import json
import uuid
from datetime import timedelta

import numpy as np
import pytest
from django.apps import apps
from django.utils import timezone

from detection import exports, selectors, services
from detection.choices import BlockState, ModelStatus, RunState
from detection.models import DetectionBlock, DetectionRun, TrainingRun
from detection.nn.config import PRESETS
from detection.nn.search import SearchSpace
from detection.registry.services import model_promote
from labeling.choices import Side, SlideState
from labeling.models import AccessRecord
from tests.detection.makers import (
    METRICS,
    DetectionRunFactory,
    ModelFactory,
    TrainingRunFactory,
    TrialFactory,
    add_toy_labels,
    finished_run,
    fold_result,
    freeze,
    model_of,
)
from tests.factories import DatasetItemFactory, DatasetVersionFactory, SlideFactory

pytestmark = pytest.mark.django_db

POINTS = [(10, 20, 0.9), (30, 5, 0.4), (7, 7, 0.6)]


@pytest.fixture
def slide(people):
    return SlideFactory.create(study=people.study, mpp=0.5)


@pytest.fixture
def model(people):
    return model_of(people.study, status=ModelStatus.CURRENT, threshold=0.62)


def start(people, slide, who="lab", **body):
    body = {"client_key": str(uuid.uuid4()), **body}
    return people.client(who).post(f"/api/slides/{slide.pk}/detection-runs", body, format="json")


def test_a_detection_is_queued_with_everything_it_can_be_traced_by(people, slide, model):
    answer = start(people, slide)
    assert answer.status_code == 201
    run = answer.json()
    assert run["state"] == "queued"
    assert run["model"] == {"id": model.pk, "number": model.number, "threshold": 0.62}
    assert (run["slide_sha256"], run["model_sha256"]) == (slide.sha256, model.sha256)
    assert (run["threshold"], run["slide_code"], run["created_by"]) == (0.62, slide.code, people.lab.name)
    assert run["code_version"]
    assert run["params"]["radius_um"] == people.study.radius_um
    assert run["progress"] == {"done": 0, "total": 1, "message": "Waiting for a worker", "eta_s": None}
    assert (run["count"], run["area_px"], run["error"]) == (None, None, None)
    assert people.client("lab").get(f"/api/detection-runs/{run['id']}").json() == run


def test_the_blocks_cover_the_slide_at_the_models_scale(people, slide, model):
    people.study.model_mpp = 1.0
    people.study.save()
    run = DetectionRun.objects.get(pk=start(people, slide).json()["id"])
    assert (run.scale, run.mpp) == (2.0, 0.5)
    assert sum(b.w * b.h for b in run.blocks.all()) == 300 * 250


def test_a_slide_of_unknown_scale_is_not_counted_at_the_wrong_one(people, model):
    people.study.model_mpp = 0.25
    people.study.save()
    answer = start(people, SlideFactory.create(study=people.study))
    assert (answer.status_code, answer.json()["code"]) == (400, "slide_needs_scale")
    assert not DetectionRun.objects.exists()


def test_the_same_key_answers_with_the_same_run(people, slide, model):
    key = str(uuid.uuid4())
    first, again = start(people, slide, client_key=key), start(people, slide, client_key=key)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    other = start(people, slide, client_key=key, params={"gate": False})
    assert (other.status_code, other.json()["code"]) == (409, "client_key_reused")
    elsewhere = start(people, SlideFactory.create(study=people.study), client_key=key)
    assert elsewhere.json()["code"] == "client_key_reused"
    assert start(people, slide, who="admin", client_key=key).status_code == 201


def test_a_region_may_be_asked_for_and_is_kept(people, slide, model):
    region = [[10, 10], [200.5, 10], [200, 150]]
    run = start(people, slide, regions=[region]).json()
    assert run["regions"] == [region]


@pytest.mark.parametrize(
    ("region", "words"),
    [
        ([[0, 0], [300, 300], [300, 0], [0, 300]], "Region 2 crosses its own outline"),
        ([[0, 0], [60, 0], [60, 60], [0, 60]], "Region 2 is smaller than one patch"),
    ],
)
def test_a_region_that_nobody_can_count_in_is_named(people, slide, model, region, words):
    answer = start(people, slide, regions=[[[0, 0], [100, 0], [100, 100]], region])
    assert (answer.status_code, answer.json()["code"]) == (400, "region_invalid")
    assert words in answer.json()["message"]
    assert answer.json()["extra"] == {"region": 2}
    assert not DetectionRun.objects.exists()


def test_a_region_has_a_thousand_corners_at_most(people, slide, model):
    turn = np.linspace(0, 2 * np.pi, 1001, endpoint=False)
    ring = np.column_stack([250 + 200 * np.cos(turn), 250 + 200 * np.sin(turn)]).tolist()
    assert start(people, slide, regions=[ring]).status_code == 400
    assert start(people, slide, regions=[ring[:-1]]).status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        {"regions": []},
        {"regions": [[[0, 0], [1, 1]]]},
        {"regions": [[[0, 0], [1, 0], [2, 0]]]},
        {"regions": [[[0, 0], [10, 0], ["nan", 10]]]},
        {"regions": [[[0, 0], [10, 0], [1e300, 10]]]},
        {"regions": [[[5000, 5000], [6000, 5000], [6000, 6000]]]},
        {"regions": "everywhere"},
        {"params": {"stride_px": 3}},
        {"params": {"head": "half"}},
        {"params": {"engine": "fast"}},
        {"params": {"gate": "perhaps"}},
        {"model_id": 0},
        {"client_key": "1"},
        {"client_key": None},
    ],
)
def test_a_bad_request_is_refused_in_words(people, slide, model, body):
    answer = start(people, slide, **body)
    assert answer.status_code == 400
    assert set(answer.json()) == {"code", "message", "extra"}
    assert not DetectionRun.objects.exists()


def test_a_detection_needs_a_ready_slide_and_a_model(people, slide):
    assert start(people, slide).json()["code"] == "no_current_model"
    foreign = ModelFactory.create()
    assert (start(people, slide, model_id=foreign.pk).status_code) == 404
    assert start(people, slide, model_id=foreign.pk).json()["code"] == "model_not_found"
    candidate = model_of(people.study)
    assert start(people, slide, model_id=candidate.pk).json()["model"]["id"] == candidate.pk
    waiting = SlideFactory.create(study=people.study, state=SlideState.PROCESSING)
    assert start(people, waiting).json()["code"] == "slide_not_ready"


def test_a_finished_detection_tells_count_area_and_density(people, slide):
    run = finished_run(POINTS, slide=slide, mpp=0.5, area_px=4_000_000, unread_px=1_000_000)
    shown = people.client("lab").get(f"/api/detection-runs/{run.pk}").json()
    assert (shown["count"], shown["point_count"]) == (2, 3)
    assert shown["area_mm2"] == pytest.approx(1.0)
    assert shown["density_per_mm2"] == pytest.approx(2.0)
    assert shown["unread_fraction"] == pytest.approx(0.2)


def test_without_a_scale_there_is_no_density(people):
    run = finished_run(POINTS, slide=SlideFactory.create(study=people.study))
    shown = people.client("lab").get(f"/api/detection-runs/{run.pk}").json()
    assert (shown["area_mm2"], shown["density_per_mm2"], shown["area_px"]) == (None, None, 300_000)


def test_the_dial_counts_again_at_once(people, slide):
    run = finished_run(POINTS, slide=slide)
    client = people.client("lab")
    for threshold, count in ((0.0, 3), (0.5, 2), (0.61, 1), (1, 0)):
        shown = client.patch(f"/api/detection-runs/{run.pk}", {"threshold": threshold}, format="json").json()
        assert (shown["threshold"], shown["count"]) == (threshold, count)
    for bad in (-0.1, 1.1, "nan", None, "high"):
        answer = client.patch(f"/api/detection-runs/{run.pk}", {"threshold": bad}, format="json")
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_the_dial_of_a_run_without_result_does_not_turn(people, slide):
    run = DetectionRunFactory.create(slide=slide, state=RunState.FAILED)
    answer = people.client("lab").patch(f"/api/detection-runs/{run.pk}", {"threshold": 0.2}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "run_without_result")


def test_a_cancel_is_final_and_may_be_repeated(people, slide):
    run = DetectionRunFactory.create(slide=slide, state=RunState.RUNNING)
    client = people.client("lab")
    for _ in range(2):
        answer = client.post(f"/api/detection-runs/{run.pk}/cancel")
        assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    done = finished_run(POINTS, slide=slide)
    assert client.post(f"/api/detection-runs/{done.pk}/cancel").json()["code"] == "run_ended"


def test_progress_counts_blocks_and_tells_the_time_left(people, slide):
    run = DetectionRunFactory.create(
        slide=slide, state=RunState.RUNNING, done=2, total=6, started_at=timezone.now() - timedelta(seconds=10)
    )
    DetectionBlock.objects.create(run=run, n=0, x=0, y=0, w=1, h=1, state=BlockState.FAILED, error="it stopped")
    shown = people.client("lab").get(f"/api/detection-runs/{run.pk}").json()
    assert (shown["progress"]["done"], shown["progress"]["total"], shown["blocks_failed"]) == (2, 6, 1)
    assert shown["progress"]["eta_s"] == pytest.approx(20, abs=2)


def test_points_come_as_packed_floats(people, slide):
    run = finished_run(POINTS, slide=slide)
    answer = people.client("pathologist").get(f"/api/detection-runs/{run.pk}/points", HTTP_ACCEPT="image/png")
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["X-Content-Type-Options"] == "nosniff"
    found = np.frombuffer(b"".join(answer.streaming_content), "<f4").reshape(-1, 3)
    assert found.tolist() == np.array(POINTS, dtype="<f4").tolist()


def test_points_are_fetched_once(people, slide):
    run = finished_run(POINTS, slide=slide)
    address, client = f"/api/detection-runs/{run.pk}/points", people.client("pathologist")
    answer = client.get(address)
    assert answer["ETag"] == f'"{run.points_sha256}"'
    assert answer["Cache-Control"] == "private, max-age=31536000, immutable"
    again = client.get(address, HTTP_IF_NONE_MATCH=answer["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(address, HTTP_IF_NONE_MATCH='"another"').status_code == 200
    stranger = people.client("stranger").get(address, HTTP_IF_NONE_MATCH=answer["ETag"])
    assert stranger.status_code == 404


def running_blocks(slide, *found):
    """A run that goes on, with blocks that found these points, in the order in which they were done."""
    run = DetectionRunFactory.create(slide=slide, state=RunState.RUNNING, done=len(found), total=len(found) + 1)
    for nth, points in enumerate(found, start=1):
        packed = np.array(points, dtype="<f4").tobytes()
        DetectionBlock.objects.create(
            run=run, n=len(found) - nth, x=0, y=0, w=512, h=512, state=BlockState.DONE, candidates=packed, nth=nth
        )
    DetectionBlock.objects.create(run=run, n=len(found), x=512, y=0, w=88, h=500)
    return run


def found_by(client, run, after=None):
    answer = client.get(f"/api/detection-runs/{run.pk}/found", {} if after is None else {"after": after})
    points = np.frombuffer(answer.content, "<f4").reshape(-1, 3)
    return sorted(points[:, 0].tolist()), int(answer["Blocks-Done"])


def test_what_a_run_has_found_comes_block_by_block(people, slide, monkeypatch):
    run = running_blocks(slide, [(10, 10, 0.9), (12, 10, 0.4)], [], [(200, 10, 0.3)])
    client = people.client("pathologist")
    assert found_by(client, run) == ([10, 200], 3)  # (12, 10) is the first cell once more
    assert found_by(client, run, after=1) == ([200], 3)
    assert found_by(client, run, after=3) == ([], 3)
    monkeypatch.setattr(exports, "_BLOCKS_AT_ONCE", 2)
    assert found_by(client, run) == ([10], 2)
    assert found_by(client, run, after=2) == ([200], 3)
    answer = client.get(f"/api/detection-runs/{run.pk}/found")
    assert (answer["Cache-Control"], answer["X-Content-Type-Options"]) == ("no-store", "nosniff")


def test_a_run_that_waits_has_found_nothing(people, slide):
    assert found_by(people.client("lab"), DetectionRunFactory.create(slide=slide)) == ([], 0)


@pytest.mark.parametrize("after", ["-1", "x", "1.5", str(2**31)])
def test_a_place_to_go_on_from_is_a_number_of_blocks(people, slide, after):
    run = DetectionRunFactory.create(slide=slide)
    answer = people.client("lab").get(f"/api/detection-runs/{run.pk}/found?after={after}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_areas_that_could_not_be_read_are_named(people, slide):
    run = finished_run(POINTS, slide=slide, scale=2.0)
    common = {"run": run, "w": 512, "h": 512, "y": 0}
    DetectionBlock.objects.create(n=0, x=0, state=BlockState.DONE, candidates=b"", **common)
    DetectionBlock.objects.create(n=1, x=512, state=BlockState.FAILED, error="No room.", **common)
    DetectionBlock.objects.create(
        n=2, x=1024, state=BlockState.DONE, candidates=b"", unread_px=9, unread=[[1030, 4, 3, 3]], **common
    )
    DetectionBlock.objects.create(n=3, x=1536, state=BlockState.DONE, candidates=b"", unread_px=9, **common)
    areas = people.client("pathologist").get(f"/api/detection-runs/{run.pk}/unread").json()
    assert [[a["x"], a["y"], a["width"], a["height"]] for a in areas] == [
        [1024, 0, 1024, 1024],
        [2060, 8, 6, 6],
        [3072, 0, 1024, 1024],
    ]
    assert [a["reason"] for a in areas] == ["No room.", selectors.UNREADABLE, selectors.UNREADABLE]


@pytest.mark.parametrize("tail", ["points", "export.csv", "export.geojson"])
def test_points_of_a_run_without_result_are_a_conflict(people, slide, tail):
    run = DetectionRunFactory.create(slide=slide, state=RunState.RUNNING)
    answer = people.client("lab").get(f"/api/detection-runs/{run.pk}/{tail}")
    assert (answer.status_code, answer.json()["code"]) == (409, "detection_without_points")
    assert not AccessRecord.objects.exists()


@pytest.mark.parametrize("kind", ["csv", "geojson"])
def test_an_export_is_written_down(people, slide, kind):
    run = finished_run(POINTS, slide=slide)
    answer = people.client("pathologist").get(f"/api/detection-runs/{run.pk}/export.{kind}")
    assert answer.status_code == 200
    assert f"detection-{run.pk}.{kind}" in answer["Content-Disposition"]
    record = AccessRecord.objects.get()
    assert (record.user, record.slide, record.action) == (people.pathologist, slide, "export_points")
    assert record.detail == f"detection {run.number} {kind}"


def test_lists_filter_and_show_the_newest_of_each_slide(people, slide):
    other = SlideFactory.create(study=people.study)
    runs = [DetectionRunFactory.create(slide=s, number=n) for n, s in enumerate((slide, slide, other), start=1)]
    DetectionRun.objects.filter(pk=runs[1].pk).update(state=RunState.FAILED)
    client = people.client("lab")

    def numbers(query: str) -> list[int]:
        found = client.get(f"/api/studies/{people.study.pk}/detection-runs?{query}").json()
        return [row["number"] for row in found["results"]]

    assert numbers("") == [3, 2, 1]
    assert numbers(f"slide={slide.pk}") == [2, 1]
    assert numbers("state=failed") == [2]
    assert numbers("latest=1") == [3, 2]
    assert numbers("latest=1&state=queued") == [3, 1]
    assert numbers("page_size=1&page=2") == [2]
    assert client.get(f"/api/studies/{people.study.pk}/detection-runs?state=odd").status_code == 400


@pytest.mark.parametrize("kind", ["detection-runs", "training-runs", "models"])
def test_a_list_asks_the_same_number_of_questions_for_any_length(people, kind, django_assert_max_num_queries):
    client = people.client("admin")
    for length in (1, 6):
        while TrainingRun.objects.filter(study=people.study).count() < length:
            DetectionRunFactory.create(slide__study=people.study)
        with django_assert_max_num_queries(9):
            found = client.get(f"/api/studies/{people.study.pk}/{kind}").json()
        assert found["count"] == length


def test_a_training_run_shows_its_data_curve_and_scores(people):
    dataset = DatasetVersionFactory.create(study=people.study)
    counted, other = people.study.classes.get(counted=True), people.study.classes.get(counted=False)
    for side, label_class in ((Side.TRAIN, counted), (Side.TRAIN, counted), (Side.TRAIN, other), (Side.TEST, other)):
        DatasetItemFactory.create(dataset=dataset, side=side, label_class=label_class)
    run = TrainingRunFactory.create(dataset=dataset, state=RunState.DONE, metrics=METRICS)
    point = {"step": 3, "loss": 0.7, "accuracy": None, "precision": None, "recall": None, "validation_loss": None}
    model = ModelFactory.create(trial=TrialFactory.create(run=run, curve=[point]))
    shown = people.client("pathologist").get(f"/api/training-runs/{run.pk}").json()
    assert shown["dataset"]["counts"] == {
        "train": {"positive": 2, "negative": 1},
        "validation": {"positive": 0, "negative": 0},
        "test": {"positive": 0, "negative": 1},
    }
    assert shown["dataset"]["content_hash"] == dataset.content_hash
    assert (shown["curve"], shown["curve_trial"], shown["model_id"]) == ([point], 1, model.pk)
    rest: dict = {"judge_scores": None, "slides": [], "classes": [], "wrong": []}
    assert shown["metrics"] == METRICS | rest


def test_a_training_starts_by_the_address(people):
    add_toy_labels(people.study, 40)
    address = f"/api/studies/{people.study.pk}/training-runs"
    body = {"preset": "quick", "seed": 3, "epochs": 2, "sources": ["import"], "client_key": str(uuid.uuid4())}
    client = people.client("admin")
    first, again = client.post(address, body, format="json"), client.post(address, body, format="json")
    assert (first.status_code, again.status_code) == (201, 200)
    run = first.json()
    assert (run["state"], run["seed"], run["config"]["epochs"]) == ("queued", 3, 2)
    assert (run["dataset"], run["config"]["windows_beside"], run["windows_beside"]) == (None, 0, None)
    [listed] = client.get(address).json()["results"]
    assert (listed["id"], listed["dataset"]) == (run["id"], None)
    bad: dict
    for bad in ({"preset": "odd"}, {"epochs": 0}, {"seed": -1}, {"sources": ["web"]}, {"slides": []},
                {"windows_beside": 9}, {"windows_beside": -1}, {"windows_beside": "x"}):  # fmt: skip
        assert client.post(address, body | bad, format="json").status_code == 400
    assert client.post(address, body | {"seed": 4}, format="json").json()["code"] == "client_key_reused"


@pytest.mark.parametrize(("asked", "found"), [({}, 2), ({"windows_beside": None}, 2), ({"windows_beside": 0}, 0)])
def test_windows_beside_cells_are_the_recipes_unless_a_number_is_asked_for(people, asked, found):
    add_toy_labels(people.study, 40)
    body = {"preset": "default", "client_key": str(uuid.uuid4())} | asked
    answer = people.client("admin").post(f"/api/studies/{people.study.pk}/training-runs", body, format="json")
    assert answer.json()["config"] == PRESETS["default"].changed(windows_beside=found).to_json()


def test_a_search_starts_by_the_address_and_shows_what_it_was_asked(people):
    add_toy_labels(people.study, 40)
    address = f"/api/studies/{people.study.pk}/training-runs"
    client = people.client("admin")
    space = {"learning_rate": [1e-4, 1e-2], "max_steps": [100, 900]}
    body: dict = {"preset": "paper", "trials": 5, "folds": 3, "minutes": 60, "space": space}
    dataset = freeze(people.study)
    shown = client.post(address, body | {"client_key": str(uuid.uuid4()), "dataset": dataset}, format="json").json()
    assert (shown["trial_limit"], shown["folds"], shown["minutes"]) == (5, 3, 60)
    assert shown["space"] == SearchSpace().to_json() | space
    assert (shown["trials"], shown["best_trial"], shown["stop_asked"]) == ([], None, False)
    assert (shown["dataset"]["id"], shown["dataset"]["number"]) == (dataset, 1)
    assert sum(sum(kinds.values()) for kinds in shown["dataset"]["counts"].values()) == 40
    bad: dict
    for bad in (
        {"trials": 0}, {"trials": 201}, {"folds": 11}, {"minutes": 0}, {"dataset": 0}, {"dataset": "x"},
        {"space": {"dropout": [0, 1], "learning_rate": [2, 1]}}, {"space": {"max_steps": [1.5, 3]}},
        {"space": {"learning_rate": [1e-3]}}, {"space": {"learning_rate": ["nan", 1]}}, {"space": []},
        {"dataset": dataset, "sources": ["import"]},
    ):  # fmt: skip
        answer = client.post(address, body | {"client_key": str(uuid.uuid4())} | bad, format="json")
        assert answer.status_code == 400, bad
    foreign = DatasetVersionFactory.create()
    answer = client.post(address, body | {"client_key": str(uuid.uuid4()), "dataset": foreign.pk}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (404, "dataset_not_found")


def test_a_stop_is_asked_for_by_the_address(people):
    run = TrainingRunFactory.create(dataset__study=people.study, state=RunState.RUNNING)
    client = people.client("admin")
    for _ in range(2):
        answer = client.post(f"/api/training-runs/{run.pk}/stop")
        assert (answer.status_code, answer.json()["state"], answer.json()["stop_asked"]) == (200, "running", True)
    TrainingRun.objects.filter(pk=run.pk).update(state=RunState.DONE)
    answer = client.post(f"/api/training-runs/{run.pk}/stop")
    assert (answer.status_code, answer.json()["code"]) == (409, "run_ended")


def test_the_table_of_trials_has_no_curves_and_each_trial_its_own(people):
    run = TrainingRunFactory.create(dataset__study=people.study, state=RunState.RUNNING, trial_limit=3)
    point = {"step": 5, "loss": 0.7, "accuracy": 0.9, "precision": 0.8, "recall": 1.0, "validation_loss": 0.4}
    TrialFactory.create(run=run, validation_loss=0.4, curve=[point], parameters={"learning_rate": 0.01})
    TrialFactory.create(run=run, state="running", validation_loss=None, metrics=None, fold_results=[],
                        stopped_because="", curve=[point | {"step": 6}])  # fmt: skip
    client = people.client("lab")
    shown = client.get(f"/api/training-runs/{run.pk}").json()
    first, second = shown["trials"]
    assert (first["state"], first["parameters"], first["validation_loss"]) == ("done", {"learning_rate": 0.01}, 0.4)
    assert first["folds"] == [{name: value for name, value in fold_result(loss=0.4).items() if name != "curve"}]
    assert (second["stopped_because"], second["metrics"]) == (None, None)
    assert "curve" not in first
    assert (shown["curve_trial"], shown["curve"], shown["best_trial"]) == (2, [point | {"step": 6}], 1)
    assert client.get(f"/api/training-runs/{run.pk}/trials/1").json() == first | {"curve": [point]}
    assert client.get(f"/api/training-runs/{run.pk}/trials/3").status_code == 404
    [listed] = client.get(f"/api/studies/{people.study.pk}/training-runs").json()["results"]
    assert {"trials", "curve", "curve_trial"}.isdisjoint(listed)


def test_too_few_labels_are_a_conflict_in_words(people):
    body = {"preset": "quick", "client_key": str(uuid.uuid4())}
    answer = people.client("admin").post(f"/api/studies/{people.study.pk}/training-runs", body, format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "dataset_too_few")


def test_who_promoted_and_who_turned_the_dial_is_in_the_audit_trail(people, slide):
    model, run = model_of(people.study), finished_run(POINTS, slide=slide)
    model_promote(model=model, user=people.admin, reason="better recall")
    services.detection_set_threshold(run=run, threshold=0.7)
    changes = apps.get_model("detection.ModelVersionEvent").objects.filter(pgh_obj=model, pgh_label="update")
    assert list(changes.values_list("status", "reason")) == [("current", "better recall")]
    dials = apps.get_model("detection.DetectionRunEvent").objects.filter(pgh_obj=run).order_by("pgh_id")
    assert list(dials.values_list("threshold", flat=True)) == [0.5, 0.7]


def test_answers_are_plain_json(people, slide):
    run = finished_run(POINTS, slide=slide)
    text = people.client("lab").get(f"/api/detection-runs/{run.pk}").content.decode()
    assert "NaN" not in text
    assert json.loads(text)["id"] == run.pk
