"""Promise 8 as a person meets it: what is over a ceiling is refused in words, and what is held stays held."""

from __future__ import annotations

import ipaddress
import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import RequestFactory

from greenroom import addresses, conf
from greenroom.ledger import OrmLedger
from greenroom.models import StagedCrowd, StagedOwner, StagedUpload
from greenroom.sweeping import clear_staged
from tests.django.conftest import Browser
from tests.django.uploading import URL, Script
from tests.faults.tally import Injected
from tests.pages import errors_of

pytestmark = pytest.mark.django_db(transaction=True)

AT_SCHOOL = "8.8.4.4"
AT_HOME = "9.9.9.9"


def sender_of(request: Any) -> str | None:
    """As a site behind a proxy finds the address, which sets this header and no client can."""
    return request.headers.get("X-Of-The-Proxy")


BEHIND_PROXY = {"ADDRESS": f"{__name__}.sender_of"}


def whole(script: Script, data: bytes) -> str:
    url = script.tus_create(len(data))
    assert script.patch(url, data, 0).status_code == 204
    return url


# -- over all owners -------------------------------------------------------------------------------


@pytest.mark.parametrize("ceiling", [{"TOTAL_BYTES": 20_000}, {"TOTAL_UPLOADS": 1}])
def test_over_the_ceiling_of_all_is_a_507_and_what_is_held_stays(
    settings: Any, ceiling: dict[str, int], injected: Injected
) -> None:
    first, second = Script("/backup/"), Script("/backup/")
    settings.GREENROOM = ceiling
    url = whole(first, b"x" * 15_000)
    begun = StagedUpload.objects.count()
    with injected(8, 4):
        for protocol in ("tus", "ietf"):
            ends = {} if protocol == "tus" else {"upload_complete": "?0"}
            answer = getattr(second, protocol)("POST", URL, upload_length="10000", **ends)
            assert (answer.status_code, json.loads(answer.content)["code"]) == (507, "total_exceeded")
            assert "too much is waiting here" in json.loads(answer.content)["detail"]
        browser = Browser()
        answer = browser.fill("/backup/", {"title": "one"}, {"body": ("tea.bin", b"x" * 10_000)})
        (said,) = errors_of(answer, "body")
        assert said.startswith("“tea.bin” cannot be kept now: too much is waiting here already.")
        assert StagedUpload.objects.count() == begun
        assert first.offset(url) == 15_000
        # What is saved makes room, for anybody.
        token = first.tus("HEAD", url)["Greenroom-Token"]
        assert first.save("/backup/", token, title="saved").status_code == 302
        assert second.tus("POST", URL, upload_length="10000").status_code == 201


def test_what_grows_beyond_the_ceiling_of_all_stops_there(settings: Any, injected: Injected) -> None:
    first, second = Script("/backup/"), Script("/backup/")
    settings.GREENROOM = {"TOTAL_BYTES": 20_000}
    whole(first, b"x" * 12_000)
    url = second.tus_create(None)
    with injected(8, 2):
        assert second.patch(url, b"x" * 6_000, 0).status_code == 204
        answer = second.patch(url, b"x" * 6_000, 6_000)
        assert (answer.status_code, json.loads(answer.content)["code"]) == (507, "total_exceeded")
        assert second.offset(url) == 6_000
        assert second.patch(url, b"x" * 2_000, 6_000, upload_length="8000").status_code == 204


# -- of one address --------------------------------------------------------------------------------


def at(script: Script, address: str, size: int = 1_000) -> Any:
    return script.tus("POST", URL, upload_length=str(size), x_of_the_proxy=address)


@pytest.mark.parametrize("ceiling", [{"ADDRESS_BYTES": 30_000}, {"ADDRESS_UPLOADS": 30}])
def test_who_throws_the_cookie_away_is_no_better_off(
    settings: Any, ceiling: dict[str, int], injected: Injected
) -> None:
    settings.GREENROOM = {**BEHIND_PROXY, **ceiling}
    with injected(8, 40):
        answers = [at(Script("/backup/"), AT_SCHOOL) for _ in range(40)]
        assert [each.status_code for each in answers] == [201] * 30 + [429] * 10
        refused = answers[-1]
        assert json.loads(refused.content)["code"] == "address_exceeded"
        assert int(refused["Retry-After"]) > 0
        assert "your network" in json.loads(refused.content)["detail"]
        assert at(Script("/backup/"), AT_HOME).status_code == 201


def test_who_is_not_new_any_more_is_not_counted(settings: Any, injected: Injected) -> None:
    settings.GREENROOM = {**BEHIND_PROXY, "ADDRESS_UPLOADS": 2}
    scripts = [Script("/backup/") for _ in range(3)]
    with injected(8, 3):
        assert [at(each, AT_SCHOOL).status_code for each in scripts] == [201, 201, 429]
        StagedOwner.objects.update(new_until=StagedOwner.objects.first().seen_at)  # type: ignore[union-attr]
        assert [at(each, AT_SCHOOL).status_code for each in scripts] == [201, 201, 201]
        assert at(scripts[2], AT_SCHOOL).status_code == 201
        assert at(scripts[2], AT_SCHOOL).status_code == 429, "who came last is new"


def test_a_classroom_of_forty_can_work() -> None:
    site = conf.Settings()
    assert site.ceilings.address_uploads >= 40 * 20  # type: ignore[operator]
    assert conf.size_of("address_bytes", site.address_bytes) >= 40 * 20 * 10 * 10**6


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("8.8.8.8", "8.8.8.9", False),
        ("2a00:1450:4001:82a::200e", "2a00:1450:4001:82a:ffff::1", True),
        ("2a00:1450:4001:82a::200e", "2a00:1450:4001:82b::200e", False),
        ("::ffff:8.8.8.8", "8.8.8.8", True),
        (" 8.8.8.8 ", "8.8.8.8", True),
        ("garbled", "8.8.8.8:4711", True),
        ("8.8.8.8, 9.9.9.9", "8.8.8.8", False),
    ],
)
def test_which_addresses_count_as_one(one: str, other: str, together: bool) -> None:
    assert (addresses.network_of(one) == addresses.network_of(other)) is together


@pytest.mark.parametrize(
    "remote", ["", "127.0.0.1", "10.1.2.3", "192.168.0.9", "::1", "fe80::1", "fd00::1", "unix:"]
)
def test_a_proxy_is_not_taken_for_everybody_behind_it(remote: str) -> None:
    assert addresses.remote_address(RequestFactory().get("/", REMOTE_ADDR=remote)) is None


def test_no_header_of_the_client_is_an_address(injected: Injected) -> None:
    with injected(8, 3):
        for header in ("X-Forwarded-For", "X-Real-IP", "Forwarded"):
            request = RequestFactory().get("/", REMOTE_ADDR="8.8.8.8", headers={header: "9.9.9.9"})
            assert addresses.remote_address(request) == "8.8.8.8"


def everything_written_down() -> str:
    """All rows of all tables, as text."""
    with connection.cursor() as cursor:
        names = connection.introspection.table_names(cursor)
        rows = []
        for name in names:
            cursor.execute(f'SELECT * FROM "{name}"')  # noqa: S608 - names are the database's own
            rows += [repr(row) for row in cursor.fetchall()]
    return "\n".join(rows)


def test_no_address_is_written_down_and_none_is_remembered(settings: Any, injected: Injected) -> None:
    settings.GREENROOM = BEHIND_PROXY
    address = "2a00:1450:4001:82a::200e"
    with injected(8, 2):
        assert at(Script("/backup/"), address).status_code == 201
        owner = StagedOwner.objects.get()
        assert len(owner.address) == 64
        written = everything_written_down()
        assert address not in written
        assert str(ipaddress.ip_network((address, 64), strict=False)) not in written
        settings.SECRET_KEY = "another"
        assert (
            addresses.address_key(RequestFactory().get("/", headers={"X-Of-The-Proxy": address}))
            != owner.address
        )
        ledger = OrmLedger()
        clear_staged()
        owner.refresh_from_db()
        assert owner.address, "it still counts"
        StagedOwner.objects.update(new_until=owner.seen_at)
        StagedCrowd.objects.update(counted_at=owner.seen_at - timedelta(days=1))
        clear_staged()
        owner.refresh_from_db()
        assert (owner.address, owner.new_until) == ("", None)
        assert not StagedCrowd.objects.exclude(key="everybody").exists()
        assert ledger.forget_addresses() == 0


def test_without_such_a_ceiling_nothing_is_written_down(settings: Any) -> None:
    settings.GREENROOM = {**BEHIND_PROXY, "ADDRESS_UPLOADS": None, "ADDRESS_BYTES": None}
    assert at(Script("/backup/"), AT_SCHOOL).status_code == 201
    assert StagedOwner.objects.get().address == ""
