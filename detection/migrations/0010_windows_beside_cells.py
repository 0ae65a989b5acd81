from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("detection", "0009_freezing_by_the_worker")]

    operations = [
        migrations.AddField(
            model_name="trainingrun",
            name="windows_beside",
            field=models.JSONField(
                blank=True,
                help_text="windows cut beside counted cells; empty: none yet, or not known then",
                null=True,
            ),
        ),
    ]
