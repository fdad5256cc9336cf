"""The words of the browser's element: every sentence that it shows or says, in the language of the page.

Refusals are the templates of `core.errors`, so that a file is refused in the same words by the element, by the
upload protocols and by the form. What counts comes in a form for each of `SAMPLES`; the element takes the one whose
plural category (`Intl.PluralRules`) is that of its number.
"""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from .core.errors import (
    CropRatio,
    EmptyFile,
    NotHeld,
    Refused,
    TooFewPixels,
    TooLarge,
    TooMany,
    TypeNotAllowed,
)

SAMPLES = (0, 1, 2, 3, 6, 11, 100)
"""One number of each plural category of every language that Unicode's CLDR knows, as far as whole numbers go."""


def phrases() -> dict[str, str | list[str]]:
    """All of them by name. Places for values are written as Python does: `%(name)s`."""
    refusals = {
        "too_large": TooLarge,
        "empty": EmptyFile,
        "too_many": TooMany,
        "too_small": TooFewPixels,
        "type": TypeNotAllowed,
        "gone": NotHeld,
        "no_crop": CropRatio,
    }
    return {
        **{name: _(kind.template) for name, kind in refusals.items()},
        "quoted": _(Refused.quoted),
        **cards(),
        **transfers(),
        **lists(),
        **editor(),
    }


def cards() -> dict[str, str | list[str]]:
    """A file's own card."""
    return {
        "preview_of": _("Preview of %(name)s"),
        "remove": _("Remove"),
        "remove_name": _("Remove %(name)s"),
        "replace": _("Replace"),
        "replace_name": _("Replace %(name)s"),
        "choose": _("Choose again"),
        "choose_name": _("Choose again: %(name)s"),
        "crop": _("Crop"),
        "crop_name": _("Crop %(name)s"),
        "earlier_name": _("Move %(name)s earlier"),
        "later_name": _("Move %(name)s later"),
        "drag_name": _("Move %(name)s: drag, or use the arrow keys"),
        "dismiss_name": _("Dismiss the message about %(name)s"),
        "undo": _("Undo"),
        "undo_name": _("Undo: keep %(name)s"),
        "removed": _("“%(name)s” is removed when you save."),
        "displaced": _("“%(name)s” is replaced when you save."),
        "no_undo": _("There is no room to have it back: remove another file first."),
        "replaced": _("Stays until “%(name)s” takes its place."),
        "gone_here": _(
            "%(name)s is no longer held (files wait only for a time, and until you sign out). Try again: it is sent anew."
        ),
        "download": _("Download it as it was chosen"),
        "result": _("result %(w)s\u00a0×\u00a0%(h)s"),  # on one line
        "pixels": _("%(w)s\u00a0×\u00a0%(h)s"),
        "saved": _("saved"),
        "unseen": _("Its preview cannot be shown."),
        "unread": _("%(name)s holds nothing that can be read. Check it, then choose it again."),
        "not_cropped": _("It is saved where it cannot be cropped from here. Replace it, and crop that."),
        "not_shown": _("Your browser cannot show this kind of picture, so it is being sent first."),
    }


def transfers() -> dict[str, str | list[str]]:
    """What becomes of a file on its way."""
    return {
        "picked": _("Checking…"),
        "checking": _("Checking…"),
        "verifying": _("Checking…"),
        "queued": _("Waiting for its turn"),
        "waiting_accept": _("Not sent yet: crop it first"),
        "waiting_save": _("Is sent with the form"),
        "uploading": _("%(percent)s, %(done)s of %(size)s"),
        "paused": _("Paused at %(percent)s"),
        "offline": _("You are offline. It goes on by itself."),
        "retrying": _("The connection broke off. Trying again…"),
        "failed": _("It could not be sent. Try again, or remove it."),
        "changed": _("%(name)s was changed or moved while it was being sent. Choose it again."),
        "needs-reselect": _("%(percent)s are sent. Choose “%(name)s” once more, and it goes on from there."),
        "ready": _("Uploaded"),
        "pause_name": _("Pause %(name)s"),
        "resume_name": _("Resume %(name)s"),
        "retry_name": _("Try again: %(name)s"),
        "cancel_name": _("Cancel %(name)s"),
        "send_whole": _("Use it whole"),
        "as_chosen": _("Use it whole, as chosen"),
        "send_whole_name": _("Use it whole: %(name)s"),
        "progress_of": _("Upload of %(name)s"),
        "pause": _("Pause"),
        "resume": _("Resume"),
        "retry": _("Try again"),
        "cancel": _("Cancel"),
        "pause_all": _("Pause all"),
        "resume_all": _("Resume all"),
        "retry_all": _("Try all again"),
        "cancel_all": _("Cancel all"),
        "dismiss_all": _("Dismiss all messages"),
    }


def lists() -> dict[str, str | list[str]]:
    """The list as a whole: its line, its drop zone, and what is said aloud."""
    return {
        "files": _("Files"),
        "choose_one": _("Choose a file"),
        "choose_many": _("Choose files"),
        "add": _("Add more"),
        "swap": _("Choose another"),
        "line": counted("%(done)s of %(n)s file uploaded", "%(done)s of %(n)s files uploaded"),
        "bytes": _("%(done)s of %(size)s"),
        "refused": counted("%(n)s file was not taken", "%(n)s files were not taken"),
        "left": _("about %(time)s left"),
        "saving": counted("Saving when %(n)s upload ends…", "Saving when %(n)s uploads end…"),
        "stay": _("Cancel"),
        "not_saved": _("It is not saved yet: see to this file first."),
        "said_added": counted("%(n)s file added", "%(n)s files added"),
        "said_ready": _("%(name)s is uploaded"),
        "said_percent": _("%(percent)s uploaded"),
        "said_removed": _("%(name)s removed"),
        "said_kept": _("%(name)s is back"),
        "said_gone": counted("%(n)s file is no longer held", "%(n)s files are no longer held"),
        "said_place": _("%(name)s is now at place %(place)s of %(n)s"),
        "said_cropped": _("%(name)s is cropped to %(w)s × %(h)s pixels"),
        "said_whole": _("%(name)s is whole again"),
    }


def editor() -> dict[str, str | list[str]]:
    """The crop editor."""
    return {
        "title": _("Crop “%(name)s”"),
        "area": _("Part of the picture"),
        "area_hint": _(
            "Arrow keys move it by 10 pixels, with Alt by 1, with Ctrl by 50; with Shift they change its size. "
            "A click beside it moves its middle there."
        ),
        "shape": _("Shape"),
        "shape_free": _("Free"),
        "shape_whole": _("As the picture"),
        "size": _("Size"),
        "smaller": _("Smaller"),
        "larger": _("Larger"),
        "turn_left": _("Turn left"),
        "turn_right": _("Turn right"),
        "mirror": _("Mirror"),
        "left_edge": _("Left"),
        "top_edge": _("Top"),
        "width": _("Width"),
        "height": _("Height"),
        "result_pixels": _("%(w)s × %(h)s pixels"),
        "below": _("Too small: at least %(w)s\u00a0×\u00a0%(h)s"),
        "said_area": _("Left %(x)s, top %(y)s, %(w)s × %(h)s pixels"),
        "reset": _("Reset"),
        "apply": _("Apply"),
        "no_picture": _("The picture could not be loaded. Try again."),
    }


def counted(one: str, many: str) -> list[str]:
    """The forms of a phrase for each of `SAMPLES`."""
    return [ngettext(one, many, number) for number in SAMPLES]
