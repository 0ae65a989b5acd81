from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('labeling', '0005_frozen_datasets'),
    ]

    operations = [
        migrations.AddField(
            model_name='patch',
            name='look',
            field=models.BinaryField(help_text='see looks; empty until a data set needs it', max_length=100, null=True),
        ),
    ]
