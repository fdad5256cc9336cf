"""Every setting: its default, what it does, and what is said about a wrong value."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from greenroom import conf
from greenroom.core import UsageError
from greenroom.owners import make_stage, session_owner, user_owner
from greenroom.stores import LocalStore

WRONG: list[tuple[str, Any]] = [
    *[
        (name, each)
        for name in ("OWNER_BYTES", "KEEP_FREE", "RENDER_MEMORY")
        for each in ("much", -1, 1.5, True)
    ],
    *[("MEMORY", each) for each in ("2.5 QB", -1, [], "")],
    *[
        (name, each)
        for name in ("LEASE", "LONGEST_LEASE", "PROMOTED_LEASE", "RENDER_SECONDS")
        for each in (0, -1, "24 h", None, True, timedelta(0), float("nan"))
    ],
    *[
        (name, each)
        for name in ("OWNER_UPLOADS", "MAX_PIXELS", "MAX_FRAMES", "MAX_TOTAL_PIXELS", "WORKERS")
        for each in (0, -1, 1.5, "10", None, True)
    ],
    *[("PLACE", each) for each in ("move", "", None, True)],
    *[("DURABILITY", each) for each in ("disk", "", None, True, [])],
    *[("STORE", each) for each in ("greenroom.stores.LocalStore", {"ROOT": "x"}, None, [])],
    *[("OWNER", each) for each in (None, session_owner, 3)],
    *[
        ("STORE", each)
        for each in ({"BACKEND": 5}, {"BACKEND": None}, {"OPTIONS": None}, {"OPTIONS": "root"})
    ],
    *[("RENDER_MEMORY", each) for each in (0, 1, "128 MB", 128 * 1_024**2 - 1)],
    *[
        (name, each)
        for name in ("LEASE", "LONGEST_LEASE", "PROMOTED_LEASE", "RENDER_SECONDS")
        for each in (timedelta(days=3_651), 10**12, 10**400, float("inf"))
    ],
    ("LEASE", timedelta(days=8)),  # LONGEST_LEASE is seven
    ("LONGEST_LEASE", timedelta(hours=23)),
    ("STORES", {}),
    ("lease", 3_600),
]


@pytest.mark.parametrize(("name", "value"), WRONG, ids=lambda each: str(each)[:30])
def test_a_wrong_value_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(UsageError) as error:
        conf.read({name: value})
    rule, _, got = str(error.value).partition(" Got: ")
    assert name in rule.replace("GREENROOM takes the keys", name)
    assert got in (repr(value), repr([name]), repr(timedelta(days=7)))


@pytest.mark.parametrize("values", [None, [], (), "everything", 0, {5: 1, "x": 2}], ids=repr)
def test_what_is_no_dict_of_keys_is_refused_and_never_an_import_error(settings: Any, values: Any) -> None:
    with pytest.raises(UsageError) as error:
        conf.read(values)
    assert "GREENROOM" in str(error.value)
    assert " Got: " in str(error.value)
    settings.GREENROOM = values
    conf.configure_workers()  # as AppConfig.ready does: what is wrong is a check's to say


@pytest.mark.parametrize(
    "values",
    [
        {"RENDER_MEMORY": "128 MiB"},
        {"LEASE": timedelta(days=3_650), "LONGEST_LEASE": timedelta(days=3_650)},
        {"LEASE": 60, "LONGEST_LEASE": timedelta(minutes=1)},
        {"MEMORY": 0},
    ],
    ids=repr,
)
def test_the_outermost_values_are_accepted(values: Any) -> None:
    assert conf.read(values)


@pytest.mark.parametrize("root", ["held", "./held", Path("held"), ""])
def test_a_relative_root_is_refused(root: Any) -> None:
    with pytest.raises(UsageError, match=r'"root".*absolute.* Got: '):
        conf.read({"STORE": {"OPTIONS": {"root": root}}}).make_store()


def test_the_defaults_are_those_of_the_documentation(settings: Any) -> None:
    settings.GREENROOM = {}
    current = conf.current()
    assert (current.leases.held, current.leases.longest, current.leases.promoted) == (
        24 * 3_600,
        7 * 24 * 3_600,
        3_600,
    )
    assert (current.ceilings.uploads, current.ceilings.bytes) == (100, 5_000_000_000)
    assert current.memory_bytes == 2_621_440
    assert (current.limits.max_pixels, current.limits.max_frames) == (100_000_000, 1_000)
    assert current.limits.max_total_pixels == 400_000_000
    assert (current.keep_free, current.render_seconds, current.render_memory) == ("1 GB", 20.0, "1 GiB")
    assert current.owner_of() is session_owner
    assert (current.place, current.digest) == ("link", "sha256")


def test_the_default_store_is_beside_media_root(media: Path) -> None:
    store = conf.current_store()
    assert isinstance(store, LocalStore)
    assert store.root == media.parent / "greenroom-held"


@pytest.mark.parametrize("relative", ["", None, "media", Path("media")])
def test_what_is_held_is_beside_no_directory_that_each_process_has_elsewhere(
    settings: Any, relative: Any
) -> None:
    settings.MEDIA_ROOT = relative
    with pytest.raises(UsageError, match=r"absolute path.*Got: (None|''|.*media.*)$"):
        conf.current_store()


def test_settings_reach_the_stage(settings: Any, tmp_path: Path) -> None:
    settings.GREENROOM = {
        "STORE": {"OPTIONS": {"root": tmp_path / "elsewhere"}},
        "LEASE": timedelta(hours=1),
        "LONGEST_LEASE": 7_200,
        "PROMOTED_LEASE": 60,
        "OWNER_UPLOADS": 3,
        "OWNER_BYTES": "1 MB",
        "MAX_PIXELS": 1_000,
        "OWNER": "greenroom.owners.user_owner",
    }
    stage = make_stage()
    assert stage.store.root == tmp_path / "elsewhere"  # type: ignore[attr-defined]
    assert (stage.leases.held, stage.leases.longest, stage.leases.promoted) == (3_600, 7_200, 60)
    assert (stage.ceilings.uploads, stage.ceilings.bytes) == (3, 1_000_000)
    assert stage.limits.max_pixels == 1_000
    assert conf.current().owner_of() is user_owner


def test_one_store_for_a_process_until_the_settings_change(settings: Any, tmp_path: Path) -> None:
    assert conf.current_store() is conf.current_store()
    before = conf.current_store()
    settings.GREENROOM = {"STORE": {"OPTIONS": {"root": tmp_path / "other"}}}
    assert conf.current_store() is not before


def test_a_dotted_path_that_leads_nowhere_is_an_import_error(settings: Any) -> None:
    with pytest.raises(ImportError):
        conf.read({"OWNER": "greenroom.owners.nobody"}).owner_of()
    with pytest.raises(ImportError):
        conf.read({"STORE": {"BACKEND": "greenroom.stores.Nowhere"}}).make_store()
    with pytest.raises(UsageError):
        conf.read({"OWNER": "greenroom.owners.SESSION_KEY"}).owner_of()
    assert not issubclass(UsageError, ImproperlyConfigured)
