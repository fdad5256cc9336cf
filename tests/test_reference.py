"""The reference names everything that there is: each setting, check, error, command, argument and signal."""

import inspect
import re
from dataclasses import fields
from pathlib import Path

from django.core.management import get_commands

from greenroom import auditing, checks, conf, decorators, forms, signals
from greenroom.core import errors
from greenroom.wire.problem import status_of

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "docs/reference"


def rows(page: str) -> list[list[str]]:
    text = (REFERENCE / page).read_text(encoding="utf-8")
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("| `")
    ]


def test_every_setting_is_in_the_reference_and_nothing_else_is() -> None:
    documented = {row[0].strip("`") for row in rows("settings.md")}
    assert documented == {each.name.upper() for each in fields(conf.Settings)}


def test_every_check_is_in_the_reference_and_nothing_else_is() -> None:
    source = inspect.getsource(checks)
    assert {row[0].strip("`") for row in rows("checks.md")} == set(
        re.findall(r"greenroom\.[EW][0-9]{3}", source)
    )


def test_every_error_is_in_the_reference_with_its_status() -> None:
    kinds = [
        each
        for each in vars(errors).values()
        if inspect.isclass(each)
        and issubclass(each, errors.GreenroomError)
        and each is not errors.GreenroomError
    ]
    documented = {(row[0].strip("`"), row[1].strip("`"), int(row[2])) for row in rows("errors.md")}
    assert documented == {(each.code, each.__name__, status_of(each).value) for each in kinds}


def test_every_argument_of_the_fields_is_in_the_reference() -> None:
    text = (REFERENCE / "fields.md").read_text(encoding="utf-8")
    for each in (
        forms.StagedFileField,
        forms.StagedImageField,
        forms.StagedFilesField,
        forms.StagedImagesField,
    ):
        assert f"`{each.__name__}`" in text
        for argument in set(inspect.signature(each.__init__).parameters) - {"self", "kwargs", "rules"}:
            assert f"`{argument}`" in text, f"{each.__name__}({argument}=)"
    for argument in set(inspect.signature(decorators.receives).parameters) - {"name"}:
        assert f"{argument}=" in text


def test_every_finding_of_the_audit_is_in_the_reference_and_nothing_else_is() -> None:
    text = (REFERENCE / "fields.md").read_text(encoding="utf-8").partition("## Commands")[2]
    assert set(re.findall(r"^\| `([a-z_]+)` \|", text, re.MULTILINE)) == set(auditing.TO_DO)


def test_every_command_and_signal_is_in_the_reference() -> None:
    text = (REFERENCE / "fields.md").read_text(encoding="utf-8")
    for command in (name for name, app in get_commands().items() if app == "greenroom"):
        assert f"manage.py {command}" in text
    for name in (name for name, each in vars(signals).items() if isinstance(each, signals.Signal)):
        assert f"`{name}`" in text
