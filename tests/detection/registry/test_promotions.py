"""Which model counts: on evidence or with a reason, one click back, and nothing forgotten."""

import pytest
from django.apps import apps
from django.db import DatabaseError, IntegrityError, transaction

from config.errors import ConflictError, DomainError
from detection.choices import ModelStatus, PromotionKind, RunState, Verdict
from detection.models import ModelVersion, Promotion
from detection.registry.services import model_promote, model_roll_back
from tests.detection.makers import ComparisonFactory, ImportedModelFactory, ModelFactory, compared, model_of
from tests.factories import StudyFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def models(people):
    """The one that counts, and two that do not."""
    first = model_of(people.study)
    model_promote(model=first, user=people.admin, reason="the first")
    return ModelVersion.objects.get(pk=first.pk), model_of(people.study), model_of(people.study)


def promote_better(model: ModelVersion, current: ModelVersion) -> Promotion:
    compared(model, current, Verdict.BETTER)
    return model_promote(model=model, user=UserFactory.create())


def statuses(*models: ModelVersion) -> list[str]:
    found = dict(ModelVersion.objects.values_list("pk", "status"))
    return [found[model.pk] for model in models]


def refused(code: str, **wanted) -> DomainError:
    with pytest.raises(DomainError) as refusal:
        model_promote(**wanted)
    assert refusal.value.code == code
    return refusal.value


def test_a_first_model_needs_neither_comparison_nor_reason(people):
    model = model_of(people.study)
    change = model_promote(model=model, user=people.admin)
    assert (change.model, change.previous, change.comparison, change.verdict) == (model, None, None, "")
    model.refresh_from_db()
    assert (model.status, model.promoted_by, model.promoted_at) == ("current", people.admin, change.created_at)


def test_a_better_model_needs_no_reason_and_retires_the_one_before(people, models):
    first, second, _ = models
    comparison = compared(second, first, Verdict.BETTER)
    change = model_promote(model=second, user=people.admin)
    assert (change.previous, change.comparison, change.verdict) == (first, comparison, Verdict.BETTER)
    assert statuses(first, second) == ["retired", "current"]


@pytest.mark.parametrize(
    ("verdict", "words"), [(Verdict.WORSE, "is worse"), (Verdict.NOT_TOLD_APART, "cannot be told apart")]
)
@pytest.mark.parametrize("empty", ["", "  \n "])
def test_one_that_is_not_better_needs_a_reason(people, models, verdict, words, empty):
    first, second, _ = models
    compared(second, first, verdict)
    error = refused("reason_required", model=second, user=people.admin, reason=empty)
    assert (error.status, error.extra) == (400, {"verdict": verdict})
    assert words in error.message
    assert statuses(first, second) == ["current", "candidate"]
    change = model_promote(model=second, user=people.admin, reason=" smaller, as good ")
    assert (change.verdict, change.reason) == (verdict, "smaller, as good")
    assert statuses(first, second) == ["retired", "current"]


def test_without_a_comparison_nothing_is_promoted(people, models):
    first, second, _ = models
    error = refused("comparison_missing", model=second, user=people.admin, reason="I like it")
    assert (error.status, statuses(first, second)) == (409, ["current", "candidate"])


@pytest.mark.parametrize("state", [RunState.QUEUED, RunState.RUNNING])
def test_while_the_comparison_runs_nothing_is_promoted(people, models, state):
    first, second, _ = models
    ComparisonFactory.create(candidate=second, current=first, state=state)
    refused("comparison_open", model=second, user=people.admin, reason="now")


def test_a_comparison_that_failed_asks_for_a_reason(people, models):
    first, second, _ = models
    ComparisonFactory.create(candidate=second, current=first, state=RunState.FAILED)
    assert "could not be compared" in refused("reason_required", model=second, user=people.admin).message
    change = model_promote(model=second, user=people.admin, reason="the other file is damaged")
    assert change.verdict == ""


def test_a_comparison_with_another_model_is_no_evidence(people, models):
    first, second, third = models
    compared(third, first, Verdict.BETTER)
    promote_better(second, first)
    refused("comparison_missing", model=third, user=people.admin, reason="it was better than the first")


def test_where_nothing_can_be_compared_a_reason_is_enough(people):
    ImportedModelFactory.create(study=people.study, status=ModelStatus.CURRENT)
    model = ImportedModelFactory.create(study=people.study)
    refused("reason_required", model=model, user=people.admin)
    assert model_promote(model=model, user=people.admin, reason="no labels here yet").comparison is None


def test_the_current_model_is_not_promoted_again(people, models):
    refused("model_is_current", model=models[0], user=people.admin, reason="again")


def test_models_of_other_studies_stay_what_they_are(people):
    other = ModelFactory.create(status=ModelStatus.CURRENT)
    model_promote(model=model_of(people.study), user=people.admin)
    assert statuses(other) == ["current"]


def test_one_click_goes_back_and_another_further(people, models):
    first, second, third = models
    promote_better(second, first)
    promote_better(third, second)
    change = model_roll_back(study=people.study, user=people.admin, reason="it misses pale cells")
    assert (change.kind, change.model, change.previous) == (PromotionKind.ROLL_BACK, second, third)
    assert (change.reason, change.created_by) == ("it misses pale cells", people.admin)
    assert statuses(first, second, third) == ["retired", "current", "retired"]
    model_roll_back(study=people.study, user=people.admin)
    assert statuses(first, second, third) == ["current", "retired", "retired"]
    with pytest.raises(ConflictError) as refusal:
        model_roll_back(study=people.study, user=people.admin)
    assert refusal.value.code == "nothing_to_roll_back"
    second.refresh_from_db()
    assert second.promoted_by == people.admin


def test_a_model_that_was_rolled_back_may_be_promoted_again(people, models):
    first, second, _ = models
    promote_better(second, first)
    model_roll_back(study=people.study, user=people.admin)
    change = model_promote(model=second, user=people.admin)
    assert change.verdict == Verdict.BETTER
    assert statuses(first, second) == ["retired", "current"]


def test_without_a_model_there_is_nothing_to_roll_back(people):
    with pytest.raises(ConflictError) as refusal:
        model_roll_back(study=people.study, user=people.admin)
    assert refusal.value.code == "nothing_to_roll_back"


def test_the_history_tells_who_when_and_why(people, models):
    first, second, _ = models
    compared(second, first, Verdict.WORSE)
    model_promote(model=second, user=people.admin, reason="a trial week")
    model_roll_back(study=people.study, user=people.lab, reason="the week is over")
    told = Promotion.objects.filter(study=people.study).values_list("kind", "model", "created_by", "reason")
    assert list(told) == [
        ("roll_back", first.pk, people.lab.pk, "the week is over"),
        ("promotion", second.pk, people.admin.pk, "a trial week"),
        ("promotion", first.pk, people.admin.pk, "the first"),
    ]
    changes = apps.get_model("detection.ModelVersionEvent").objects.filter(pgh_obj=first, pgh_label="update")
    assert list(changes.order_by("pgh_id").values_list("status", flat=True)) == ["current", "retired", "current"]


@pytest.mark.parametrize("change", [lambda rows: rows.update(reason="another"), lambda rows: rows.delete()])
def test_the_history_is_only_added_to(models, change):
    with pytest.raises(DatabaseError, match="Cannot update or delete"), transaction.atomic():
        change(Promotion.objects.all())
    assert Promotion.objects.get().reason == "the first"


@pytest.mark.parametrize(
    ("fields", "fits"),
    [
        ({"previous": None}, True),
        ({"verdict": "better"}, True),
        ({"verdict": "worse"}, False),
        ({"verdict": "worse", "reason": "all the same"}, True),
        ({}, False),
        ({"kind": "roll_back"}, True),
        ({"verdict": "best"}, False),
    ],
)
def test_the_database_asks_for_the_reason_too(people, models, fields, fits):
    first, second, _ = models
    row = {"study": people.study, "model": second, "previous": first, "created_by": people.admin, **fields}
    if fits:
        Promotion.objects.create(**row)
        return
    with pytest.raises(IntegrityError), transaction.atomic():
        Promotion.objects.create(**row)


@pytest.mark.parametrize(
    ("fields", "fits"),
    [
        ({}, True),
        ({"imported_by": None}, False),
        ({"metrics": None}, True),
    ],
)
def test_an_imported_model_has_somebody_who_imported_it(fields, fits):
    if fits:
        ImportedModelFactory.create(**fields)
        return
    with pytest.raises(IntegrityError), transaction.atomic():
        ImportedModelFactory.create(**fields)


@pytest.mark.parametrize("fields", [{"metrics": None}, {"imported_by": True}, {"trial": None}])
def test_a_trained_model_has_its_trial_and_its_scores(fields):
    if fields.get("imported_by"):
        fields = {"imported_by": UserFactory.create()}
    study = StudyFactory.create()
    with pytest.raises(IntegrityError), transaction.atomic():
        ModelFactory.create(**({"study": study} | fields))
