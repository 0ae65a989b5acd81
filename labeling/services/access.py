"""Who looked at or took out what."""

from django.core.cache import cache
from redis import RedisError

from labeling.models import AccessRecord, Slide, Study, User

SAME_VISIT_S = 600


def access_record(*, user: User, study: Study, action: str, slide: Slide | None = None, detail: str = "") -> None:
    """Write down that a person opened or exported something; a page that asks again and again is one visit.

    Args:
        user: who.
        study: in which study.
        action: what, e.g. ``open_slide`` or ``export_points``.
        slide: of which slide, if of one.
        detail: more, e.g. the run's number.
    """
    key = f"visit:{user.pk}:{study.pk}:{slide.pk if slide else 0}:{action}:{detail}"
    try:
        if action.startswith("open") and not cache.add(key, 1, timeout=SAME_VISIT_S):
            return
    except RedisError:
        pass
    AccessRecord.objects.create(user=user, study=study, slide=slide, action=action, detail=detail[:200])
