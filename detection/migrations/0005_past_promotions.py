from django.db import migrations

UNKNOWN = "Promoted before models were compared."


def note_past_promotions(apps, schema_editor):
    """Write one row per model that was promoted, in the order of time, so that a roll back finds the way."""
    Promotion = apps.get_model("detection", "Promotion")
    last = {}
    models = apps.get_model("detection", "ModelVersion").objects.filter(promoted_at__isnull=False, promoted_by__isnull=False)
    for model in models.order_by("promoted_at", "number"):
        Promotion.objects.create(
            study_id=model.study_id,
            model=model,
            previous=last.get(model.study_id),
            reason=model.reason or UNKNOWN,
            created_by_id=model.promoted_by_id,
            created_at=model.promoted_at,
        )
        last[model.study_id] = model


class Migration(migrations.Migration):
    dependencies = [("detection", "0004_model_comparisons_and_imports")]

    operations = [migrations.RunPython(note_past_promotions, migrations.RunPython.noop)]
