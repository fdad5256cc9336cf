"""Upload-Metadata of tus 1.0.0: pairs of a key and a value in base64, separated by commas."""

from __future__ import annotations

import re

from greenroom.core.errors import MalformedRequest

from .digest import decoded

MAX_METADATA = 8_192
"""Characters of the whole field. It is kept with the upload and repeated, so it has an end."""

# Visible ASCII without the comma: a key that could not be repeated in a header as it came is refused.
_KEY = re.compile(r"[!-+\--~]{1,100}", re.ASCII)


def read_metadata(value: str | None) -> dict[str, str]:
    """The pairs. Raises `MalformedRequest` for a key or value that breaks the rules, or a key given twice.

    Values are texts in UTF-8 here, as every client sends them: other bytes would be somebody's attempt to
    smuggle something into a header or a name.
    """
    if not value:
        return {}
    if len(value) > MAX_METADATA:
        raise MalformedRequest(reason=f"Upload-Metadata is longer than {MAX_METADATA} characters")
    pairs: dict[str, str] = {}
    for pair in value.split(","):
        key, _space, encoded = pair.strip(" \t").partition(" ")
        if not _KEY.fullmatch(key):
            raise MalformedRequest(reason="a key in Upload-Metadata is empty, too long or not ASCII")
        if key in pairs:
            raise MalformedRequest(reason=f"Upload-Metadata has the key {key} twice")
        data = decoded(encoded)
        if data is None:
            raise MalformedRequest(reason=f"the value of {key} in Upload-Metadata is not base64")
        try:
            pairs[key] = data.decode("utf-8")
        except UnicodeDecodeError:
            raise MalformedRequest(reason=f"the value of {key} in Upload-Metadata is not UTF-8") from None
    return pairs
