from django.db import migrations
from django.db.models import CharField, F, Value
from django.db.models.functions import Cast, Concat


def name_by_number(apps, schema_editor):
    """Name the versions that were frozen before versions had names."""
    rows = apps.get_model('labeling', 'DatasetVersion').objects.filter(name='')
    rows.update(name=Concat(Value('Data set '), Cast(F('number'), CharField())))


class Migration(migrations.Migration):

    dependencies = [
        ('labeling', '0003_dataset_name'),
    ]

    operations = [
        migrations.RunPython(name_by_number, migrations.RunPython.noop),
    ]
