"""The Celery door of the labelling side."""

from celery import shared_task


@shared_task
def ingest_slide(slide_id: int) -> None:
    """Prepare one slide."""
    from labeling import runs

    runs.ingest_slide(slide_id)


@shared_task
def finish_upload(upload_id: str) -> None:
    """Hash one large upload that is whole, and prepare its slide."""
    from labeling import runs

    slide_id = runs.finish_upload(upload_id)
    if slide_id is not None:
        ingest_slide.apply_async((slide_id,), expires=15)


@shared_task
def freeze(freeze_id: int) -> None:
    """Freeze the labels of a study."""
    from labeling import runs

    runs.freeze(freeze_id)


@shared_task
def reconcile() -> None:
    """Ring again for uploads, slides and freezes that wait, and clear what was left behind."""
    from config.health import record_sign_of_life
    from labeling import runs

    record_sign_of_life("beat")
    for upload_id in runs.whole_uploads():
        finish_upload.apply_async((upload_id,), expires=15)
    for slide_id in runs.waiting_slides():
        ingest_slide.apply_async((slide_id,), expires=15)
    for freeze_id in runs.waiting_freezes():
        freeze.apply_async((freeze_id,), expires=15)
    runs.remove_stale_uploads()
