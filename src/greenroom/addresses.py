"""Where a new owner has come from: one network as one text, of which nothing but a keyed hash is kept.

Whoever throws a cookie away is somebody new, with ceilings of their own. So the new owners of one address are counted
together as well.
"""

from __future__ import annotations

import ipaddress

from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from . import conf

UNREADABLE = "?"
IPV6_BITS = 64
"""What one household or one machine is given of IPv6 (RFC 6177 says no less), and can change its address within."""


def remote_address(request: HttpRequest) -> str | None:
    """The address at the other end of the connection, if it is one of the internet's.

    One that is not (127.0.0.1, 10.0.0.5, a unix socket's none) is a proxy's, in front of everybody, or somebody's
    within the house: neither is counted. No header is looked at: any client can send any header.
    """
    try:
        address = ipaddress.ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return None
    return str(address) if address.is_global else None


def network_of(address: str) -> str:
    """The network that counts as one: an IPv4 address, or the first 64 bits of an IPv6 one.

    What is no address is counted with everything else that is none: a header that is garbled is no way out.
    """
    try:
        here = ipaddress.ip_address(address.strip())
    except ValueError:
        return UNREADABLE
    if isinstance(here, ipaddress.IPv6Address):
        if here.ipv4_mapped is None:
            return str(ipaddress.ip_network((int(here), IPV6_BITS), strict=False))
        here = here.ipv4_mapped
    return str(here)


def address_key(request: HttpRequest) -> str:
    """What is written down of the address that the setting ADDRESS finds; empty if that is not counted.

    Keyed with SECRET_KEY: of all four billion IPv4 addresses a plain hash is made in minutes, and a copy of the
    database would tell who has been here.
    """
    settings = conf.current()
    if not settings.ceilings.counts_addresses:
        return ""
    address = settings.address_of()(request)
    return (
        salted_hmac("greenroom.address", network_of(address), algorithm="sha256").hexdigest()
        if address
        else ""
    )
