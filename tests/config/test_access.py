"""Who gets what from every route: the table is generated from the URL resolver, so that no route is forgotten."""

import itertools
import re
import uuid
from typing import Any

import pytest
from django.db import transaction

from config.checks import _methods, api_views
from detection.models import DetectionRun, ModelComparison, ModelImport, ModelVersion, TrainingRun, Trial
from labeling.choices import Role
from labeling.models import DatasetFreeze
from labeling.permissions import Rule
from tests.factories import DatasetVersionFactory, LabelFactory, PatchFactory, UploadFactory, digest
from tests.labeling.conftest import Field, People

pytestmark = pytest.mark.django_db

PRINCIPALS = ("nobody", "stranger", *Role.values, "site_admin")
REFUSED = {401, 403, 404}
ABSENT_ID = 10**9
SCORES = {"accuracy": 1.0, "precision": 1.0, "recall": 1.0, "f1": 1.0, "confusion": [[1, 0], [0, 1]], "count": 2}
ROWS = [
    (route, method.upper(), view)
    for route, view in api_views()
    for method in _methods(view)
    if isinstance(view.access[method.upper()], Rule)
]
OWNERS_ONLY = {"api/uploads/<uuid:upload_id>"}


@pytest.fixture
def objects(people: People, field: Field) -> dict[str, Any]:
    """One object of each kind in the study, by the name its routes give it."""
    patch = PatchFactory.create(slide=field.slide, x_l0=100, y_l0=100)
    LabelFactory.create(patch=patch, reader=people.pathologist)
    shared = {"study": people.study, "number": 1, "created_by": people.admin, "code_version": "0"}
    dataset = DatasetVersionFactory.create(study=people.study)
    training = TrainingRun.objects.create(**shared, preset="quick", config={}, seed=1, dataset=dataset)
    model = ModelVersion.objects.create(
        study=people.study,
        number=1,
        trial=Trial.objects.create(run=training, parameters={}),
        sha256=digest("model"),
        size_bytes=1,
        metrics=dict.fromkeys(("validation", "test"), SCORES),
        threshold=0.5,
    )
    detection = DetectionRun.objects.create(
        **shared,
        slide=field.slide,
        model=model,
        slide_sha256=field.slide.sha256,
        model_sha256=model.sha256,
        params={},
        scale=1.0,
        threshold=0.5,
    )
    comparison = ModelComparison.objects.create(
        **shared, candidate=model, current=model, dataset=dataset, state="done", verdict="better", left_out=0
    )
    return {
        "comparison_id": comparison.pk,
        "import_id": ModelImport.objects.create(**shared, size_bytes=1).pk,
        "study_id": people.study.pk,
        "slide_id": field.slide.pk,
        "patch_id": patch.pk,
        "membership_id": people.study.memberships.get(role=Role.LAB).pk,
        "upload_id": UploadFactory.create(study=people.study, owner=people.lab).pk,
        "dataset_id": training.dataset_id,
        "freeze_id": DatasetFreeze.objects.create(study=people.study, created_by=people.admin, asked={}).pk,
        "model_id": model.pk,
        "training-runs/run_id": training.pk,
        "detection-runs/run_id": detection.pk,
        "number": 1,
        "level": 0,
        "col": 0,
        "row": 0,
    }


def address(route: str, objects: dict[str, Any], *, absent: bool = False) -> str:
    """Fill a route's arguments, with ids of objects or with ids that nobody has."""

    def fill(found: re.Match[str]) -> str:
        kind, name = found.group(1), found.group(2)
        if absent and name.endswith("_id"):
            return str(uuid.uuid4()) if kind == "uuid" else str(ABSENT_ID)
        key = name if name in objects else f"{route.split('/')[1]}/{name}"
        return str(objects[key])

    return "/" + re.sub(r"<(\w+):(\w+)>", fill, route)


def ask(people: People, who: str, method: str, url: str) -> Any:
    """Send an empty request and take back whatever it did."""
    client = people.client(who)
    with transaction.atomic():
        answer = client.generic(method, url, "{}", content_type="application/json")
        transaction.set_rollback(True)
    return answer


def expected(rule: Rule, who: str, route: str) -> int | None:
    """The refusal a person must get; None: the request must get through to the operation."""
    if rule.kind == "public":
        return None
    if who == "nobody":
        return 401
    if route in OWNERS_ONLY:
        return None if who == Role.LAB else 404
    if rule.kind == "site_admin":
        return None if who == "site_admin" else 403
    if rule.kind == "signed_in" or who == "site_admin":
        return None
    if who == "stranger":
        return 404
    return None if who in rule.roles else 403


def test_the_table_is_long_enough_to_be_the_whole_api():
    assert len(ROWS) >= 40


@pytest.mark.parametrize(("route", "method", "view"), ROWS, ids=[f"{m} {r}" for r, m, _ in ROWS])
def test_every_person_gets_what_the_rule_says(route, method, view, people, objects):
    rule = view.access[method]
    # GET twice: what was remembered of the first must let nobody else in, and nobody out.
    for who in [*PRINCIPALS, *reversed(PRINCIPALS)] if method == "GET" else PRINCIPALS:
        answer = ask(people, who, method, address(route, objects))
        wanted = expected(rule, who, route)
        if wanted is None and rule.kind != "public":
            assert answer.status_code not in REFUSED, (who, answer.content)
        if wanted is not None:
            assert answer.status_code == wanted, (who, answer.content)
        assert answer.status_code < 500, (who, answer.content)


@pytest.mark.parametrize(
    ("route", "method", "view"), [r for r in ROWS if "_id>" in r[0]], ids=lambda v: v if isinstance(v, str) else ""
)
def test_somebody_elses_looks_exactly_like_absent(route, method, view, people, objects):
    theirs = ask(people, "stranger", method, address(route, objects))
    absent = ask(people, "stranger", method, address(route, objects, absent=True))
    assert (theirs.status_code, theirs.content) == (404, absent.content)
    assert absent.status_code == 404
    assert ask(people, "site_admin", method, address(route, objects, absent=True)).status_code == 404


METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
ROUTES = {route: view for route, _, view in ROWS}


@pytest.mark.parametrize("route", ROUTES)
def test_a_wrong_method_is_refused_in_the_one_shape(route, people, objects):
    wrong = [m for m in METHODS if m not in ROUTES[route].access]
    for who, method in itertools.product(("site_admin", "stranger"), wrong):
        answer = ask(people, who, method, address(route, objects))
        assert answer.status_code == 405, (who, method)
        assert set(answer.json()) == {"code", "message", "extra"}


@pytest.mark.parametrize("bad", ["abc", "-1", "1.5", "%00", "../1", "9" * 40, "１"])
@pytest.mark.parametrize(
    "start", ["studies", "slides", "patches", "members", "uploads", "models", "datasets", "detection-runs"]
)
def test_a_malformed_id_is_absent(start, bad, people):
    answer = people.client("site_admin").get(f"/api/{start}/{bad}")
    assert answer.status_code in (404, 405), answer.content
    assert set(answer.json()) == {"code", "message", "extra"}
