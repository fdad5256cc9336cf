"""What these tests share with those of the Django app."""

from django.conf import settings

from tests.disks import other_device
from tests.django.conftest import browser, gif, guest, held_root, jpeg, media, png

__all__ = ["browser", "gif", "guest", "held_root", "jpeg", "media", "other_device", "png"]

# What takes a PostgreSQL server to pieces belongs to the run on PostgreSQL.
collect_ignore_glob = [] if "postgresql" in settings.DATABASES["default"]["ENGINE"] else ["test_postgres_*"]
