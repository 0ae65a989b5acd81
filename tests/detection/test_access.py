"""Who may call what: every route of this side × person × expected status."""

import uuid

import pytest
from django.db import transaction

from config.checks import api_views
from detection.choices import RunState, Verdict
from detection.models import DetectionRun, ModelComparison, ModelImport, Promotion, Proposal, TrainingRun
from tests.detection.makers import DetectionRunFactory as QueuedRun
from tests.detection.makers import (
    ModelImportFactory,
    TrainingRunFactory,
    TrialFactory,
    add_toy_labels,
    compared,
    current_model,
    finished_run,
    model_of,
)
from tests.factories import DatasetVersionFactory, SlideFactory

pytestmark = pytest.mark.django_db

EVERYBODY = {"nobody": 401, "stranger": 404, "pathologist": 200, "lab": 200, "admin": 200, "site_admin": 200}
LAB = {**EVERYBODY, "pathologist": 403}
ADMIN = {**LAB, "lab": 403}
CASES = [
    ("GET", "studies/{study}/training-runs", EVERYBODY),
    ("POST", "studies/{study}/training-runs", ADMIN),
    ("GET", "training-runs/{training}", EVERYBODY),
    ("POST", "training-runs/{training}/cancel", ADMIN),
    ("POST", "training-runs/{training}/stop", ADMIN),
    ("GET", "training-runs/{training}/trials/{trial}", EVERYBODY),
    ("GET", "studies/{study}/models", EVERYBODY),
    ("GET", "models/{model}", EVERYBODY),
    ("GET", "models/{model}/comparison", EVERYBODY),
    ("POST", "models/{model}/comparison", ADMIN),
    ("POST", "models/{model}/promote", ADMIN),
    ("GET", "models/{model}/card", EVERYBODY),
    ("GET", "models/{model}/card.md", EVERYBODY),
    ("GET", "models/{model}/checkpoint", EVERYBODY),
    ("POST", "studies/{study}/models/import", ADMIN),
    ("GET", "studies/{study}/models/roll-back", EVERYBODY),
    ("POST", "studies/{study}/models/roll-back", ADMIN),
    ("GET", "studies/{study}/promotions", EVERYBODY),
    ("GET", "comparisons/{comparison}", EVERYBODY),
    ("GET", "model-imports/{import}", EVERYBODY),
    ("GET", "studies/{study}/detection-runs", EVERYBODY),
    ("POST", "studies/{study}/detection-runs", LAB),
    ("GET", "studies/{study}/counts", EVERYBODY),
    ("GET", "studies/{study}/counts.csv", EVERYBODY),
    ("GET", "studies/{study}/proposals", EVERYBODY),
    ("POST", "studies/{study}/proposals", {**EVERYBODY, "lab": 403}),
    ("POST", "slides/{slide}/detection-runs", LAB),
    ("GET", "detection-runs/{detection}", EVERYBODY),
    ("PATCH", "detection-runs/{detection}", LAB),
    ("POST", "detection-runs/{queued}/cancel", LAB),
    ("GET", "detection-runs/{detection}/points", EVERYBODY),
    ("GET", "detection-runs/{queued}/found", EVERYBODY),
    ("GET", "detection-runs/{detection}/unread", EVERYBODY),
    ("GET", "detection-runs/{detection}/export.csv", EVERYBODY),
    ("GET", "detection-runs/{detection}/export.geojson", EVERYBODY),
]
BODIES: dict[str, dict] = {
    "studies/{study}/training-runs": {"preset": "quick"},
    "slides/{slide}/detection-runs": {},
    "detection-runs/{detection}": {"threshold": 0.7},
}
KINDS = ("study", "training", "trial", "model", "slide", "detection", "queued", "comparison", "import")
ABOUT_SLIDES = {"studies/{study}/detection-runs"}
FILES = {"studies/{study}/models/import"}


@pytest.fixture
def things(people, toy_checkpoint):
    study = people.study
    add_toy_labels(study, 40)
    current = current_model(study, toy_checkpoint)
    model = model_of(study, sha256=current.sha256)
    Promotion.objects.create(
        study=study, model=current, previous=model_of(study), created_by=people.admin, reason="it was"
    )
    slide = SlideFactory.create(study=study)
    training = TrainingRunFactory.create(dataset=DatasetVersionFactory.create(study=study))
    return {
        "study": study.pk,
        "training": training.pk,
        "trial": TrialFactory.create(run=training).number,
        "model": model.pk,
        "comparison": compared(model, current, Verdict.BETTER).pk,
        "import": ModelImportFactory.create(study=study).pk,
        "slide": slide.pk,
        "detection": finished_run([(10, 10, 0.9)], slide=slide).pk,
        "queued": QueuedRun.create(slide=slide).pk,
    }


def call(client, method, route, ids):
    if route in FILES:
        address = f"/api/{route.format(**ids)}?client_key={uuid.uuid4()}"
        return client.post(address, b"a file", content_type="application/octet-stream")
    body = {"client_key": str(uuid.uuid4()), **BODIES.get(route, {})} if method != "GET" else None
    if body and route in ABOUT_SLIDES:
        body["slides"] = [ids["slide"]]
    return getattr(client, method.lower())(f"/api/{route.format(**ids)}", body, format="json")


@pytest.mark.parametrize(("method", "route", "rule"), CASES)
def test_the_table_of_access(people, things, method, route, rule):
    for who, status in rule.items():
        with transaction.atomic():
            answer = call(people.client(who), method, route, things)
            transaction.set_rollback(True)
        allowed = (200, 201) if status == 200 else (status,)
        assert answer.status_code in allowed, (who, answer.content)
        if status >= 400:
            assert set(answer.json()) == {"code", "message", "extra"}


@pytest.mark.parametrize(("method", "route"), [case[:2] for case in CASES])
def test_a_foreign_thing_answers_like_an_absent_one(people, things, method, route):
    foreign = call(people.client("stranger"), method, route, things)
    absent = call(people.client("stranger"), method, route, dict.fromkeys(things, 987_654))
    assert foreign.status_code == absent.status_code == 404
    assert foreign.json() == absent.json()


@pytest.mark.parametrize("route", sorted({case[1] for case in CASES}))
def test_a_malformed_id_is_nothing(people, route):
    client = people.client("site_admin")
    for bad in ("abc", "-1", "1.5", "1%00", "9" * 30):
        ids = dict.fromkeys(KINDS, bad)
        assert client.get(f"/api/{route.format(**ids)}").status_code in (404, 405), bad


@pytest.mark.parametrize("route", sorted({case[1] for case in CASES}))
def test_other_methods_are_not_allowed(people, things, route):
    known = {method for method, of, _ in CASES if of == route}
    client = people.client("site_admin")
    for method in {"get", "post", "put", "patch", "delete"} - {name.lower() for name in known}:
        answer = getattr(client, method)(f"/api/{route.format(**things)}", {}, format="json")
        assert answer.status_code == 405, method


def test_the_table_is_whole():
    mine = {
        (method.upper(), route.removeprefix("api/"))
        for route, view in api_views()
        if view.__module__ in ("detection.apis", "detection.registry.apis")
        for method in ("get", "post", "put", "patch", "delete")
        if hasattr(view, method)
    }
    ids = dict.fromkeys(("training", "detection", "queued"), "<int:run_id>")
    ids |= {"study": "<int:study_id>", "slide": "<int:slide_id>", "model": "<int:model_id>", "trial": "<int:number>"}
    ids |= {"comparison": "<int:comparison_id>", "import": "<int:import_id>"}
    spelt = {(method, route.format(**ids)) for method, route, _ in CASES}
    assert spelt == mine


def test_refusals_change_nothing(people, things, own_media):
    def counts():
        kinds = (TrainingRun, DetectionRun, ModelComparison, ModelImport, Promotion, Proposal)
        return [kind.objects.count() for kind in kinds]

    before = counts()
    for who in ("nobody", "stranger", "pathologist"):
        for method, route, rule in CASES:
            if method != "GET" and rule[who] != 200:
                call(people.client(who), method, route, things)
    assert TrainingRun.objects.get(pk=things["training"]).state == RunState.QUEUED
    assert DetectionRun.objects.get(pk=things["queued"]).state == RunState.QUEUED
    assert DetectionRun.objects.get(pk=things["detection"]).threshold == 0.5
    assert counts() == before
    assert not list((own_media / "uploads").glob("*"))
