"""Runs of before had one trial, which held the scores of the model."""

from django.db import migrations


def move_scores(apps, schema_editor):
    Trial = apps.get_model("detection", "Trial")
    for trial in Trial.objects.select_related("run").iterator():
        run = trial.run
        ended = {"done": "done", "failed": "failed"}.get(run.state, "stopped")
        trial.state = "running" if run.state in ("queued", "running") else ended
        if trial.metrics is not None:
            run.metrics, trial.metrics = trial.metrics, trial.metrics["validation"]
            run.save(update_fields=["metrics"])
        trial.save(update_fields=["state", "metrics"])


class Migration(migrations.Migration):
    dependencies = [("detection", "0002_searches_and_trials")]

    operations = [migrations.RunPython(move_scores, migrations.RunPython.noop)]
