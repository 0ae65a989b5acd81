"""Points for other programs."""

import csv
import io
import json

import numpy as np
import pytest

from detection import exports, selectors, services
from detection.choices import BlockState
from detection.models import DetectionBlock
from tests.detection.makers import finished_run
from tests.factories import SlideFactory, StudyFactory

pytestmark = pytest.mark.django_db

POINTS = [(10.25, 20, 0.9), (30, 5, 0.4), (7, 7, 0.6)]


def run_of(points=POINTS, **fields):
    study = StudyFactory.create(name="=1+1")
    found = finished_run(points, slide=SlideFactory.create(study=study, mpp=0.25), mpp=0.25, **fields)
    return selectors.detection_run_at(found.pk)


def rows_of(run):
    return list(csv.DictReader(io.StringIO("".join(exports.export_csv(run)))))


def test_the_csv_holds_the_counted_points_in_reading_order():
    run = run_of()
    points = [row for row in rows_of(run) if row["x_l0"]]
    assert [(float(p["x_l0"]), float(p["y_l0"]), float(p["score"])) for p in points] == [(7, 7, 0.6), (10.25, 20, 0.9)]
    assert len(points) == run.count


def test_the_csv_says_where_the_number_comes_from():
    run = run_of()
    notes = {row["provenance"]: row["value"] for row in rows_of(run) if row["provenance"]}
    assert notes["slide_sha256"] == run.slide_sha256
    assert notes["model_sha256"] == run.model_sha256
    assert (float(notes["threshold"]), int(notes["count"]), notes["slide"]) == (0.5, 2, run.slide.code)
    assert float(notes["area_mm2"]) == pytest.approx(300_000 * 0.25**2 / 1e6)
    assert notes["started_by"] == run.created_by.name
    assert json.loads(notes["params"]) == run.params
    assert notes["unread_areas"] == "[]"


def test_no_cell_is_a_formula():
    notes = {row["provenance"]: row["value"] for row in rows_of(run_of())}
    assert notes["study"] == "'=1+1"


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=cmd()", "'=cmd()"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@x", "'@x"),
        ("\tx", "'\tx"),
        ("a,b", '"a,b"'),
        ('say "x"', '"say ""x"""'),
        ("=a\nb", '"\'=a\nb"'),
        (-1.5, "-1.5"),
        (None, ""),
        ("plain", "plain"),
    ],
)
def test_cells_are_safe(value, cell):
    assert exports.csv_cell(value) == cell


def test_a_csv_of_many_points_is_whole():
    many = [(n, 10 * n, 0.9) for n in range(10_000)]
    points = [row for row in rows_of(run_of(many)) if row["x_l0"]]
    assert [int(float(p["x_l0"])) for p in points] == list(range(10_000))


def test_a_csv_without_points_still_has_its_provenance():
    notes = {row["provenance"]: row["value"] for row in rows_of(run_of([]))}
    assert notes["count"] == "0"


def test_the_geojson_is_what_qupath_reads():
    run = run_of()
    found = json.loads("".join(exports.export_geojson(run)))
    assert found["type"] == "FeatureCollection"
    area, *cells = found["features"]
    assert area["properties"]["objectType"] == "annotation"
    assert area["geometry"]["coordinates"] == [[[[0, 0], [600, 0], [600, 500], [0, 500], [0, 0]]]]
    assert all(isinstance(value, str) for value in area["properties"]["metadata"].values())
    assert area["properties"]["provenance"]["model_sha256"] == run.model_sha256
    assert area["properties"]["provenance"]["threshold"] == 0.5
    assert [cell["geometry"] for cell in cells] == [
        {"type": "Point", "coordinates": [7.0, 7.0]},
        {"type": "Point", "coordinates": [10.25, 20.0]},
    ]
    assert cells[1]["properties"] == {
        "objectType": "detection",
        "classification": {"name": "Positive", "color": [250, 62, 62]},
        "measurements": {"score": 0.9},
    }


def test_the_geojson_shows_the_regions_that_were_searched():
    region = [[0, 0], [9, 0], [9, 9]]
    found = json.loads("".join(exports.export_geojson(run_of(regions=[region]))))
    assert found["features"][0]["geometry"] == {"type": "MultiPolygon", "coordinates": [[[*region, region[0]]]]}


def test_a_geojson_without_points_is_whole():
    assert len(json.loads("".join(exports.export_geojson(run_of([]))))["features"]) == 1


def unreadable_run():
    run = run_of(scale=2.0, unread_px=1_048_576)
    DetectionBlock.objects.create(run=run, n=0, x=0, y=512, w=512, h=512, state=BlockState.FAILED, error="No room.")
    return run


def test_the_csv_names_what_could_not_be_read():
    notes = {row["provenance"]: row["value"] for row in rows_of(unreadable_run())}
    assert json.loads(notes["unread_areas"]) == [
        {"x": 0, "y": 1024, "width": 1024, "height": 1024, "reason": "No room."}
    ]


def test_the_geojson_shows_what_could_not_be_read():
    found = json.loads("".join(exports.export_geojson(unreadable_run())))
    _, unread, *cells = found["features"]
    assert unread["properties"]["name"] == "Not read"
    assert unread["properties"]["objectType"] == "annotation"
    assert unread["properties"]["metadata"] == {"reason": "No room."}
    ring = [[0, 1024], [1024, 1024], [1024, 2048], [0, 2048], [0, 1024]]
    assert unread["geometry"] == {"type": "Polygon", "coordinates": [ring]}
    assert len(cells) == 2


def test_every_export_follows_the_saved_threshold():
    run = run_of()
    for threshold, count in ((0.0, 3), (0.61, 1), (1.0, 0)):
        services.detection_set_threshold(run=run, threshold=threshold)
        run = selectors.detection_run_at(run.pk)
        rows = rows_of(run)
        notes = {row["provenance"]: row["value"] for row in rows if row["provenance"]}
        features = json.loads("".join(exports.export_geojson(run)))["features"]
        assert (float(notes["threshold"]), int(notes["count"])) == (threshold, count)
        assert len([row for row in rows if row["x_l0"]]) == len(features) - 1 == count
        assert features[0]["properties"]["provenance"]["threshold"] == threshold


def test_the_threshold_is_compared_as_the_browser_does():
    # A stored 0.7 is 0.69999999 in 32 bits: it is written as 0.700000, and counts at 0.7.
    points = np.array([[0, 0, 0.7], [0, 0, 0.75]], dtype=np.float32)
    assert exports.at_threshold(points, 0.7).tolist() == [True, True]
    assert exports.at_threshold(points, 0.71).tolist() == [False, True]
    assert exports.at_threshold(points, 0.75).tolist() == [False, True]
