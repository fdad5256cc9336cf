"""`StoreSuite`: what every store promises. And `BareStore`, which offers nothing beyond it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from greenroom.core.errors import OffsetMismatch, UsageError
from greenroom.core.store import Bounded, Fencing, LocalFiles, SideFiles, Store, Writer
from greenroom.core.upload import new_id
from greenroom.stores import MemoryStore

from .disks import DiskPromises
from .fencing import FencingPromises
from .holding import append, pattern, put, read, removed
from .promise import at_once, check_offers, part_of, promise, promised
from .sidefiles import SideFilePromises

# Around the sizes at which stores and operating systems change their ways: pages, pipes, chunks.
SIZES = (0, 1, 65_535, 65_536, 65_537, 1_048_575, 1_048_576, 1_048_577)
ALL_BYTES = bytes(range(256))
NOT_IDS: tuple[Any, ...] = (
    *("", ".", "..", "../x", "a" * 21, "a" * 23, "../" + "a" * 19, "/" + "a" * 21),
    *("a" * 21 + "\0", "a" * 21 + "\n", "a" * 22 + "\n", "a" * 21 + ".", "\u00e9" * 22, "\uff41" * 22),
    *(b"a" * 22, None),
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


class StoreSuite(SideFilePromises, FencingPromises, DiskPromises):
    """Subclass it and give a fixture `store`: an empty store, a fresh one for each test.

    `offers` names what it implements beyond `Store`: `[SideFiles, Fencing]`, say. A store that outlives the process
    says in `program` how another one opens it, and one whose room can end gives a full one in `full`.
    """

    @part_of(6)
    def test_it_offers_what_its_suite_says(self, store: Store) -> None:
        check_offers(store, [Store, *self.offers], [Store, SideFiles, LocalFiles, Fencing, Bounded])

    # -- bytes in, bytes out -------------------------------------------------------------------------

    @part_of(1)
    def test_bytes_are_read_back_as_they_were_written(self, store: Store) -> None:
        for size in SIZES:
            data = pattern(size)
            upload_id = put(store, data)
            with store.open(upload_id) as held:
                promise(held.read() == data, f"{size} bytes are read back byte for byte.")

    @part_of(1)
    def test_every_byte_value_is_kept(self, store: Store) -> None:
        upload_id = put(store, ALL_BYTES * 3)
        promise(read(store, upload_id) == ALL_BYTES * 3, "No byte value means anything to a store.")

    @part_of(1)
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

    @part_of(1)
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

    @part_of(1)
    def test_what_is_open_can_seek(self, store: Store) -> None:
        upload_id = put(store, ALL_BYTES)
        with store.open(upload_id) as held:
            promise(held.seekable(), "What is open for reading is seekable.")
            promise(held.seek(0, io.SEEK_END) == 256, "The end is where the bytes end.")
            held.seek(100)
            promise(held.read(3) == bytes([100, 101, 102]), "Reading goes on from where `seek` went.")
            promise(held.tell() == 103, "`tell` says where reading goes on.")

    @part_of(1)
    def test_two_readers_do_not_move_each_other(self, store: Store) -> None:
        upload_id = put(store, ALL_BYTES)
        with store.open(upload_id) as one, store.open(upload_id) as other:
            one.read(200)
            promise(other.read(1) == b"\0", "Each reader has a place of its own.")

    @part_of(2)
    def test_closing_a_writer_twice_is_fine(self, store: Store) -> None:
        writer = store.append(new_id(), 0)
        writer.write(b"tea")
        writer.close()
        writer.close()

    @part_of(2)
    def test_no_bytes_are_bytes_too(self, store: Store) -> None:
        upload_id = put(store, b"")
        promise(read(store, upload_id) == b"", "An upload of no bytes can be opened.")
        promise(store.seal(upload_id), "An upload of no bytes has a stamp.")
        promise(list(store.ids()) == [upload_id], "An upload of no bytes is there.")

    # -- going on ------------------------------------------------------------------------------------

    @part_of(2)
    def test_appending_goes_on(self, store: Store) -> None:
        upload_id = put(store, b"green ")
        append(store, upload_id, 6, b"tea")
        promise(read(store, upload_id) == b"green tea", "Appending at the end goes on there.")

    @part_of(2)
    def test_appending_cuts_off_what_is_beyond(self, store: Store) -> None:
        upload_id = put(store, b"green tea")
        append(store, upload_id, 6, b"leaf")
        promise(read(store, upload_id) == b"green leaf", "Bytes beyond the offset are replaced.")
        append(store, upload_id, 5, b"")
        promise(read(store, upload_id) == b"green", "Bytes beyond the offset are cut even if none follow.")
        append(store, upload_id, 0, b"tea")
        promise(read(store, upload_id) == b"tea", "Offset 0 starts anew.")

    @part_of(2)
    def test_appending_beyond_what_is_here_is_refused(self, store: Store) -> None:
        upload_id, unknown = put(store, b"tea"), new_id()
        with promised(OffsetMismatch, "Nothing can be appended after a gap."):
            store.append(upload_id, 4)
        promise(read(store, upload_id) == b"tea", "A refused append changes nothing.")
        with promised(OffsetMismatch, "Nothing can be appended to what is not here."):
            store.append(unknown, 1)
        promise(list(store.ids()) == [upload_id], "A refused append leaves nothing behind.")

    @part_of(1)
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

    @part_of(1)
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

    # -- seal, remove, ids ---------------------------------------------------------------------------

    @part_of(3)
    def test_the_stamp_stays_while_the_bytes_do(self, store: Store) -> None:
        upload_id = put(store, b"green tea")
        stamp = store.seal(upload_id)
        read(store, upload_id)
        promise(store.seal(upload_id) == stamp, "Reading does not change the stamp.")

    @part_of(3)
    def test_the_stamp_changes_with_the_bytes(self, store: Store) -> None:
        upload_id = put(store, b"green tea")
        stamps = [store.seal(upload_id)]
        append(store, upload_id, 9, b"!")
        stamps.append(store.seal(upload_id))
        append(store, upload_id, 3, b"")
        stamps.append(store.seal(upload_id))
        promise(len(set(stamps)) == 3, "The stamp changes when bytes are added or cut off.")

    @part_of(3)
    def test_the_stamp_changes_with_bytes_of_the_same_number(self, store: Store) -> None:
        upload_id = put(store, b"green tea")
        stamp = store.seal(upload_id)
        # A clock in the stamp may tick a few hundred times a second only: some tries are given to it.
        for _ in range(10_000):
            append(store, upload_id, 0, b"black tea")
            if store.seal(upload_id) != stamp:
                return
        promise(False, "The stamp changes when bytes are replaced by as many others.")

    @part_of(6)
    def test_what_is_not_here_cannot_be_opened_or_sealed(self, store: Store) -> None:
        for upload_id in (new_id(), removed(store)):
            with promised(FileNotFoundError, "Opening what is not here raises FileNotFoundError."):
                store.open(upload_id).close()
            with promised(FileNotFoundError, "Sealing what is not here raises FileNotFoundError."):
                store.seal(upload_id)

    @part_of(5)
    def test_removing_is_for_good_and_may_be_repeated(self, store: Store) -> None:
        upload_id, other = put(store, b"green"), put(store, b"black")
        store.remove(upload_id)
        store.remove(upload_id)
        store.remove(new_id())
        promise(list(store.ids()) == [other], "Only what was removed is gone.")
        promise(read(store, other) == b"black", "Only what was removed is gone.")
        append(store, upload_id, 0, b"new")
        promise(read(store, upload_id) == b"new", "Nothing of what was removed comes back.")

    @part_of(5)
    def test_an_open_reader_reads_on_after_the_removal(self, store: Store) -> None:
        data = pattern(1_000_000)
        upload_id = put(store, data)
        with store.open(upload_id) as held:
            start = held.read(10)
            store.remove(upload_id)
            promise(start + held.read() == data, "Who has the bytes open can read them to their end.")
            held.seek(0)
            promise(held.read() == data, "And again from the start.")

    @part_of(6)
    def test_ids_are_exactly_what_is_here(self, store: Store) -> None:
        promise(list(store.ids()) == [], "A new store holds nothing.")
        wanted = sorted(put(store, b"tea") for _ in range(20))
        promise(sorted(store.ids()) == wanted, "Every id is listed, and listed once.")
        for upload_id in wanted[::2]:
            store.remove(upload_id)
        promise(sorted(store.ids()) == wanted[1::2], "What was removed is not listed.")

    @part_of(12)
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
        if isinstance(store, Bounded):
            calls.append(store.size)
        for bad in NOT_IDS:
            for call in calls:
                with promised(UsageError, f"{bad!r} is not an id, and is refused before anything is done."):
                    call(bad)
        promise(list(store.ids()) == [], "What is refused leaves nothing behind.")
