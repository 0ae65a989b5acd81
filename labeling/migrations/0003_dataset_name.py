from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('labeling', '0002_membership_delete_event'),
    ]

    operations = [
        migrations.AddField(
            model_name='datasetversion',
            name='name',
            field=models.CharField(default='', max_length=120),
            preserve_default=False,
        ),
    ]
