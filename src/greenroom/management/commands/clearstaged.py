"""`manage.py clearstaged`: for cron, every hour or so."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from greenroom.clocks import ClockJumped
from greenroom.sweeping import clear_staged


class Command(BaseCommand):
    """Runs `greenroom.sweeping.clear_staged`."""

    help = "Remove uploads whose time is over and settle saves that were cut off. Run it from cron, hourly."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--trust-clock",
            action="store_true",
            help="The clock of this machine is right, although it has jumped. Say it once, not in cron.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            gone = clear_staged(trust_clock=options["trust_clock"])
        except ClockJumped as error:
            raise CommandError(str(error)) from error
        if options["verbosity"] >= 2:
            for upload_id in gone:
                self.stdout.write(upload_id)
        if options["verbosity"] >= 1:
            self.stdout.write(f"{len(gone)} removed.")
