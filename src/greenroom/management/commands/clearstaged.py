"""`manage.py clearstaged`: for cron, every hour or so."""

from typing import Any

from django.core.management.base import BaseCommand

from greenroom.sweeping import clear_staged


class Command(BaseCommand):
    """Runs `greenroom.sweeping.clear_staged`."""

    help = "Remove uploads whose time is over and settle saves that were cut off. Run it from cron, hourly."

    def handle(self, *args: Any, **options: Any) -> None:
        gone = clear_staged()
        if options["verbosity"] >= 2:
            for upload_id in gone:
                self.stdout.write(upload_id)
        if options["verbosity"] >= 1:
            self.stdout.write(f"{len(gone)} removed.")
