"""What the filters of logs take out, and what they leave as it is."""

import logging
import time
from typing import Any

import pytest

from greenroom.core import Limits, Token
from greenroom.files import token_signer
from greenroom.measures import logger as ours
from greenroom.policies import IntakePolicy
from greenroom.quiet import OURS, WITH_ADDRESSES, escaped, keep_quiet, shortened

TOKEN = Token(upload_id="Ab3xY-9kQ2mN7pR4sT6vWz").encode(token_signer())
CROPPED = Token(upload_id="Ab3xY-9kQ2mN7pR4sT6vWz", crop="1-0-0-40-30", bake="b").encode(token_signer())


def policy() -> str:
    return IntakePolicy.new(name="body", owner="o", limits=Limits(), max_files=1, memory=0).encode()


@pytest.mark.parametrize("signed", [TOKEN, CROPPED, policy()])
@pytest.mark.parametrize(
    "around", ["{}", "/greenroom/preview/{}/", "a {} b", "?x={}&y=1", '"{}"', "{0}, {0}"]
)
def test_tokens_and_policies_are_cut(signed: str, around: str) -> None:
    assert shortened(around.format(signed)) == around.format(signed[:8] + "...")


@pytest.mark.parametrize(
    "text",
    [
        "/greenroom/uploads/Ab3xY-9kQ2mN7pR4sT6vWz/",
        "/media/photos/a-name-that-is-long-and-has.dots.in-it.jpg",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "django.contrib.sessions.middleware.SessionMiddleware",
        7,
        None,
    ],
)
def test_everything_else_stays(text: Any) -> None:
    assert shortened(text) == text


def test_a_long_path_is_no_work() -> None:
    began = time.process_time()
    for text in ("a" * 200_000, "a." * 100_000, ("a" * 43 + ".") * 5_000, "." * 200_000):
        shortened(text)
    assert time.process_time() - began < 1


def test_every_logger_of_ours_has_its_filter() -> None:
    known = [each for each in logging.root.manager.loggerDict if each.partition(".")[0] == "greenroom"]
    loggers = [each for each in known if isinstance(logging.root.manager.loggerDict[each], logging.Logger)]
    assert set(loggers) <= set(OURS)
    keep_quiet()
    keep_quiet()
    assert all(len(logging.getLogger(each).filters) == 1 for each in (*OURS, *WITH_ADDRESSES))


def test_a_trace_is_told_without_what_could_forge_a_line(caplog: pytest.LogCaptureFixture) -> None:
    hostile = f"\x1b[2J\r\nERROR forged\u202e\x85 {TOKEN}"
    try:
        try:
            raise ValueError(hostile)
        except ValueError as error:
            raise OSError(hostile) from error
    except OSError:
        ours.exception("It failed: %s", hostile)
    text = caplog.text
    assert escaped(text.replace("\n", "")) == text.replace("\n", "")
    assert TOKEN not in text
    assert "\nERROR forged" not in text
    assert text.count("\\r\\nERROR forged") == 3
    assert text.count("Traceback (most recent call last):") == 2


def test_a_record_with_a_mapping_is_told_as_it_would_have_been(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    logging.getLogger("gunicorn.access").info("%(r)s %(s)s", {"r": f"GET /{TOKEN}/", "s": 200})
    assert caplog.messages == [f"GET /{TOKEN[:8]}.../ 200"]
