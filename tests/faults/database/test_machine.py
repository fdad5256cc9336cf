"""Promises 3, 4 and 6: a person's saving, discarding and replacing, rollbacks and the sweeper, in any order, against a model."""

import copy
import datetime
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import hypothesis.strategies as st
import pytest
from django import forms
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, Phase
from hypothesis import settings as how
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from greenroom.core.errors import NotHeld
from greenroom.files import OwnersStage
from greenroom.forms import StagedFileField
from greenroom.middleware import end
from greenroom.models import StagedOwner, StagedUpload, StagedUse
from greenroom.owners import Visit, visiting
from greenroom.promotion import TakenUse
from greenroom.sweeping import clear_staged
from tests.faults.database.explained import unexplained
from tests.faults.tally import NIGHT, Injected
from tests.shop.models import Paper

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(1800)]
CONTENTS = [bytes([number]) * (500 + number) for number in range(3)]
A_MINUTE, TWO_HOURS = datetime.timedelta(minutes=1), datetime.timedelta(hours=2)


class PaperForm(forms.ModelForm):
    body = StagedFileField()

    class Meta:
        model = Paper
        fields = ["title", "body"]


class Broken(Exception):
    pass


@dataclass
class Held:
    """What the model knows of an upload. `absent`: expired or given up; `removable`: and the time of grace is over."""

    content: int
    saved: bool = False
    expired: bool = False
    buried: bool = False
    removable: bool = False

    @property
    def absent(self) -> bool:
        return self.expired or self.buried


@dataclass
class Model:
    """`uses` are the chances that were taken, each with the upload that it was taken for."""

    uploads: dict[str, Held] = field(default_factory=dict)
    uses: dict[tuple[str, int], str] = field(default_factory=dict)
    objects: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Form:
    """A page that somebody has open: a held file, and the one chance to save it."""

    upload: str
    token: str
    use: str


class Room(RuleBasedStateMachine):
    """One owner's uploads. Each rule is a request, a form that is opened, the clock, or the sweeper."""

    pages = Bundle("pages")
    count = 0

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.serial = 0

    def teardown(self) -> None:
        for model in (Paper, StagedUse, StagedUpload, StagedOwner):
            model.objects.all().delete()
        for directory in (Path(settings.MEDIA_ROOT), Path(settings.MEDIA_ROOT).with_name("greenroom-held")):
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir()

    # -- forms -------------------------------------------------------------------------------------

    def new_use(self) -> str:
        self.serial += 1
        return f"use-{self.serial}"

    def hold(self, content: int, use: str) -> Form:
        """A file is received, in a request of its own."""
        form: list[Form] = []

        def receive(visit: Visit) -> None:
            file = OwnersStage(visit.stage).receive([CONTENTS[content]], client_name="tea.bin")
            form.append(Form(file.upload.id, file.token, use))

        self.request(receive, atomic=False)
        self.model.uploads[form[0].upload] = Held(content)
        return form[0]

    @rule(target=pages, content=st.integers(0, 2))
    def pick(self, content: int) -> Form:
        return self.hold(content, self.new_use())

    @rule(target=pages, page=pages)
    def open_another_tab(self, page: Form) -> Form:
        return Form(page.upload, page.token, self.new_use())

    @rule(target=pages, page=pages, content=st.integers(0, 2))
    def replace(self, page: Form, content: int) -> Form:
        """Another file in the same form: it keeps its chance, which is for each content one."""
        return self.hold(content, page.use)

    @rule(target=pages, page=pages)
    def send_the_bytes_again(self, page: Form) -> Form:
        """As a form without JavaScript does that is sent twice: another upload, the same content and use."""
        return self.hold(self.model.uploads[page.upload].content, page.use)

    # -- requests ----------------------------------------------------------------------------------

    def request(self, *steps: Callable[[Visit], None], atomic: bool, breaks: bool = False) -> bool:
        """As the middleware and ATOMIC_REQUESTS do it; whether it got to its end."""
        Room.count += 1
        visit = Visit(find_owner=lambda create: "session:one")
        with visiting(visit):
            try:
                if atomic:
                    with transaction.atomic():
                        self.take_steps(visit, *steps, breaks=breaks)
                else:
                    self.take_steps(visit, *steps, breaks=breaks)
            except (TakenUse, Broken):
                return False
            finally:
                end(visit)
        return True

    def take_steps(self, visit: Visit, *steps: Callable[[Visit], None], breaks: bool) -> None:
        for step in steps:
            step(visit)
        if breaks:
            raise Broken

    def send(self, page: Form) -> Callable[[Visit], None]:
        """Send a form. What will come of it is known beforehand."""
        held, key = self.model.uploads[page.upload], (page.use, self.model.uploads[page.upload].content)

        def step(visit: Visit) -> None:
            form = PaperForm({"title": "tea", "body-0-token": page.token, "body-0-use": page.use})
            recorded = StagedUpload.objects.filter(
                pk=page.upload
            ).exists()  # a tombstone still knows what was saved
            if held.absent and not (recorded and key in self.model.uses):
                assert not form.is_valid()
                return
            if key in self.model.uses:
                with pytest.raises(TakenUse) as taken:
                    form.is_valid()
                raise taken.value
            assert form.is_valid(), form.errors
            form.save()
            held.saved = True
            self.model.uses[key] = page.upload
            self.model.objects.append(held.content)

        return step

    def give_up(self, page: Form) -> Callable[[Visit], None]:
        held = self.model.uploads[page.upload]

        def step(visit: Visit) -> None:
            OwnersStage(visit.stage).discard(page.token)
            held.buried = held.buried or not held.expired

        return step

    @rule(
        plan=st.lists(st.tuples(pages, st.sampled_from(["send", "send", "give up"])), min_size=1, max_size=3),
        atomic=st.booleans(),
        breaks=st.booleans(),
    )
    def visit(self, plan: list[tuple[Form, str]], atomic: bool, breaks: bool) -> None:
        """Up to three things in one request, which may end in an error, and in a rollback then."""
        before = copy.deepcopy(self.model)
        steps = [self.send(page) if what == "send" else self.give_up(page) for page, what in plan]
        if not self.request(*steps, atomic=atomic, breaks=breaks) and atomic:
            self.model = before

    # -- time and the sweeper ----------------------------------------------------------------------

    @rule(page=pages)
    def expire(self, page: Form) -> None:
        StagedUpload.objects.filter(pk=page.upload).update(expires_at=timezone.now() - A_MINUTE)
        self.model.uploads[page.upload].expired = True

    @rule()
    def let_time_go_by(self) -> None:
        """Every tombstone has stood for the time of grace."""
        StagedUpload.objects.exclude(buried_at=None).update(buried_at=timezone.now() - TWO_HOURS)
        for held in self.model.uploads.values():
            held.removable = held.buried

    @rule()
    def sweep(self) -> None:
        gone = set(clear_staged())
        for upload_id, held in self.model.uploads.items():
            held.buried = held.absent
            if held.removable:
                # With the record go its uses: who sends a form again after that has waited for hours.
                self.model.uses = {
                    key: upload for key, upload in self.model.uses.items() if upload != upload_id
                }
            else:
                assert upload_id not in gone
                assert not held.buried or not held.saved or StagedUpload.objects.filter(pk=upload_id).exists()

    # -- what is true at any time ------------------------------------------------------------------

    @invariant()
    def everything_is_explained(self) -> None:
        assert unexplained() == []

    @invariant()
    def what_is_saved_is_what_was_sent(self) -> None:
        saved = [Path(paper.body.path).read_bytes() for paper in Paper.objects.all()]
        assert sorted(saved) == sorted(CONTENTS[content] for content in self.model.objects)

    @invariant()
    def what_is_held_is_held(self) -> None:
        visit = Visit(find_owner=lambda create: "session:one")
        for upload_id, held in self.model.uploads.items():
            if held.absent:
                with pytest.raises(NotHeld):
                    visit.stage.get(upload_id)
            else:
                assert visit.stage.get(upload_id).state == ("promoted" if held.saved else "staged")
                with visit.stage.open(upload_id) as file:
                    assert file.read() == CONTENTS[held.content]


def test_any_order(injected: Injected, media: Path) -> None:
    Room.count = 0
    run_state_machine_as_test(
        Room,
        settings=how(
            max_examples=1000 if NIGHT else 25,
            stateful_step_count=40 if NIGHT else 20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
            phases=[Phase.generate, Phase.target] if not NIGHT else list(Phase),
        ),
    )
    for promise in (3, 4, 6):
        with injected(promise, Room.count):
            assert Room.count > 20  # how far Hypothesis goes is up to it
