"""Promise 6 on a disk that fails: what cannot be looked at is a finding, and nothing is done for it."""

import errno
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from greenroom.auditing import audit_staged
from greenroom.core.upload import new_id
from greenroom.stores import LocalStore
from tests.django.conftest import Guest
from tests.faults.database.test_audit import (
    DATA,
    a_copy_was_cut_off_and_its_claim_is_gone,
    a_lease_ended_and_nobody_swept,
    a_row_is_deleted_by_hand,
    a_save_was_cut_off_and_nobody_swept,
    found,
    repaired,
    the_bytes_of_a_held_file_are_gone,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def store(guest: Guest) -> LocalStore:
    """The store, in which one whole upload is held that nothing is wrong with."""
    guest.hold(b"Assam", "whole.txt")
    store = guest.visit.stage.store
    assert isinstance(store, LocalStore)
    return store


def test_a_disk_that_fails_at_one_upload_is_a_finding_and_the_others_are_looked_at(
    guest: Guest, store: LocalStore, monkeypatch: Any
) -> None:
    failing = guest.hold(DATA).upload.id
    stat = os.stat

    def status(path: Any, **options: Any) -> os.stat_result:
        if failing in str(path):
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        return stat(path, **options)

    monkeypatch.setattr(os, "stat", status)
    assert found() == [("bytes_unreadable", failing)]
    lost = the_bytes_of_a_held_file_are_gone(guest, store)
    assert sorted(found()) == [("bytes_unreadable", failing), ("record_without_bytes", lost)]
    assert repaired() == {"bytes_unreadable": False, "record_without_bytes": True}
    [finding] = audit_staged()
    assert "Input/output error" in finding.what
    monkeypatch.undo()
    assert found() == []


def test_a_copy_stays_while_a_claim_that_may_explain_it_cannot_be_read(
    guest: Guest, store: LocalStore, media: Path
) -> None:
    a_copy_was_cut_off_and_its_claim_is_gone(guest, store)
    claim = store.path(guest.hold(DATA).upload.id, f"claim-{new_id()}")
    claim.mkdir()  # for whoever reads it an error of the system
    assert repaired() == {"bytes_unreadable": False, "stray": False}
    claim.rmdir()
    assert repaired() == {"partial_left": True}


def test_a_store_that_cannot_be_listed_is_a_finding(guest: Guest, store: LocalStore) -> None:
    late = a_lease_ended_and_nobody_swept(guest, store)
    store.root.rename(store.root.with_name("elsewhere"))
    store.root.symlink_to(store.root)  # a circle, which is an error of the system for whoever follows it
    assert found() == [("upload_overdue", late), ("bytes_unreadable", "")]
    store.root.unlink()
    store.root.with_name("elsewhere").rename(store.root)


def test_an_audit_needs_to_write_nothing(guest: Guest, store: LocalStore, monkeypatch: Any) -> None:
    a_save_was_cut_off_and_nobody_swept(guest, store)
    a_row_is_deleted_by_hand(guest, store)

    def read_only(*arguments: Any, **options: Any) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "utime", read_only)
    monkeypatch.setattr(tempfile, "TemporaryFile", read_only)
    assert sorted(code for code, _ in found()) == ["bytes_without_record", "claim_overdue"]
