"""From a queued detection to its points, once, whatever happens on the way."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from django.db.models import F
from django.db.models.functions import Now
from scipy.spatial import cKDTree

from detection import exports, leases, runs, selectors, services, tasks
from detection.choices import BlockState, RunState
from detection.models import DetectionBlock, DetectionRun
from detection.nn import engine as engine_module
from detection.nn.engine import resolved_engine, resolved_precision
from detection.nn.regions import inside
from detection.nn.sliding_window import detect_block
from detection.runs import detection as detection_runs
from labeling import media, readers
from labeling.slides.reader import SlideReader
from tests.detection.makers import current_model, disc_field, scattered, start_detection, store_slide
from tests.factories import SlideFactory
from tests.labeling.slides.several import write_dicom, zip_of

pytestmark = pytest.mark.django_db

SIZE = (1300, 700)
SMALL_BLOCKS = {"block_px": 512}
ENOUGH_S = 200
"""For one message, so that a busy machine does not end it before its blocks are done."""


@pytest.fixture
def places():
    return scattered(*SIZE)


@pytest.fixture
def slide(people, toy_checkpoint, places, tmp_path):
    current_model(people.study, toy_checkpoint)
    return store_slide(people.study, disc_field(*SIZE, places), tmp_path)


def finished(run: DetectionRun) -> DetectionRun:
    while runs.detect(run.pk):
        pass
    run.refresh_from_db()
    return run


def test_every_disc_is_found_where_it_is(slide, places):
    run = finished(start_detection(slide))
    assert run.state == RunState.DONE
    points = exports.counted_points(run)
    distance, nearest = map(np.asarray, cKDTree(points[:, :2]).query(places))
    assert run.count == len(points) == len(places)
    assert distance.max() < 12
    assert len(np.unique(nearest)) == len(places)


def test_a_slide_of_several_files_is_counted_as_one_of_a_single_file(people, slide, places, tmp_path):
    write_dicom(tmp_path / "dicom", disc_field(*SIZE, places), native=True)
    sha256 = media.store_copy(zip_of(tmp_path / "dicom", tmp_path / "dicom.zip"))
    zipped = SlideFactory.create(study=people.study, sha256=sha256, width=SIZE[0], height=SIZE[1])
    runs_of_both = [finished(start_detection(one, params=SMALL_BLOCKS)) for one in (zipped, slide)]
    assert [run.count for run in runs_of_both] == [len(places)] * 2
    assert runs_of_both[0].points_sha256 == runs_of_both[1].points_sha256
    assert runs_of_both[0].unread_px == 0


def test_a_finished_run_tells_its_area_and_progress(slide):
    run = finished(start_detection(slide, params=SMALL_BLOCKS))
    assert run.area_px == SIZE[0] * SIZE[1]
    assert (run.unread_px, run.error, run.message) == (0, "", "")
    assert run.done == run.total == run.blocks.count() > 1
    assert run.started_at is not None
    assert run.finished_at is not None


def test_the_size_of_a_block_changes_nothing(slide):
    small = finished(start_detection(slide, params=SMALL_BLOCKS))
    large = finished(start_detection(slide))
    assert small.total > large.total
    assert small.points_sha256 == large.points_sha256


def test_points_are_stored_with_all_scores_above_the_floor_and_shuffled(slide):
    run = finished(start_detection(slide))
    points = exports.read_points(run)
    assert len(points) == run.point_count
    assert points[:, 2].min() >= run.params["floor"]
    assert not (np.diff(points[:, 1]) >= 0).all()


def test_the_run_says_which_engine_was_used(slide):
    run = start_detection(slide, params={"head": "low_rank", "precision": "auto"})
    finished(run)
    assert run.params["head"] == "full"  # the toy model has no other
    assert run.params["precision"] == resolved_precision("auto", "cpu")
    assert run.params["engine"] == resolved_engine("auto", run.params["precision"], "cpu")
    assert run.asked["params"] == {"head": "low_rank", "precision": "auto"}


def test_the_first_worker_decides_for_all(slide):
    run = start_detection(slide, params=SMALL_BLOCKS)
    other = DetectionRun.objects.get(pk=run.pk)
    other.params = {**run.params, "head": "full", "precision": "fp32", "engine": "torch"}
    other.save(update_fields=["params"])
    settled = detection_runs._settled(run, *detection_runs._model(run.model_sha256))
    assert (settled.head, settled.precision, settled.engine) == ("full", "fp32", "torch")


def test_a_run_from_before_there_was_a_choice_goes_on_with_torch(slide):
    run = start_detection(slide)
    run.params.pop("engine")
    run.save(update_fields=["params"])
    finished(run)
    assert run.params["engine"] == "torch"


def test_a_worker_without_openvino_decides_for_torch(slide, monkeypatch):
    monkeypatch.setattr(engine_module, "has_openvino", lambda: False)
    run = start_detection(slide, params={"engine": "auto"})
    finished(run)
    assert (run.state, run.params["engine"]) == (RunState.DONE, "torch")


def test_a_worker_without_openvino_does_not_go_on_with_another_engine(slide, monkeypatch):
    detection_runs._engine.cache_clear()
    monkeypatch.setattr(engine_module, "has_openvino", lambda: False)
    run = start_detection(slide, params={"engine": "openvino"})
    detection_runs.detect(run.pk)
    run.refresh_from_db()
    assert (run.state, run.error_code, run.params["engine"]) == (RunState.FAILED, "engine_missing", "openvino")
    assert "install it there" in run.error


@pytest.mark.parametrize(
    ("asked", "has_gate", "used"),
    [
        ({}, True, (True, True)),
        ({"tissue_gate": False}, True, (True, False)),
        ({"gate": False}, True, (False, False)),
        ({}, False, (False, False)),
    ],
)
def test_the_run_says_which_gates_were_used(slide, asked, has_gate, used):
    run = start_detection(slide, params=asked)
    model, meta = detection_runs._model(run.model_sha256)
    settled = detection_runs._settled(run, model, meta if has_gate else replace(meta, gate=None))
    run.refresh_from_db()
    assert (settled.gate, settled.tissue_gate) == used
    assert (run.params["gate"], run.params["tissue_gate"]) == used


def test_a_finer_stride_finds_the_same_discs(slide, places):
    run = finished(start_detection(slide, params={"stride_px": 4}))
    assert run.count == len(places)
    assert run.params["stride_px"] == 4


def test_twice_is_once(slide):
    run = finished(start_detection(slide))
    before = (DetectionRun.objects.values().get(pk=run.pk), list(DetectionBlock.objects.values().filter(run=run)))
    tasks.detect(run.pk)
    assert (
        DetectionRun.objects.values().get(pk=run.pk),
        list(DetectionBlock.objects.values().filter(run=run)),
    ) == before


def test_only_cells_inside_the_region_are_counted(slide, places):
    region = [[0, 0], [400, 0], [400, 700], [0, 700]]
    run = finished(start_detection(slide, regions=[region]))
    points = exports.read_points(run)
    assert points[:, 0].max() < 400
    assert run.count == pytest.approx((places[:, 0] < 400).sum(), abs=1)
    assert run.area_px == 400 * 700


def test_neighbours_that_share_an_edge_count_each_cell_once_and_share_no_area(slide, places):
    crooked: list[list[float]] = [[400, 0], [470, 350], [380, 700]]
    left, right = [[0, 0], *crooked, [0, 700]], [*crooked[::-1], [1300, 0], [1300, 700]]
    parts = [finished(start_detection(slide, regions=[part])) for part in (left, right)]
    both = finished(start_detection(slide, regions=[left, right]))
    whole = finished(start_detection(slide))
    found = [set(map(tuple, exports.read_points(run).tolist())) for run in parts]
    assert not found[0] & found[1]
    assert sum(run.count or 0 for run in parts) == both.count == whole.count == len(places)
    assert sum(run.area_px or 0 for run in parts) == both.area_px == whole.area_px


def test_regions_that_overlap_count_and_measure_their_union(slide, places):
    one: list[list[float]] = [[0, 0], [500, 0], [500, 700], [0, 700]]
    other: list[list[float]] = [[300, 0], [800, 0], [800, 700], [300, 700]]
    run = finished(start_detection(slide, regions=[one, other]))
    assert run.area_px == 800 * 700
    assert run.count == pytest.approx((places[:, 0] < 800).sum(), abs=1)


def test_blocks_outside_all_regions_are_not_computed(slide):
    regions: list[list[list[float]]] = [
        [[0, 0], [120, 0], [0, 120]],
        [[1200, 10], [1290, 10], [1290, 100], [1200, 100]],
    ]
    run = start_detection(slide, regions=regions, params=SMALL_BLOCKS)
    assert sorted(run.blocks.values_list("x", "y")) == [(0, 0), (1024, 0)]
    assert start_detection(slide, params=SMALL_BLOCKS).blocks.count() == 6


def test_a_cancel_ends_it_and_no_worker_goes_on(slide):
    run = start_detection(slide, params=SMALL_BLOCKS)
    runs.detect(run.pk, seconds=0.001)
    services.detection_cancel(run=run)
    assert finished(run).state == RunState.CANCELLED
    assert run.points_sha256 == ""
    assert run.blocks.filter(state=BlockState.QUEUED).exists()
    assert run.pk not in leases.waiting_detections()


def test_blocks_of_a_dead_worker_are_taken_again(slide):
    whole = finished(start_detection(slide, params=SMALL_BLOCKS))
    run = start_detection(slide, params=SMALL_BLOCKS)
    runs.detect(run.pk, seconds=0)
    dead = leases.claim(run.blocks.all())
    assert dead is not None
    assert not runs.detect(run.pk, seconds=ENOUGH_S)
    run.refresh_from_db()
    assert run.state == RunState.RUNNING
    assert run.pk not in leases.waiting_detections()
    run.blocks.filter(pk=dead.pk).update(lease_until=Now() - timedelta(seconds=1))
    assert run.pk in leases.waiting_detections()
    assert finished(run).points_sha256 == whole.points_sha256
    assert not dead.finish(state=BlockState.DONE, candidates=b"")


def test_a_block_that_kills_three_workers_fails_alone(slide):
    run = start_detection(slide, params=SMALL_BLOCKS)
    doomed = run.blocks.get(n=0)
    run.blocks.filter(pk=doomed.pk).update(
        state=BlockState.RUNNING, attempts=3, lease_until=Now() - timedelta(seconds=1)
    )
    finished(run)
    assert run.state == RunState.INCOMPLETE
    assert run.unread_px == doomed.w * doomed.h
    assert run.area_px == SIZE[0] * SIZE[1] - run.unread_px
    assert "512×512 px at (0, 0)" in run.error
    assert run.done == run.total - 1


def test_a_block_that_fails_is_tried_three_times(slide, monkeypatch):
    run = start_detection(slide, params=SMALL_BLOCKS)

    def fails_on_the_second(model, reader, block, **options):
        if block.n == 1:
            raise MemoryError("no room")
        return detect_block(model, reader, block, **options)

    monkeypatch.setattr("detection.runs.detection.detect_block", fails_on_the_second)
    for _ in range(3):
        with pytest.raises(MemoryError):
            runs.detect(run.pk, seconds=ENOUGH_S)
    finished(run)
    assert run.state == RunState.INCOMPLETE
    assert run.blocks.get(n=1).attempts == 3
    assert "MemoryError" in run.error


def test_a_run_of_which_every_block_fails_has_failed(slide):
    run = start_detection(slide)
    run.blocks.update(state=BlockState.FAILED, error="The worker stopped.", attempts=3)
    assert finished(run).state == RunState.FAILED
    assert run.error == "The worker stopped."


def test_a_missing_model_file_ends_the_run_in_words(slide):
    run = start_detection(slide)
    media.path_of(run.model_sha256).unlink()
    detection_runs._model.cache_clear()
    finished(run)
    assert (run.state, run.error_code) == (RunState.FAILED, "checkpoint_missing")
    assert len(run.error) > 20


def test_a_missing_slide_file_ends_the_run_in_words(slide):
    run = start_detection(slide)
    media.path_of(run.slide_sha256).unlink()
    readers.pool.close()
    finished(run)
    assert (run.state, run.error_code) == (RunState.FAILED, "slide_damaged")


def test_blocks_are_numbered_in_the_order_they_were_done(slide):
    run = start_detection(slide, params=SMALL_BLOCKS)
    first = run.blocks.get(n=0)
    run.blocks.filter(pk=first.pk).update(state=BlockState.RUNNING, lease_until=Now() + timedelta(hours=1))
    runs.detect(run.pk, seconds=ENOUGH_S)
    run.blocks.filter(pk=first.pk).update(lease_until=Now() - timedelta(seconds=1))
    finished(run)
    order = list(run.blocks.order_by("nth").values_list("nth", "n"))
    assert [nth for nth, _ in order] == list(range(1, run.total + 1))
    assert order[-1] == (run.total, first.n)


def test_what_blocks_found_adds_up_to_the_result(slide):
    run = finished(start_detection(slide, params=SMALL_BLOCKS))
    found, blocks = exports.found_after(run, 0)
    assert blocks == run.total
    assert sorted(found.tolist()) == sorted(exports.read_points(run).tolist())


def test_what_is_found_so_far_obeys_the_edges_of_regions(slide):
    left: list[list[float]] = [[0, 0], [400, 0], [470, 350], [380, 700], [0, 700]]
    run = finished(start_detection(slide, regions=[left], params=SMALL_BLOCKS))
    found, _ = exports.found_after(run, 0)
    assert len(found)
    assert inside(found[:, :2], [left]).all()
    stray = np.array([[900.0, 350.0, 1.0]], dtype="<f4")
    assert len(exports.suppressed(run, [stray.tobytes()])) == 0


def test_a_part_that_cannot_be_read_is_boxed(slide, monkeypatch):
    read = SlideReader.read

    def blind(self, x, y, w, h, scale=1.0):
        pixels, mask = read(self, x, y, w, h, scale)
        mask[max(0, 100 - y) : max(0, 150 - y), max(0, 600 - x) : max(0, 700 - x)] = False
        return pixels, mask

    monkeypatch.setattr(SlideReader, "read", blind)
    run = finished(start_detection(slide, params=SMALL_BLOCKS))
    assert (run.state, run.unread_px) == (RunState.INCOMPLETE, 100 * 50)
    [area] = selectors.unread_areas(run)
    assert area == {"x": 600, "y": 100, "width": 100, "height": 50, "reason": selectors.UNREADABLE}


def test_the_dial_counts_the_stored_points(slide):
    run = finished(start_detection(slide))
    scores = exports.read_points(run)[:, 2].astype(float)
    middle = float(np.sort(scores)[len(scores) // 2])
    services.detection_set_threshold(run=run, threshold=middle)
    run.refresh_from_db()
    assert run.count == (scores >= middle).sum() == len(exports.counted_points(run))


def test_the_dial_turned_meanwhile_holds_at_the_end(slide):
    run = start_detection(slide)
    services.detection_set_threshold(run=run, threshold=1.0)
    assert finished(run).count == (exports.read_points(run)[:, 2] >= 1).sum()


def test_an_end_that_fails_is_tried_again(slide, monkeypatch):
    run = start_detection(slide)
    monkeypatch.setattr(exports, "suppress", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        runs.detect(run.pk, seconds=ENOUGH_S)
    run.refresh_from_db()
    assert run.state == RunState.RUNNING
    assert run.pk in leases.waiting_detections()
    monkeypatch.undo()
    assert finished(run).state == RunState.DONE
    assert run.error == ""


def test_an_end_that_fails_three_times_has_failed(slide, monkeypatch):
    run = start_detection(slide)
    monkeypatch.setattr(exports, "suppress", lambda *_, **__: 1 / 0)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            runs.detect(run.pk, seconds=ENOUGH_S)
    assert finished(run).state == RunState.FAILED
    assert "ZeroDivisionError" in run.error


def test_a_spoilt_lease_loses_the_result(slide):
    run = start_detection(slide)
    runs.detect(run.pk, seconds=0)
    lease = leases.claim(run.blocks.all())
    assert lease is not None
    run.blocks.update(token=F("token") + 1)
    assert not lease.finish(state=BlockState.DONE, candidates=b"")
    assert run.blocks.get(pk=lease.pk).state == BlockState.RUNNING


def test_nothing_happens_for_a_run_that_is_not_there():
    assert not runs.detect(999_999)
