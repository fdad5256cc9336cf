from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('greenroom', '0005_buried'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='StagedCrowd',
            fields=[
                ('key', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('counted_at', models.DateTimeField()),
                ('uploads', models.BigIntegerField(default=0)),
                ('bytes', models.BigIntegerField(default=0)),
            ],
            options={
                'verbose_name': 'crowd of owners',
                'verbose_name_plural': 'crowds of owners',
            },
        ),
        migrations.AddField(
            model_name='stagedowner',
            name='address',
            field=models.CharField(blank=True, default='', max_length=64),
        ),
        migrations.AddField(
            model_name='stagedowner',
            name='new_until',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddIndex(
            model_name='stagedowner',
            index=models.Index(condition=models.Q(('new_until__isnull', False)), fields=['address', 'new_until'], name='greenroom_new_owners'),
        ),
        migrations.AddIndex(
            model_name='stagedupload',
            index=models.Index(condition=models.Q(('state', 'receiving')), fields=['state'], name='greenroom_receiving'),
        ),
    ]
