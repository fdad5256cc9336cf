"""Every way in which Greenroom says no: a stable code and a sentence for a person, in one place.

Two kinds of mistake are kept apart:

* What a *person* can do wrong (a file that is too large, a crop outside its picture) is a
  :class:`Refused`. Forms show it beside the file it concerns; HTTP adapters turn it into a problem
  document. `greenroom.wire.problem` has the one table from codes to statuses.
* What a *programmer* can do wrong raises :class:`UsageError`, lists what is allowed and ends with
  "Got: ...".

The sentences are templates, so that an adapter can translate them before the values go in.
"""

from __future__ import annotations

from .refusal import GreenroomError, Refused, gettext_noop

__all__ = ["GreenroomError", "Refused", "gettext_noop"]

_ = gettext_noop


class UsageError(ValueError):
    """A mistake in the calling code: what was wrong, what is allowed, and "Got: ..."."""

    def __init__(self, rule: str, got: object) -> None:
        super().__init__(f"{rule} Got: {got!r}")


class IllegalTransition(RuntimeError):
    """An upload was asked to move to a state that it cannot reach from where it is."""


# -- what came in ----------------------------------------------------------------------------------


class TooLarge(Refused):
    """More bytes than the limits allow. Params: `limit`, as a person reads it ("10 MB")."""

    code = "too_large"
    template = _("%(name)s is too large: at most %(limit)s is taken here. Choose a smaller file.")


class EmptyFile(Refused):
    """No bytes at all, where the field does not allow that."""

    code = "empty"
    template = _("%(name)s is empty. Check that it was saved completely, then choose it again.")


class TypeNotAllowed(Refused):
    """The bytes are of a type that the limits do not list. Params: `found`, `allowed`."""

    code = "type_not_allowed"
    template = _("%(name)s is %(found)s by its content, but only %(allowed)s is taken here.")


class TypeContradicted(Refused):
    """The name's extension promises another type than the bytes are known to have. Params: `extension`, `found`."""

    code = "type_contradicted"
    template = _(
        "%(name)s ends in %(extension)s, but its content is %(found)s. Rename it or choose another file."
    )


class TooMany(Refused):
    """More files than the field takes. Params: `limit` (an int)."""

    code = "too_many"
    template = _("%(name)s is one file too many: at most %(limit)s can be sent here.")


class CutShort(Refused):
    """The body ended before the file did, or a declared length was not reached."""

    code = "cut_short"
    template = _("%(name)s did not arrive whole: the connection broke off. Nothing was saved; send it again.")


class LengthExceeded(Refused):
    """More bytes arrived than were declared. Params: `declared` (bytes)."""

    code = "length_exceeded"
    template = _("%(name)s sent more than the %(declared)s bytes it announced. Choose it again.")


class QuotaExceeded(Refused):
    """One owner holds as much as one owner may. Params: `limit`, as a person reads it."""

    code = "quota_exceeded"
    template = _(
        "%(name)s cannot be kept: %(limit)s are waiting already. Save some of them, or try again later."
    )


class TotalExceeded(Refused):
    """All owners together hold as much as may be held here. Nothing that is held was lost."""

    code = "total_exceeded"
    template = _(
        "%(name)s cannot be kept now: too much is waiting here already. What you sent before is safe; try later."
    )


class AddressExceeded(Refused):
    """The new owners of one address hold as much as they may together; with time they are no longer new."""

    code = "address_exceeded"
    template = _(
        "%(name)s cannot be kept now: too much has come from your network. What you sent before is safe; try later."
    )


class DiskFull(Refused):
    """There is no room left. Nothing that is held was lost."""

    code = "disk_full"
    template = _(
        "%(name)s could not be kept: the server has no room left. What you sent before is safe; try later."
    )


class StoreUnavailable(Refused):
    """The system failed where nobody in front of a form can help: a disk's error, no descriptor left. It may pass."""

    code = "store_unavailable"
    template = _(
        "%(name)s could not be kept or read: the server has trouble with its disk. What you sent before is safe; try again."
    )


class MalformedBody(GreenroomError):
    """A request's body is not what its Content-Type says: no file of it can be named. Params: `reason`."""

    code = "malformed_body"
    template = _("What was sent could not be read as a form: %(reason)s. Nothing was saved; send it again.")


# -- what is held ----------------------------------------------------------------------------------


class NotHeld(Refused):
    """No such upload for this owner: unknown, foreign, expired, discarded and garbled look the same."""

    code = "not_held"
    template = _(
        "%(name)s is no longer here (files wait only for a time, and until you sign out). Choose it again."
    )


class NotFinished(Refused):
    """The upload is still being received, so there is nothing to open or to save yet."""

    code = "not_finished"
    template = _("%(name)s has not arrived completely yet. Wait for it, or choose it again.")


class NotChecked(Refused):
    """An inspector gave no verdict: it failed, or took too long. What is held stays, and is asked about again."""

    code = "not_checked"
    template = _("%(name)s could not be checked just now, so it was not taken. Try again in a moment.")


class NotAdoptable(Refused):
    """The text in an old session is neither `str(bytes)` nor base64. Params: `reason`."""

    code = "not_adoptable"
    template = _("%(name)s cannot be taken over from the old session: %(reason)s. Choose it again.")


class OffsetMismatch(Refused):
    """Bytes were offered for another place than where the upload stands. Params: `offset`, `expected`."""

    code = "offset_mismatch"
    template = _("%(name)s was continued at byte %(offset)s, but %(expected)s bytes are here.")


class Busy(Refused):
    """Somebody else is sending this upload at this moment, or has taken over from whoever is told this."""

    code = "busy"
    template = _("%(name)s is being sent over another connection. Wait a moment, then try again.")


class Altered(Refused):
    """The held bytes are not those that were received any more (somebody wrote through a link)."""

    code = "altered"
    template = _("%(name)s was changed on the server after it arrived, so it is not used. Choose it again.")


class AlreadySaved(Refused):
    """This form's one chance to save this upload (its use) is taken."""

    code = "already_saved"
    template = _("%(name)s is saved already: this form was sent twice.")


# -- the upload protocols --------------------------------------------------------------------------


class MalformedRequest(GreenroomError):
    """A header of an upload request is missing or cannot be read. Params: `reason`."""

    code = "malformed_request"
    template = _("This upload request could not be understood: %(reason)s.")


class Forbidden(GreenroomError):
    """Whoever asks may not: no owner, no CSRF token, another site, a policy that is not theirs. Params: `reason`."""

    code = "forbidden"
    template = _("This upload is not allowed: %(reason)s. Reload the page and try again.")


class MethodNotAllowed(GreenroomError):
    """The method means nothing here. Params: `method`, and `allowed`, those that do, separated by commas."""

    code = "method_not_allowed"
    template = _("An upload has no use for the method %(method)s.")


class UnknownVersion(GreenroomError):
    """The client speaks a version of the protocol that is not spoken here. Params: `version`."""

    code = "unknown_version"
    template = _("Version %(version)s of the upload protocol is not spoken here.")


class WrongContentType(GreenroomError):
    """The body is not declared to be what an upload protocol sends. Params: `expected`."""

    code = "wrong_content_type"
    template = _("The body of this upload request must be %(expected)s.")


class WrongCoding(GreenroomError):
    """The body is in a coding (Content-Encoding), and would be kept as something else than the file."""

    code = "wrong_coding"
    template = _("The body of this upload request must be the file as it is, without a Content-Encoding.")


class LengthRequired(GreenroomError):
    """The server cannot tell where the body ends without a Content-Length."""

    code = "length_required"
    template = _("This server takes an upload only with its length (Content-Length).")


class LengthChanged(Refused):
    """Two declarations of the length do not agree. Params: `declared` (bytes)."""

    code = "length_changed"
    template = _(
        "%(name)s was announced with %(declared)s bytes, and now with another length. Choose it again."
    )


class AlreadyWhole(Refused):
    """All of it is here and does not change any more."""

    code = "already_whole"
    template = _("%(name)s has arrived completely already; nothing can be added.")


class ChecksumMismatch(Refused):
    """What arrived is not what was sent; the part was thrown away and can be sent again."""

    code = "checksum_mismatch"
    template = _("A part of %(name)s was damaged on the way. Send it again.")


class DigestMismatch(ChecksumMismatch):
    """All of it is here, and does not have the digest that was announced for it; nothing of it was kept."""

    code = "digest_mismatch"
    template = _("%(name)s was damaged on the way. Send all of it again.")


# -- pictures --------------------------------------------------------------------------------------


class NotAPicture(Refused):
    """The bytes cannot be decoded as a picture of a type that is read here. Params: `reason`."""

    code = "not_a_picture"
    template = _("%(name)s cannot be read as a picture: %(reason)s. Choose another one.")


class TooManyPixels(Refused):
    """Params: `width`, `height`, `limit` (all in pixels)."""

    code = "too_many_pixels"
    template = _(
        "%(name)s is %(width)s × %(height)s pixels; at most %(limit)s pixels are taken. Choose a smaller one."
    )


class TooManyFrames(Refused):
    """Params: `frames`, `limit`."""

    code = "too_many_frames"
    template = _("%(name)s has %(frames)s frames or pages, and the limit is %(limit)s. Choose a shorter one.")


class TooMuchWork(Refused):
    """The picture took more time or memory than a worker is given, or broke its worker."""

    code = "too_much_work"
    template = _("%(name)s could not be read within the time and memory a picture gets. Choose another one.")


class Blank(Refused):
    """The picture is of a single colour. Params: `colour` ("#ffffff")."""

    code = "blank"
    template = _(
        "%(name)s shows nothing: the whole picture is the one colour %(colour)s. Choose another one."
    )


class TooFewPixels(Refused):
    """Params: `width`, `height`, `min_width`, `min_height`."""

    code = "too_few_pixels"
    template = _(
        "%(name)s is %(width)s × %(height)s pixels; at least %(min_width)s × %(min_height)s are needed. "
        "Choose a larger one."
    )


class WrongAspect(Refused):
    """Params: `width`, `height`, `ratio` ("4:3")."""

    code = "wrong_aspect"
    template = _("%(name)s is %(width)s × %(height)s pixels, which is not %(ratio)s.")


class CropInvalid(Refused):
    """The crop is not of the stored form. Params: `reason`."""

    code = "crop_invalid"
    template = _("The crop of %(name)s cannot be used: %(reason)s.")


class CropStale(Refused):
    """The crop was made for a picture of another size. Params: `width`, `height` of this picture."""

    code = "crop_stale"
    template = _(
        "The crop of %(name)s belongs to another picture (this one is %(width)s × %(height)s). Set it again."
    )


class CropOutside(Refused):
    """The crop does not lie fully inside. Params: `width`, `height` of the picture."""

    code = "crop_outside"
    template = _("The crop of %(name)s reaches outside the picture, which is %(width)s × %(height)s pixels.")


class CropRatio(Refused):
    """The result would not have the ratio that the field asks for. Params: `width`, `height`, `ratio`."""

    code = "crop_ratio"
    template = _("The crop of %(name)s gives %(width)s × %(height)s pixels, which is not %(ratio)s.")


class CropMoving(Refused):
    """A PNG that moves: of what is made of it only the first frame would be left."""

    code = "crop_moving"
    template = _(
        "%(name)s is a PNG that moves: cropped or made smaller, it would stand still. "
        "Use it whole, or send it as GIF or WebP."
    )
