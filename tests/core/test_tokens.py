"""Tokens: short, signed, and worth nothing when a single bit is another."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.core import Signer, Token, UsageError
from greenroom.core.errors import NotHeld
from greenroom.core.tokens import MAX_TOKEN
from greenroom.core.upload import new_id

SIGNER = Signer(["a key"], purpose="token")
compact = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-", max_size=60)


@given(compact, compact)
def test_what_was_encoded_is_decoded(crop: str, bake: str) -> None:
    token = Token(upload_id=new_id(), crop=crop, bake=bake)
    text = token.encode(SIGNER)
    assert Token.decode(text, SIGNER) == token
    assert len(text) <= MAX_TOKEN
    assert json.loads(json.dumps(text)) == text
    assert set(text) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


def test_every_bit_of_a_token_counts() -> None:
    text = Token(upload_id=new_id(), crop="v1-100-80-0-0-40-30", bake="b").encode(SIGNER).encode()
    for index in range(len(text)):
        for bit in range(8):
            flipped = bytearray(text)
            flipped[index] ^= 1 << bit
            with pytest.raises(NotHeld):
                Token.decode(flipped.decode("latin-1"), SIGNER)


def test_every_other_spelling_of_a_token_is_refused() -> None:
    text = Token(upload_id=new_id()).encode(SIGNER)
    signed, _, signature = text.rpartition(".")
    # Base64 leaves two bits of the last character unused: four spellings of the same signature.
    raw = base64.urlsafe_b64decode(signature + "=")
    spellings = [
        *(
            signature[:-1] + char
            for char in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        ),
        *(signature + "=", signature + "\n", " " + signature, signature.upper(), signature.lower()),
    ]
    same_bytes = [
        s for s in spellings if s != signature and base64.urlsafe_b64decode(s.strip()[:43] + "=") == raw
    ]
    assert len(same_bytes) >= 3
    for spelling in spellings:
        if spelling != signature:
            with pytest.raises(NotHeld):
                Token.decode(f"{signed}.{spelling}", SIGNER)


@pytest.mark.parametrize(
    "garbled",
    ["", ".", "...", "a.b.c.d", None, 7, b"bytes", ["list"], "\ud800", "\0", "é" * 50, "x" * 10_000_000],
)
def test_what_is_no_token_is_not_held(garbled: object) -> None:
    with pytest.raises(NotHeld) as refusal:
        Token.decode(garbled, SIGNER)
    assert (refusal.value.name, dict(refusal.value.params)) == ("", {})


def test_what_another_signed_is_not_held() -> None:
    text = Token(upload_id=new_id()).encode(SIGNER)
    for stranger in (Signer(["another key"], purpose="token"), Signer(["a key"], purpose="policy")):
        with pytest.raises(NotHeld):
            Token.decode(text, stranger)


def test_what_we_signed_is_not_a_token_for_that() -> None:
    for text in ("hello", f"{new_id()}", f"{new_id()}.", f"{new_id()}...", "short..", "../../etc/passwd.."):
        with pytest.raises(NotHeld):
            Token.decode(SIGNER.sign(text), SIGNER)


def test_what_is_too_long_is_not_looked_at() -> None:
    signed = SIGNER.sign(f"{new_id()}.{'x' * 200}.")
    assert SIGNER.unsign(signed)
    with pytest.raises(NotHeld):
        Token.decode(signed, SIGNER)


def test_a_rotated_key_is_still_accepted_and_no_longer_used() -> None:
    old, new = Signer(["old"], purpose="token"), Signer(["new", "old"], purpose="token")
    token = Token(upload_id=new_id())
    assert Token.decode(token.encode(old), new) == token
    with pytest.raises(NotHeld):
        Token.decode(token.encode(new), old)
    assert Token.decode(token.encode(new), Signer(["new"], purpose="token")) == token


def test_texts_and_bytes_are_keys() -> None:
    assert Signer([b"a key"], purpose="token").unsign(SIGNER.sign("tea")) == "tea"


@pytest.mark.parametrize("keys", [[], [""], ["a key", ""], [b""]])
def test_a_signer_needs_keys(keys: list[str]) -> None:
    with pytest.raises(UsageError, match="at least one key"):
        Signer(keys, purpose="token")


@pytest.mark.parametrize(
    "token",
    [
        Token(upload_id="short"),
        Token(upload_id=new_id(), crop="with.dot"),
        Token(upload_id=new_id(), bake="with space"),
        Token(upload_id=new_id(), crop="x" * 101),
        Token(upload_id=new_id(), crop="x" * 90, bake="x" * 90),
    ],
)
def test_what_cannot_be_a_token_is_not_made_one(token: Token) -> None:
    with pytest.raises(UsageError):
        token.encode(SIGNER)


def test_only_ascii_is_signed() -> None:
    with pytest.raises(UsageError):
        SIGNER.sign("é")
    assert SIGNER.unsign("é." + "A" * 43) is None
    assert SIGNER.unsign("no dot") is None
