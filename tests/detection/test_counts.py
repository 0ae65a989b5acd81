"""Many slides at once: what is started, what is refused, and the table of their counts."""

import csv
import io
import json
import uuid

import pytest
from django.core.management import CommandError, call_command

from detection import cli, counts, runs, selectors, services
from detection.choices import ModelStatus, RunState
from detection.models import DetectionRun
from labeling import media
from labeling.choices import SlideState
from labeling.models import AccessRecord
from tests.detection.makers import (
    DetectionRunFactory,
    current_model,
    disc_field,
    finished_run,
    model_of,
    scattered,
    store_slide,
)
from tests.factories import SlideFactory, StudyFactory

pytestmark = pytest.mark.django_db

SIZE = (600, 500)


@pytest.fixture
def model(people):
    return model_of(people.study, status=ModelStatus.CURRENT)


@pytest.fixture
def slides(people):
    return [SlideFactory.create(study=people.study, mpp=0.5) for _ in range(3)]


def start(people, chosen, who="lab", **body):
    wish = {"client_key": str(uuid.uuid4()), "slides": [slide.pk for slide in chosen], **body}
    return people.client(who).post(f"/api/studies/{people.study.pk}/detection-runs", wish, format="json")


def test_each_slide_gets_a_run_of_its_own(people, slides, model):
    answer = start(people, slides)
    assert answer.status_code == 201
    made = answer.json()
    assert [run["slide"] for run in made["runs"]] == [slide.pk for slide in slides]
    assert {run["state"] for run in made["runs"]} == {"queued"}
    assert all(run["regions"] is None for run in made["runs"])
    assert made["refused"] == []


def test_a_retry_starts_nothing_twice(people, slides, model):
    key = str(uuid.uuid4())
    first, again = start(people, slides, client_key=key), start(people, slides, client_key=key)
    assert first.json() == again.json()
    assert DetectionRun.objects.count() == 3
    start(people, slides)
    assert DetectionRun.objects.count() == 6


def test_a_slide_that_is_not_ready_holds_up_no_other(people, slides, model):
    late = SlideFactory.create(study=people.study, state=SlideState.PROCESSING)
    made = start(people, [slides[0], late, slides[1]]).json()
    assert [run["slide"] for run in made["runs"]] == [slides[0].pk, slides[1].pk]
    [refused] = made["refused"]
    assert (refused["slide"], refused["slide_code"], refused["code"]) == (late.pk, late.code, "slide_not_ready")
    assert "not ready" in refused["message"]


def test_a_slide_named_twice_is_counted_once(people, slides, model):
    assert len(start(people, [slides[0], slides[0]]).json()["runs"]) == 1


def test_slides_of_another_study_are_not_there(people, slides, model):
    foreign, absent = SlideFactory.create(), SlideFactory.build(pk=987_654)
    answers = [start(people, [slides[0], other]) for other in (foreign, absent)]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json() == answers[1].json()
    assert not DetectionRun.objects.exists()


def test_without_a_model_nothing_is_started(people, slides):
    answer = start(people, slides)
    assert (answer.status_code, answer.json()["code"]) == (409, "no_current_model")
    answer = start(people, slides, model_id=model_of(StudyFactory.create()).pk)
    assert (answer.status_code, answer.json()["code"]) == (404, "model_not_found")


@pytest.mark.parametrize("body", [{"slides": []}, {"slides": "all"}, {"slides": [0]}, {"slides": list(range(1, 102))}])
def test_a_bad_request_is_refused(people, model, body):
    assert start(people, [], **body).status_code == 400


def table(people):
    return people.client("pathologist").get(f"/api/studies/{people.study.pk}/counts").json()["results"]


def test_the_table_has_the_newest_run_of_each_slide_that_is_ready(people, slides):
    finished_run([(1, 1, 0.9)], slide=slides[0])
    newest = finished_run([(1, 1, 0.9), (9, 9, 0.9)], slide=slides[0], mpp=0.5)
    failed = DetectionRunFactory.create(slide=slides[1], state=RunState.FAILED, error="The slide file is gone.")
    SlideFactory.create(study=people.study, state=SlideState.QUEUED)
    SlideFactory.create()
    rows = table(people)
    assert [row["slide_code"] for row in rows] == [slide.code for slide in slides]
    assert [row["run"] and row["run"]["id"] for row in rows] == [newest.pk, failed.pk, None]
    assert rows[0]["run"]["count"] == 2
    assert rows[1]["run"]["error"]["message"] == "The slide file is gone."


def test_the_table_takes_as_many_queries_for_many_slides(people, slides, django_assert_max_num_queries):
    for slide in slides:
        finished_run([(1, 1, 0.9)], slide=slide)
    client = people.client("lab")
    client.get(f"/api/studies/{people.study.pk}/counts")
    with django_assert_max_num_queries(8):
        client.get(f"/api/studies/{people.study.pk}/counts")


def lines(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_csv_has_a_line_a_slide_with_all_a_number_needs(people, slides):
    slides[0].case_code, slides[0].stain = "=cmd()", "CD3"
    slides[0].save()
    run = finished_run([(1, 1, 0.9), (9, 9, 0.4)], slide=slides[0], mpp=0.5, threshold=0.5, area_px=4_000_000)
    DetectionRunFactory.create(slide=slides[1], state=RunState.FAILED, error="gone, away")
    answer = people.client("lab").get(f"/api/studies/{people.study.pk}/counts.csv")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    first, second, third = lines(b"".join(answer.streaming_content).decode())
    assert (first["slide"], first["state"], first["count"], first["case_code"]) == (
        slides[0].code,
        "done",
        "1",
        "'=cmd()",
    )
    assert (first["stain"], second["stain"]) == ("CD3", slides[1].stain)
    assert (float(first["area_mm2"]), float(first["density_per_mm2"])) == (1, 1)
    assert (first["model"], first["threshold"], first["regions"]) == (str(run.model.number), "0.5", "whole slide")
    assert (first["model_sha256"], first["slide_sha256"], first["code_version"]) == (
        run.model_sha256,
        run.slide_sha256,
        "test",
    )
    assert first["link"].endswith(f"/studies/{people.study.pk}/slides/{slides[0].pk}/detect?run={run.pk}")
    assert (second["state"], second["count"], second["error"]) == ("failed", "", "gone, away")
    assert (third["state"], third["count"], third["link"]) == ("not counted", "", "")
    assert AccessRecord.objects.filter(action="export_counts", study=people.study).count() == 1


@pytest.mark.parametrize(
    ("counted_at", "now", "changed"), [(0.5, 0.5, False), (0.5, 0.25, True), (0.5, None, True), (None, 0.25, False)]
)
def test_a_count_at_another_scale_than_the_slide_has_now_says_so(people, slides, counted_at, now, changed):
    run = finished_run([(1, 1, 0.9)], slide=slides[0], mpp=counted_at)
    slides[0].mpp = now
    slides[0].save()
    shown = table(people)[0]["run"]
    assert (shown["scale_changed"], shown["mpp"]) == (changed, counted_at)
    [row] = lines("".join(counts.export_counts(counts.count_rows([slides[0]]))))
    assert (row["scale_changed"], row["mpp"]) == (str(changed), "" if counted_at is None else str(counted_at))
    assert selectors.provenance(selectors.detection_run_at(run.pk))["scale_changed"] is changed


def test_what_is_not_known_is_an_empty_cell(people):
    run = finished_run([(1, 1, 0.9)], slide=SlideFactory.create(study=people.study), regions=[[[0, 0], [9, 0], [9, 9]]])
    [row] = lines("".join(counts.export_counts(counts.count_rows([run.slide]))))
    assert (row["area_mm2"], row["density_per_mm2"], row["link"], row["regions"]) == ("", "", "", "1")
    assert set(row) == set(counts.COLUMNS)


# The command works in another thread, so rows must be committed.


@pytest.fixture
def fields(people, toy_checkpoint, tmp_path):
    current_model(people.study, toy_checkpoint)
    return [store_slide(people.study, disc_field(*SIZE, scattered(*SIZE, seed=n)), tmp_path) for n in (1, 2)]


def detect(*args: object) -> str:
    out = io.StringIO()
    call_command("detect", *[str(arg) for arg in args], "--here", stdout=out, stderr=io.StringIO())
    return out.getvalue()


@pytest.mark.django_db(transaction=True)
def test_detect_all_writes_one_table(people, fields, tmp_path):
    SlideFactory.create(study=people.study, state=SlideState.QUEUED)
    table, out = tmp_path / "counts.csv", tmp_path / "out.json"
    detect("--all", "--study", people.study.name, "--csv", table, "--json", out)
    rows = lines(table.read_text(encoding="utf-8"))
    assert [row["slide"] for row in rows] == [slide.code for slide in fields]
    assert [int(row["count"]) for row in rows] == [len(scattered(*SIZE, seed=n)) for n in (1, 2)]
    assert len(json.loads(out.read_text())["runs"]) == 2
    assert table.read_bytes().endswith(b"\r\n")


@pytest.mark.django_db(transaction=True)
def test_a_slide_that_fails_holds_up_no_other(people, fields, tmp_path):
    media.path_of(fields[0].sha256).unlink()
    out = tmp_path / "out.json"
    late = SlideFactory.create(study=people.study, state=SlideState.QUEUED)
    with pytest.raises(CommandError) as failure:
        detect(
            "--study",
            people.study.pk,
            "--slide",
            fields[0].code,
            "--slide",
            late.code,
            "--slide",
            fields[1].code,
            "--json",
            out,
        )
    assert failure.value.returncode == 1
    assert f"slide {late.code}: This slide is not ready" in str(failure.value)
    written = json.loads(out.read_text())
    assert [run["state"] for run in written["runs"]][-1] == "done"
    assert [one["slide_code"] for one in written["refused"]] == [late.code]


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_breaks_over_one_slide_goes_on_with_the_next(people, fields, monkeypatch):
    whole = runs.detect

    def breaks_over_the_first(run_id: int) -> bool:
        if DetectionRun.objects.get(pk=run_id).slide_id == fields[0].pk:
            raise RuntimeError("the card fell off the bus")
        return whole(run_id)

    monkeypatch.setattr(runs, "detect", breaks_over_the_first)
    monkeypatch.setattr(cli, "POLL_S", 0.01)
    with pytest.raises(CommandError, match="fell off the bus"):
        detect("--all", "--study", people.study.pk)
    assert DetectionRun.objects.get(slide=fields[1]).state == RunState.DONE


@pytest.mark.parametrize("args", [(), ("--all", "S001"), ("--all", "--slide", "S001")])
def test_slides_are_named_or_all_are_taken(people, model, args):
    with pytest.raises(CommandError, match="--all"):
        detect("--study", people.study.pk, *args)


def test_all_of_nothing_is_said(people, model):
    with pytest.raises(CommandError, match="no slide that is ready"):
        detect("--all", "--study", people.study.pk)


def test_only_incomplete_runs_have_their_own_exit_code(slides):
    done = finished_run([(1, 1, 0.9)], slide=slides[0])
    part = finished_run([(1, 1, 0.9)], slide=slides[1])
    part.state, part.error = RunState.INCOMPLETE, "1 % unread"
    cli.check_all_ended_well([done])
    with pytest.raises(CommandError, match="1 % unread") as failure:
        cli.check_all_ended_well([done, part])
    assert failure.value.returncode == cli.INCOMPLETE
    with pytest.raises(CommandError, match=r"refused\n.*unread") as failure:
        cli.check_all_ended_well([done, part], ["slide S009: refused"])
    assert failure.value.returncode == 1


def test_the_wish_is_the_same_for_all(people, slides, model):
    started = services.detections_start(
        study=people.study,
        slides=slides,
        user=people.lab,
        client_key=uuid.uuid4(),
        wish=services.DetectionWish(params={"gate": False}),
    )
    assert [one.slide for one in started] == slides
    assert all(one.run and one.run.params["gate"] is False for one in started)
