"""What a store promises of the small files beside an upload (`SideFiles`): a part of `StoreSuite`."""

from __future__ import annotations

from typing import Any, Protocol

from greenroom.core.errors import OffsetMismatch, UsageError
from greenroom.core.store import SideFiles, Store
from greenroom.core.upload import new_id

from .holding import pattern, put, read
from .promise import Suite, at_once, part_of, promise, promised

NOT_NAMES: tuple[Any, ...] = (
    *("", ".", "..", "../x", "a/b", "a\0", "a\n", "\u00e9", ".hidden", "a" * 101, b"a", None),
)


class StoreWithSideFiles(Store, SideFiles, Protocol):
    """A store that offers `SideFiles`."""


class SideFilePromises(Suite):
    """The part of `StoreSuite` about claims and renditions. A store that does not offer `SideFiles` is asked nothing."""

    @part_of(4, SideFiles)
    def test_side_files_are_kept_beside(self, store: StoreWithSideFiles) -> None:
        upload_id = put(store, b"green tea")
        promise(store.list_beside(upload_id) == [], "The bytes themselves are no side file.")
        for name, data in (("claim-b", b"two"), ("claim-a", b""), ("w640.jpg", pattern(70_000))):
            store.put_beside(upload_id, name, data)
            promise(store.read_beside(upload_id, name) == data, "A side file is read back byte for byte.")
        names = ["claim-a", "claim-b", "w640.jpg"]
        promise(store.list_beside(upload_id) == names, "The names are listed, sorted.")
        store.put_beside(upload_id, "claim-b", b"second")
        promise(store.read_beside(upload_id, "claim-b") == b"second", "Putting again replaces.")
        promise(store.list_beside(upload_id) == names, "Replacing adds no name.")
        promise(read(store, upload_id) == b"green tea", "Side files do not touch the bytes.")

    @part_of(5, SideFiles)
    def test_side_files_are_removed(self, store: StoreWithSideFiles) -> None:
        upload_id, other = put(store, b"green"), put(store, b"black")
        for each in (upload_id, other):
            store.put_beside(each, "one", b"1")
            store.put_beside(each, "two", b"2")
        store.remove_beside(upload_id, "one")
        store.remove_beside(upload_id, "one")
        store.remove_beside(new_id(), "one")
        promise(store.list_beside(upload_id) == ["two"], "Only what was removed is gone.")
        with promised(FileNotFoundError, "A side file that is gone raises FileNotFoundError."):
            store.read_beside(upload_id, "one")
        store.remove(upload_id)
        promise(store.list_beside(upload_id) == [], "Side files go with the upload.")
        promise(store.list_beside(other) == ["one", "two"], "Another upload keeps its own.")
        with promised(FileNotFoundError, "A side file of what is gone raises FileNotFoundError."):
            store.read_beside(upload_id, "two")

    @part_of(6, SideFiles)
    def test_a_side_file_alone_is_listed_and_removed(self, store: StoreWithSideFiles) -> None:
        upload_id = new_id()
        store.put_beside(upload_id, "claim-1", b"{}")
        promise(list(store.ids()) == [upload_id], "Whatever is here is explained by its id.")
        with promised(OffsetMismatch, "Nothing can be appended to bytes that are not here."):
            store.append(upload_id, 1)
        with promised(FileNotFoundError, "A refused append leaves nothing behind."):
            store.open(upload_id).close()
        store.remove(upload_id)
        promise(list(store.ids()) == [], "Whatever is here can be removed.")

    @part_of(12, SideFiles)
    def test_side_files_have_plain_names(self, store: StoreWithSideFiles) -> None:
        upload_id = put(store, b"green tea")
        for bad in NOT_NAMES:
            for call in (store.read_beside, store.remove_beside, lambda i, n: store.put_beside(i, n, b"")):
                with promised(UsageError, f"{bad!r} is not the name of a side file."):
                    call(upload_id, bad)
        promise(store.list_beside(upload_id) == [], "What is refused leaves nothing behind.")

    @part_of(4, SideFiles)
    def test_a_side_file_is_seen_whole_or_not_at_all(self, store: StoreWithSideFiles) -> None:
        upload_id = put(store, b"green tea")
        whole = [bytes([n]) * (100_000 + n) for n in range(2)]
        store.put_beside(upload_id, "claim-1", whole[0])
        done: list[bool] = []

        def write() -> None:
            try:
                for n in range(200):
                    store.put_beside(upload_id, "claim-1", whole[n % 2])
            finally:
                done.append(True)

        def look() -> None:
            while not done:
                promise(
                    store.read_beside(upload_id, "claim-1") in whole, "A side file is replaced in one step."
                )
                promise(store.list_beside(upload_id) == ["claim-1"], "An unfinished side file is not listed.")

        at_once([write, look])
