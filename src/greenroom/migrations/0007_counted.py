"""Owners count as crowds do, and the nonce of an intake policy moves out of the terms into a column with an index."""

import json
from typing import Any

import django.db.models.deletion
from django.db import migrations, models


def move_policies_out(apps: Any, schema_editor: Any) -> None:
    uploads = apps.get_model('greenroom', 'StagedUpload').objects.using(schema_editor.connection.alias)
    for upload in uploads.filter(terms__contains='"policy"'):
        terms = json.loads(upload.terms)
        policy = terms.pop('policy', '')
        uploads.filter(pk=upload.pk).update(policy=policy, terms=json.dumps(terms))


def move_policies_in(apps: Any, schema_editor: Any) -> None:
    uploads = apps.get_model('greenroom', 'StagedUpload').objects.using(schema_editor.connection.alias)
    for upload in uploads.exclude(policy=''):
        terms = {**json.loads(upload.terms or '{}'), 'policy': upload.policy}
        uploads.filter(pk=upload.pk).update(terms=json.dumps(terms))
    # PostgreSQL alters no table of which a row was updated twice and is still to be checked.
    schema_editor.connection.check_constraints()


class Migration(migrations.Migration):

    dependencies = [
        ('greenroom', '0006_ceilings'),
    ]

    operations = [
        migrations.AddField(
            model_name='stagedowner',
            name='counted_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='stagedowner',
            name='uploads',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='stagedowner',
            name='bytes',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AlterField(
            model_name='stagedcrowd',
            name='counted_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AlterField(
            model_name='stagedupload',
            name='owner',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='held', to='greenroom.stagedowner', verbose_name='owner'),
        ),
        migrations.AddField(
            model_name='stagedupload',
            name='policy',
            field=models.CharField(blank=True, default='', max_length=32),
        ),
        migrations.AddIndex(
            model_name='stagedupload',
            index=models.Index(condition=models.Q(('policy__gt', '')), fields=['policy'], name='greenroom_of_policy'),
        ),
        migrations.RunPython(move_policies_out, move_policies_in),
    ]
