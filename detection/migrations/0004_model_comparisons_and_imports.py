import django.db.models.deletion
import django.utils.timezone
import pgtrigger.compiler
import pgtrigger.migrations
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('detection', '0003_scores_of_earlier_runs'),
        ('labeling', '0002_membership_delete_event'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ModelComparison',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('state', models.CharField(choices=[('queued', 'Waiting'), ('running', 'Running'), ('done', 'Done'), ('incomplete', 'Incomplete'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], default='queued', max_length=12)),
                ('done', models.PositiveIntegerField(default=0)),
                ('total', models.PositiveIntegerField(default=0)),
                ('message', models.CharField(blank=True, max_length=200)),
                ('error_code', models.CharField(blank=True, max_length=60)),
                ('error', models.TextField(blank=True)),
                ('token', models.PositiveIntegerField(default=0)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('lease_until', models.DateTimeField(blank=True, null=True)),
                ('cancelled_at', models.DateTimeField(blank=True, null=True)),
                ('client_key', models.UUIDField(default=uuid.uuid4)),
                ('asked', models.JSONField(default=dict, help_text='the request as it came, so that a reused key is noticed')),
                ('code_version', models.CharField(max_length=60)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('started_at', models.DateTimeField(blank=True, null=True)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('verdict', models.CharField(blank=True, choices=[('better', 'Better'), ('worse', 'Worse'), ('not_told_apart', 'Not to be told apart')], max_length=20)),
                ('left_out', models.PositiveIntegerField(blank=True, help_text='test patches that the current model had seen', null=True)),
                ('result', models.JSONField(blank=True, help_text='empty where no patch was left', null=True)),
            ],
            options={
                'ordering': ['-number'],
            },
        ),
        migrations.CreateModel(
            name='ModelImport',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('state', models.CharField(choices=[('queued', 'Waiting'), ('running', 'Running'), ('done', 'Done'), ('incomplete', 'Incomplete'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], default='queued', max_length=12)),
                ('done', models.PositiveIntegerField(default=0)),
                ('total', models.PositiveIntegerField(default=0)),
                ('message', models.CharField(blank=True, max_length=200)),
                ('error_code', models.CharField(blank=True, max_length=60)),
                ('error', models.TextField(blank=True)),
                ('token', models.PositiveIntegerField(default=0)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('lease_until', models.DateTimeField(blank=True, null=True)),
                ('cancelled_at', models.DateTimeField(blank=True, null=True)),
                ('client_key', models.UUIDField(default=uuid.uuid4)),
                ('asked', models.JSONField(default=dict, help_text='the request as it came, so that a reused key is noticed')),
                ('code_version', models.CharField(max_length=60)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('started_at', models.DateTimeField(blank=True, null=True)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('file_key', models.UUIDField(default=uuid.uuid4, help_text='names the file until it was inspected', unique=True)),
                ('file_name', models.CharField(blank=True, max_length=255)),
                ('size_bytes', models.BigIntegerField()),
            ],
            options={
                'ordering': ['-number'],
            },
        ),
        migrations.CreateModel(
            name='Promotion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('promotion', 'Promotion'), ('roll_back', 'Roll back')], default='promotion', max_length=10)),
                ('verdict', models.CharField(blank=True, choices=[('better', 'Better'), ('worse', 'Worse'), ('not_told_apart', 'Not to be told apart')], max_length=20)),
                ('reason', models.TextField(blank=True, max_length=2000)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.AddField(
            model_name='modelversion',
            name='dataset_hash',
            field=models.CharField(blank=True, help_text='what an imported model says it learned from', max_length=200),
        ),
        migrations.AddField(
            model_name='modelversion',
            name='file_name',
            field=models.CharField(blank=True, help_text='of the file that was imported', max_length=255),
        ),
        migrations.AddField(
            model_name='modelversion',
            name='imported_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AlterField(
            model_name='modelversion',
            name='metrics',
            field=models.JSONField(blank=True, help_text='empty: nobody here has judged an imported model', null=True),
        ),
        migrations.AlterField(
            model_name='modelversion',
            name='trial',
            field=models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='model', to='detection.trial'),
        ),
        migrations.AddConstraint(
            model_name='modelversion',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('imported_by__isnull', True), ('metrics__isnull', False), ('trial__isnull', False)), models.Q(('imported_by__isnull', False), ('trial__isnull', True)), _connector='OR'), name='model_trained_or_imported'),
        ),
        migrations.AddField(
            model_name='modelcomparison',
            name='candidate',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='comparisons', to='detection.modelversion'),
        ),
        migrations.AddField(
            model_name='modelcomparison',
            name='created_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='modelcomparison',
            name='current',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='detection.modelversion'),
        ),
        migrations.AddField(
            model_name='modelcomparison',
            name='dataset',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='labeling.datasetversion'),
        ),
        migrations.AddField(
            model_name='modelcomparison',
            name='study',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='comparisons', to='labeling.study'),
        ),
        migrations.AddField(
            model_name='modelimport',
            name='created_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='modelimport',
            name='model',
            field=models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='import_run', to='detection.modelversion'),
        ),
        migrations.AddField(
            model_name='modelimport',
            name='study',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='model_imports', to='labeling.study'),
        ),
        migrations.AddField(
            model_name='promotion',
            name='comparison',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='promotions', to='detection.modelcomparison'),
        ),
        migrations.AddField(
            model_name='promotion',
            name='created_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='promotion',
            name='model',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='promotions', to='detection.modelversion'),
        ),
        migrations.AddField(
            model_name='promotion',
            name='previous',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='detection.modelversion'),
        ),
        migrations.AddField(
            model_name='promotion',
            name='study',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='promotions', to='labeling.study'),
        ),
        migrations.AddConstraint(
            model_name='modelcomparison',
            constraint=models.UniqueConstraint(fields=('study', 'number'), name='comparison_number_once'),
        ),
        migrations.AddConstraint(
            model_name='modelcomparison',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', ['queued', 'running', 'done'])), fields=('candidate', 'current'), name='comparison_pair_once'),
        ),
        migrations.AddConstraint(
            model_name='modelcomparison',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['queued', 'running', 'done', 'incomplete', 'failed', 'cancelled'])), name='comparison_state_known'),
        ),
        migrations.AddConstraint(
            model_name='modelcomparison',
            constraint=models.CheckConstraint(condition=models.Q(('verdict__in', ['', 'better', 'worse', 'not_told_apart'])), name='comparison_verdict_known'),
        ),
        migrations.AddConstraint(
            model_name='modelcomparison',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'done'), _negated=True), models.Q(models.Q(('verdict', ''), _negated=True), ('left_out__isnull', False)), _connector='OR'), name='comparison_result_whole'),
        ),
        migrations.AddConstraint(
            model_name='modelimport',
            constraint=models.UniqueConstraint(fields=('study', 'number'), name='import_number_once'),
        ),
        migrations.AddConstraint(
            model_name='modelimport',
            constraint=models.UniqueConstraint(fields=('created_by', 'client_key'), name='import_key_once'),
        ),
        migrations.AddConstraint(
            model_name='modelimport',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['queued', 'running', 'done', 'incomplete', 'failed', 'cancelled'])), name='import_state_known'),
        ),
        migrations.AddConstraint(
            model_name='modelimport',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'done'), _negated=True), ('model__isnull', False), _connector='OR'), name='import_done_has_model'),
        ),
        migrations.AddConstraint(
            model_name='promotion',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['promotion', 'roll_back'])), name='promotion_kind_known'),
        ),
        migrations.AddConstraint(
            model_name='promotion',
            constraint=models.CheckConstraint(condition=models.Q(('verdict__in', ['', 'better', 'worse', 'not_told_apart'])), name='promotion_verdict_known'),
        ),
        migrations.AddConstraint(
            model_name='promotion',
            constraint=models.CheckConstraint(condition=models.Q(('kind', 'roll_back'), ('previous__isnull', True), ('verdict', 'better'), models.Q(('reason', ''), _negated=True), _connector='OR'), name='promotion_has_reason'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='promotion',
            trigger=pgtrigger.compiler.Trigger(name='only_added', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='079a78b59d8f64d85c6e7a1c342ac77f9f2f9919', operation='UPDATE OR DELETE', pgid='pgtrigger_only_added_21d5a', table='detection_promotion', when='BEFORE')),
        ),
    ]
