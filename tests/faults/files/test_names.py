"""Promise 12: the client's words are hints. Names that are attacks, through every door and out of every other.

Each row says which requirement of OWASP's it is made from: ASVS 5.0, chapter V5, or the File Upload Cheat Sheet.
"""

import base64
import html
import json
import unicodedata
from email import policy
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

import pytest

from greenroom.models import StagedUpload
from tests.django.conftest import Browser, browser, media
from tests.django.uploading import URL, Script
from tests.faults.tally import Injected
from tests.images import pictures
from tests.pages import errors_of, files_under, page_of
from tests.shop.models import Paper, Product

__all__ = ["browser", "media"]

pytestmark = pytest.mark.django_db(transaction=True)

PATH, HEADER, EXTENSION = "ASVS 5.3.2", "ASVS 5.4.2", "Cheat Sheet, Extension Validation"
CHARACTERS, LENGTH = (
    "Cheat Sheet, Filename Sanitization",
    "Cheat Sheet, Filename Sanitization: maximum length",
)

NAMES: dict[str, tuple[bytes, str]] = {
    "up and away": (b"../../../../etc/cron.d/tea.txt", PATH),
    "up, the other way": (b"..\\..\\..\\windows\\tea.txt", PATH),
    "up, mixed": (b"..\\/..//\\../tea.txt", PATH),
    "from the root": (b"/etc/passwd.txt", PATH),
    "a drive": (b"C:\\autoexec.txt", PATH),
    "a share": (b"\\\\server\\share\\tea.txt", PATH),
    "a URL": (b"http://127.0.0.1:9/tea.txt", PATH),
    "a file URL": (b"file:///etc/tea.txt", PATH),
    "percent-encoded": (b"%2e%2e%2f%2e%2e%2ftea.txt", PATH),
    "percent-encoded twice": (b"%252e%252e%252ftea.txt", PATH),
    "overlong UTF-8": (b"\xc0\xae\xc0\xae\xc0\xaf\xc0\xae\xc0\xae\xc0\xaftea.txt", PATH),
    "overlong slash in three bytes": (b"..\xe0\x80\xaf..\xe0\x80\xaftea.txt", PATH),
    "not UTF-8": (b"\xff\xfe\xfdtea\x80.txt", CHARACTERS),
    "slashes of other scripts": ("..\u2215..\u2044tea\uff0f\uff3c.txt".encode(), PATH),
    "dots of other scripts": ("\u2024\u2024/\uff0e\uff0e/tea.txt".encode(), PATH),
    "home": (b"~root/tea.txt", PATH),
    "a variable": (b"${HOME}`id`$(id);tea|id&.txt", CHARACTERS),
    "NUL": (b"tea.php\0.txt", EXTENSION),
    "NUL, encoded": (b"tea.php%00.txt", EXTENSION),
    "two extensions": (b"tea.php.txt", EXTENSION),
    "two extensions, the other way": (b"tea.txt.php", EXTENSION),
    "a stream of NTFS": (b"tea.php::$DATA.txt", EXTENSION),
    "a semicolon": (b"tea.asp;.txt", EXTENSION),
    "a line break in front": (b"tea.php\n.txt", EXTENSION),
    "trailing dots": (b"tea.txt.....", CHARACTERS),
    "trailing spaces": (b"tea.txt     ", CHARACTERS),
    "trailing dots and spaces": (b"tea.txt . . .", CHARACTERS),
    "a leading dot": (b".htaccess", CHARACTERS),
    "many leading dots": (b"....htaccess.txt", CHARACTERS),
    "hidden behind a sign": ("\u20ac.user.ini".encode(), CHARACTERS),
    "hidden behind a picture": ("\U0001f375.-.htaccess.txt".encode(), CHARACTERS),
    "an option behind a sign": ("\u20ac-rf.txt".encode(), CHARACTERS),
    "a leading dash": (b"-rf.txt", CHARACTERS),
    "an option": (b"--checkpoint-action=exec=sh tea.txt", CHARACTERS),
    "a device": (b"NUL.txt", CHARACTERS),
    "a port": (b"com1.tar.txt", CHARACTERS),
    "a device of other digits": ("LPT\u00b9.txt".encode(), CHARACTERS),
    "a console": (b"CONIN$", CHARACTERS),
    "controls": (b"te\x01\x02\x1b[2J\x7f\xc2\x9ba.txt", CHARACTERS),
    "written backwards": ("tea\u202etxt.exe.txt".encode(), CHARACTERS),
    "isolated": ("\u2067tea\u2069\u2066.txt".encode(), CHARACTERS),
    "invisible": ("t\u200b\u200c\u200d\u2060e\ufeffa\U000e0041.txt".encode(), CHARACTERS),
    "lone surrogates": (b"tea\xed\xa0\x80.txt", CHARACTERS),
    "a thousand accents": (b"t" + "\u0301".encode() * 1_000 + b".txt", LENGTH),
    "10,000 characters": (b"t" * 10_000 + b".txt", LENGTH),
    "10,000 wide characters": ("茶".encode() * 10_000 + b".txt", LENGTH),
    "an extension of 10,000": (b"tea." + b"x" * 10_000, LENGTH),
    "10,000 dots": (b"t" + b"." * 10_000 + b"txt", LENGTH),
    "a page": (b"<script>window.hit=1</script>.txt", HEADER),
    "an attribute": (b'" onmouseover="window.hit=1" x=\'.txt', HEADER),
    "an entity": (b"&lt;img src=x onerror=hit()&gt;&#x22;.txt", HEADER),
    "a template": (b"{{7*7}}{% now %}${7*7}<%= 7*7 %>.txt", HEADER),
    "a header": (b"tea\r\nSet-Cookie: hit=1\r\nX: .txt", HEADER),
    "a header, encoded": (b"tea%0d%0aSet-Cookie:%20hit=1.txt", HEADER),
    "a header of other breaks": ("tea\u2028Set-Cookie: hit=1\u2029\x85.txt".encode(), HEADER),
    "another parameter": (b"tea.txt\"; filename*=UTF-8''evil.html; x=\"", HEADER),
    "a backslash before the quote": (b'tea\\".html\\', HEADER),
    "an encoded word": (b"=?utf-8?B?PHNjcmlwdD4=?=.txt", HEADER),
}


def posted(page: Any, field: str, changes: dict[str, str], name: bytes, data: bytes) -> bytes:
    """The form's body with a name as a hostile client writes it: nothing is encoded for us."""
    body = page.body(changes, {field: ("NAME-GOES-HERE", data)})
    return body.replace(b'filename="NAME-GOES-HERE"', b'filename="' + name.replace(b'"', b'\\"') + b'"')


def assert_harmless(name: str) -> None:
    """What is left of a name can be shown, put into a header and be the name of a file, anywhere."""
    assert name
    assert len(name.encode()) <= 200
    assert not set(name) & set('/\\<>:"|?*\0\r\n')
    assert not any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in name)
    assert name[0] not in ".- "
    assert name[-1] not in ". "


def assert_downloads(response: Any) -> None:
    """One header field, one file name, and an attachment."""
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/octet-stream"
    raw = response.serialize_headers().decode("latin-1")
    assert raw.count("Content-Disposition") == 1
    assert not any(line.lower().startswith("set-cookie: hit") for line in raw.splitlines())
    line = f"Content-Disposition: {response.headers['Content-Disposition']}\r\n\r\n"
    field = HeaderParser(policy=policy.HTTP).parsestr(line)["Content-Disposition"]
    assert field.content_disposition == "attachment"
    assert set(field.params) == {"filename"}, "and no parameter of the client's"
    assert_harmless(field.params["filename"])


def kept_inside(media: Path) -> None:
    """Nothing is written but below MEDIA_ROOT and the store, and there under names of ours."""
    for each in files_under(media.parent):
        assert each.is_relative_to(media) or each.is_relative_to(media.parent / "greenroom-held"), each
        assert not each.is_symlink()


@pytest.mark.parametrize("door", ["a form", "a form, RFC 5987", "tus"])
def test_a_hostile_name_goes_the_whole_way(
    settings: Any, browser: Browser, media: Path, injected: Injected, door: str
) -> None:
    settings.GREENROOM = {"OWNER_UPLOADS": 1_000, "ADDRESS_UPLOADS": None}
    script = Script("/paper/")
    for number, (kind, (name, requirement)) in enumerate(NAMES.items()):
        data = b"Darjeeling %d" % number
        with injected(12):
            if door == "tus":
                token = sent_by_tus(script, name, data)
                if not token:
                    continue
                shown = held_name(script, token)
                download = script.client.get(f"/greenroom/original/{token}/")
                saved = script.save("/paper/", token, title=kind)
            else:
                page = browser.get("/paper/")
                body = posted(page, "body", {"title": ""}, name, data)
                if door != "a form":
                    encoded = "".join(f"%{byte:02x}" for byte in name).encode()
                    at = body.index(b'filename="')
                    end = body.index(b"\r\nContent-Type: application/octet-stream", at)
                    body = body[:at] + b"filename*=utf-8''" + encoded + body[end:]
                answer = browser.post_body("/paper/", body)
                if answer.status_code == 400:
                    assert len(name) > 4_000, kind  # a part whose header is longer than any honest one
                    continue
                assert answer.status_code == 200, (kind, requirement)
                page = page_of(answer)
                if not page.rows("body"):
                    continue  # nothing of the name is left, or the parser has refused its header: no file
                shown = page["body-0-name"]
                assert "<script>window" not in answer.content.decode(), kind
                assert html.escape(shown) in answer.content.decode(), kind
                download = browser.client.get(page.links[0])
                saved = browser.send("/paper/", page, {"title": kind})
            assert_harmless(shown)
            assert_downloads(download)
            assert saved.status_code == 302, (kind, getattr(saved, "content", b"")[:2_000])
            path = Path(Paper.objects.get(title=kind).body.path)
            assert path.parent == media / "papers", kind
            assert_harmless(path.name)
            assert path.read_bytes() == data, kind
    kept_inside(media)
    assert Paper.objects.count() > len(NAMES) * 0.8, "most of them are files, under another name"


def sent_by_tus(script: Script, name: bytes, data: bytes) -> str:
    """Uploaded by a script whose metadata is whatever it likes. The token; none for what is not UTF-8, as tus has it."""
    fields = {
        "Tus-Resumable": "1.0.0",
        "Upload-Length": str(len(data)),
        # "text/\0html", which is no type, and no text to PostgreSQL.
        "Upload-Metadata": f"filename {base64.b64encode(name).decode()},filetype dGV4dC8AaHRtbA==",
        "Content-Type": "application/offset+octet-stream",
        "Greenroom-Policy": script.policy(),
    }
    answer = script.send("POST", URL, data, fields)
    if answer.status_code == 400:
        assert b"is not UTF-8" in answer.content or b"is longer than" in answer.content
        return ""
    assert answer.status_code == 201, answer.content
    assert StagedUpload.objects.latest("created_at").client_type == "text/html"
    return str(answer.headers["Greenroom-Token"])


def held_name(script: Script, token: str) -> str:
    answer = script.client.get(f"/greenroom/held/{token}/")
    assert answer.headers["Content-Type"].startswith("application/json")
    return str(json.loads(answer.content)["name"])


@pytest.mark.parametrize(
    "kind", ["up and away", "NUL", "two extensions, the other way", "a header", "a leading dash"]
)
def test_a_picture_has_the_extension_of_its_type_whatever_it_is_called(
    browser: Browser, media: Path, injected: Injected, kind: str
) -> None:
    data = pictures.encoded(pictures.coded(120, 90), "png")
    with injected(12):
        page = browser.get("/product/")
        name = NAMES[kind][0].replace(b".txt", b".gif")
        answer = browser.post_body("/product/", posted(page, "photo", {"name": "tea"}, name, data))
        assert answer.status_code == 302, errors_of(answer, "photo")
        path = Path(Product.objects.get().photo.path)
        assert path.parent == media / "products"
        assert path.suffix == ".png"
        assert_harmless(path.name)
        kept_inside(media)


@pytest.mark.parametrize(
    "said", ["text/html", "image/svg+xml", "image/png\r\nX: y", "*/*", "x" * 5_000, "\x00"]
)
def test_the_declared_type_is_asked_by_nobody(browser: Browser, injected: Injected, said: str) -> None:
    """Cheat Sheet, Content-Type Validation."""
    data = pictures.encoded(pictures.coded(120, 90), "jpeg")
    with injected(12):
        body = browser.get("/product/").body({"name": ""}, {"photo": ("tea.jpg", data)})
        body = body.replace(b"Content-Type: application/octet-stream", b"Content-Type: " + said.encode())
        answer = browser.post_body("/product/", body)
        page = page_of(answer)
        if not page.rows("photo"):
            assert said == "text/html" or errors_of(answer, "photo") or answer.status_code == 400
            return
        shown = browser.client.get(page.images[0])
        assert shown.headers["Content-Type"] == "image/jpeg"
        assert browser.client.get(page.links[0]).headers["Content-Type"] == "application/octet-stream"
