from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("detection", "0005_past_promotions")]

    operations = [
        migrations.AddField(
            model_name="trial",
            name="done",
            field=models.PositiveIntegerField(
                default=0, help_text="how far it is, in the unit of its run's progress"
            ),
        ),
        migrations.AddField(
            model_name="trial",
            name="token",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="trial",
            name="attempts",
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="trial",
            name="lease_until",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="trial",
            name="is_owners",
            field=models.BooleanField(default=False, help_text="whoever has the run took it, and no helper"),
        ),
    ]
