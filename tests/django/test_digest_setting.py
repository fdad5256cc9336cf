"""Whatever GREENROOM["DIGEST"] is: a form saves once, bytes are saved as they came, and nothing is left behind."""

import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3
from django.core.checks import run_checks
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.test import override_settings

from greenroom import conf
from greenroom.core.claims import Claim
from greenroom.core.errors import Altered, UsageError
from greenroom.core.upload import new_id
from greenroom.files import Bake
from greenroom.images import Crop
from greenroom.models import StagedUpload, StagedUse
from greenroom.owners import make_stage
from greenroom.settling import settle
from greenroom.sweeping import clear_staged
from tests.django.uploading import Script, digest
from tests.pages import page_of
from tests.shop.models import Paper, Product

pytestmark = pytest.mark.django_db(transaction=True)
DATA = bytes(range(256)) * 800
OTHER = DATA[:100_000] + b"!" + DATA[100_001:]
assert len(OTHER) == len(DATA)
CHOICES = ["sha256", "blake3", None]
CROP = Crop.parse({"v": 1, "src": [120, 90], "x": 10, "y": 9, "w": 60, "h": 45, "rot": 0, "flip": False})


def digest_by(algorithm: str | None, data: bytes) -> str:
    if algorithm is None:
        return ""
    made = hashlib.sha256(data) if algorithm == "sha256" else blake3(data)
    return f"{algorithm}:{made.hexdigest()}"


@pytest.fixture(params=CHOICES)
def chosen(request: Any, settings: Any) -> str | None:
    settings.GREENROOM = {"DIGEST": request.param}
    return request.param


@pytest.fixture
def guest(chosen: str | None, guest: Any) -> Any:
    """Their stage is made by the setting."""
    assert guest.visit.stage.digest == chosen
    return guest


def saved() -> list[bytes]:
    return [Path(each.body.path).read_bytes() for each in Paper.objects.order_by("pk")]


# -- the setting -----------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", ["md5", "", "SHA256", 5, ["sha256"]])
def test_anything_else_is_refused_with_what_is_allowed(settings: Any, wrong: Any) -> None:
    with pytest.raises(UsageError, match=r'"sha256", "blake3" or None\. Got: '):
        conf.read({"DIGEST": wrong})
    settings.GREENROOM = {"DIGEST": wrong}
    (error,) = [each for each in run_checks() if each.id == "greenroom.E001"]
    assert "DIGEST" in error.msg


def test_the_default_is_sha256_and_the_setting_reaches_the_stage(chosen: str | None) -> None:
    assert conf.read({}).digest == "sha256"
    assert make_stage().digest == chosen


def test_a_missing_package_is_a_check_with_the_line_that_installs_it(settings: Any, monkeypatch: Any) -> None:
    settings.GREENROOM = {"DIGEST": "blake3"}
    assert [each for each in run_checks() if each.id == "greenroom.E010"] == []
    monkeypatch.setitem(sys.modules, "blake3", None)  # what an import meets without the package
    (error,) = [each for each in run_checks() if each.id == "greenroom.E010"]
    assert 'pip install "django-greenroom[blake3]"' in (error.hint or "")


# -- in --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("memory", [0, "1 MB"], ids=["disk", "memory"])
def test_a_form(browser: Any, settings: Any, chosen: str | None, memory: Any) -> None:
    settings.GREENROOM = {"DIGEST": chosen, "MEMORY": memory}
    page = page_of(browser.fill("/backup/", {"title": ""}, {"body": ("tea.bin", DATA)}))
    assert StagedUpload.objects.get().digest == digest_by(chosen, DATA)
    assert browser.send("/backup/", page, {"title": "tea"}).status_code == 302
    assert saved() == [DATA]


@pytest.mark.parametrize("sizes", [(204_800,), (100_000, 104_800), (9, 100_000, 104_791)])
def test_tus(chosen: str | None, sizes: tuple[int, ...]) -> None:
    script = Script()
    url, done = script.tus_create(len(DATA)), 0
    for size in sizes:
        response = script.patch(url, DATA[done : done + size], done)
        assert response.status_code == 204
        done += size
    assert StagedUpload.objects.get().digest == digest_by(chosen, DATA)
    # Offered where the registry of RFC 9530 has a name for it.
    expected = digest(DATA) if chosen == "sha256" else None
    assert response.headers.get("Repr-Digest") == expected
    assert script.tus("HEAD", url).headers.get("Repr-Digest") == expected
    assert script.save("/backup/", response["Greenroom-Token"], title="tea").status_code == 302
    assert script.save("/backup/", response["Greenroom-Token"], title="tea").status_code == 302
    assert saved() == [DATA]
    if chosen is None:
        assert StagedUpload.objects.get().digest == ""  # not needed, and never taken


@pytest.mark.parametrize("algorithm", ["sha-256", "sha-512"])
@pytest.mark.parametrize("cut", [len(DATA), 100_000], ids=["one part", "two parts"])
@pytest.mark.parametrize("when", ["at creation", "at the end"])
def test_what_a_client_announces_is_checked(chosen: str | None, algorithm: str, cut: int, when: str) -> None:
    script = Script()
    for data, status in ((DATA, 200), (OTHER, 400)):
        fields = {"repr_digest": digest(DATA, algorithm)}
        url = script.ietf_create(**(fields if when == "at creation" else {}))
        if cut < len(DATA):
            assert script.ietf_patch(url, data[:cut], 0, ends=False).status_code == 204
        at = cut % len(DATA)
        response = script.ietf_patch(
            url, data[at:], at, ends=True, **(fields if when == "at the end" else {})
        )
        assert response.status_code == status, response.content
    assert [each.state for each in StagedUpload.objects.all()] == ["staged"]
    assert StagedUpload.objects.get().digest == digest_by(chosen, DATA)


def test_an_answer_says_which_digest_it_is(chosen: str | None) -> None:
    script = Script()
    response = script.ietf_patch(script.ietf_create(), DATA, 0, ends=True)
    assert response.json()["digest"] == digest_by(chosen, DATA)


# -- equal and changed submits ---------------------------------------------------------------------


def test_a_form_that_is_sent_twice_with_its_bytes_saves_once(browser: Any, chosen: str | None) -> None:
    body = browser.get("/backup/").body({"title": "tea"}, {"body": ("tea.bin", DATA)})
    first, second = (browser.post_body("/backup/", body) for _ in range(2))
    assert (first.status_code, second.status_code) == (302, 302)
    assert first.headers["Location"] == second.headers["Location"]
    assert saved() == [DATA]


def test_also_when_it_was_invalid_and_held_before(browser: Any, chosen: str | None) -> None:
    """Back over two pages: the file comes again, and it is the one that was saved."""
    page = browser.get("/backup/")
    held = page_of(browser.send("/backup/", page, {"title": ""}, {"body": ("tea.bin", DATA)}))
    assert browser.send("/backup/", held, {"title": "tea"}).status_code == 302
    again = browser.send("/backup/", page, {"title": "tea"}, {"body": ("tea.bin", DATA)})
    assert again.status_code in (200, 302)
    assert saved() == [DATA]


def test_another_file_of_the_same_size_is_another_submit(browser: Any, chosen: str | None) -> None:
    page = browser.get("/backup/")
    for data in (DATA, OTHER, OTHER):
        browser.send("/backup/", page, {"title": "tea"}, {"body": ("tea.bin", data)})
    assert saved() == [DATA, OTHER]


def test_two_files_of_one_field_are_told_apart(browser: Any, chosen: str | None) -> None:
    page = browser.get("/papers/")
    files = [("tea.bin", DATA), ("pot.bin", OTHER)]
    assert browser.send("/papers/", page, {"title": "tea"}, {"papers": files}).status_code == 302
    assert {each.digest for each in StagedUpload.objects.all()} == {
        digest_by(chosen, DATA),
        digest_by(chosen, OTHER),
    }


# -- promotion -------------------------------------------------------------------------------------


@pytest.fixture(params=["link", "copy", "other device"])
def placing(request: Any, settings: Any, chosen: str | None, other_device: Path) -> str:
    values: dict[str, Any] = {"DIGEST": chosen, "PLACE": "copy" if request.param == "copy" else "link"}
    if request.param == "other device":
        values["STORE"] = {"OPTIONS": {"root": settings.MEDIA_ROOT.parent / "greenroom-held"}}
        settings.MEDIA_ROOT = other_device
    settings.GREENROOM = values
    return request.param


def test_what_is_saved_is_what_was_sent(guest: Any, placing: str) -> None:
    file = guest.hold(DATA, use="once")
    Paper.objects.create(title="tea", body=file)
    guest.end_request()
    assert saved() == [DATA]
    assert guest.claims(file) == []
    linked = os.path.samefile(Paper.objects.get().body.path, file.stage.store.path(file.upload.id))
    assert linked is (placing == "link")


def test_bytes_that_somebody_has_altered_are_refused(guest: Any, placing: str) -> None:
    file = guest.hold(DATA)
    with file.stage.store.path(file.upload.id).open("ab") as held:
        held.write(b"!")
    with pytest.raises(Altered):
        Paper.objects.create(title="tea", body=file)


def test_a_setting_that_is_changed_while_something_is_held(
    guest: Any, chosen: str | None, placing: str, settings: Any
) -> None:
    file = guest.hold(DATA, use="once")
    assert file.upload.digest == digest_by(chosen, DATA)
    for later in CHOICES:
        with override_settings(GREENROOM={**settings.GREENROOM, "DIGEST": later}):
            again = guest.stage.open(file.token)
            Paper.objects.create(title="tea", body=again)
            assert again.upload.digest == digest_by(chosen, DATA)
            guest.end_request()
    assert saved() == [DATA] * 3


# -- settling after a crash ------------------------------------------------------------------------


def crash(guest: Any, file: Any, kind: type, place: Callable[[Any, Path], None]) -> Path:
    """What a server leaves that is killed between the final name and the row."""
    field = kind._meta.get_field("body" if kind is Paper else "photo")  # type: ignore[attr-defined]
    target = Path(field.storage.path(f"{field.upload_to}/tea"))
    target.parent.mkdir(parents=True, exist_ok=True)
    claim = Claim.new(
        file.upload.id,
        use="once",
        target=f"{kind._meta.label}.{field.name}",  # type: ignore[attr-defined]
        source=file.source,
        place=f"{field.upload_to}/tea",
    )
    claim.write(file.stage.store)
    file.stage.ledger.claim(file.upload, "once")
    place(file, target)
    # Nobody runs under this name any more.
    StagedUse.objects.update(holder="", claimed_at="2000-01-01T00:00:00Z")
    return target


def test_a_copy_or_link_that_no_row_holds_is_removed(guest: Any, placing: str) -> None:
    file = guest.hold(DATA)
    link = placing == "link"
    target = crash(guest, file, Paper, lambda file, path: file.put_in_place(path, mode=None, link=link))
    assert target.read_bytes() == DATA
    assert settle(file.stage, file.upload.id)
    assert not target.exists()
    assert guest.claims(file) == []
    assert not StagedUse.objects.exists()
    assert guest.stage.open(file.token).read() == DATA


def test_by_what_a_use_is_known_does_not_change_while_it_is_open(guest: Any, chosen: str | None) -> None:
    """A save without a form, and then a form with the same file, before the first has ended."""
    file = guest.hold(DATA)
    with transaction.atomic():
        Paper.objects.create(title="tea", body=file)
        keys = set(StagedUse.objects.values_list("key", flat=True))
        again = guest.stage.open(file.token)
        again.identify()
        assert again.upload.digest == digest_by(chosen or "sha256", DATA)
        assert {each.key for each in guest.visit.promotions} == keys
    guest.end_request()
    assert saved() == [DATA]


def test_a_link_is_known_even_if_somebody_has_written_into_it(guest: Any, chosen: str | None) -> None:
    file = guest.hold(DATA)
    target = crash(guest, file, Paper, lambda file, path: file.put_in_place(path, mode=None, link=True))
    with target.open("r+b") as placed:
        placed.write(b"scribbled")
    settle(file.stage, file.upload.id)
    assert not target.exists()


@pytest.mark.parametrize("foreign", [OTHER, DATA + b"!", DATA[:-1], b""], ids=len)
def test_a_name_that_was_somebody_elses_is_left_alone(guest: Any, chosen: str | None, foreign: bytes) -> None:
    file = guest.hold(DATA)
    target = crash(guest, file, Paper, lambda file, path: path.write_bytes(foreign) and None)
    settle(file.stage, file.upload.id)
    assert target.read_bytes() == foreign
    assert guest.claims(file) == []


@pytest.mark.parametrize("link", [True, False])
def test_a_crop_that_no_row_holds_is_removed_too(
    guest: Any, chosen: str | None, png: bytes, link: bool
) -> None:
    whole = guest.hold(png, "tea.png")
    file = whole.cropped(CROP, Bake())
    place = lambda file, path: file.put_in_place(path, mode=None, link=link)  # noqa: E731
    target = crash(guest, file, Product, place)
    assert target.read_bytes() != png
    settle(file.stage, file.upload.id)
    assert not target.exists()
    # The uncropped picture under that name would be somebody else's.
    target = crash(
        guest, whole.cropped(CROP, Bake()), Product, lambda file, path: path.write_bytes(png) and None
    )
    settle(file.stage, file.upload.id)
    assert target.read_bytes() == png


def test_an_entry_of_an_older_journal_is_settled(guest: Any, chosen: str | None) -> None:
    file = guest.hold(DATA)
    target = crash(guest, file, Paper, lambda file, path: file.put_in_place(path, mode=None, link=True))
    store, (name,) = file.stage.store, guest.claims(file)
    older = store.read_beside(file.upload.id, name).replace(b'"source": ""', b'"sha256": "00"')
    store.put_beside(file.upload.id, name, older)
    clear_staged()
    assert not target.exists()
    assert guest.claims(file) == []


# -- the column ------------------------------------------------------------------------------------


def test_the_migration_keeps_what_was_there_and_can_be_taken_back() -> None:
    row = {"state": "staged", "reserved": 0, "offset": 3, "epoch": 0, "client_name": "tea"}
    row |= {"created_at": "2026-01-01T00:00:00Z", "expires_at": "2026-01-02T00:00:00Z"}
    hexes = {new_id(): "ab" * 32, new_id(): ""}
    before, after = [("greenroom", "0003_stageduse_post")], [("greenroom", "0004_digest")]
    executor = MigrationExecutor(connection)
    executor.migrate(before)
    try:
        apps = executor.loader.project_state(before).apps
        owner = apps.get_model("greenroom", "StagedOwner").objects.create(
            key="somebody", seen_at=row["created_at"]
        )
        uploads = apps.get_model("greenroom", "StagedUpload").objects
        for upload_id, sha256 in hexes.items():
            terms = '{"limits": {}, "sha256": "cd"}' if sha256 else ""
            uploads.create(id=upload_id, owner=owner, sha256=sha256, terms=terms, **row)
        executor = MigrationExecutor(connection)
        executor.migrate(after)
        uploads = executor.loader.project_state(after).apps.get_model("greenroom", "StagedUpload").objects
        now = {each.pk: (each.digest, each.terms) for each in uploads.all()}
        one, other = hexes
        assert now == {
            one: ("sha256:" + "ab" * 32, '{"limits": {}, "digests": ["sha256:cd"]}'),
            other: ("", ""),
        }
        uploads.create(id=new_id(), owner_id="somebody", digest="blake3:" + "ef" * 32, **row)
        executor = MigrationExecutor(connection)
        executor.migrate(before)
        uploads = executor.loader.project_state(before).apps.get_model("greenroom", "StagedUpload").objects
        assert sorted(each.sha256 for each in uploads.all()) == ["", "", "ab" * 32]
        assert uploads.get(pk=one).terms == '{"limits": {}, "sha256": "cd"}'
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes("greenroom"))
