"""For the tests of a Django project: an owner to hold files for, and held files.

Django is imported when these are called, not before.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from greenroom.files import StagedFile
    from greenroom.owners import Visit


@contextlib.contextmanager
def as_owner(name: str = "somebody") -> Iterator[Visit]:
    """Inside, forms and `stage_file` hold files for the owner `name`, as in one of their requests.

    Leaving it is the end of the request: what nobody has kept is forgotten.
    """
    from greenroom.owners import Visit, visiting
    from greenroom.settling import settle_promotions

    with visiting(Visit(find_owner=lambda create: f"test:{name}")) as visit:
        try:
            yield visit
        finally:
            settle_promotions(visit)
            visit.abandon_unkept()


def stage_file(content: bytes, name: str = "file.txt") -> StagedFile:
    """A file that the present owner holds: its `token` goes into a form's data or a session."""
    from greenroom.core import UsageError
    from greenroom.files import OwnersStage
    from greenroom.owners import current_visit

    visit = current_visit()
    if visit is None:
        raise UsageError("stage_file needs an owner: call it inside `with as_owner():`.", "no owner")
    return OwnersStage(visit.stage).receive([content], client_name=name)
