"""A crop as a form sends it: JSON from the element, or numbers that a person has typed."""

from __future__ import annotations

from collections.abc import Mapping

from .core import Picture
from .core.errors import CropInvalid, CropOutside, gettext_noop
from .images import Crop, dependent_side
from .posted import whole_number
from .rules import Rules

_ = gettext_noop


def read_crop(crop_input: Mapping[str, str] | str, picture: Picture, rules: Rules) -> Crop | None:
    """The crop, not yet checked against the picture. Raises `CropInvalid` and its kin."""
    crop = Crop.parse(crop_input) if isinstance(crop_input, str) else typed_crop(crop_input, picture, rules)
    if crop is not None and not rules.croppable:
        raise CropInvalid(reason=_("this field takes whole pictures"))
    return crop


def typed_crop(typed: Mapping[str, str], picture: Picture, rules: Rules) -> Crop | None:
    """Four numbers, a rotation and a mirroring. All of them empty is no crop.

    Of width and height one may be left empty where the field has a ratio: it follows from the other.
    Without any number, a rotation or mirroring is of the whole picture.
    """
    rot, flip = typed.get("rot") or "0", bool(typed.get("flip"))
    numbers = {part: typed.get(part, "") for part in "xywh"}
    if not any(numbers.values()) and rot == "0" and not flip:
        return None
    turn = whole_number(rot, _("rotation"))
    if not any(numbers.values()):
        x, y, w, h = 0, 0, picture.width, picture.height
    else:
        x, y = whole_number(numbers["x"] or "0", "x"), whole_number(numbers["y"] or "0", "y")
        w, h = sides(numbers, picture, rules, x, y, turn)
    source = typed.get("src", "").split("x")
    if len(source) != 2:
        raise CropInvalid(reason=_("it does not say which picture it was made for"))
    width, height = (whole_number(part, _("size of the picture")) for part in source)
    return Crop.parse(
        {"v": 1, "src": [width, height], "x": x, "y": y, "w": w, "h": h, "rot": turn, "flip": flip}
    )


def sides(
    numbers: Mapping[str, str], picture: Picture, rules: Rules, x: int, y: int, rot: int
) -> tuple[int, int]:
    """Width and height, of which one may follow from the ratio."""
    w = whole_number(numbers["w"], _("width")) if numbers["w"] else None
    h = whole_number(numbers["h"], _("height")) if numbers["h"] else None
    if w is not None and h is not None:
        return w, h
    if w is None and h is None:
        raise CropInvalid(reason=_("it needs a width and a height"))
    if rules.ratio is None:
        raise CropInvalid(reason=_("it needs both a width and a height"))
    found = dependent_side(picture, rules.ratio, x=x, y=y, w=w, h=h, rot=rot)
    # What was typed is never changed in silence: where the side that follows does not fit, it is said.
    if found[0] != w and found[1] != h:
        raise CropOutside(width=picture.width, height=picture.height)
    return found
