"""What older versions have written down is there after a migration, and after one back."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from greenroom.models import StagedUpload

pytestmark = pytest.mark.django_db(transaction=True)

ID = "x" * 22


@contextmanager
def as_of(name: str) -> Iterator[Any]:
    """The models as they were after a migration, in a database that is as it was then; and back."""
    before, after = [("greenroom", name)], MigrationExecutor(connection).loader.graph.leaf_nodes("greenroom")
    MigrationExecutor(connection).migrate(before)
    try:
        yield MigrationExecutor(connection).loader.project_state(before).apps.get_model
    finally:
        MigrationExecutor(connection).migrate(after)


def test_the_policy_of_an_upload_moves_out_of_its_terms_and_back() -> None:
    now = timezone.now()
    with as_of("0006_ceilings") as model:
        owner = model("greenroom", "StagedOwner").objects.create(key="somebody", seen_at=now)
        was = model("greenroom", "StagedUpload").objects.create(
            id=ID,
            owner=owner,
            state="receiving",
            client_name="tea.jpg",
            reserved=10,
            offset=0,
            epoch=0,
            created_at=now,
            expires_at=now,
            terms='{"metadata": "filename dGVh", "policy": "of-a-field"}',
        )
    here = StagedUpload.objects.get(pk=ID)
    assert (here.policy, here.terms) == ("of-a-field", '{"metadata": "filename dGVh"}')
    assert here.owner.counted_at is None
    with as_of("0006_ceilings"):
        was.refresh_from_db()
        assert was.terms == '{"metadata": "filename dGVh", "policy": "of-a-field"}'
