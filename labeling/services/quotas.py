"""How much a study may hold: originals that are stored, and uploads that are on their way."""

from django.db import transaction

from config.errors import DomainError
from labeling import selectors
from labeling.models import Study


class QuotaError(DomainError):
    """More than the study may hold."""

    code = "study_quota"
    status = 413


@transaction.atomic
def quota_check(*, study: Study, size_bytes: int) -> None:
    """Refuse a file that a study has no room for; the study's row stays locked until the caller's transaction ends.

    Args:
        study: where it would belong.
        size_bytes: its whole size.

    Raises:
        QuotaError: the study may not hold that much, with the numbers in words.
    """
    quota = Study.objects.select_for_update().get(pk=study.pk).quota_bytes
    if quota is None:
        return
    slides, uploads = selectors.study_bytes(study)
    if slides + uploads + size_bytes > quota:
        raise QuotaError(
            f"This study may hold {_gb(quota)}: {_gb(slides)} are slides, {_gb(uploads)} are uploads on their way, and "
            f"this file has {_gb(size_bytes)}. Throw away uploads that nobody will finish, take away slides that "
            "failed, or ask an admin of the study for a larger quota.",
            extra={"quota_bytes": quota, "slides_bytes": slides, "uploads_bytes": uploads, "needed_bytes": size_bytes},
        )


def _gb(size_bytes: int) -> str:
    return f"{size_bytes / 1e9:.2f} GB" if size_bytes >= 10**8 else f"{size_bytes / 1e6:.2f} MB"
