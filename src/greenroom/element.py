"""What the browser's element is told: about its field, about each file, and in which words it speaks."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.urls import NoReverseMatch, reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from .core.sniff import describe
from .files import StagedFile
from .images import min_pixels
from .phrases import phrases
from .policies import IntakePolicy
from .rules import Rules
from .wording import UNITS

ROOM_TO_UNDO = 20
"""Uploads that one page may send beyond those of its field: what is replaced or removed can be had back."""

OFTEN_WRONG = (
    *("text/*", "video/*", "audio/*", "image/*", "application/pdf", "application/zip", "application/msword"),
    *(
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "image/heic",
        "image/svg+xml",
    ),
)
"""What people choose by mistake, so that the element can say what it is."""

PLACE = "~"
"""Stands for the token in an address."""


def url_of(view: str, token: str = "") -> str:
    """A URL of ours, or nothing where the project has not included `greenroom.urls` (a check says so)."""
    try:
        return reverse(f"greenroom:{view}", args=[token] if token else [])
    except NoReverseMatch:
        return ""


def field_of(
    rules: Rules, policy: IntakePolicy, *, required: bool, posted: bool, saved: int
) -> dict[str, Any]:
    """The field, for the element: its rules, where it sends, and its words. Sizes are in bytes and pixels.

    `posted` says that the form was sent and has come back: what it holds is not saved. `saved` is how many files are.
    """
    limits = rules.limits
    least = [each for each in rules.inspectors if isinstance(each, min_pixels)]
    return {
        "lang": get_language() or "en",
        "multiple": rules.multiple,
        "required": required,
        "posted": posted,
        "most": rules.most(saved=saved),
        "bytes": limits.ceiling,
        "empty": limits.allow_empty,
        "types": list(limits.types),
        "kinds": {each: _(describe(each)) for each in OFTEN_WRONG if not limits.allows(each)},
        "allowed": ", ".join(dict.fromkeys(_(describe(each)) for each in limits.types)),
        "pictures": rules.pictures,
        "crop": "" if not rules.croppable else str(rules.ratio) if rules.ratio else "free",
        "least": [max(each.width for each in least), max(each.height for each in least)] if least else None,
        "transfer": rules.transfer,
        "policy": policy.encode(),
        "uploads": url_of("uploads"),
        "held": url_of("held", PLACE),
        "csrf": settings.CSRF_HEADER_NAME.removeprefix("HTTP_").replace("_", "-"),
        "cookie": settings.CSRF_COOKIE_NAME,
        "units": [_(each) for each in UNITS],
        "words": phrases(),
    }


def facts_of(file: StagedFile) -> dict[str, Any]:
    """A held file, for the element. Of a picture that was looked at, its upright size in pixels as well."""
    upload = file.upload
    values: dict[str, Any] = {
        "name": upload.client_name,
        "size": upload.size,
        "kind": _(describe(upload.media_type)),
        "original": url_of("original", file.original.token),
    }
    if upload.picture is not None:
        values |= {
            "width": upload.picture.width,
            "height": upload.picture.height,
            "preview": url_of("preview", file.token),
            "proxy": url_of("proxy", file.token),
        }
    return values
