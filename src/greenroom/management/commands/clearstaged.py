"""`manage.py clearstaged`: for cron, every hour or so."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from greenroom.clocks import ClockJumped
from greenroom.sweeping import StoreUnknown, Swept, sweep


class Command(BaseCommand):
    """Runs `greenroom.sweeping.sweep`. The exit status is 1 when it was stopped."""

    help = "Remove uploads whose time is over and settle saves that were cut off. Run it from cron, hourly."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--trust-clock",
            action="store_true",
            help="The clock of this machine is right, although it has jumped. Say it once, not in cron.",
        )
        parser.add_argument(
            "--trust-database",
            action="store_true",
            help="This is the store's database, although it knows nearly nothing of it. Say it once, not in cron.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            swept = sweep(trust_clock=options["trust_clock"], trust_database=options["trust_database"])
        except (ClockJumped, StoreUnknown) as error:
            raise CommandError(str(error)) from error
        if options["verbosity"] >= 2:
            for upload_id in swept.removed:
                self.stdout.write(upload_id)
        if options["verbosity"] >= 1:
            self.stdout.write(told(swept))


def told(swept: Swept) -> str:
    """What became of it, as a person reads it."""
    if not swept.compared:
        return "Nothing removed: this first sweep has only noted what the clock says. The next one goes on."
    return f"{len(swept.removed)} removed, {swept.buried} given up and left to a later sweep."
