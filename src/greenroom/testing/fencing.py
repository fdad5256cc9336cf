"""What a store promises that lets one writer at a time add to an upload (`Fencing`): a part of `StoreSuite`."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Protocol

from greenroom.core.errors import Busy, OffsetMismatch, UsageError
from greenroom.core.store import Fencing, Place, Store
from greenroom.core.upload import new_id

from .holding import read
from .promise import Suite, at_once, part_of, promise, promised

WRITERS = 12


class StoreWithPlaces(Store, Fencing, Protocol):
    """A store that offers `Fencing`."""


class FencingPromises(Suite):
    """The part of `StoreSuite` about writers. A store that does not offer `Fencing` is asked nothing."""

    @part_of(2, Fencing)
    def test_a_place_goes_on_where_the_last_one_ended(self, store: StoreWithPlaces) -> None:
        upload_id = new_id()
        promise(store.standing(upload_id, 0).size == 0, "Of what nobody has sent nothing is here.")
        for epoch, size in ((1, 0), (2, 3), (3, 6), (5_000, 9)):
            place = store.take(upload_id, epoch)
            promise(place.size == size, "A place begins with what is here.")
            writer = place.writer(size)
            writer.write(b"tea")
            promise(place.size == size + 3, "The size of a place grows with what is written.")
            writer.close()
            promise(place.size == size + 3, "The size of a place is the same when its writer is closed.")
            place.close()
            place.close()
        promise(read(store, upload_id) == b"tea" * 4, "What several writers wrote adds up.")

    @part_of(1, Fencing)
    def test_a_piece_belongs_to_its_caller_again_after_the_write_at_a_place(
        self, store: StoreWithPlaces
    ) -> None:
        upload_id, buffer = new_id(), bytearray(b"green tea")
        place = store.take(upload_id, 1)
        writer = place.writer(0)
        writer.write(memoryview(buffer)[:5])
        buffer[:] = b"xxxxxxxxx"
        buffer.extend(b"x")  # raises BufferError while anybody refers to its memory
        writer.write(buffer)
        buffer[:] = b"yyyyyyyyyy"
        writer.close()
        place.close()
        promise(
            read(store, upload_id) == b"greenxxxxxxxxxx",
            "What was written is what the buffer held then, whatever its owner puts into it afterwards.",
        )

    @part_of(10, Fencing)
    def test_it_says_whether_somebody_writes(self, store: StoreWithPlaces) -> None:
        upload_id = new_id()
        promise(store.standing(upload_id, 0).idle is None, "Where nobody has ever begun nobody writes.")
        promise(store.standing(upload_id, 1).idle == math.inf, "Who has the number may begin at any moment.")
        place = store.take(upload_id, 1)
        begun = store.standing(upload_id, 1).idle
        promise(begun is not None and begun < 30, "Who has just begun is not idle.")
        writer = place.writer(0)
        writer.write(b"tea")
        here = store.standing(upload_id, 1)
        promise(here.size == 3, "It says how much is here while somebody writes.")
        promise(here.idle is not None and here.idle < 30, "Who has just written is not idle.")
        writer.close()
        promise(store.standing(upload_id, 1).idle is not None, "Whoever holds a place may still write.")
        place.close()
        promise(store.standing(upload_id, 1).idle is None, "Whoever has left writes no more.")
        promise(store.standing(upload_id, 1).size == 3, "It says how much is here when nobody writes.")
        promise(store.standing(upload_id, 2).idle == math.inf, "The next one has not come yet.")

    @part_of(10, Fencing)
    def test_an_overtaken_writer_adds_nothing(self, store: StoreWithPlaces) -> None:
        upload_id = new_id()
        first = store.take(upload_id, 1)
        stale = first.writer(0)
        stale.write(b"green")
        second = store.take(upload_id, 2)
        promise(second.size == 5, "Whoever takes over goes on with what is here.")
        with promised(Busy, "An overtaken writer is told so at its next write."):
            stale.write(b"xxx")
        writer = second.writer(5)
        writer.write(b" tea")
        with promised(Busy, "And at every write after that."):
            stale.write(b"xxx")
        stale.close()
        first.close()
        with promised(Busy, "It gets no other writer either."):
            store.take(upload_id, 1)
        writer.write(b"!")
        promise(store.standing(upload_id, 2).idle is not None, "That it has left says nothing of the other.")
        second.close()
        promise(read(store, upload_id) == b"green tea!", "Nothing of an overtaken writer is added.")

    @part_of(10, Fencing)
    def test_whoever_is_overtaken_before_writing_touches_nothing(self, store: StoreWithPlaces) -> None:
        upload_id = new_id()
        put(store, upload_id, 1, b"green tea")
        late, place = store.take(upload_id, 2), store.take(upload_id, 3)
        with promised(Busy, "Whoever is overtaken gets no writer any more."):
            late.writer(5)
        with promised(Busy, "Whoever comes with an older number is refused."):
            store.take(upload_id, 2)
        promise(place.size == 9, "Neither of them has changed anything.")
        writer = place.writer(9)
        writer.write(b"s")
        promise(
            (late.size, place.size) == (9, 10), "What somebody else adds is not of an overtaken one's size."
        )
        late.close()
        writer.close()
        place.close()
        promise(read(store, upload_id) == b"green teas", "Neither of them has changed anything.")

    @part_of(2, Fencing)
    def test_a_place_is_gone_on_with_at_its_end_or_before(self, store: StoreWithPlaces) -> None:
        upload_id = new_id()
        put(store, upload_id, 1, b"green tea")
        place = store.take(upload_id, 2)
        with promised(OffsetMismatch, "Nothing can be written after a gap."):
            place.writer(10)
        promise(read(store, upload_id) == b"green tea", "What is refused changes nothing.")
        writer = place.writer(8)
        writer.write(b"rm")
        writer.close()
        place.close()
        promise(read(store, upload_id) == b"green term", "What is beyond the offset is replaced.")

    @part_of(5, Fencing)
    def test_what_is_removed_begins_anew(self, store: StoreWithPlaces) -> None:
        upload_id = new_id()
        put(store, upload_id, 1, b"green tea")
        store.remove(upload_id)
        promise(list(store.ids()) == [], "Nothing is left of what was removed.")
        promise(store.standing(upload_id, 0).size == 0, "Nothing is left of what was removed.")

    @part_of(10, Fencing)
    def test_of_many_writers_the_last_one_has_the_last_word(self, store: StoreWithPlaces) -> None:
        upload_id = new_id()
        numbers = itertools.count(1)
        begun: dict[int, int] = {}
        ended: list[int] = []

        def write() -> None:
            epoch = next(numbers)
            try:
                place = store.take(upload_id, epoch)
                try:
                    begun[epoch] = place.size
                    writer = place.writer(place.size)
                    for _ in range(40):
                        writer.write(bytes([epoch]) * 100)
                    writer.close()
                finally:
                    place.close()
            except (Busy, OffsetMismatch):
                return
            ended.append(epoch)

        at_once([write] * WRITERS)
        here = read(store, upload_id)
        promise(WRITERS in ended, "Whoever has the highest number is not disturbed.")
        promise(here.endswith(bytes([WRITERS]) * 4_000), "What the last one wrote is the end.")
        promise(list(here) == sorted(here), "Nobody adds a byte after somebody who came later.")
        for epoch, size in begun.items():
            promise(
                all(byte < epoch for byte in here[:size]) and all(byte >= epoch for byte in here[size:]),
                "Of the size that a place begins with nothing changes, and none of the earlier adds to it.",
            )

    @part_of(12, Fencing)
    def test_only_ids_have_places(self, store: StoreWithPlaces) -> None:
        calls: list[Callable[[str], object]] = [
            lambda bad: store.standing(bad, 0),
            lambda bad: store.take(bad, 1),
        ]
        for bad in ("", "..", "../x", "a" * 21, "a" * 22 + "\n"):
            for call in calls:
                with promised(UsageError, f"{bad!r} is not an id, and is refused before anything is done."):
                    call(bad)
        promise(list(store.ids()) == [], "What is refused leaves nothing behind.")


def put(store: Fencing, upload_id: str, epoch: int, data: bytes) -> None:
    """One place's whole life."""
    place: Place = store.take(upload_id, epoch)
    writer = place.writer(place.size)
    writer.write(data)
    writer.close()
    place.close()
