"""Model files from elsewhere: taken in whole, inspected by a worker, a candidate or refused in words."""

import io
import json
import pickle
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import IntegrityError
from django.db.models.functions import Now

from config.errors import ConflictError, DomainError
from detection import leases, runs, tasks, workspace
from detection.choices import ModelStatus, RunState
from detection.models import ModelImport, ModelVersion
from detection.nn.checkpoint import load_checkpoint, save_checkpoint
from detection.registry.services import model_import_start
from detection.runs import model_import
from labeling import media
from labeling.models import Study
from tests.detection.makers import ModelImportFactory
from tests.factories import UserFactory

# The heartbeat looks from another connection, so rows must be committed.
pytestmark = pytest.mark.django_db(transaction=True)


def bring(study: Study, data: bytes, **wanted) -> ModelImport:
    """Take a file in; its inspection waits for a worker."""
    plain: dict = {"user": UserFactory.create(), "client_key": uuid.uuid4(), "size_bytes": len(data)}
    return model_import_start(study=study, stream=io.BytesIO(data), **(plain | wanted))[0]


def inspected(run: ModelImport) -> ModelImport:
    runs.import_model(run.pk)
    run.refresh_from_db()
    return run


def model_of(run: ModelImport) -> ModelVersion:
    assert run.model is not None
    return run.model


def refused(code: str, study: Study, data: bytes, **wanted) -> DomainError:
    with pytest.raises(DomainError) as refusal:
        bring(study, data, **wanted)
    assert refusal.value.code == code
    return refusal.value


@pytest.fixture
def study(people):
    return people.study


@pytest.fixture
def good(toy_checkpoint):
    return toy_checkpoint.read_bytes()


def leftovers(store) -> list[str]:
    return [path.name for folder in ("uploads", "tmp") for path in (store / folder).glob("*")]


def test_a_good_file_becomes_a_candidate(study, good, own_media, toy_checkpoint):
    user = UserFactory.create()
    run = inspected(bring(study, good, user=user, file_name="theirs.safetensors"))
    assert (run.state, run.error, run.message) == (RunState.DONE, "", "")
    model = model_of(run)
    assert (model.status, model.number, model.trial, model.metrics) == (ModelStatus.CANDIDATE, 1, None, None)
    assert (model.imported_by, model.file_name) == (user, "theirs.safetensors")
    assert (model.sha256, model.size_bytes) == (media.sha256_of(toy_checkpoint), len(good))
    assert media.path_of(model.sha256).read_bytes() == good
    _, meta = load_checkpoint(toy_checkpoint)
    assert (model.threshold, model.dataset_hash) == (meta.threshold, meta.dataset_hash)
    assert leftovers(own_media) == []


def with_description(good: bytes, **changes) -> bytes:
    """The file with another description, its weights as they were."""
    length = int.from_bytes(good[:8], "little")
    header = json.loads(good[8 : 8 + length])
    told = json.loads(header["__metadata__"]["tilscope"]) | changes
    header["__metadata__"]["tilscope"] = json.dumps(told)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + good[8 + length :]


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda good: pickle.dumps({"weights": [1, 2, 3]}), "checkpoint_damaged"),
        (lambda good: b"PK\x03\x04" + good, "checkpoint_damaged"),
        (lambda good: good[:-1], "checkpoint_damaged"),
        (lambda good: good[: len(good) // 2], "checkpoint_damaged"),
        (lambda good: good + b"\0", "checkpoint_damaged"),
        (lambda good: (1 << 62).to_bytes(8, "little") + good[8:], "checkpoint_damaged"),
        (lambda good: b"\0", "checkpoint_damaged"),
        (lambda good: with_description(good, format="other"), "checkpoint_foreign"),
        (lambda good: with_description(good, format_version=99), "checkpoint_stale"),
        (lambda good: with_description(good, shape={"features": [4, 6, 8], "fc": 17}), "checkpoint_mismatch"),
        (lambda good: with_description(good, threshold=3), "checkpoint_invalid"),
        (lambda good: with_description(good, class_names=["one"]), "checkpoint_invalid"),
    ],
)
def test_everything_else_is_refused_in_words(study, good, own_media, spoil, code):
    run = inspected(bring(study, spoil(good)))
    assert (run.state, run.error_code, run.model) == (RunState.FAILED, code, None)
    assert run.error.endswith(".")
    assert not ModelVersion.objects.exists()
    assert leftovers(own_media) == []
    assert list(media.stored()) == []
    assert inspected(bring(study, good)).state == RunState.DONE


@pytest.fixture
def at_a_quarter(toy_checkpoint, tmp_path):
    """The same model, of 0.25 µm per pixel."""
    network, meta = load_checkpoint(toy_checkpoint)
    path = tmp_path / "quarter.safetensors"
    save_checkpoint(path, network, replace(meta, model_mpp=0.25))
    return path.read_bytes()


def test_a_model_of_another_scale_is_refused(study, good, at_a_quarter, own_media):
    run = inspected(bring(study, at_a_quarter))
    assert (run.state, run.error_code, leftovers(own_media)) == (RunState.FAILED, "checkpoint_wrong_scale", [])
    Study.objects.update(model_mpp=0.25)
    assert inspected(bring(study, at_a_quarter)).state == RunState.DONE
    run = inspected(bring(study, good))
    assert run.error_code == "checkpoint_wrong_scale"
    assert "pixels as they are; this study works with 0.25 µm per pixel" in run.error


def test_the_same_file_is_one_model(study, good):
    inspected(bring(study, good))
    again = inspected(bring(study, good))
    assert (again.state, again.error_code) == (RunState.FAILED, "model_known")
    assert "model 1" in again.error
    assert ModelVersion.objects.count() == 1


def test_a_model_may_live_in_two_studies(study, good, people):
    other = type(study).objects.exclude(pk=study.pk).first()
    mine, theirs = (model_of(inspected(bring(of, good))) for of in (study, other))
    assert (mine.sha256, mine.number, theirs.number) == (theirs.sha256, 1, 1)


def test_twice_is_once(study, good):
    run = inspected(bring(study, good))
    before = ModelImport.objects.values().get()
    tasks.import_model(run.pk)
    assert ModelImport.objects.values().get() == before
    assert ModelVersion.objects.count() == 1


def test_an_inspection_whose_worker_died_finds_the_file_again(study, good, monkeypatch):
    run = bring(study, good)
    register = model_import._register
    monkeypatch.setattr(model_import, "_register", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        runs.import_model(run.pk)
    monkeypatch.setattr(model_import, "_register", register)
    leases.claim(ModelImport.objects.filter(pk=run.pk))
    ModelImport.objects.update(lease_until=Now() - timedelta(seconds=1))
    assert leases.waiting_imports() == [run.pk]
    assert (inspected(run).state, run.attempts) == (RunState.DONE, 3)


def test_a_worker_that_lost_its_lease_registers_nothing(study, good, monkeypatch):
    run = bring(study, good)
    register = model_import._register

    def taken_over(*args):
        ModelImport.objects.update(token=9)
        return register(*args)

    monkeypatch.setattr(model_import, "_register", taken_over)
    assert inspected(run).state == RunState.RUNNING
    assert not ModelVersion.objects.exists()
    assert media.part_path(run.file_key).is_file()


def long_ago() -> None:
    """Let the grace time pass."""
    ModelImport.objects.update(finished_at=Now() - timedelta(seconds=workspace.GRACE_S + 1))


def test_what_a_worker_left_that_died_three_times_is_swept_up(study, good, own_media):
    run = bring(study, good)
    ModelImport.objects.update(state=RunState.RUNNING, attempts=3)
    assert leases.waiting_imports() == []
    run.refresh_from_db()
    assert (run.state, run.error_code) == (RunState.FAILED, "worker_died")
    tasks.reconcile()
    assert leftovers(own_media) == [media.part_path(run.file_key).name]
    long_ago()
    tasks.reconcile()
    assert leftovers(own_media) == []


@pytest.mark.parametrize("is_good", [True, False])
def test_a_file_whose_worker_died_after_the_verdict_is_swept_up(study, good, own_media, is_good):
    run = inspected(bring(study, good if is_good else b"no model"))
    assert run.state == (RunState.DONE if is_good else RunState.FAILED)
    media.part_path(run.file_key).write_bytes(good)
    tasks.reconcile()
    assert leftovers(own_media) == [media.part_path(run.file_key).name]
    long_ago()
    tasks.reconcile()
    assert leftovers(own_media) == []
    assert not is_good or media.path_of(model_of(run).sha256).is_file()


def test_files_that_wait_or_are_of_others_stay(study, good, own_media):
    run = bring(study, good)
    ModelImport.objects.update(finished_at=Now() - timedelta(days=1))
    (own_media / "uploads" / "no-key.part").touch()
    (own_media / "uploads" / f"{uuid.uuid4().hex}.part").touch()
    tasks.reconcile()
    assert len(leftovers(own_media)) == 3
    assert media.part_path(run.file_key).is_file()


def test_the_reconciler_rings_for_it(study, good, monkeypatch):
    rung: list[int] = []
    monkeypatch.setattr(tasks.import_model, "apply_async", lambda args, **_: rung.append(args[0]))
    run = bring(study, good)
    tasks.reconcile()
    assert rung == [run.pk, run.pk]


def test_the_same_key_is_the_same_import(study, good, own_media):
    user, key = UserFactory.create(), uuid.uuid4()
    first = bring(study, good, user=user, client_key=key)
    assert bring(study, good, user=user, client_key=key) == first
    with pytest.raises(ConflictError) as refusal:
        bring(study, good + b"x", user=user, client_key=key)
    assert refusal.value.code == "client_key_reused"
    assert leftovers(own_media) == [media.part_path(first.file_key).name]


class Broken(io.BytesIO):
    """A line that breaks in the middle."""

    def read(self, size: int | None = -1, /) -> bytes:
        piece = super().read(100)
        if not piece:
            raise OSError
        return piece


@pytest.mark.parametrize(("came", "announced"), [(100, 101), (100, 99), (0, 1)])
def test_another_length_than_announced_is_refused(study, own_media, came, announced):
    error = refused("model_cut", study, b"x" * came, size_bytes=announced)
    assert ("fewer" in error.message) == (came < announced)
    assert leftovers(own_media) == []
    assert not ModelImport.objects.exists()


def test_a_line_that_breaks_leaves_nothing(study, own_media):
    with pytest.raises(DomainError) as refusal:
        model_import_start(
            study=study, user=UserFactory.create(), client_key=uuid.uuid4(), stream=Broken(b"x" * 300), size_bytes=400
        )
    assert refusal.value.code == "model_cut"
    assert leftovers(own_media) == []


def test_an_empty_file_and_a_huge_one_are_refused_before_a_byte_is_read(study, settings):
    settings.MODEL_LIMIT_BYTES = 1000
    assert refused("model_empty", study, b"").status == 400
    error = refused("model_too_large", study, b"", size_bytes=1001)
    assert (error.status, error.extra) == (413, {"limit_bytes": 1000})


def test_a_saved_model_of_ours_is_taken_back(study, good, tmp_path, toy_checkpoint):
    network, meta = load_checkpoint(toy_checkpoint)
    path = tmp_path / "again.safetensors"
    save_checkpoint(path, network, meta)
    assert inspected(bring(study, path.read_bytes())).state == RunState.DONE


def test_an_import_that_is_done_has_its_model():
    with pytest.raises(IntegrityError):
        ModelImportFactory.create(state=RunState.DONE)
