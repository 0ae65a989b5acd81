"""The command line: the same services as the pages, results as files."""

import io
import json
import subprocess
import sys
import tarfile

import pytest
from django.core.management import CommandError, call_command
from PIL import Image

from detection import cli, services, tasks
from detection.choices import ModelStatus, RunState
from detection.models import DetectionRun, ModelVersion, TrainingRun
from detection.nn.config import PRESETS
from labeling import media
from tests.detection.makers import (
    ImportedModelFactory,
    add_toy_labels,
    current_model,
    disc_field,
    frozen_of,
    labels_of,
    model_of,
    scattered,
    store_slide,
)
from tests.detection.nn.toys import tiny_config, toy_patches
from tests.factories import StudyFactory

# Work done here is watched from another thread, so rows must be committed.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def study(people, toy_checkpoint):
    current_model(people.study, toy_checkpoint)
    return people.study


@pytest.fixture
def slide(study, tmp_path):
    return store_slide(study, disc_field(600, 500, scattered(600, 500)), tmp_path)


@pytest.fixture
def patches(tmp_path):
    """An archive of toy patches, named by class."""
    toys = toy_patches(30, seed=9)
    path = tmp_path / "patches.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for n, (image, label) in enumerate(zip(toys.images, toys.labels, strict=True)):
            out = io.BytesIO()
            Image.fromarray(image).save(out, "PNG")
            info = tarfile.TarInfo(f"{'positive' if label else 'negative'}-{n}.png")
            info.size = out.tell()
            archive.addfile(info, io.BytesIO(out.getvalue()))
    return path


def run(*args: object) -> str:
    out = io.StringIO()
    call_command(*[str(arg) for arg in args], stdout=out, stderr=io.StringIO())
    return out.getvalue()


def test_detect_here_writes_count_points_and_provenance(slide, tmp_path):
    out = tmp_path / "out.json"
    said = run("detect", slide.code, "--study", slide.study.name, "--here", "--points", "--json", out)
    [found] = json.loads(out.read_text())["runs"]
    assert found["state"] == "done"
    assert found["count"] == len(found["points"]) == len(scattered(600, 500))
    assert found["provenance"]["slide_sha256"] == slide.sha256
    assert found["provenance"]["model_sha256"] == found["model_sha256"]
    assert f"slide {slide.code}" in said


def test_detect_inside_regions_of_a_geojson(slide, tmp_path):
    ring = [[0, 0], [300, 0], [300, 500], [0, 500], [0, 0]]
    regions = tmp_path / "regions.geojson"
    regions.write_text(
        json.dumps({"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}})
    )
    run("detect", slide.code, "--here", "--study", slide.study.pk, "--regions", regions, "--no-gate")
    found = DetectionRun.objects.get()
    assert found.regions == [ring[:-1]]
    assert found.params["gate"] is False
    assert 0 < (found.count or 0) < len(scattered(600, 500))


def test_detect_takes_the_choices_of_the_page(slide):
    chosen = ("--stride", 4, "--head", "full", "--precision", "fp32", "--engine", "torch", "--no-tissue-gate")
    run("detect", slide.code, "--here", "--study", slide.study.pk, *chosen)
    found = DetectionRun.objects.get()
    asked = {"stride_px": 4, "head": "full", "precision": "fp32", "engine": "torch", "tissue_gate": False}
    assert found.asked["params"] == asked
    assert asked.items() <= found.params.items()
    assert found.count == len(scattered(600, 500))


def test_detect_without_choices_leaves_them_to_the_server(slide):
    run("detect", slide.code, "--here", "--study", slide.study.pk)
    assert DetectionRun.objects.get().asked["params"] is None


@pytest.mark.parametrize("wrong", [("--stride", 3), ("--head", "best"), ("--precision", "fp8"), ("--engine", "fast")])
def test_a_choice_that_is_none_is_refused(slide, wrong):
    with pytest.raises(CommandError, match="invalid choice"):
        run("detect", slide.code, "--study", slide.study.name, *wrong)
    assert not DetectionRun.objects.exists()


def test_detect_inside_regions_of_the_command_line(slide):
    run(
        *("detect", slide.code, "--here", "--study", slide.study.pk),
        *("--region", "0,0 300,500", "--region", "400,0 600,0 600,300"),
    )
    found = DetectionRun.objects.get()
    assert found.regions == [[[0, 0], [300, 0], [300, 500], [0, 500]], [[400, 0], [600, 0], [600, 300]]]
    assert found.area_px == pytest.approx(300 * 500 + 200 * 300 / 2, rel=0.01)


@pytest.mark.parametrize("text", ["", "1,2", "1,2 3", "a,b c,d", "0,0 9,9,9", "0,0 300,300 300,0 0,300"])
def test_a_bad_region_is_refused_in_words(slide, text):
    with pytest.raises(CommandError, match=r"[Rr]egion"):
        run("detect", slide.code, "--study", slide.study.name, "--region", text)
    assert not DetectionRun.objects.exists()


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "{}",
        '{"type": "FeatureCollection", "features": []}',
        '{"type": "Point", "coordinates": [1, 2]}',
        '{"type": "Polygon", "coordinates": [[[0, 0], [9, 0], [9, 9]], [[1, 1], [2, 1], [2, 2]]]}',
        '{"type": "Polygon", "coordinates": [["a"]]}',
        '{"type": "Polygon", "coordinates": [[]]}',
        "[" * 5000,
    ],
)
def test_a_bad_geojson_is_refused_in_words(slide, tmp_path, text):
    regions = tmp_path / "regions.geojson"
    regions.write_text(text)
    with pytest.raises(CommandError):
        run("detect", slide.code, "--study", slide.study.name, "--regions", regions)
    assert not DetectionRun.objects.exists()


def test_an_incomplete_detection_has_its_own_exit_code(slide, monkeypatch):
    def incomplete(run_id: int) -> None:
        DetectionRun.objects.filter(pk=run_id).update(
            state=RunState.INCOMPLETE, points_sha256="0" * 64, point_count=0, count=0, area_px=1, error="1 % unread"
        )

    monkeypatch.setattr("detection.management.commands.detect._detect", incomplete)
    with pytest.raises(CommandError, match="1 % unread") as failure:
        run("detect", slide.code, "--study", slide.study.name, "--here")
    assert failure.value.returncode == cli.INCOMPLETE


def test_detect_waits_for_a_worker(slide, monkeypatch):
    monkeypatch.setattr(cli, "POLL_S", 0.01)
    start = services.detection_start

    def start_and_work(**wanted):
        found = start(**wanted)
        tasks.detect(found[0].pk)
        return found

    monkeypatch.setattr(services, "detection_start", start_and_work)
    assert "done" in run("detect", slide.code, "--study", slide.study.name)


def test_train_here_writes_curve_scores_and_model(study, tmp_path, monkeypatch):
    add_toy_labels(study)
    monkeypatch.setitem(PRESETS, "quick", tiny_config())
    out = tmp_path / "out.json"
    said = run("train", "--study", study.name, "--preset", "quick", "--epochs", 3, "--seed", 5, "--windows-beside", 3,
               "--here", "--json", out)  # fmt: skip
    found = json.loads(out.read_text())
    assert (found["state"], found["seed"], found["config"]["epochs"]) == ("done", 5, 3)
    cells = found["dataset"]["counts"]["train"]["positive"]
    assert found["config"]["windows_beside"] == 3
    assert found["windows_beside"] == {
        "each": 3, "cells": cells, "without_slide": cells, "cut": 0, "unreadable_slides": [],
    }  # fmt: skip
    assert f"windows beside cells: 0 beside {cells} counted cells, 3 each at most; {cells} of these" in said
    assert found["metrics"]["test"]["count"] > 0
    assert found["model"]["number"] == ModelVersion.objects.latest("number").number
    assert media.path_of(found["model"]["sha256"]).is_file()
    assert "Promote it" in said


def test_train_without_waiting_returns_at_once(study):
    add_toy_labels(study)
    assert "training run " in run("train", "--study", study.name, "--preset", "quick")
    assert TrainingRun.objects.latest("pk").state == RunState.QUEUED


def test_train_searches_on_a_frozen_version(study, tmp_path, monkeypatch):
    add_toy_labels(study)
    out = tmp_path / "out.json"
    monkeypatch.setitem(PRESETS, "model-b", tiny_config(epochs=0, max_steps=8, validate_every_steps=4))
    run("train", "--study", study.name, "--preset", "model-b", "--here")
    dataset = frozen_of(TrainingRun.objects.get(preset="model-b"))
    add_toy_labels(study, 2)
    said = run(
        "train", "--study", study.name, "--dataset", dataset.number, "--preset", "model-b", "--trials", 2, "--folds", 2,
        "--minutes", 5, "--range", "learning_rate=1e-3:0.01", "--range", "max_steps=8:12", "--seed", 7, "--here",
        "--json", out,
    )  # fmt: skip
    made = json.loads(out.read_text())
    assert (made["state"], made["dataset"]["id"], made["seed"]) == ("done", dataset.pk, 7)
    assert (made["trial_limit"], made["folds"], made["minutes"]) == (2, 2, 5)
    assert (made["space"]["learning_rate"], made["space"]["max_steps"]) == ([0.001, 0.01], [8, 12])
    assert [trial["number"] for trial in made["trials"]] == [1, 2]
    assert f"trial {made['best_trial']}: validation loss" in said
    assert "the best" in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--trials", "0"], "between 1 and 200"),
        (["--folds", "11"], "between 0 and 10"),
        (["--minutes", "x"], "minutes"),
        (["--range", "learning_rate"], "NAME=LOW:HIGH"),
        (["--range", "dropout=0:1", "--trials", "2"], "dropout"),
        (["--range", "max_steps=9:8", "--trials", "2"], "max_steps"),
        (["--dataset", "99"], "no data-set version 99"),
    ],
)
def test_train_refuses_in_words(study, options, words):
    before = TrainingRun.objects.count()
    with pytest.raises(CommandError, match=words):
        run("train", "--study", study.name, *options)
    assert TrainingRun.objects.count() == before


def test_a_training_that_fails_fails_the_command(study, monkeypatch, tmp_path):
    add_toy_labels(study)
    monkeypatch.setattr("detection.management.commands.train._train", lambda pk: services.training_cancel(
        run=TrainingRun.objects.get(pk=pk)))  # fmt: skip
    out = tmp_path / "out.json"
    with pytest.raises(CommandError, match="cancelled"):
        run("train", "--study", study.name, "--here", "--json", out)
    assert json.loads(out.read_text())["state"] == "cancelled"


def test_evaluate_files(study, patches, tmp_path):
    out = tmp_path / "out.json"
    said = run("evaluate", patches, "--study", study.name, "--model", "current", "--json", out)
    found = json.loads(out.read_text())
    assert found["scores"]["count"] == 30
    assert found["scores"]["accuracy"] > 0.9
    assert sum(map(sum, found["scores"]["confusion"])) == 30
    assert len(found["wrong"]) == found["scores"]["confusion"][0][1] + found["scores"]["confusion"][1][0]
    assert (found["refused"], found["source"]) == ([], str(patches))
    assert "accuracy" in said


def test_evaluate_the_test_side_repeats_the_trainings_own_scores(study, tmp_path, monkeypatch):
    add_toy_labels(study)
    monkeypatch.setitem(PRESETS, "quick", tiny_config(epochs=3))
    run("train", "--study", study.name, "--preset", "quick", "--here")
    model = ModelVersion.objects.latest("pk")
    out = tmp_path / "out.json"
    run("evaluate", "--dataset-side", "test", "--study", study.name, "--model", model.number, "--json", out)
    found = json.loads(out.read_text())
    assert model.metrics is not None
    assert found["scores"] == model.metrics["test"]
    assert found["dataset_hash"] == labels_of(model).content_hash


def test_an_imported_model_is_not_judged_on_labels_nobody_here_knows(people, patches, tmp_path, toy_checkpoint):
    ImportedModelFactory.create(study=people.study, number=9, sha256=media.store_copy(toy_checkpoint))
    with pytest.raises(CommandError, match="its labels are not known here"):
        run("evaluate", "--dataset-side", "test", "--study", people.study.name, "--model", 9)
    out = tmp_path / "out.json"
    run("evaluate", patches, "--study", people.study.name, "--model", 9, "--json", out)
    assert json.loads(out.read_text())["dataset_hash"] == ModelVersion.objects.get(number=9).dataset_hash


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["evaluate", "--study", "no such"], "Give either a PATH"),
        (["evaluate", "nowhere", "--study", "no such"], "no study"),
        (["train", "--study", "no such"], "no study"),
        (["train", "--user", "nobody"], "no person"),
        (["train"], "at least 10"),
        (["detect", "S999"], "no slide"),
        (["detect", "S001", "--model", "77"], "no model"),
        (["detect", "S001", "--model", "best"], "no model"),
    ],
)
def test_mistakes_are_told_in_words(study, args, words):
    study.name = "the only one"
    study.save()
    StudyFactory._meta.model.objects.exclude(pk=study.pk).update(name="other")
    wanted = [*args, "--study", study.name] if "--study" not in args else args
    with pytest.raises(CommandError, match=words):
        run(*wanted)


def test_a_study_must_be_named_where_there_are_several(study):
    with pytest.raises(CommandError, match="Say which study"):
        cli.study_named(None)


def test_without_a_current_model_nothing_counts(people, tmp_path):
    model_of(people.study, status=ModelStatus.CANDIDATE)
    slide = store_slide(people.study, disc_field(200, 200, scattered(200, 200)), tmp_path)
    with pytest.raises(CommandError, match="no current model"):
        run("detect", slide.code, "--study", people.study.name)


def test_a_result_is_written_whole_or_not_at_all(tmp_path):
    target = tmp_path / "out.json"
    cli.write_json(str(target), {"a": 1})
    with pytest.raises(ValueError, match="JSON"):
        cli.write_json(str(target), {"a": float("nan")})
    assert json.loads(target.read_text()) == {"a": 1}
    with pytest.raises(CommandError, match="cannot be written"):
        cli.write_json(str(tmp_path / "no" / "folder.json"), {})


def test_the_web_process_never_loads_torch():
    code = (
        "import config.wsgi, sys; from django.urls import get_resolver; get_resolver().url_patterns; "
        "import detection.tasks, detection.services, detection.management.commands.detect; "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
