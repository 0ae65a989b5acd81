from django.db import migrations, models

SOURCES = [
    ('click', 'Clicked in the viewer'),
    ('points', 'Imported points'),
    ('import', 'Imported patches'),
    ('mined', 'Proposed by a model'),
]


class Migration(migrations.Migration):

    dependencies = [
        ('labeling', '0007_dataset_freeze'),
    ]

    operations = [
        migrations.AlterField(
            model_name='patch',
            name='source',
            field=models.CharField(choices=SOURCES, max_length=10),
        ),
        migrations.RemoveConstraint(
            model_name='patch',
            name='patch_source_known',
        ),
        migrations.AddConstraint(
            model_name='patch',
            constraint=models.CheckConstraint(condition=models.Q(('source__in', ['click', 'points', 'import', 'mined'])), name='patch_source_known'),
        ),
    ]
