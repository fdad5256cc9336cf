"""A digest says by which algorithm it was made: what was the column `sha256` becomes `sha256:` and the same hex."""

import json
from typing import Any

from django.db import migrations, models
from django.db.models import F, Value
from django.db.models.functions import Concat, Substr


def say_the_algorithm(apps: Any, schema_editor: Any) -> None:
    uploads = apps.get_model('greenroom', 'StagedUpload').objects.using(schema_editor.connection.alias)
    uploads.exclude(digest='').update(digest=Concat(Value('sha256:'), F('digest')))
    for upload in uploads.filter(terms__contains='"sha256"'):
        terms = json.loads(upload.terms)
        terms['digests'] = ['sha256:' + terms.pop('sha256')]
        uploads.filter(pk=upload.pk).update(terms=json.dumps(terms))


def leave_the_algorithm_out(apps: Any, schema_editor: Any) -> None:
    uploads = apps.get_model('greenroom', 'StagedUpload').objects.using(schema_editor.connection.alias)
    uploads.exclude(digest__startswith='sha256:').update(digest='')
    uploads.exclude(digest='').update(digest=Substr('digest', len('sha256:') + 1))
    for upload in uploads.filter(terms__contains='"digests"'):
        terms = json.loads(upload.terms)
        known = [each.removeprefix('sha256:') for each in terms.pop('digests') if each.startswith('sha256:')]
        terms.update({'sha256': each for each in known[:1]})
        uploads.filter(pk=upload.pk).update(terms=json.dumps(terms))
    # PostgreSQL alters no table of which a row was updated twice and is still to be checked.
    schema_editor.connection.check_constraints()


class Migration(migrations.Migration):

    dependencies = [
        ('greenroom', '0003_stageduse_post'),
    ]

    operations = [
        migrations.RenameField(
            model_name='stagedupload',
            old_name='sha256',
            new_name='digest',
        ),
        migrations.AlterField(
            model_name='stagedupload',
            name='digest',
            field=models.CharField(blank=True, max_length=100, verbose_name='digest'),
        ),
        migrations.RunPython(say_the_algorithm, leave_the_algorithm_out),
    ]
