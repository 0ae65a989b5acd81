"""Data-set versions: labels frozen with their split, so that a model can be traced to what it learned from."""

import uuid
from collections.abc import Collection
from dataclasses import asdict

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from config.bells import ring
from config.errors import ConflictError
from labeling import freezing, tasks
from labeling.choices import OPEN_FREEZE_STATES, FreezeState
from labeling.freezing import AS_USUAL, FreezeChoices
from labeling.models import DatasetFreeze, DatasetVersion, Study, User
from labeling.progress import Tell, silent


def dataset_freeze(
    *,
    study: Study,
    user: User,
    seed: int = 0,
    sources: Collection[str] = (),
    slides: Collection[int] = (),
    choices: FreezeChoices = AS_USUAL,
    tell: Tell = silent,
) -> DatasetVersion:
    """Freeze the labels of a study here and now, split into training, validation and test.

    Args:
        study: the study.
        user: who asks.
        seed: of the split.
        sources: take patches that came in these ways only; empty: all.
        slides: take patches of these slides only; empty: all.
        choices: name, whose word counts, what stays together.
        tell: told how far it is.

    Returns:
        The version with its items; one of exactly this content that exists already is taken again.

    Raises:
        TooFewError: fewer than ten cells that are counted or that are not, or too few separate places to split.
        ConflictError: ``dataset_name_taken``.
        DomainError: ``dataset_reader_unknown``, or ``dataset_not_random``: patches of slides cannot be split at random.
        LeakError: the split would leak.
    """
    prepared = freezing.prepare(
        study=study, user=user, seed=seed, sources=sources, slides=slides, choices=choices, tell=tell
    )
    return freezing.store(prepared, tell=tell)


def dataset_foresee(*, study: Study, sources: Collection[str] = (), slides: Collection[int] = ()) -> None:
    """Refuse at once what freezing these labels would refuse for too few of a kind, as far as that is told in a moment.

    Where there are many labels it does not look, and where readers are level or took labels back, fewer are left than
    it counts: that only the freeze itself can tell.

    Raises:
        TooFewError: fewer than ten cells that are counted or that are not.
    """
    freezing.foresee(study, sources, slides)


@transaction.atomic
def freeze_start(
    *,
    study: Study,
    user: User,
    client_key: uuid.UUID,
    seed: int = 0,
    sources: Collection[str] = (),
    slides: Collection[int] = (),
    choices: FreezeChoices = AS_USUAL,
) -> tuple[DatasetFreeze, bool]:
    """Have a worker freeze the labels of a study; see ``dataset_freeze``.

    Args:
        study: the study.
        user: who asks.
        client_key: drawn by the sender; the same key and wish again answer with the same freeze.
        seed: of the split.
        sources: see ``dataset_freeze``; so ``slides`` and ``choices``.
        slides: see ``sources``.
        choices: see ``sources``.

    Returns:
        (freeze, made).

    Raises:
        ConflictError: ``client_key_reused``, or ``dataset_name_taken``: by a version, or by a freeze under way.
    """
    Study.objects.select_for_update().get(pk=study.pk)
    asked = {"seed": seed, "sources": sorted(sources), "slides": sorted(slides), "choices": asdict(choices)}
    earlier = DatasetFreeze.objects.filter(created_by=user, client_key=client_key).first()
    if earlier is not None:
        if earlier.asked != asked or earlier.study_id != study.pk:
            raise ConflictError("This key was used for another request. Send a new one.", code="client_key_reused")
        return earlier, False
    if choices.name:
        _check_name(study, choices.name)
    freeze = DatasetFreeze.objects.create(
        study=study, client_key=client_key, asked=asked, created_by=user, message="Waiting for a worker"
    )
    ring(tasks.freeze, freeze.pk)
    return freeze, True


def _check_name(study: Study, name: str) -> None:
    """Refuse a name at once that would only be refused at the end."""
    freezing.check_name_free(study, name)
    if study.freezes.filter(Q(asked__choices__name=name), state__in=OPEN_FREEZE_STATES).exists():
        raise ConflictError("A data set of this name is being frozen. Choose another name.", code="dataset_name_taken")


def freeze_cancel(*, freeze: DatasetFreeze) -> None:
    """End a freeze that has not ended; one that is cancelled already stays so.

    Raises:
        ConflictError: ``freeze_ended``.
    """
    # The state is final at once; the worker notices and throws its work away.
    now = timezone.now()
    rows = DatasetFreeze.objects.filter(pk=freeze.pk)
    changed = rows.filter(state__in=OPEN_FREEZE_STATES).update(
        state=FreezeState.CANCELLED, cancelled_at=now, finished_at=now, lease_until=None, message="Cancelled"
    )
    if not changed and not rows.filter(state=FreezeState.CANCELLED).exists():
        raise ConflictError("This freeze has ended and cannot be cancelled any more.", code="freeze_ended")


def dataset_check_leaks(dataset: DatasetVersion) -> None:
    """Refuse a version in which something lies on two sides: the same or nearly the same pixels, or overlapping places.

    Where the split is by slide or case, these must not straddle it either.

    Raises:
        LeakError: with counts and some patches of each kind in ``extra``.
    """
    freezing.check_leaks(dataset)


def dataset_check(dataset: DatasetVersion, *, tell: Tell = silent) -> None:
    """Refuse a version that leaks, or whose items are not those of its content hash any more.

    Raises:
        LeakError: see ``dataset_check_leaks``.
        ConflictError: ``dataset_changed``.
    """
    freezing.check(dataset, tell=tell)
