"""Promise 6: damage of every kind, made by hand, is found, named, and mended only where that is certain."""

import json
import os
import shutil
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import transaction
from django.db.models.signals import pre_save

from greenroom import auditing
from greenroom.auditing import TO_DO, audit_staged
from greenroom.core.claims import Claim
from greenroom.core.place import partial_path
from greenroom.core.upload import new_id
from greenroom.models import StagedUpload, StagedUse
from greenroom.stores import LocalStore
from greenroom.sweeping import clear_staged
from tests.django.conftest import Guest
from tests.pages import files_under
from tests.shop.models import Paper

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = 3_600.0
DATA = b"Darjeeling" * 1_000


@pytest.fixture
def store(guest: Guest) -> LocalStore:
    """The store, in which one whole upload is held that nothing is wrong with."""
    store = guest.visit.stage.store
    assert isinstance(store, LocalStore)
    guest.hold(b"Assam", "whole.txt")
    assert audit_staged() == []
    return store


def found() -> list[tuple[str, str]]:
    return [(each.code, each.upload_id) for each in audit_staged()]


def repaired() -> dict[str, bool]:
    return {each.code: each.repaired for each in audit_staged(repair=True)}


def older(*paths: Path, by: float) -> None:
    for path in paths:
        for each in (*path.rglob("*"), path):
            then = each.lstat().st_mtime - by
            os.utime(each, (then, then), follow_symlinks=False)


def test_what_is_in_order_is_explained(guest: Guest, store: LocalStore, media: Path) -> None:
    """Coming, come, cropped, saved, being saved, given up: all at once."""
    coming = guest.visit.stage.create(client_name="coming.bin", length=10)
    guest.visit.stage.append(coming.id, [b"12345"], offset=0)
    guest.visit.stage.fence(coming.id)
    intake = guest.visit.stage.intake(client_name="pushed.bin", memory=0)
    intake.write(DATA)
    guest.visit.stage.create(client_name="nothing yet.bin", length=10)
    Paper.objects.create(title="saved", body=guest.hold(DATA, use="once"))
    paper = Paper(title="being saved", body=guest.hold(DATA, use="twice"))
    pre_save.send(sender=Paper, instance=paper, raw=False, using="default", update_fields=None)
    guest.stage.discard(guest.hold(DATA).token)
    guest.visit.stage.ledger.bury(guest.hold(DATA).upload.id)
    store.put_beside(coming.id, "preview-00000000000000000001-abc", b"image/png\n")
    with transaction.atomic():
        guest.hold(DATA)
        assert audit_staged() == []
    assert audit_staged(repair=True) == []
    paper.save()
    assert audit_staged() == []


# -- what can be damaged ---------------------------------------------------------------------------

Damage = Callable[[Guest, LocalStore], str]
DAMAGES: dict[str, tuple[str, bool, Damage]] = {}


def damage(code: str, *, certain: bool) -> Callable[[Damage], Damage]:
    """A way to break something by hand: how it is found, and whether `--repair` mends it at once."""

    def note(make: Damage) -> Damage:
        DAMAGES[make.__name__.replace("_", " ")] = (code, certain, make)
        return make

    return note


@damage("record_without_bytes", certain=True)
def the_bytes_of_a_held_file_are_gone(guest: Guest, store: LocalStore) -> str:
    upload_id = guest.hold(DATA).upload.id
    shutil.rmtree(store.path(upload_id).parent)
    return upload_id


@damage("record_without_bytes", certain=True)
def acknowledged_bytes_are_cut_off(guest: Guest, store: LocalStore) -> str:
    upload_id = guest.visit.stage.create(client_name="coming.bin", length=10).id
    guest.visit.stage.append(upload_id, [b"12345"], offset=0)
    os.truncate(store.path(upload_id), 3)
    return upload_id


@damage("bytes_altered", certain=False)
def somebody_writes_into_a_held_file(guest: Guest, store: LocalStore) -> str:
    upload_id = guest.hold(DATA).upload.id
    store.path(upload_id).write_bytes(b"something else")
    return upload_id


@damage("bytes_altered", certain=False)
def somebody_touches_a_held_file(guest: Guest, store: LocalStore) -> str:
    upload_id = guest.hold(DATA).upload.id
    older(store.path(upload_id), by=60)
    return upload_id


@damage("bytes_without_record", certain=True)
def a_row_is_deleted_by_hand(guest: Guest, store: LocalStore) -> str:
    upload_id = guest.hold(DATA).upload.id
    StagedUpload.objects.filter(pk=upload_id).delete()
    older(store.path(upload_id).parent, by=2 * HOUR)
    return upload_id


@damage("bytes_without_record", certain=True)
def an_empty_directory_has_the_name_of_an_upload(guest: Guest, store: LocalStore) -> str:
    upload_id = new_id()
    store.make_directory(store.path(upload_id).parent)
    older(store.path(upload_id).parent, by=2 * HOUR)
    return upload_id


@damage("claim_unreadable", certain=False)
def a_claim_is_half_written(guest: Guest, store: LocalStore) -> str:
    upload_id = guest.hold(DATA).upload.id
    store.put_beside(upload_id, f"claim-{new_id()}", b'{"id": "Ab')
    return upload_id


@damage("claim_unreadable", certain=False)
def a_claim_is_of_another_kind(guest: Guest, store: LocalStore) -> str:
    upload_id = guest.hold(DATA).upload.id
    store.put_beside(upload_id, f"claim-{new_id()}", b"[1, 2]")
    return upload_id


@damage("claim_overdue", certain=True)
def a_save_was_cut_off_and_nobody_swept(guest: Guest, store: LocalStore) -> str:
    upload_id = guest.hold(DATA).upload.id
    Claim.new(upload_id, use="", target="shop.Paper.body", place="papers/never.bin").write(store)
    older(store.path(upload_id).parent, by=25 * HOUR)
    StagedUpload.objects.filter(pk=upload_id).update(stamp=store.seal(upload_id))
    return upload_id


@damage("claim_overdue", certain=True)
def a_save_was_cut_off_and_pictures_of_it_are_still_made(guest: Guest, store: LocalStore) -> str:
    upload_id = a_save_was_cut_off_and_nobody_swept(guest, store)
    store.put_beside(upload_id, "preview-00000000000000000001-abc", b"image/png\n")
    return upload_id


@damage("claim_overdue", certain=False)
def a_claim_says_what_nobody_can_do(guest: Guest, store: LocalStore) -> str:
    upload_id = a_save_was_cut_off_and_nobody_swept(guest, store)
    [claim] = store.path(upload_id).parent.glob("claim-*")
    stamp = claim.stat().st_mtime
    claim.write_text(json.dumps({**json.loads(claim.read_text()), "id": 5}))
    os.utime(claim, (stamp, stamp))
    return upload_id


@damage("use_overdue", certain=True)
def a_use_was_taken_and_nobody_swept(guest: Guest, store: LocalStore) -> str:
    upload = guest.hold(DATA).upload
    assert guest.visit.stage.ledger.claim(upload, "once")  # type: ignore[attr-defined]
    StagedUse.objects.update(claimed_at="2000-01-01T00:00Z")
    return upload.id


@damage("upload_overdue", certain=True)
def a_lease_ended_and_nobody_swept(guest: Guest, store: LocalStore) -> str:
    upload_id = guest.hold(DATA).upload.id
    StagedUpload.objects.filter(pk=upload_id).update(expires_at="2000-01-01T00:00Z")
    return upload_id


@damage("upload_overdue", certain=True)
def a_tombstone_stands_for_ever(guest: Guest, store: LocalStore) -> str:
    upload_id = guest.hold(DATA).upload.id
    StagedUpload.objects.filter(pk=upload_id).update(buried_at="2000-01-01T00:00Z")
    return upload_id


@damage("record_unreadable", certain=False)
def a_row_has_a_state_that_does_not_exist(guest: Guest, store: LocalStore) -> str:
    upload_id = guest.hold(DATA).upload.id
    StagedUpload.objects.filter(pk=upload_id).update(state="lost")
    return upload_id


@damage("record_unreadable", certain=False)
def a_row_has_a_picture_that_is_none(guest: Guest, store: LocalStore) -> str:
    upload_id = guest.hold(DATA).upload.id
    StagedUpload.objects.filter(pk=upload_id).update(picture=[1, 2])
    return upload_id


@damage("stray", certain=False)
def somebody_else_s_file_is_in_the_store(guest: Guest, store: LocalStore) -> str:
    (store.root / "notes.txt").write_text("mine")
    return ""


@damage("stray", certain=False)
def somebody_else_s_file_is_beside_the_bytes(guest: Guest, store: LocalStore) -> str:
    store.path(guest.hold(DATA).upload.id).with_name("bytes (copy)").write_bytes(DATA)
    return ""


@damage("stray", certain=False)
def a_link_is_beside_the_bytes(guest: Guest, store: LocalStore) -> str:
    store.path(guest.hold(DATA).upload.id).with_name("preview-1").symlink_to("/etc/passwd")
    return ""


@damage("stray", certain=False)
def a_directory_with_a_name_that_is_no_id(guest: Guest, store: LocalStore) -> str:
    (store.root / "Ab" / "Abc").mkdir(parents=True)
    return ""


@damage("partial_left", certain=True)
def a_copy_was_cut_off_and_its_claim_is_gone(guest: Guest, store: LocalStore) -> str:
    partial = partial_path(Path(settings.MEDIA_ROOT, "papers", "tea.bin"))
    partial.parent.mkdir(parents=True)
    partial.write_bytes(DATA)
    older(partial, by=2 * HOUR)
    return ""


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_found_and_mended_only_where_that_is_certain(
    name: str, guest: Guest, store: LocalStore, media: Path, held_root: Path, injected: Any
) -> None:
    code, certain, make = DAMAGES[name]
    upload_id = make(guest, store)
    before = [*files_under(held_root), *files_under(media)]
    with injected(6):
        assert found() == [(code, upload_id)]
        assert found() == [(code, upload_id)], "looking changes nothing"
        assert [*files_under(held_root), *files_under(media)] == before
        assert repaired() == {code: certain}
        assert (found() == []) == certain
        whole = StagedUpload.objects.get(client_name="whole.txt")
        with guest.visit.stage.open(whole.pk) as held:
            assert held.read() == b"Assam", "what is whole stays"


def test_a_removal_that_was_interrupted_is_the_sweeper_s_for_a_while(
    guest: Guest, store: LocalStore, monkeypatch: Any
) -> None:
    upload_id = new_id()
    grave = store.path(upload_id).parent.with_name(f"{upload_id}.removed-{new_id()}")
    grave.mkdir(parents=True)
    (grave / "bytes").write_bytes(DATA)
    older(grave, by=48 * HOUR)
    assert found() == []
    monkeypatch.setattr(auditing, "YOUNG", 0.0)
    assert found() == [("bytes_without_record", upload_id)]
    assert repaired() == {"bytes_without_record": True}


def test_a_store_that_is_not_mounted_is_not_repaired(guest: Guest, store: LocalStore) -> None:
    guest.hold(DATA)
    store.root.rename(store.root.with_name("elsewhere"))
    assert found() == [("store_is_another", "")]
    assert repaired() == {"store_is_another": False}
    store.root.mkdir()
    assert repaired() == {"store_is_another": False}
    for _ in range(5):  # more than are missing: how many there are proves nothing
        guest.stage.discard(guest.hold(DATA).token)
        guest.hold(DATA, "later.txt")
    assert repaired() == {"store_is_another": False}
    lost = the_bytes_of_a_held_file_are_gone(guest, store)
    assert sorted(found()) == [("record_without_bytes", lost), ("store_is_another", "")]
    assert repaired() == {"record_without_bytes": True, "store_is_another": False}
    StagedUpload.objects.filter(client_name="later.txt").delete()
    shutil.rmtree(store.root)
    store.root.with_name("elsewhere").rename(store.root)
    assert found() == []


def test_a_model_may_write_to_its_saved_file(guest: Guest, store: LocalStore, media: Path) -> None:
    """Which is a link to the held bytes."""
    paper = Paper.objects.create(title="tea", body=guest.hold(DATA, use="once"))
    Path(paper.body.path).write_bytes(b"something else")
    assert found() == []


def test_a_directory_among_the_files_of_an_upload_hinders_nobody_and_stays(
    guest: Guest, store: LocalStore
) -> None:
    file = guest.hold(DATA)
    directory = store.path(file.upload.id).parent
    strange = directory / "mine"
    strange.mkdir()
    (strange / "notes.txt").write_text("mine")
    assert [each.path for each in audit_staged()] == [str(strange)]
    guest.stage.discard(file.token)
    assert not StagedUpload.objects.filter(pk=file.upload.id)
    assert file.upload.id not in store.ids(), (
        "nothing is left to a sweeper, which would find it again and again"
    )
    assert clear_staged() == []
    [finding] = audit_staged(repair=True)
    assert (finding.code, finding.repaired) == ("stray", False)
    left = Path(finding.path)
    assert left.name.startswith(f"stray-{file.upload.id}")
    assert [each.relative_to(left) for each in files_under(left)] == [Path("mine", "notes.txt")]
    shutil.rmtree(left)  # as whoever's it is moves it away
    assert found() == []


def test_what_is_handed_to_the_sweeper_goes_in_the_end(guest: Guest, store: LocalStore) -> None:
    a_row_is_deleted_by_hand(guest, store)
    the_bytes_of_a_held_file_are_gone(guest, store)
    assert set(repaired().values()) == {True}
    for mark in store.root.glob("*/*/found-*"):
        mark.rename(mark.with_name("found-1"))
    StagedUpload.objects.exclude(buried_at=None).update(buried_at="2000-01-01T00:00Z")
    assert len(clear_staged()) == 1
    assert [each.client_name for each in StagedUpload.objects.all()] == ["whole.txt"]
    assert len(list(store.ids())) == 1


# -- the command -----------------------------------------------------------------------------------


def test_the_command_says_what_to_do_and_ends_with_1(guest: Guest, store: LocalStore) -> None:
    output = StringIO()
    call_command("auditstaged", stdout=output)
    assert output.getvalue() == "0 unexplained, 0 repaired.\n"
    somebody_else_s_file_is_in_the_store(guest, store)
    upload_id = the_bytes_of_a_held_file_are_gone(guest, store)
    output = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("auditstaged", stdout=output)
    assert ended.value.code == 1
    one, other, end = output.getvalue().splitlines()
    assert one.startswith(f"record_without_bytes {upload_id}: its bytes are gone")
    assert one.endswith(TO_DO["record_without_bytes"] + ".")
    assert "notes.txt" in other
    assert end == "2 unexplained, 0 repaired."


def test_a_person_reads_where_a_damaged_claim_lies(guest: Guest, store: LocalStore) -> None:
    upload_id = guest.hold(DATA).upload.id
    claim = f"claim-{new_id()}"
    store.put_beside(upload_id, claim, b"")
    output = StringIO()
    with pytest.raises(SystemExit):
        call_command("auditstaged", stdout=output)
    said = output.getvalue().splitlines()[0]
    assert said.startswith(f"claim_unreadable {upload_id}: {claim} of upload {upload_id} cannot be read (")
    assert f"), in {store.root / upload_id[:1] / upload_id}: `find MEDIA_ROOT -samefile`" in said


def test_the_command_speaks_json(guest: Guest, store: LocalStore) -> None:
    upload_id = the_bytes_of_a_held_file_are_gone(guest, store)
    output = StringIO()
    call_command("auditstaged", "--json", "--repair", stdout=output)
    document = json.loads(output.getvalue())
    assert document["unexplained"] == 0
    [finding] = document["findings"]
    assert set(finding) == {"code", "what", "to_do", "upload_id", "path", "bytes", "age", "repaired"}
    assert (finding["code"], finding["upload_id"], finding["repaired"]) == (
        "record_without_bytes",
        upload_id,
        True,
    )
