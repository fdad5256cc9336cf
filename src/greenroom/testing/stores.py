"""`StoreSuite`: what every store promises. And `BareStore`, which offers nothing beyond it."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from greenroom.core.errors import OffsetMismatch, UsageError
from greenroom.core.store import LocalFiles, SideFiles, Store, Writer
from greenroom.core.upload import new_id
from greenroom.stores import MemoryStore

from .fencing import FencingPromises
from .promise import at_once, promise, promised

# Around the sizes at which stores and operating systems change their ways: pages, pipes, chunks.
SIZES = (0, 1, 65_535, 65_536, 65_537, 1_048_575, 1_048_576, 1_048_577)
ALL_BYTES = bytes(range(256))
NOT_IDS: tuple[Any, ...] = (
    *("", ".", "..", "../x", "a" * 21, "a" * 23, "../" + "a" * 19, "/" + "a" * 21),
    *("a" * 21 + "\0", "a" * 21 + "\n", "a" * 22 + "\n", "a" * 21 + ".", "\u00e9" * 22, "\uff41" * 22),
    *(b"a" * 22, None),
)
NOT_NAMES: tuple[Any, ...] = (
    *("", ".", "..", "../x", "a/b", "a\0", "a\n", "\u00e9", ".hidden", "a" * 101, b"a", None),
)


class BareStore:
    """The five methods of `Store` and nothing else, so that code which leans on more shows itself."""

    def __init__(self) -> None:
        self._store = MemoryStore()

    def append(self, upload_id: str, offset: int) -> Writer:
        """See `greenroom.core.store.Store`."""
        return self._store.append(upload_id, offset)

    def seal(self, upload_id: str) -> str:
        """See `greenroom.core.store.Store`."""
        return self._store.seal(upload_id)

    def open(self, upload_id: str) -> BinaryIO:
        """See `greenroom.core.store.Store`."""
        return self._store.open(upload_id)

    def remove(self, upload_id: str) -> None:
        """See `greenroom.core.store.Store`."""
        self._store.remove(upload_id)

    def ids(self) -> Iterator[str]:
        """See `greenroom.core.store.Store`."""
        return self._store.ids()


class StoreSuite(FencingPromises):
    """Subclass it and give a fixture `store`: an empty store, a fresh one for each test.

    What a store need not offer (`SideFiles`, `LocalFiles`, `Fencing`) is asked of those that do.
    """

    # -- bytes in, bytes out -----------------------------------------------------------------------

    def test_bytes_are_read_back_as_they_were_written(self, store: Store) -> None:
        for size in SIZES:
            data = pattern(size)
            upload_id = put(store, data)
            with store.open(upload_id) as held:
                promise(held.read() == data, f"{size} bytes are read back byte for byte.")

    def test_every_byte_value_is_kept(self, store: Store) -> None:
        upload_id = put(store, ALL_BYTES * 3)
        promise(read(store, upload_id) == ALL_BYTES * 3, "No byte value means anything to a store.")

    def test_the_length_of_the_pieces_does_not_matter(self, store: Store) -> None:
        data = pattern(300_000)
        upload_id = new_id()
        writer = store.append(upload_id, 0)
        done, step = 0, 1
        while done < len(data):
            writer.write(data[done : done + step])
            done, step = done + step, step * 3
        writer.close()
        promise(read(store, upload_id) == data, "Pieces of 1 byte and of 100,000 bytes add up to the whole.")

    def test_a_piece_belongs_to_its_caller_again_after_the_write(self, store: Store) -> None:
        upload_id, buffer = new_id(), bytearray(b"green tea")
        writer = store.append(upload_id, 0)
        writer.write(memoryview(buffer)[:5])
        buffer[:] = b"xxxxxxxxx"
        writer.write(buffer)
        buffer[:] = b"yyyyyyyyy"
        writer.close()
        promise(
            read(store, upload_id) == b"greenxxxxxxxxx",
            "What was written is what the buffer held then, whatever its owner puts into it afterwards.",
        )

    def test_what_is_open_can_seek(self, store: Store) -> None:
        upload_id = put(store, ALL_BYTES)
        with store.open(upload_id) as held:
            promise(held.seekable(), "What is open for reading is seekable.")
            promise(held.seek(0, io.SEEK_END) == 256, "The end is where the bytes end.")
            held.seek(100)
            promise(held.read(3) == bytes([100, 101, 102]), "Reading goes on from where `seek` went.")
            promise(held.tell() == 103, "`tell` says where reading goes on.")

    def test_two_readers_do_not_move_each_other(self, store: Store) -> None:
        upload_id = put(store, ALL_BYTES)
        with store.open(upload_id) as one, store.open(upload_id) as other:
            one.read(200)
            promise(other.read(1) == b"\0", "Each reader has a place of its own.")

    def test_closing_a_writer_twice_is_fine(self, store: Store) -> None:
        writer = store.append(new_id(), 0)
        writer.write(b"tea")
        writer.close()
        writer.close()

    def test_no_bytes_are_bytes_too(self, store: Store) -> None:
        upload_id = put(store, b"")
        promise(read(store, upload_id) == b"", "An upload of no bytes can be opened.")
        promise(store.seal(upload_id), "An upload of no bytes has a stamp.")
        promise(list(store.ids()) == [upload_id], "An upload of no bytes is there.")

    # -- going on ----------------------------------------------------------------------------------

    def test_appending_goes_on(self, store: Store) -> None:
        upload_id = put(store, b"green ")
        append(store, upload_id, 6, b"tea")
        promise(read(store, upload_id) == b"green tea", "Appending at the end goes on there.")

    def test_appending_cuts_off_what_is_beyond(self, store: Store) -> None:
        upload_id = put(store, b"green tea")
        append(store, upload_id, 6, b"leaf")
        promise(read(store, upload_id) == b"green leaf", "Bytes beyond the offset are replaced.")
        append(store, upload_id, 5, b"")
        promise(read(store, upload_id) == b"green", "Bytes beyond the offset are cut even if none follow.")
        append(store, upload_id, 0, b"tea")
        promise(read(store, upload_id) == b"tea", "Offset 0 starts anew.")

    def test_appending_beyond_what_is_here_is_refused(self, store: Store) -> None:
        upload_id, unknown = put(store, b"tea"), new_id()
        with promised(OffsetMismatch, "Nothing can be appended after a gap."):
            store.append(upload_id, 4)
        promise(read(store, upload_id) == b"tea", "A refused append changes nothing.")
        with promised(OffsetMismatch, "Nothing can be appended to what is not here."):
            store.append(unknown, 1)
        promise(list(store.ids()) == [upload_id], "A refused append leaves nothing behind.")

    def test_two_uploads_never_mix(self, store: Store) -> None:
        one, other = new_id(), new_id()
        writers = store.append(one, 0), store.append(other, 0)
        for _ in range(50):
            writers[0].write(b"a" * 1000)
            writers[1].write(b"b" * 999)
        for writer in writers:
            writer.close()
        promise(read(store, one) == b"a" * 50_000, "Bytes go to their own upload.")
        promise(read(store, other) == b"b" * 49_950, "Bytes go to their own upload.")

    def test_uploads_are_written_at_the_same_time(self, store: Store) -> None:
        wanted = {new_id(): pattern(200_000 + n) for n in range(8)}

        def work(upload_id: str, data: bytes) -> Callable[[], None]:
            def run() -> None:
                for start in range(0, len(data), 10_000):
                    append(store, upload_id, start, data[start : start + 10_000])

            return run

        at_once([work(upload_id, data) for upload_id, data in wanted.items()])
        for upload_id, data in wanted.items():
            promise(read(store, upload_id) == data, "Eight threads write eight uploads, each its own.")

    # -- seal, remove, ids -------------------------------------------------------------------------

    def test_the_stamp_stays_while_the_bytes_do(self, store: Store) -> None:
        upload_id = put(store, b"green tea")
        stamp = store.seal(upload_id)
        read(store, upload_id)
        promise(store.seal(upload_id) == stamp, "Reading does not change the stamp.")

    def test_the_stamp_changes_with_the_bytes(self, store: Store) -> None:
        upload_id = put(store, b"green tea")
        stamps = [store.seal(upload_id)]
        append(store, upload_id, 9, b"!")
        stamps.append(store.seal(upload_id))
        append(store, upload_id, 3, b"")
        stamps.append(store.seal(upload_id))
        promise(len(set(stamps)) == 3, "The stamp changes when bytes are added or cut off.")

    def test_the_stamp_changes_with_bytes_of_the_same_number(self, store: Store) -> None:
        upload_id = put(store, b"green tea")
        stamp = store.seal(upload_id)
        # A clock in the stamp may tick a few hundred times a second only: some tries are given to it.
        for _ in range(10_000):
            append(store, upload_id, 0, b"black tea")
            if store.seal(upload_id) != stamp:
                return
        promise(False, "The stamp changes when bytes are replaced by as many others.")

    def test_what_is_not_here_cannot_be_opened_or_sealed(self, store: Store) -> None:
        for upload_id in (new_id(), removed(store)):
            with promised(FileNotFoundError, "Opening what is not here raises FileNotFoundError."):
                store.open(upload_id).close()
            with promised(FileNotFoundError, "Sealing what is not here raises FileNotFoundError."):
                store.seal(upload_id)

    def test_removing_is_for_good_and_may_be_repeated(self, store: Store) -> None:
        upload_id, other = put(store, b"green"), put(store, b"black")
        store.remove(upload_id)
        store.remove(upload_id)
        store.remove(new_id())
        promise(list(store.ids()) == [other], "Only what was removed is gone.")
        promise(read(store, other) == b"black", "Only what was removed is gone.")
        append(store, upload_id, 0, b"new")
        promise(read(store, upload_id) == b"new", "Nothing of what was removed comes back.")

    def test_an_open_reader_reads_on_after_the_removal(self, store: Store) -> None:
        data = pattern(1_000_000)
        upload_id = put(store, data)
        with store.open(upload_id) as held:
            start = held.read(10)
            store.remove(upload_id)
            promise(start + held.read() == data, "Who has the bytes open can read them to their end.")
            held.seek(0)
            promise(held.read() == data, "And again from the start.")

    def test_ids_are_exactly_what_is_here(self, store: Store) -> None:
        promise(list(store.ids()) == [], "A new store holds nothing.")
        wanted = sorted(put(store, b"tea") for _ in range(20))
        promise(sorted(store.ids()) == wanted, "Every id is listed, and listed once.")
        for upload_id in wanted[::2]:
            store.remove(upload_id)
        promise(sorted(store.ids()) == wanted[1::2], "What was removed is not listed.")

    def test_only_ids_are_taken(self, store: Store) -> None:
        calls: list[Callable[[Any], object]] = [
            *(lambda bad: store.append(bad, 0), store.seal, store.open, store.remove),
        ]
        if isinstance(store, SideFiles):
            side = store
            calls += [
                lambda bad: side.put_beside(bad, "claim-1", b""),
                lambda bad: side.read_beside(bad, "claim-1"),
                side.list_beside,
                lambda bad: side.remove_beside(bad, "claim-1"),
            ]
        if isinstance(store, LocalFiles):
            calls += [store.path, store.age]
        for bad in NOT_IDS:
            for call in calls:
                with promised(UsageError, f"{bad!r} is not an id, and is refused before anything is done."):
                    call(bad)
        promise(list(store.ids()) == [], "What is refused leaves nothing behind.")

    # -- SideFiles ---------------------------------------------------------------------------------

    def test_side_files_are_kept_beside(self, store: Store) -> None:
        if not isinstance(store, SideFiles):
            return
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

    def test_side_files_are_removed(self, store: Store) -> None:
        if not isinstance(store, SideFiles):
            return
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

    def test_a_side_file_alone_is_listed_and_removed(self, store: Store) -> None:
        if not isinstance(store, SideFiles):
            return
        upload_id = new_id()
        store.put_beside(upload_id, "claim-1", b"{}")
        promise(list(store.ids()) == [upload_id], "Whatever is here is explained by its id.")
        with promised(OffsetMismatch, "Nothing can be appended to bytes that are not here."):
            store.append(upload_id, 1)
        with promised(FileNotFoundError, "A refused append leaves nothing behind."):
            store.open(upload_id).close()
        store.remove(upload_id)
        promise(list(store.ids()) == [], "Whatever is here can be removed.")

    def test_side_files_have_plain_names(self, store: Store) -> None:
        if not isinstance(store, SideFiles):
            return
        upload_id = put(store, b"green tea")
        for bad in NOT_NAMES:
            for call in (store.read_beside, store.remove_beside, lambda i, n: store.put_beside(i, n, b"")):
                with promised(UsageError, f"{bad!r} is not the name of a side file."):
                    call(upload_id, bad)
        promise(store.list_beside(upload_id) == [], "What is refused leaves nothing behind.")

    def test_a_side_file_is_seen_whole_or_not_at_all(self, store: Store) -> None:
        if not isinstance(store, SideFiles):
            return
        side, upload_id = store, put(store, b"green tea")
        whole = [bytes([n]) * (100_000 + n) for n in range(2)]
        side.put_beside(upload_id, "claim-1", whole[0])
        done: list[bool] = []

        def write() -> None:
            try:
                for n in range(200):
                    side.put_beside(upload_id, "claim-1", whole[n % 2])
            finally:
                done.append(True)

        def look() -> None:
            while not done:
                promise(
                    side.read_beside(upload_id, "claim-1") in whole, "A side file is replaced in one step."
                )
                promise(side.list_beside(upload_id) == ["claim-1"], "An unfinished side file is not listed.")

        at_once([write, look])

    # -- LocalFiles --------------------------------------------------------------------------------

    def test_another_process_sees_the_bytes_at_their_path(self, store: Store) -> None:
        if not isinstance(store, LocalFiles):
            return
        data = pattern(200_000)
        upload_id = put(store, data)
        program = "import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], 'rb').read()).hexdigest())"
        command = [sys.executable, "-c", program, str(store.path(upload_id))]
        seen = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        promise(seen == hashlib.sha256(data).hexdigest(), "The path leads every process to the same bytes.")

    def test_a_path_is_given_for_what_is_not_here(self, store: Store) -> None:
        if not isinstance(store, LocalFiles):
            return
        upload_id = new_id()
        promise(not store.path(upload_id).exists(), "Asking for a path makes nothing.")
        promise(store.path(upload_id, "one") != store.path(upload_id), "A side file has a path of its own.")
        promise(store.age(put(store, b"tea")) < 60, "What was just written is young.")
        promise(list(store.ids()) != [upload_id], "Asking for a path makes nothing.")


def pattern(size: int) -> bytes:
    """`size` bytes that are the same each time and repeat nowhere."""
    return hashlib.shake_128(size.to_bytes(8, "big")).digest(size)


def append(store: Store, upload_id: str, offset: int, data: bytes) -> None:
    """One writer's whole life."""
    writer = store.append(upload_id, offset)
    writer.write(data)
    writer.close()


def put(store: Store, data: bytes) -> str:
    """Hold `data` under a new id."""
    upload_id = new_id()
    append(store, upload_id, 0, data)
    return upload_id


def removed(store: Store) -> str:
    """An id that was here and is not any more."""
    upload_id = put(store, b"gone")
    store.remove(upload_id)
    return upload_id


def read(store: Store, upload_id: str) -> bytes:
    """All bytes."""
    with store.open(upload_id) as held:
        return held.read()
