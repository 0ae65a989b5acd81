"""What the addresses of the registry answer."""

import subprocess
import sys
import uuid

import pytest

from detection import runs
from detection.choices import ModelStatus, RunState, Verdict
from detection.models import ModelComparison, ModelImport, ModelVersion
from labeling import media
from labeling.models import AccessRecord
from tests.detection.makers import (
    METRICS,
    ComparisonFactory,
    ImportedModelFactory,
    compared,
    labels_of,
    model_of,
    run_of,
)
from tests.factories import DatasetVersionFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def current(people, toy_checkpoint):
    return model_of(people.study, sha256=media.store_copy(toy_checkpoint), status=ModelStatus.CURRENT)


@pytest.fixture
def candidate(people, current):
    return model_of(people.study, sha256=current.sha256)


def post(people, address, body=None, who="admin"):
    return people.client(who).post(f"/api/{address}", body or {}, format="json")


def get(people, address, who="pathologist"):
    return people.client(who).get(f"/api/{address}")


def send(people, data, *, key=None, who="admin", kind="application/octet-stream", **query):
    told = "&".join(f"{k}={v}" for k, v in {"client_key": key or uuid.uuid4(), **query}.items())
    address = f"/api/studies/{people.study.pk}/models/import?{told}"
    return people.client(who).post(address, data, content_type=kind)


def test_a_comparison_is_queued_once_and_shown(people, candidate, current):
    first, again = (post(people, f"models/{candidate.pk}/comparison") for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    shown = first.json()
    dataset = labels_of(candidate)
    assert shown["candidate"] == {"id": candidate.pk, "number": candidate.number}
    assert shown["current"] == {"id": current.pk, "number": current.number}
    assert shown["dataset"]["content_hash"] == dataset.content_hash
    assert (shown["state"], shown["verdict"], shown["left_out"], shown["result"]) == ("queued", None, None, None)
    assert shown["unknown_data"] == []
    assert get(people, f"comparisons/{shown['id']}").json() == shown
    assert get(people, f"models/{candidate.pk}/comparison").json() == {"current": shown["current"], "comparison": shown}


def test_a_model_that_was_never_compared_says_against_what_it_would_be(people, candidate, current):
    ref = {"id": current.pk, "number": current.number}
    assert get(people, f"models/{candidate.pk}/comparison").json() == {"current": ref, "comparison": None}
    ModelVersion.objects.filter(pk=current.pk).update(status=ModelStatus.RETIRED)
    assert get(people, f"models/{candidate.pk}/comparison").json() == {"current": None, "comparison": None}


def test_a_comparison_that_is_done_shows_scores_intervals_and_test(people, candidate, current):
    scores = METRICS["test"]
    interval = {"value": 0.1, "low": -0.2, "high": 0.3}
    intervals = dict.fromkeys(("accuracy", "precision", "recall", "f1"), interval)
    judged = {"threshold": 0.5, "scores": scores, "intervals": intervals}
    result = {
        "positives": 5,
        "negatives": 5,
        "candidate": judged,
        "current": judged,
        "difference": intervals,
        "mcnemar": {"only_first": 1, "only_second": 2, "method": "exact", "statistic": None, "p_value": 1.0},
        "too_few": True,
        "verdict": "not_told_apart",
    }
    found = ComparisonFactory.create(
        candidate=candidate,
        current=current,
        state=RunState.DONE,
        verdict=Verdict.NOT_TOLD_APART,
        left_out=3,
        result=result,
    )
    shown = get(people, f"comparisons/{found.pk}").json()
    assert (shown["verdict"], shown["left_out"], shown["result"]) == ("not_told_apart", 3, result)


def test_a_model_whose_labels_are_unknown_is_named(people, current):
    DatasetVersionFactory.create(study=people.study)
    imported = ImportedModelFactory.create(study=people.study)
    assert post(people, f"models/{imported.pk}/comparison").json()["unknown_data"] == [imported.number]


def test_what_cannot_be_compared_is_a_conflict(people, candidate, current):
    answer = post(people, f"models/{current.pk}/comparison")
    assert (answer.status_code, answer.json()["code"]) == (409, "model_is_current")
    ModelVersion.objects.filter(pk=current.pk).update(status=ModelStatus.RETIRED)
    answer = post(people, f"models/{candidate.pk}/comparison")
    assert (answer.status_code, answer.json()["code"]) == (409, "no_current_model")


def test_promotion_goes_from_refusal_to_reason_to_the_one_that_counts(people, candidate, current):
    address = f"models/{candidate.pk}/promote"
    answer = post(people, address, {"reason": "because"})
    assert (answer.status_code, answer.json()["code"]) == (409, "comparison_missing")
    found = ComparisonFactory.create(candidate=candidate, current=current)
    answer = post(people, address, {"reason": "because"})
    assert (answer.status_code, answer.json()["code"]) == (409, "comparison_open")
    ModelComparison.objects.filter(pk=found.pk).update(state="done", verdict="not_told_apart", left_out=0)
    answer = post(people, address)
    assert (answer.status_code, answer.json()["code"]) == (400, "reason_required")
    assert answer.json()["extra"] == {"verdict": "not_told_apart"}
    assert post(people, address, {"reason": "x" * 2001}).json()["code"] == "invalid"
    shown = post(people, address, {"reason": "half the size"}).json()
    assert (shown["status"], shown["reason"], shown["promoted_by"]) == ("current", "half the size", people.admin.name)
    assert post(people, address).json()["code"] == "model_is_current"
    listed = get(people, f"studies/{people.study.pk}/models").json()["results"]
    assert {row["id"]: row["status"] for row in listed} == {current.pk: "retired", candidate.pk: "current"}


def test_one_click_rolls_back_and_the_history_tells_it(people, candidate, current):
    address = f"studies/{people.study.pk}/models/roll-back"
    mine, theirs = ({"id": model.pk, "number": model.number} for model in (candidate, current))
    assert get(people, address).json() == {"current": theirs, "former": None}
    assert (post(people, address).status_code, post(people, address).json()["code"]) == (409, "nothing_to_roll_back")
    comparison = compared(candidate, current, Verdict.BETTER)
    post(people, f"models/{candidate.pk}/promote")
    assert get(people, address).json() == {"current": mine, "former": theirs}
    shown = post(people, address, {"reason": "too many finds"}).json()
    assert (shown["id"], shown["status"], shown["reason"]) == (current.pk, "current", "too many finds")
    told = get(people, f"studies/{people.study.pk}/promotions").json()
    assert [(row["kind"], row["model"], row["previous"], row["verdict"]) for row in told["results"]] == [
        ("roll_back", theirs, mine, None),
        ("promotion", mine, theirs, "better"),
    ]
    assert told["results"][1]["comparison"] == comparison.pk
    assert {row["created_by"] for row in told["results"]} == {people.admin.name}


def test_the_history_asks_the_same_number_of_questions_for_any_length(
    people, candidate, current, django_assert_max_num_queries
):
    compared(candidate, current, Verdict.BETTER)
    client = people.client("lab")
    for length in (1, 2, 3):
        if length % 2:
            post(people, f"models/{candidate.pk}/promote")
        else:
            post(people, f"studies/{people.study.pk}/models/roll-back")
        with django_assert_max_num_queries(7):
            found = client.get(f"/api/studies/{people.study.pk}/promotions").json()
        assert found["count"] == length


def test_imported_and_trained_models_are_listed_alike(people, current):
    imported = ImportedModelFactory.create(study=people.study, number=current.number + 1, imported_by=people.admin)
    shown = get(people, f"studies/{people.study.pk}/models").json()["results"]
    assert [row["id"] for row in shown] == [imported.pk, current.pk]
    assert (shown[0]["metrics"], shown[0]["training_run"]) == (None, None)
    assert (shown[0]["imported_by"], shown[0]["file_name"]) == (people.admin.name, "counter.safetensors")
    assert (shown[1]["imported_by"], shown[1]["training_run"]) == (None, run_of(current).pk)


def test_the_card_is_a_page_and_a_file(people, current):
    shown = get(people, f"models/{current.pk}/card").json()
    assert (shown["model"]["id"], shown["origin"]["kind"]) == (current.pk, "trained")
    assert shown["inside"]["architecture"] == "paper-valid"
    assert not AccessRecord.objects.exists()
    answer = people.client("pathologist").get(f"/api/models/{current.pk}/card.md", HTTP_ACCEPT="text/html")
    assert answer["Content-Type"] == "text/markdown; charset=utf-8"
    assert answer["Content-Disposition"] == f'attachment; filename="model-{current.pk}.md"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer.content.decode().startswith(f"# Model {current.number} of ")
    assert AccessRecord.objects.get().detail == f"model {current.number} card"


def test_a_checkpoint_is_taken_out_as_it_is_and_written_down(people, current, toy_checkpoint):
    answer = people.client("lab").get(f"/api/models/{current.pk}/checkpoint", HTTP_ACCEPT="image/png")
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"] == f'attachment; filename="model-{current.pk}.safetensors"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Length"] == str(toy_checkpoint.stat().st_size)
    assert b"".join(answer.streaming_content) == toy_checkpoint.read_bytes()
    record = AccessRecord.objects.get()
    assert (record.user, record.action, record.detail) == (
        people.lab,
        "export_model",
        f"model {current.number} checkpoint",
    )


def test_a_checkpoint_that_is_missing_is_a_conflict(people):
    model = model_of(people.study)
    answer = get(people, f"models/{model.pk}/checkpoint")
    assert (answer.status_code, answer.json()["code"]) == (409, "checkpoint_missing")
    assert not AccessRecord.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_what_was_taken_out_can_be_brought_in_elsewhere(people, toy_checkpoint):
    data, key = toy_checkpoint.read_bytes(), uuid.uuid4()
    first, again = (send(people, data, key=key, file_name="theirs.safetensors") for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    shown = first.json()
    assert (shown["state"], shown["file_name"], shown["size_bytes"]) == ("queued", "theirs.safetensors", len(data))
    assert again.json()["id"] == shown["id"]
    runs.import_model(shown["id"])
    shown = get(people, f"model-imports/{shown['id']}").json()
    assert (shown["state"], shown["error"]) == ("done", None)
    model = get(people, f"models/{shown['model_id']}").json()
    assert (model["status"], model["imported_by"], model["metrics"]) == ("candidate", people.admin.name, None)
    assert send(people, data[:-1], key=key).json()["code"] == "client_key_reused"


@pytest.mark.django_db(transaction=True)
def test_a_refusal_is_told_in_words(people):
    shown = send(people, b"GIF89a").json()
    runs.import_model(shown["id"])
    shown = get(people, f"model-imports/{shown['id']}").json()
    assert (shown["state"], shown["model_id"], shown["error"]["code"]) == ("failed", None, "checkpoint_damaged")


def test_an_import_is_a_file_with_a_key_within_limits(people, settings):
    settings.MODEL_LIMIT_BYTES = 10
    answers = {
        "content_type": send(people, b"x", kind="text/plain"),
        "invalid": send(people, b"x", key="no-key"),
        "model_empty": send(people, b""),
        "model_too_large": send(people, b"x" * 11),
    }
    assert {code: answer.json()["code"] for code, answer in answers.items()} == {code: code for code in answers}
    assert [answer.status_code for answer in answers.values()] == [415, 400, 400, 413]
    assert not ModelImport.objects.exists()


def test_a_file_larger_than_a_json_body_is_taken(people, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    assert send(people, b"x" * 1000).status_code == 201


def test_the_web_process_never_loads_torch():
    code = (
        "import config.wsgi, sys; from django.urls import get_resolver; get_resolver().url_patterns; "
        "import detection.registry.apis, detection.registry.services, detection.registry.card_text; "
        "import detection.management.commands.model; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
