"""The detection worker's work: block by block under leases, then one global suppression, once."""

import logging
import time
from dataclasses import replace
from functools import lru_cache

import numpy as np
from django.db import transaction
from django.db.models import F, QuerySet, Subquery
from django.db.models.functions import Coalesce, Now
from numpy.typing import NDArray

from config.errors import DomainError, UnavailableError
from detection import exports, leases
from detection.choices import BlockState, RunState
from detection.models import DetectionBlock, DetectionRun
from detection.nn.blocks import Block, DetectionParams, region_mask
from detection.nn.checkpoint import CheckpointMeta, load_checkpoint
from detection.nn.engine import Engine, resolved_engine, resolved_precision
from detection.nn.network import PaperNet
from detection.nn.regions import pixel_centred
from detection.nn.sliding_window import BlockResult, detect_block
from detection.runs.devices import device, tell_device
from labeling import media, readers

logger = logging.getLogger(__name__)

MESSAGE_S = 10.0
"""How long one message works: long enough to be cheap, short enough that no run waits behind a large one."""
SHUFFLE_SEED = 20
LOOKING, WAITS = "Looking for cells", "The store of the image files does not answer; it is tried again"
_NAMED_BLOCKS = 5
_BEFORE_ENGINES = {"engine": "torch"}
"""What a run used that was begun when there was no choice."""

Points = NDArray[np.float32]


def detect(run_id: int, *, seconds: float = MESSAGE_S) -> bool:
    """Work on a detection for some seconds, and end it when nothing is left.

    Args:
        run_id: a detection run; one that has ended is left alone.
        seconds: no block is begun after that.

    Returns:
        Whether blocks may be left that nobody works on.
    """
    tell_device()
    DetectionRun.objects.filter(pk=run_id, state=RunState.QUEUED).update(
        state=RunState.RUNNING, started_at=Coalesce("started_at", Now()), message=LOOKING
    )
    DetectionRun.objects.filter(pk=run_id, state=RunState.RUNNING, message=WAITS).update(message=LOOKING)
    run = DetectionRun.objects.select_related("slide").filter(pk=run_id).first()
    until = time.monotonic() + seconds
    while run is not None and time.monotonic() < until:
        lease = leases.claim(_open_blocks(run_id))
        if lease is None:
            _finish_if_whole(run)
            return False
        _work(run, lease)
    return run is not None


def _open_blocks(run_id: int) -> QuerySet[DetectionBlock]:
    """Blocks of a run that runs; the cancel that ends a run ends this list."""
    return DetectionBlock.objects.filter(run=run_id, run__state=RunState.RUNNING).order_by("n")


def _work(run: DetectionRun, lease: leases.Lease) -> None:
    """Detect one block; its failure is its own, but a broken model or slide ends the run."""
    try:
        with leases.Heartbeat(lease):
            _detect_one(run, lease)
    except UnavailableError:
        lease.postpone()
        DetectionRun.objects.filter(pk=run.pk, state=RunState.RUNNING).update(message=WAITS)
    except DomainError as error:
        lease.give_back(error=error.message)
        _fail_run(run, error.code, error.message)
    except Exception as error:
        lease.give_back(error=f"{type(error).__name__}: {error}"[:500])
        raise


def _detect_one(run: DetectionRun, lease: leases.Lease) -> None:
    block = DetectionBlock.objects.get(pk=lease.pk)
    model, meta = _model(run.model_sha256)
    params = _settled(run, model, meta)
    engine = _engine(run.model_sha256, params.head, params.precision, params.engine)
    with readers.slide_reader(run.slide.file_sha256) as reader:
        result = detect_block(
            engine,
            reader,
            Block(block.n, block.x, block.y, block.w, block.h),
            scale=run.scale,
            params=params,
            gate=meta.gate,
            regions=pixel_centred(run.regions),
        )
    _keep(run, lease, result)


def _keep(run: DetectionRun, lease: leases.Lease, result: BlockResult) -> None:
    """Store a block's result, unless the block is somebody else's by now."""
    with transaction.atomic():
        kept = lease.finish(
            state=BlockState.DONE,
            candidates=result.candidates.astype("<f4").tobytes(),
            read_px=result.read_px,
            unread_px=result.unreadable_px,
            unread=result.unreadable,
            error="",
        )
        if kept:
            # The run's row is locked from here to the commit: the numbers have no gap and come in the order of commits.
            DetectionRun.objects.filter(pk=run.pk).update(done=F("done") + 1)
            done = DetectionRun.objects.filter(pk=run.pk).values("done")
            DetectionBlock.objects.filter(pk=lease.pk).update(nth=Subquery(done))


@lru_cache(maxsize=1)
def _model(sha256: str) -> tuple[PaperNet, CheckpointMeta]:
    """Load a model; a worker process keeps the last one."""
    return load_checkpoint(media.path_of(sha256))


@lru_cache(maxsize=1)
def _engine(sha256: str, head: str, precision: str, engine: str) -> Engine:
    """Make a model ready for detection; a worker process keeps the last one."""
    return Engine(_model(sha256)[0], head=head, precision=precision, engine=engine, device=device())


def _settled(run: DetectionRun, model: PaperNet, meta: CheckpointMeta) -> DetectionParams:
    """Note on the run what is used, decided once by its first worker, so that all use the same.

    Head, precision, engine, gates: a model may have no low-rank head and no gate, and glass is known by the gate's
    numbers.
    """
    params = DetectionParams.from_json(_BEFORE_ENGINES | run.params)
    gate = params.gate and meta.gate is not None
    precision = resolved_precision(params.precision, device())
    settled = replace(
        params,
        head=params.head if model.low_rank is not None else "full",
        precision=precision,
        engine=resolved_engine(params.engine, precision, device()),
        gate=gate,
        tissue_gate=params.tissue_gate and gate,
    )
    if settled == params:
        return params
    DetectionRun.objects.filter(pk=run.pk, params=run.params).update(params=settled.to_json())
    run.refresh_from_db(fields=["params"])
    return DetectionParams.from_json(_BEFORE_ENGINES | run.params)


def _fail_run(run: DetectionRun, code: str, words: str) -> None:
    DetectionRun.objects.filter(pk=run.pk, state=RunState.RUNNING).update(
        state=RunState.FAILED, error_code=code, error=words, message="", lease_until=None, finished_at=Now()
    )


def _finish_if_whole(run: DetectionRun) -> None:
    """End a run of which no block is left, exactly once: its own lease decides who does it."""
    leases.fail_spent_blocks(DetectionBlock.objects.filter(run=run))
    if DetectionBlock.objects.filter(run=run, state__in=[BlockState.QUEUED, BlockState.RUNNING]).exists():
        return
    lease = leases.claim(DetectionRun.objects.filter(pk=run.pk, state=RunState.RUNNING))
    if lease is None:
        return
    lease.update(message="Removing double finds")
    try:
        with leases.Heartbeat(lease):
            _finish(run, lease)
    except UnavailableError:
        lease.postpone(message=WAITS)
    except Exception as error:
        lease.give_back(
            error=f"The result could not be put together ({type(error).__name__}).",
            rest=RunState.RUNNING,
            error_code="detection_end_failed",
            message="",
            finished_at=Now(),
        )
        raise


def _finish(run: DetectionRun, lease: leases.Lease) -> None:
    failed = list(DetectionBlock.objects.filter(run=run, state=BlockState.FAILED).order_by("n"))
    total = DetectionBlock.objects.filter(run=run).count()
    if len(failed) == total:
        lease.finish(
            state=RunState.FAILED, error_code="all_blocks_failed", error=failed[0].error, finished_at=Now(), message=""
        )
        return
    points = _suppressed(run)
    read_px, unread_px = _areas(run, failed)
    sha256 = media.store_bytes(points.astype("<f4").tobytes())
    whole = not failed and unread_px == 0
    with transaction.atomic():
        # The dial may have been turned meanwhile: count at the threshold that stands in the row now.
        now = DetectionRun.objects.select_for_update().get(pk=run.pk)
        lease.finish(
            state=RunState.DONE if whole else RunState.INCOMPLETE,
            points_sha256=sha256,
            point_count=len(points),
            count=int(exports.at_threshold(points, now.threshold).sum()),
            area_px=read_px,
            unread_px=unread_px,
            done=total - len(failed),
            total=total,
            message="",
            error_code="" if whole else "area_unread",
            error="" if whole else _missing_words(run, failed, read_px, unread_px),
            finished_at=Now(),
        )


def _suppressed(run: DetectionRun) -> Points:
    """Gather the candidates inside the regions, keep the best of each neighbourhood, and shuffle them.

    A prefix of what is shuffled is a fair sample.
    """
    done = DetectionBlock.objects.filter(run=run, state=BlockState.DONE).order_by("n")
    points = exports.suppressed(run, done.values_list("candidates", flat=True).iterator(chunk_size=500))
    return points[np.random.default_rng(SHUFFLE_SEED).permutation(len(points))]


def _areas(run: DetectionRun, failed: list[DetectionBlock]) -> tuple[int, int]:
    """Sum the level-0 pixels inside the regions that were read, and that were not."""
    done = DetectionBlock.objects.filter(run=run, state=BlockState.DONE).values_list("read_px", "unread_px")
    read, unread = (sum(column) for column in zip(*done, strict=True))
    regions = pixel_centred(run.regions)
    unread += sum(int(region_mask((b.x, b.y, b.w, b.h), regions, run.scale).sum()) for b in failed)
    return round(read * run.scale**2), round(unread * run.scale**2)


def _missing_words(run: DetectionRun, failed: list[DetectionBlock], read_px: int, unread_px: int) -> str:
    """Say in words which part of the area has no count."""
    words = f"{100 * unread_px / max(1, read_px + unread_px):.2g} % of the area could not be read and is not counted."
    if not failed:
        return words
    places = ", ".join(
        f"{round(b.w * run.scale)}×{round(b.h * run.scale)} px at ({round(b.x * run.scale)}, {round(b.y * run.scale)})"
        for b in failed[:_NAMED_BLOCKS]
    )
    more = f" and {len(failed) - _NAMED_BLOCKS} more" if len(failed) > _NAMED_BLOCKS else ""
    return f"{words} Missing: {places}{more}. {failed[0].error}"
