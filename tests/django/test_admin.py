"""The admin shows what is held, by whom and until when, and can give it up; it edits nothing."""

from pathlib import Path

import pytest
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Permission, User

from greenroom.models import StagedUpload
from tests.django.conftest import Browser, Guest
from tests.pages import files_under, page_of
from tests.shop.models import Paper

pytestmark = pytest.mark.django_db(transaction=True)
URL = "/admin/greenroom/stagedupload/"


@pytest.fixture
def administrator(browser: Browser) -> Browser:
    browser.client.force_login(User.objects.create_superuser("root"))
    return browser


def test_the_list_says_what_is_held_by_whom_until_when(administrator: Browser, guest: Guest) -> None:
    guest.hold(bytes(12_345), "first flush.bin")
    text = administrator.get(URL).text
    for words in ("first flush.bin", "12.3 kB", "held", "Visitor", "Held until"):
        assert words.lower() in text.lower(), words
    assert "session:guest" not in text, "an owner's key is a secret"


def test_a_user_s_uploads_are_listed_under_the_name(administrator: Browser) -> None:
    administrator.fill("/paper/", {"title": ""}, {"body": ("tea.txt", b"tea")})
    assert "root" in administrator.get(URL).text
    assert "tea.txt" in administrator.get(f"{URL}?q=root").text
    assert "tea.txt" not in administrator.get(f"{URL}?q=nobody").text


def test_one_upload_is_shown_and_not_edited(administrator: Browser, guest: Guest) -> None:
    file = guest.hold(b"tea", "tea.txt")
    page = administrator.get(f"{URL}{quote(file.upload.id)}/change/")
    assert file.upload.digest in page.text
    assert not page.files
    assert "client_name" not in page
    assert administrator.client.get(f"{URL}add/").status_code == 403


def test_discarding_removes_bytes_and_record(administrator: Browser, guest: Guest, held_root: Path) -> None:
    gone, kept = guest.hold(b"gone", "gone.txt"), guest.hold(b"kept", "kept.txt")
    page = administrator.get(URL)
    changes = {"action": "discard", "_selected_action": gone.upload.id}
    answer = administrator.client.post(URL, {**changes, "csrfmiddlewaretoken": page["csrfmiddlewaretoken"]})
    assert answer.status_code == 302
    assert [each.pk for each in StagedUpload.objects.all()] == [kept.upload.id]
    assert [each.read_bytes() for each in files_under(held_root)] == [b"kept"]
    assert "1 discarded." in administrator.get(URL).text


def test_what_was_saved_is_given_up_and_stays_in_the_list_until_it_is_swept(
    administrator: Browser, guest: Guest
) -> None:
    saved = guest.hold(b"saved", "saved.txt")
    Paper.objects.create(title="tea", body=saved)
    page = administrator.get(URL)
    changes = {"action": "discard", "_selected_action": saved.upload.id}
    for expected in ("1 discarded.", "0 discarded."):
        administrator.client.post(URL, {**changes, "csrfmiddlewaretoken": page["csrfmiddlewaretoken"]})
        assert expected in administrator.get(URL).text
    assert "saved.txt" in administrator.get(f"{URL}?buried_at__isempty=0").text
    assert "saved.txt" not in administrator.get(f"{URL}?buried_at__isempty=1").text
    assert Path(Paper.objects.get().body.path).read_bytes() == b"saved"


def test_deleting_one_removes_its_bytes_too(administrator: Browser, guest: Guest, held_root: Path) -> None:
    file = guest.hold(b"gone", "gone.txt")
    url = f"{URL}{quote(file.upload.id)}/delete/"
    assert administrator.send(url, administrator.get(url), {"post": "yes"}).status_code == 302
    assert not StagedUpload.objects.exists()
    assert files_under(held_root) == []


def test_django_s_own_mass_deletion_is_not_offered(
    administrator: Browser, guest: Guest, held_root: Path
) -> None:
    file = guest.hold(b"tea")
    page = administrator.get(URL)
    changes = {"action": "delete_selected", "_selected_action": file.upload.id, "post": "yes"}
    administrator.client.post(URL, {**changes, "csrfmiddlewaretoken": page["csrfmiddlewaretoken"]})
    assert StagedUpload.objects.count() == 1
    assert len(files_under(held_root)) == 1


def test_deleting_a_user_leaves_no_bytes_unexplained(administrator: Browser, held_root: Path) -> None:
    """The record goes with its user; the bytes go when the sweeper finds them without one."""
    administrator.fill("/paper/", {"title": ""}, {"body": ("tea.txt", b"tea")})
    user = User.objects.get()
    user.delete()
    assert not StagedUpload.objects.exists()
    assert [each.name for each in files_under(held_root)] == ["bytes"]


def test_whoever_may_only_look_may_only_look(browser: Browser, guest: Guest) -> None:
    viewer = User.objects.create(username="viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_stagedupload"))
    browser.client.force_login(viewer)
    file = guest.hold(b"tea", "tea.txt")
    page = browser.get(URL)
    assert "tea.txt" in page.text
    answer = browser.send(URL, page, {"action": "discard", "_selected_action": file.upload.id})
    assert answer.status_code in (302, 200, 403)
    assert StagedUpload.objects.count() == 1
    assert page_of(browser.client.get(f"{URL}{quote(file.upload.id)}/change/")).text.count("Delete") == 0
