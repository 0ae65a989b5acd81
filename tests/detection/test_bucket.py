"""The main job with all files in a bucket, each step on another machine; and a bucket that is down for a while."""

import io
import uuid
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from django.core.management import call_command
from django.db.models.functions import Now
from PIL import Image

from detection import leases, runs, workspace
from detection.choices import RunState
from detection.models import DetectionBlock, DetectionRun, ModelImport, TrainingRun
from detection.registry.services import model_import_start, model_promote
from detection.runs import detection as detection_runs
from labeling import handover, media
from labeling.models import Patch, Slide
from labeling.readers import pool
from labeling.runs import ingest_slide
from tests.detection.makers import current_model, disc_field, scattered, start_detection, start_training, store_slide
from tests.detection.registry.test_imports import model_of
from tests.detection.test_side_by_side import QUICK, SPACE
from tests.labeling.test_media_s3 import wipe
from tests.labeling.test_uploads import create, send

# The heartbeat looks from another connection, so rows must be committed.
pytestmark = pytest.mark.django_db(transaction=True)

SIZE = (500, 400)


def elsewhere(own_media: Path) -> None:
    """Go on in a process of another machine: an empty disk, nothing open and nothing loaded."""
    pool.close()
    detection_runs._model.cache_clear()
    detection_runs._engine.cache_clear()
    wipe(own_media)


def rested() -> None:
    """Let the pause of what rests be over."""
    for model in (ModelImport, TrainingRun, DetectionRun, DetectionBlock):
        model.objects.filter(lease_until__isnull=False).update(lease_until=Now() - timedelta(seconds=1))


def bring(people, checkpoint: Path) -> ModelImport:
    data = checkpoint.read_bytes()
    return model_import_start(
        study=people.study, user=people.admin, client_key=uuid.uuid4(), stream=io.BytesIO(data), size_bytes=len(data)
    )[0]


def test_the_whole_loop_with_each_step_on_another_machine(people, s3, own_media, toy_checkpoint, capsys):
    places = scattered(*SIZE)
    pixels = disc_field(*SIZE, places)
    sent = io.BytesIO()
    Image.fromarray(pixels).save(sent, "PNG")

    lab, pathologist = people.client("lab"), people.client("pathologist")
    url = create(lab, people, len(sent.getvalue()))["Location"]
    assert send(lab, url, 0, sent.getvalue()).status_code == 204
    slide = Slide.objects.get()
    elsewhere(own_media)
    ingest_slide(slide.pk)
    slide.refresh_from_db()
    assert (slide.state, slide.width, slide.height) == ("ready", *SIZE)

    elsewhere(own_media)
    assert pathologist.get(f"/api/slides/{slide.pk}/tiles/9/0_0.jpg").status_code == 200
    elsewhere(own_media)
    x, y = (int(value) for value in places[len(places) // 2])
    click = {"x": x, "y": y, "class_id": people.study.classes.all()[0].pk, "client_key": str(uuid.uuid4())}
    assert pathologist.post(f"/api/slides/{slide.pk}/patches", click, format="json").status_code == 201
    patch = np.asarray(Image.open(io.BytesIO(bytes(Patch.objects.get().png))))
    assert (patch == pixels[y - 35 : y + 35, x - 35 : x + 35]).all()

    imported = bring(people, toy_checkpoint)
    elsewhere(own_media)
    runs.import_model(imported.pk)
    imported.refresh_from_db()
    assert (imported.state, imported.error) == (RunState.DONE, "")
    model_promote(model=model_of(imported), user=people.admin, reason="the first")

    run = start_detection(slide)
    elsewhere(own_media)
    while runs.detect(run.pk):
        pass
    run.refresh_from_db()
    assert (run.state, run.count) == (RunState.DONE, len(places))

    elsewhere(own_media)
    points = lab.get(f"/api/detection-runs/{run.pk}/points")
    assert len(b"".join(points.streaming_content)) == 12 * (run.point_count or 0)
    call_command("verify", "--hashes")
    assert "no difference" in capsys.readouterr().out
    assert all(not key.startswith("uploads/") for key in s3.objects())


def test_a_detection_waits_for_the_bucket_and_goes_on(people, s3, own_media, toy_checkpoint, tmp_path):
    current_model(people.study, toy_checkpoint)
    places = scattered(*SIZE)
    run = start_detection(store_slide(people.study, disc_field(*SIZE, places), tmp_path))
    elsewhere(own_media)
    s3.kill()
    for _ in range(2):
        assert runs.detect(run.pk) is False
        run.refresh_from_db()
        assert (run.state, run.message, run.error) == (RunState.RUNNING, detection_runs.WAITS, "")
        assert {block.attempts for block in run.blocks.all()} == {0}
        assert leases.waiting_detections() == []
        rested()
        assert leases.waiting_detections() == [run.pk]
    s3.start()
    while runs.detect(run.pk):
        pass
    run.refresh_from_db()
    assert (run.state, run.count, run.message) == (RunState.DONE, len(places), "")


def test_a_result_waits_for_the_bucket_too(people, s3, toy_checkpoint, tmp_path, monkeypatch):
    current_model(people.study, toy_checkpoint)
    run = start_detection(store_slide(people.study, disc_field(*SIZE, scattered(*SIZE)), tmp_path))
    suppressed = detection_runs._suppressed
    monkeypatch.setattr(detection_runs, "_suppressed", lambda run: (s3.kill(), suppressed(run))[1])
    while runs.detect(run.pk):
        pass
    run.refresh_from_db()
    assert (run.state, run.attempts, run.points_sha256) == (RunState.RUNNING, 0, "")
    monkeypatch.undo()
    s3.start()
    rested()
    while runs.detect(run.pk):
        pass
    run.refresh_from_db()
    assert run.state == RunState.DONE


def test_an_import_waits_for_the_bucket(people, s3, own_media, toy_checkpoint):
    run = bring(people, toy_checkpoint)
    elsewhere(own_media)
    s3.kill()
    runs.import_model(run.pk)
    run.refresh_from_db()
    assert (run.state, run.attempts, run.error) == (RunState.RUNNING, 0, "")
    assert "does not answer" in run.message
    s3.start()
    rested()
    runs.import_model(run.pk)
    run.refresh_from_db()
    assert (run.state, run.message) == (RunState.DONE, "")
    assert list(s3.objects()) == [media.key_of(model_of(run).sha256)]


def test_an_import_that_cannot_be_set_aside_leaves_nothing(people, s3, own_media, toy_checkpoint):
    s3.kill()
    with pytest.raises(Exception, match="does not answer"):
        bring(people, toy_checkpoint)
    assert not ModelImport.objects.exists()
    assert list((own_media / "tmp").iterdir()) == []


def test_what_an_ended_import_left_in_the_bucket_is_swept_up(people, s3, toy_checkpoint):
    run = bring(people, toy_checkpoint)
    ModelImport.objects.update(state=RunState.FAILED, error_code="worker_died", error="It died.")
    ModelImport.objects.update(finished_at=Now() - timedelta(seconds=workspace.GRACE_S + 1))
    s3.kill()
    workspace.sweep_imports()
    s3.start()
    assert handover.waiting_keys() == {run.file_key}
    workspace.sweep_imports()
    assert s3.objects() == {}


def test_a_training_waits_for_the_bucket_with_its_model(study, s3, monkeypatch):
    run = start_training(study)
    store = media.store_copy
    monkeypatch.setattr(media, "store_copy", lambda path: (s3.kill(), store(path))[1])
    runs.train(run.pk)
    run.refresh_from_db()
    assert (run.state, run.attempts, run.error) == (RunState.RUNNING, 0, "")
    monkeypatch.undo()
    s3.start()
    rested()
    assert leases.waiting_trainings() == [run.pk]
    runs.train(run.pk)
    run.refresh_from_db()
    assert run.state == RunState.DONE
    assert s3.objects() == {media.key_of(run.trials.get().model.sha256): run.trials.get().model.size_bytes}


def test_a_search_goes_on_on_another_machine_with_the_networks_of_the_first(study, s3, own_media, monkeypatch):
    run = start_training(study, trials=2, recipe=QUICK, space=SPACE)
    store = media.store_copy
    monkeypatch.setattr(media, "store_copy", lambda path: (s3.kill(), store(path))[1])
    runs.train(run.pk)
    monkeypatch.undo()
    s3.start()
    assert all(key.startswith(f"training/{run.pk}/") for key in s3.objects())
    elsewhere(own_media)
    rested()
    runs.train(run.pk)
    run.refresh_from_db()
    assert (run.state, run.trials.filter(attempts__gt=1).count()) == (RunState.DONE, 0)
    assert list(s3.objects()) == [media.key_of(run.study.models.get().sha256)]


def test_a_network_that_cannot_be_shared_delays_the_search(study, s3):
    run = start_training(study)
    s3.kill()
    for _ in range(2):
        runs.train(run.pk)
        run.refresh_from_db()
        assert (run.state, run.attempts, run.trials.get().attempts) == (RunState.RUNNING, 0, 0)
        rested()
    s3.start()
    runs.train(run.pk)
    run.refresh_from_db()
    assert run.state == RunState.DONE


def test_what_an_ended_training_left_in_the_bucket_is_swept_up(study, s3):
    run = start_training(study)
    path = workspace.folder(run.pk) / "trial-1-fold.safetensors"
    path.write_bytes(b"network")
    handover.share(path)
    workspace.sweep()
    assert list(s3.objects()) == [f"training/{run.pk}/{path.name}"]
    TrainingRun.objects.update(state=RunState.CANCELLED, finished_at=Now() - timedelta(seconds=workspace.GRACE_S + 1))
    workspace.sweep()
    assert (s3.objects(), path.exists()) == ({}, False)
