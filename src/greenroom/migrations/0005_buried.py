from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('greenroom', '0004_digest'),
    ]

    operations = [
        migrations.CreateModel(
            name='StagedSweep',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('read_at', models.DateTimeField()),
                ('boot', models.CharField(blank=True, max_length=64)),
                ('uptime', models.FloatField()),
            ],
            options={
                'verbose_name': 'reading of the sweeper',
                'verbose_name_plural': 'readings of the sweeper',
            },
        ),
        migrations.AddField(
            model_name='stagedupload',
            name='buried_at',
            field=models.DateTimeField(null=True, verbose_name='given up at'),
        ),
        migrations.AddIndex(
            model_name='stagedupload',
            index=models.Index(condition=models.Q(('buried_at__isnull', False)), fields=['buried_at'], name='greenroom_buried'),
        ),
    ]
