from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("detection", "0007_proposals")]

    operations = [
        migrations.AddField(
            model_name="detectionblock",
            name="unread",
            field=models.JSONField(
                default=list, help_text="boxes [x, y, w, h] in model pixels that could not be read"
            ),
        ),
        migrations.AddField(
            model_name="detectionblock",
            name="nth",
            field=models.PositiveIntegerField(
                help_text="place in the order in which the blocks were done, from 1", null=True
            ),
        ),
        migrations.AddConstraint(
            model_name="detectionblock",
            constraint=models.UniqueConstraint(fields=("run", "nth"), name="block_nth_once"),
        ),
    ]
