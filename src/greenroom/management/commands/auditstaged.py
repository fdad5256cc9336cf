"""`manage.py auditstaged`: whether every held byte and every record is explained."""

import json
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from greenroom.auditing import Finding, audit_staged
from greenroom.clocks import ClockJumped
from greenroom.core import format_size
from greenroom.sweeping import StoreUnknown


class Command(BaseCommand):
    """Runs `greenroom.auditing.audit_staged`. The exit status is 1 when something is not explained.

    It is 2 when `--repair` was stopped, as the sweeper is: then nothing was changed.
    """

    help = (
        "Compare what is held with what is recorded, and say of everything that is not explained what to do."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--repair", action="store_true", help="Run the sweeper, and mend what is certain."
        )
        parser.add_argument("--json", action="store_true", help="For machines: one JSON document.")

    def handle(self, *args: Any, **options: Any) -> None:
        stopped = ""
        try:
            findings = audit_staged(repair=options["repair"])
        except (ClockJumped, StoreUnknown) as error:
            stopped = str(error)
            findings = audit_staged()
        left = sum(not each.repaired for each in findings)
        if options["json"]:
            told = [each.to_json() for each in findings]
            document = {"unexplained": left, "stopped": stopped, "findings": told}
            self.stdout.write(json.dumps(document, indent=2))
        else:
            for each in findings:
                self.stdout.write(line(each))
            if options["verbosity"] >= 1:
                self.stdout.write(f"{left} unexplained, {len(findings) - left} repaired.")
        if stopped:
            raise CommandError(stopped, returncode=2)
        if left:
            raise SystemExit(1)


def line(finding: Finding) -> str:
    """One finding as a person reads it."""
    name = finding.upload_id or "-"
    age = str(timedelta(seconds=int(finding.age))) if finding.age is not None else "unknown age"
    where = f", in {finding.path}" if finding.path and finding.path not in finding.what else ""
    end = "repaired" if finding.repaired else finding.to_do
    return f"{finding.code} {name}: {finding.what} ({format_size(finding.bytes)}, {age}){where}: {end}."
