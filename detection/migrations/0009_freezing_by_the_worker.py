import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [
        ("detection", "0008_blocks_in_the_order_they_were_done"),
        ("labeling", "0008_mined_patches"),
    ]

    operations = [
        migrations.AddField(
            model_name="trainingrun",
            name="labels_until",
            field=models.BigIntegerField(
                blank=True, help_text="id of the newest label that counts; empty: a data set was named", null=True
            ),
        ),
        migrations.AlterField(
            model_name="trainingrun",
            name="dataset",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="training_runs",
                to="labeling.datasetversion",
            ),
        ),
        migrations.AddConstraint(
            model_name="trainingrun",
            constraint=models.CheckConstraint(
                condition=Q(dataset__isnull=False) | Q(labels_until__isnull=False) & ~Q(state="done"),
                name="training_knows_its_labels",
            ),
        ),
    ]
