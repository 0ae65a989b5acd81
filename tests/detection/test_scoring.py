"""Counts against the truth: by hand, from files, and by command."""

import io
import json

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from detection import exports, scoring
from detection.management.commands.detect import _words
from detection.scoring import Found, ScoreFileError, read_area, read_found, read_truth, score_counts
from tests.detection.makers import finished_run
from tests.factories import SlideFactory

HALF: list[list[list[float]]] = [[[0, 0], [100, 0], [100, 200], [0, 200]]]


def points(*places: tuple[float, float]) -> np.ndarray:
    return np.array(places, dtype=np.float64).reshape(-1, 2)


def file(tmp_path, text, name="truth.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_text(text, encoding=encoding)
    return path


def test_scores_by_hand():
    truth = points((10, 10), (50, 50), (90, 90))
    told = score_counts(truth, Found(points((12, 10), (50, 54), (200, 200), (300, 300))), radius_px=6)
    assert (told.scores.tp, told.scores.fp, told.scores.fn) == (2, 2, 1)
    assert (told.scores.precision, told.scores.recall) == pytest.approx((0.5, 2 / 3))
    assert (told.count_error, told.relative_count_error) == pytest.approx((1, 1 / 3))
    assert told.mean_distance_px == 3


def test_without_cells_or_finds_nothing_is_divided_by_nothing():
    told = score_counts(points(), Found(points()), radius_px=6)
    assert (told.scores.f1, told.relative_count_error, told.mean_distance_px) == (0, None, None)
    told = score_counts(points(), Found(points((1, 1))), radius_px=6)
    assert (told.scores.fp, told.count_error, told.relative_count_error) == (1, 1, None)


def test_labels_of_one_cell_by_several_people_are_one_cell():
    truth = points((10, 10), (13, 10), (50, 50))
    told = score_counts(truth, Found(points((11, 10), (50, 50))), radius_px=6, merge_px=3)
    assert (told.truth, told.merged, told.scores.f1) == (2, 1, 1)
    assert score_counts(truth, Found(points((11, 10), (50, 50))), radius_px=6).scores.fn == 1


def test_what_was_not_searched_is_not_judged():
    truth, finds = points((10, 10), (150, 50)), points((10, 10))
    told = score_counts(truth, Found(finds, regions=HALF), radius_px=6)
    assert (told.truth, told.truth_outside, told.scores.recall) == (1, 1, 1)


def test_an_area_narrows_what_is_judged():
    told = score_counts(points((10, 10), (150, 50)), Found(points((10, 10), (150, 90))), radius_px=6, area=HALF)
    assert (told.truth, told.found, told.found_outside, told.truth_outside) == (1, 1, 1, 1)
    assert told.scores.f1 == 1


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("x,y\n1,2\n3.5,4\n", [[1, 2], [3.5, 4]]),
        ("\ufeffx_l0,y_l0,label\r\n1,2,Positive\r\n", [[1, 2]]),
        ("class;X;Y\nPositive;1;2\n\n", [[1, 2]]),
        ("x, y\n", []),
    ],
)
def test_cells_are_read_from_csv(tmp_path, text, places):
    assert read_truth(file(tmp_path, text)).tolist() == places


def test_only_the_wanted_classes_are_cells(tmp_path):
    path = file(tmp_path, "x,y,class\n1,2,Positive\n3,4,Negative\n5,6,Weak\n")
    assert read_truth(path, classes=["Positive", "Weak"]).tolist() == [[1, 2], [5, 6]]
    with pytest.raises(ScoreFileError, match="no column class"):
        read_truth(file(tmp_path, "x,y\n1,2\n"), classes=["Positive"])


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "x,y\n1\n", "x,y\n1,zwei\n", "x,y\n1,nan\n", "x,y\n1,1e999\n"])
def test_a_bad_csv_is_refused_in_words(tmp_path, text):
    with pytest.raises(ScoreFileError):
        read_truth(file(tmp_path, text))


def test_a_file_that_is_absent_or_no_text_is_refused(tmp_path):
    with pytest.raises(ScoreFileError, match="cannot be read"):
        read_truth(tmp_path / "absent.csv")
    with pytest.raises(ScoreFileError, match="no UTF-8"):
        read_truth(file(tmp_path, "x,y,class\n1,2,ñ\n", encoding="latin-1"))


def test_an_area_is_one_polygon_or_several(tmp_path):
    assert read_area(file(tmp_path, "x,y\n0,0\n9,0\n9,9\n")) == [[[0, 0], [9, 0], [9, 9]]]
    text = "region,x,y\na,0,0\na,9,0\na,9,9\nb,20,0\nb,29,0\nb,29,9\n"
    assert len(read_area(file(tmp_path, text))) == 2
    with pytest.raises(ScoreFileError, match="three corners"):
        read_area(file(tmp_path, "x,y\n0,0\n9,0\n"))


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", '{"runs": []}', '{"runs": [{"slide_code": "S001"}]}', "[" * 9000, '{"runs": 5}']
)
def test_bad_finds_are_refused_in_words(tmp_path, text):
    with pytest.raises(ScoreFileError):
        read_found(file(tmp_path, text, "found.json"))


@pytest.fixture
def run(people):
    slide = SlideFactory.create(study=people.study)
    return finished_run([(10, 10, 0.9), (150, 50, 0.8), (60, 60, 0.2)], slide=slide, regions=HALF)


@pytest.mark.django_db
def test_both_files_that_a_detection_writes_tell_the_same(run, tmp_path):
    words = {"runs": [_words(run.pk, with_points=True)]}
    written = file(tmp_path, json.dumps(words, default=str), "found.json")
    exported = file(tmp_path, "".join(exports.export_geojson(run)), "found.geojson")
    for found in (read_found(written), read_found(exported)):
        assert found.points.tolist() == [[10, 10], [150, 50]]
        assert (found.regions, found.slide) == (HALF, run.slide.code)
        assert (found.model, found.threshold) == (run.model.number, 0.5)


@pytest.mark.django_db
def test_of_several_slides_one_is_named(run, people, tmp_path):
    other = finished_run([(1, 1, 0.9)], slide=SlideFactory.create(study=people.study))
    words = {"runs": [_words(pk, with_points=True) for pk in (run.pk, other.pk)]}
    path = file(tmp_path, json.dumps(words, default=str), "found.json")
    with pytest.raises(ScoreFileError, match="--slide"):
        read_found(path)
    assert read_found(path, slide=other.slide.code.lower()).points.tolist() == [[1, 1]]


@pytest.mark.django_db
def test_a_file_without_points_says_what_to_do(run, tmp_path):
    path = file(tmp_path, json.dumps({"runs": [_words(run.pk, with_points=False)]}, default=str), "found.json")
    with pytest.raises(ScoreFileError, match="--points"):
        read_found(path)


def score(*args: object) -> str:
    out = io.StringIO()
    call_command("score", *[str(arg) for arg in args], stdout=out)
    return out.getvalue()


def test_the_command_tells_and_writes_the_scores(tmp_path):
    truth = file(tmp_path, "x,y,class\n10,10,Positive\n50,50,Positive\n70,70,Negative\n")
    run = {"slide_code": "S001", "regions": None, "threshold": 0.5, "model": {"id": 7, "number": 3}}
    finds = {"runs": [run | {"points": [[11, 10, 0.9], [70, 70, 0.6], [90, 90, 0.7]]}]}
    found, out = file(tmp_path, json.dumps(finds), "found.json"), tmp_path / "out.json"
    said = score("--truth", truth, "--found", found, "--radius-px", 5, "--class", "Positive", "--json", out)
    assert "2 cells, 3 found (count error +1, +50.0 %)" in said
    assert "precision 0.3333, recall 0.5000, F1 0.4000" in said
    written = json.loads(out.read_text())
    assert written["scores"] == {
        "tp": 1, "fp": 2, "fn": 1, "precision": 1 / 3, "recall": 0.5, "f1": 0.4,
    }  # fmt: skip
    assert (written["count_error"], written["relative_count_error"], written["model"]) == (1, 0.5, 3)
    area = file(tmp_path, "x,y\n0,0\n60,0\n60,60\n0,60\n", "area.csv")
    assert "F1 0.6667" in score("--truth", truth, "--found", found, "--radius-px", 5, "--area", area)


@pytest.mark.parametrize("radius", ["-1", "nan", "inf"])
def test_a_radius_that_is_no_length_is_refused(tmp_path, radius):
    truth = file(tmp_path, "x,y\n")
    with pytest.raises(CommandError, match="--radius-px"):
        score("--truth", truth, "--found", truth, f"--radius-px={radius}")
    with pytest.raises(CommandError, match="neither"):
        score("--truth", truth, "--found", truth, "--radius-px", 5)


def test_a_huge_file_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(scoring, "LARGEST_BYTES", 3)
    with pytest.raises(ScoreFileError, match="larger than"):
        read_truth(file(tmp_path, "x,y\n1,2\n"))
