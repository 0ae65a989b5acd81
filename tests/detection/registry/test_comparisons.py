"""A candidate against the model that counts: asked for once, computed by a worker, on patches neither has seen."""

import hashlib
import io
from datetime import timedelta

import numpy as np
import pytest
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from PIL import Image

from config.errors import ConflictError
from detection import leases, runs, tasks
from detection.choices import ModelStatus, RunState, Verdict
from detection.models import ModelComparison
from detection.nn.checkpoint import load_checkpoint, save_checkpoint
from detection.nn.comparison import METRICS
from detection.registry.services import comparison_start
from detection.runs import comparison as comparison_runs
from labeling import media
from labeling.choices import Side
from labeling.models import DatasetItem, DatasetVersion
from tests.detection.makers import ComparisonFactory, ImportedModelFactory, compared, labels_of, learn_from, model_of
from tests.detection.nn.toys import toy_patches
from tests.factories import DatasetItemFactory, DatasetVersionFactory, PatchFactory, SlideFactory, UserFactory

# The heartbeat looks from another connection, so rows must be committed.
pytestmark = pytest.mark.django_db(transaction=True)


def frozen(study, *, test: int = 60, seed: int = 11) -> DatasetVersion:
    """Freeze toy patches as a test side."""
    dataset = DatasetVersionFactory.create(study=study)
    for image, label in zip(toy_patches(test, seed).images, toy_patches(test, seed).labels, strict=True):
        add(dataset, image, counted=bool(label))
    return dataset


def add(dataset: DatasetVersion, image: np.ndarray, *, counted: bool, side: Side = Side.TEST, **place) -> DatasetItem:
    out = io.BytesIO()
    Image.fromarray(image).save(out, "PNG")
    digest = hashlib.sha256(out.getvalue()).hexdigest()
    patch = PatchFactory.create(study=dataset.study, png=out.getvalue(), sha256=digest, **place)
    return DatasetItemFactory.create(
        dataset=dataset, patch=patch, label_class=dataset.study.classes.get(counted=counted), side=side
    )


@pytest.fixture(scope="session")
def blind_checkpoint(toy_checkpoint, tmp_path_factory):
    """The toy model with the signs of its last layer turned round: it calls everything wrongly."""
    network, meta = load_checkpoint(toy_checkpoint)
    last = [p for name, p in network.named_parameters()][-2:]
    for parameter in last:
        parameter.data.neg_()
    path = tmp_path_factory.mktemp("blind") / "model.safetensors"
    save_checkpoint(path, network, meta)
    return path


@pytest.fixture
def pair(people, toy_checkpoint, blind_checkpoint):
    """A blind current model and a candidate that sees, tested on the candidate's own frozen labels."""
    current = model_of(people.study, sha256=media.store_copy(blind_checkpoint), status=ModelStatus.CURRENT)
    candidate = model_of(people.study, sha256=media.store_copy(toy_checkpoint))
    dataset = frozen(people.study)
    learn_from(candidate, dataset)
    return candidate, current


def result_of(found: ModelComparison) -> dict:
    return dict(found.result or {})


def done(candidate) -> ModelComparison:
    found, _ = comparison_start(model=candidate, user=UserFactory.create())
    runs.compare(found.pk)
    found.refresh_from_db()
    return found


def test_a_better_model_is_told_apart_on_the_candidates_own_test_side(pair):
    candidate, current = pair
    found = done(candidate)
    assert (found.state, found.error) == (RunState.DONE, "")
    assert (found.candidate, found.current, found.dataset) == (candidate, current, labels_of(candidate))
    assert (found.verdict, found.left_out, found.done, found.total) == (Verdict.BETTER, 0, 60, 60)
    assert result_of(found)["candidate"]["scores"]["accuracy"] > 0.9
    assert result_of(found)["current"]["scores"]["accuracy"] < 0.1
    assert set(result_of(found)["difference"]) == set(METRICS)
    assert found.finished_at is not None


def test_the_other_way_round_it_is_worse(pair):
    candidate, current = pair
    type(candidate).objects.filter(pk=current.pk).update(status=ModelStatus.RETIRED)
    type(candidate).objects.filter(pk=candidate.pk).update(status=ModelStatus.CURRENT)
    learn_from(current, labels_of(candidate))
    assert done(current).verdict == Verdict.WORSE


def test_a_model_against_its_own_copy_is_not_told_apart(pair, people):
    candidate, current = pair
    type(candidate).objects.filter(pk=current.pk).update(sha256=candidate.sha256)
    found = done(candidate)
    assert (found.verdict, result_of(found)["mcnemar"]["p_value"]) == (Verdict.NOT_TOLD_APART, 1.0)


def test_each_model_answers_at_its_own_threshold(pair):
    candidate, _ = pair
    type(candidate).objects.filter(pk=candidate.pk).update(threshold=0.9)
    result = result_of(done(candidate))
    assert (result["candidate"]["threshold"], result["current"]["threshold"]) == (0.9, 0.5)


@pytest.mark.parametrize("side", [Side.TRAIN, Side.VALIDATION])
def test_patches_the_current_model_has_seen_are_left_out(pair, side):
    candidate, current = pair
    for item in labels_of(candidate).items.order_by("pk")[:7]:
        DatasetItemFactory.create(dataset=labels_of(current), patch=item.patch, label_class=item.label_class, side=side)
    found = done(candidate)
    assert (found.left_out, found.total, result_of(found)["candidate"]["scores"]["count"]) == (7, 53, 53)


def test_patches_both_models_were_tested_on_stay(pair):
    candidate, current = pair
    for item in labels_of(candidate).items.all():
        DatasetItemFactory.create(
            dataset=labels_of(current), patch=item.patch, label_class=item.label_class, side=Side.TEST
        )
    assert done(candidate).left_out == 0


def test_other_pixels_of_a_place_it_has_seen_are_left_out(pair, people):
    candidate, current = pair
    slide, other = SlideFactory.create_batch(2, study=people.study)
    image = toy_patches(1, seed=3).images[0]
    places = {(100, 100): False, (169, 100): True, (169, 169): True, (170, 100): False, (300, 300): False}
    asked = {place: add(labels_of(candidate), image, counted=True, slide=slide, x_l0=place[0], y_l0=place[1])
             for place in places if place != (100, 100)}  # fmt: skip
    elsewhere = add(labels_of(candidate), image, counted=True, slide=other, x_l0=100, y_l0=100)
    DatasetItemFactory.create(dataset=labels_of(current), patch=PatchFactory.create(slide=slide, x_l0=100, y_l0=100))
    items = labels_of(candidate).items.filter(side=Side.TEST)
    found = comparison_runs.seen_by(items, labels_of(candidate), labels_of(current))
    assert found == {item.pk for place, item in asked.items() if places[place]}
    assert elsewhere.pk not in found


def test_a_place_is_as_large_as_the_studys_scale_makes_it(pair, people):
    candidate, current = pair
    people.study.model_mpp = 0.5
    people.study.save()
    slide = SlideFactory.create(study=people.study, mpp=0.25)
    asked = PatchFactory.create(slide=slide, x_l0=239, y_l0=100)
    DatasetItemFactory.create(dataset=labels_of(candidate), patch=asked, side=Side.TEST)
    DatasetItemFactory.create(dataset=labels_of(current), patch=PatchFactory.create(slide=slide, x_l0=100, y_l0=100))
    items = labels_of(candidate).items.filter(side=Side.TEST)
    assert len(comparison_runs.seen_by(items, labels_of(candidate), labels_of(current))) == 1


def test_a_model_that_learned_from_windows_beside_cells_has_seen_farther(pair, people):
    candidate, current = pair
    slide = SlideFactory.create(study=people.study)
    near = PatchFactory.create(slide=slide, x_l0=205, y_l0=100)
    far = PatchFactory.create(slide=slide, x_l0=207, y_l0=100)
    for patch in (near, far):
        DatasetItemFactory.create(dataset=labels_of(candidate), patch=patch, side=Side.TEST)
    DatasetItemFactory.create(dataset=labels_of(current), patch=PatchFactory.create(slide=slide, x_l0=100, y_l0=100))
    assert done(candidate).left_out == 0
    assert current.trial is not None
    current.trial.parameters = {"windows_beside": 2}
    current.trial.save()
    again = comparison_runs.seen_by(
        labels_of(candidate).items.filter(side=Side.TEST),
        labels_of(candidate),
        labels_of(current),
        comparison_runs._margin_px(current),
    )
    assert again == {labels_of(candidate).items.get(patch=near).pk}
    assert comparison_runs._margin_px(ImportedModelFactory.create(study=people.study)) > 0


def test_of_one_data_set_nothing_is_left_out(pair):
    candidate, current = pair
    learn_from(current, labels_of(candidate))
    assert done(candidate).left_out == 0


def test_with_too_few_patches_left_nothing_is_told_apart(pair):
    candidate, current = pair
    for item in labels_of(candidate).items.order_by("pk")[:42]:
        DatasetItemFactory.create(dataset=labels_of(current), patch=item.patch, label_class=item.label_class)
    found = done(candidate)
    assert (found.verdict, found.left_out) == (Verdict.NOT_TOLD_APART, 42)
    assert result_of(found)["too_few"]


def test_with_no_patch_left_there_is_no_result(pair):
    candidate, current = pair
    for item in labels_of(candidate).items.all():
        DatasetItemFactory.create(dataset=labels_of(current), patch=item.patch, label_class=item.label_class)
    found = done(candidate)
    assert (found.state, found.verdict, found.left_out, found.result) == (
        RunState.DONE,
        Verdict.NOT_TOLD_APART,
        60,
        None,
    )


def test_patches_come_in_small_pieces_whatever_their_number(pair, monkeypatch):
    whole = done(pair[0]).result
    ModelComparison.objects.all().delete()
    monkeypatch.setattr(comparison_runs, "CHUNK", 7)
    assert done(pair[0]).result == whole


def test_two_models_are_compared_once(pair):
    user = UserFactory.create()
    first, made = comparison_start(model=pair[0], user=user)
    again, made_again = comparison_start(model=pair[0], user=UserFactory.create())
    assert (made, made_again, again) == (True, False, first)
    runs.compare(first.pk)
    before = ModelComparison.objects.values().get()
    tasks.compare(first.pk)
    assert ModelComparison.objects.values().get() == before
    assert comparison_start(model=pair[0], user=user) == (first, False)
    with pytest.raises(IntegrityError), transaction.atomic():
        compared(pair[0], pair[1], Verdict.BETTER)


def test_a_comparison_whose_worker_died_is_taken_again(pair):
    found, _ = comparison_start(model=pair[0], user=UserFactory.create())
    leases.claim(ModelComparison.objects.filter(pk=found.pk))
    assert leases.waiting_comparisons() == []
    ModelComparison.objects.update(lease_until=Now() - timedelta(seconds=1))
    assert leases.waiting_comparisons() == [found.pk]
    runs.compare(found.pk)
    found.refresh_from_db()
    assert (found.state, found.attempts) == (RunState.DONE, 2)


def test_the_reconciler_rings_for_it(pair, monkeypatch):
    rung: list[int] = []
    monkeypatch.setattr(tasks.compare, "apply_async", lambda args, **_: rung.append(args[0]))
    found, _ = comparison_start(model=pair[0], user=UserFactory.create())
    tasks.reconcile()
    assert rung == [found.pk, found.pk]


def test_a_worker_that_lost_its_lease_throws_its_answer_away(pair, monkeypatch):
    found, _ = comparison_start(model=pair[0], user=UserFactory.create())
    judge = comparison_runs._answers

    def taken_over(*args):
        ModelComparison.objects.update(token=9)
        return judge(*args)

    monkeypatch.setattr(comparison_runs, "_answers", taken_over)
    runs.compare(found.pk)
    found.refresh_from_db()
    assert (found.state, found.verdict) == (RunState.RUNNING, "")


def test_a_damaged_model_ends_on_the_row_and_may_be_asked_again(pair):
    candidate, current = pair
    path = media.path_of(current.sha256)
    path.chmod(0o600)
    path.write_bytes(b"damaged")
    found = done(candidate)
    assert (found.state, found.error_code) == (RunState.FAILED, "checkpoint_damaged")
    again, made = comparison_start(model=candidate, user=UserFactory.create())
    assert (made, again.number) == (True, found.number + 1)


def test_what_nobody_foresaw_is_tried_three_times_and_told(pair, monkeypatch):
    found, _ = comparison_start(model=pair[0], user=UserFactory.create())
    monkeypatch.setattr(comparison_runs, "seen_by", lambda *_: 1 / 0)
    for attempt in range(3):
        with pytest.raises(ZeroDivisionError):
            runs.compare(found.pk)
        found.refresh_from_db()
        assert found.state == (RunState.QUEUED if attempt < 2 else RunState.FAILED)
    assert found.error_code == "comparison_crashed"


def test_a_model_that_says_what_it_learned_from_is_tested_on_that(people, pair):
    dataset = DatasetVersionFactory.create(study=people.study)
    imported = ImportedModelFactory.create(study=people.study, dataset_hash=dataset.content_hash)
    assert comparison_start(model=imported, user=people.admin)[0].dataset == dataset


def test_a_model_of_unknown_labels_is_tested_on_the_current_ones(people, pair):
    imported = ImportedModelFactory.create(study=people.study)
    assert comparison_start(model=imported, user=people.admin)[0].dataset == labels_of(pair[1])


def test_two_models_of_unknown_labels_are_tested_on_the_newest(people):
    ImportedModelFactory.create(study=people.study, status=ModelStatus.CURRENT)
    imported = ImportedModelFactory.create(study=people.study)
    with pytest.raises(ConflictError) as refusal:
        comparison_start(model=imported, user=people.admin)
    assert refusal.value.code == "comparison_without_data"
    DatasetVersionFactory.create(study=people.study, number=1)
    newest = DatasetVersionFactory.create(study=people.study, number=2)
    assert comparison_start(model=imported, user=people.admin)[0].dataset == newest


def test_only_a_model_that_does_not_count_is_compared_with_one_that_does(people, pair):
    with pytest.raises(ConflictError) as refusal:
        comparison_start(model=pair[1], user=people.admin)
    assert refusal.value.code == "model_is_current"
    with pytest.raises(ConflictError) as refusal:
        comparison_start(model=model_of(SlideFactory.create().study), user=people.admin)
    assert refusal.value.code == "no_current_model"


@pytest.mark.parametrize("fields", [{"verdict": ""}, {"left_out": None}])
def test_a_comparison_that_is_done_has_its_verdict(fields):
    whole = {"state": RunState.DONE, "verdict": Verdict.WORSE, "left_out": 0}
    with pytest.raises(IntegrityError):
        ComparisonFactory.create(**(whole | fields))
