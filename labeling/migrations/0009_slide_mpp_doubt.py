from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('labeling', '0008_mined_patches'),
    ]

    operations = [
        migrations.AddField(
            model_name='slide',
            name='mpp_doubt',
            field=models.CharField(blank=True, help_text="what speaks against the file's own scale", max_length=200),
        ),
    ]
