"""The crop editor: by keys alone, by single clicks, by dragging; and the browser's pixels against the server's."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from greenroom.images import Crop, Recipe, probe, render
from tests.e2e.cards import Cards
from tests.e2e.person import Person
from tests.images import pictures

pytestmark = pytest.mark.e2e

LAKE = "lake-on-its-side.jpg"  # 1200 × 1600 when it is upright


@pytest.fixture
def visitor(new_person: Callable[..., Person]) -> Person:
    return new_person(javascript=True)


def editing(person: Person, picture: Path) -> Cards:
    person.go("/album/")
    cards = Cards(person, "photos").choose(picture).wait(picture.name).edit(picture.name)
    assert cards.focused == "greenroom-area"
    return cards


def saved_crop(cards: Cards) -> tuple[int, ...]:
    cards.apply()
    crop = cards.sent[0]["crop"]
    return (*(crop[each] for each in "xywh"), crop["rot"], crop["flip"])


def test_everything_is_done_by_keys(new_person: Callable[..., Person], samples: Path) -> None:
    person = new_person(javascript=True, hand="keyboard")
    cards = editing(person, samples / LAKE)
    keys = person.page.keyboard
    assert cards.box == [0, 350, 1200, 900]
    for key, box in [
        ("ArrowDown", [0, 360, 1200, 900]),
        ("Alt+ArrowUp", [0, 359, 1200, 900]),
        ("Control+ArrowUp", [0, 309, 1200, 900]),
        ("Shift+ArrowLeft", [0, 309, 1190, 893]),
        ("Shift+Control+ArrowUp", [0, 309, 1124, 843]),
        ("Control+ArrowRight", [50, 309, 1124, 843]),
        ("Control+ArrowRight", [76, 309, 1124, 843]),  # as far as there is picture
    ]:
        keys.press(key)
        assert cards.box == box, key
    cards.press("Turn right")
    cards.press("Mirror")
    cards.press("Smaller")
    cards.type("w", 400)
    assert cards.result == (400, 300)
    x, _y, w, h, rot, flip = saved_crop(cards)
    assert (w, h, rot, flip) == (300, 400, 270, True)  # before the turn, in the source
    assert cards.focused == "crop"
    cards.edit(LAKE)
    keys.press("Escape")
    cards.dialog.wait_for(state="detached")
    assert cards.sent[0]["crop"]["x"] == x
    assert cards.focused == "crop"
    cards.edit(LAKE)
    cards.press("Reset")
    assert cards.box == [0, 350, 1200, 900]
    cards.press("Use it whole")
    assert cards.sent[0]["crop"] is None


def test_everything_is_done_by_single_clicks(visitor: Person, samples: Path) -> None:
    cards = editing(visitor, samples / LAKE)
    for _ in range(8):
        cards.press("Smaller")
    left, top, width, height = cards.box
    assert (width, height) == (720, 540)  # 60 per cent
    stage = cards.dialog.locator(".greenroom-stage").bounding_box()
    scale = 1200 / stage["width"]
    visitor.page.mouse.click(stage["x"] + 400 / scale, stage["y"] + 300 / scale)
    left, top, *_ = cards.box
    assert abs(left + 360 - 400) <= scale
    assert abs(top + 270 - 300) <= scale
    visitor.page.mouse.click(stage["x"] + 420 / scale, stage["y"] + 310 / scale)  # inside of the box, too
    assert abs(cards.box[0] + 360 - 420) <= scale
    cards.press("Turn left")
    assert cards.result[0] * 3 == cards.result[1] * 4
    cards.apply()
    visitor.write("title", "Clicked")
    visitor.send("Save the album")
    (file,) = visitor.saved()
    assert file["width"] * 3 == file["height"] * 4
    assert file["crop"]["rot"] == 270


@pytest.mark.parametrize("pixel_ratio", [1, 1.5, 2.625])
def test_box_and_handles_are_dragged(
    new_person: Callable[..., Person], samples: Path, pixel_ratio: float
) -> None:
    visitor = new_person(javascript=True, device_scale_factor=pixel_ratio)
    cards = editing(visitor, samples / LAKE)
    mouse = visitor.page.mouse
    stage = cards.dialog.locator(".greenroom-stage").bounding_box()
    scale = 1200 / stage["width"]

    def drag(handle: str, dx: float, dy: float) -> list[int]:
        box = cards.dialog.locator(handle).bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        mouse.move(x, y)
        mouse.down()
        mouse.move(x + dx / 2, y + dy / 2)
        mouse.move(x + dx, y + dy)
        mouse.up()
        return cards.box

    x, y, w, h = drag("[data-handle=se]", -100, 0)
    assert (x, y) == (0, 350)
    assert abs(w - (1200 - 0 * scale)) <= 1200  # a corner follows the side that was pulled further
    x, y, w, h = drag("[data-handle=e]", -100, 0)
    assert (x, abs(w - (1200 - 100 * scale)) <= 1) == (0, True)
    assert abs(w * 3 - h * 4) <= 2
    right, bottom = x + w, y + h
    x, y, w, h = drag("[data-handle=nw]", 60, 60)
    assert (x + w, y + h) == (right, bottom)
    before = cards.box
    x, y, w, h = drag(".greenroom-area", 30, -20)
    assert (w, h) == (before[2], before[3])
    assert abs(x - before[0] - 30 * scale) <= 1
    assert abs(y - before[1] + 20 * scale) <= 1
    assert saved_crop(cards)[:4] == (x, y, w, h)


def test_the_box_is_dragged_with_a_finger(new_person: Callable[..., Person], samples: Path) -> None:
    visitor = new_person(
        javascript=True, has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844}
    )
    cards = editing(visitor, samples / LAKE)
    area = cards.dialog.locator(".greenroom-area").bounding_box()
    x, y = area["x"] + area["width"] / 2, area["y"] + area["height"] / 2
    session = visitor.page.context.new_cdp_session(visitor.page)
    for kind, points in [
        ("touchStart", [(x, y)]),
        ("touchMove", [(x, y - 20)]),
        ("touchMove", [(x, y - 60)]),
        ("touchEnd", []),
    ]:
        session.send(
            "Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": u, "y": v} for u, v in points]}
        )
    scale = 1200 / cards.dialog.locator(".greenroom-stage").bounding_box()["width"]
    assert abs(cards.box[1] - max(0, 350 - 60 * scale)) <= 2
    for each in cards.dialog.locator("button:visible").all():
        size = each.bounding_box()
        assert min(size["width"], size["height"]) >= 44, each.inner_text()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["jpeg", "png"])
def test_canvas_and_server_agree_on_every_pixel(visitor: Person, name: str, orientation: int) -> None:
    options = {"Q": 95} if name == "jpeg" else {}
    data = pictures.with_orientation(pictures.encoded(pictures.coded(37, 23), name, **options), orientation)
    picture = probe(data)
    width, height = picture.width, picture.height
    visitor.go("/album/")
    crops = [
        Crop(src=(width, height), x=3, y=2, w=width - 8, h=height - 11, rot=rot, flip=flip)
        for rot, flip in itertools.product((0, 90, 180, 270), (False, True))
    ]
    seen = visitor.page.evaluate(
        """async ([data, type, crops]) => {
            const module = [...document.scripts].find(each => each.type === "module").src;
            const { drawPart } = await import(module);
            const bytes = Uint8Array.from(atob(data), each => each.charCodeAt(0));
            const image = await createImageBitmap(new Blob([bytes], {type}), {imageOrientation: "from-image"});
            const size = {width: image.width, height: image.height};
            return [size, crops.map(crop => {
                const canvas = document.createElement("canvas");
                [canvas.width, canvas.height] = crop.rot % 180 ? [crop.h, crop.w] : [crop.w, crop.h];
                drawPart(canvas, image, size, crop, crop);
                return [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data];
            })];
        }""",
        [base64.b64encode(data).decode(), f"image/{name}", [each.to_dict() for each in crops]],
    )
    assert seen[0] == {"width": width, "height": height}
    for crop, drawn in zip(crops, seen[1], strict=True):
        rendered = render(data, Recipe(crop=crop, format="png"), picture=picture)
        server = [value for pixel in pictures.pixels(pictures.decode(rendered.data)) for value in pixel[:3]]
        browser = [value for at, value in enumerate(drawn) if at % 4 != 3]
        assert browser == server, (crop.rot, crop.flip)


def test_a_field_without_a_number_puts_back_what_was_there(visitor: Person, samples: Path) -> None:
    cards = editing(visitor, samples / LAKE)
    for part in "xywh":
        for wrong in ("", "0" if part in "wh" else "-5"):
            cards.number(part).fill(wrong)
            cards.number(part).press("Tab")
            assert cards.box == [0, 350, 1200, 900], (part, wrong)


def test_a_second_finger_does_not_pull_at_the_box(new_person: Callable[..., Person], samples: Path) -> None:
    visitor = new_person(javascript=True, has_touch=True)
    cards = editing(visitor, samples / LAKE)
    cards.type("w", 600)
    area = cards.dialog.locator(".greenroom-area").bounding_box()
    x, y = area["x"] + area["width"] / 2, area["y"] + area["height"] / 2
    session = visitor.page.context.new_cdp_session(visitor.page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        fingers = [{"x": px, "y": py, "id": number} for number, (px, py) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})

    touch("touchStart", (x, y))
    touch("touchMove", (x + 10, y + 10))
    before = cards.box
    assert before[2:] == [600, 450]
    assert before[:2] != [0, 350]
    touch("touchStart", (x + 10, y + 10), (x + 30, y - 20))
    touch("touchMove", (x + 10, y + 10), (x + 60, y - 50))
    assert cards.box == before
    touch("touchEnd")


def test_a_free_crop_has_any_shape_or_one_of_a_choice(visitor: Person, samples: Path) -> None:
    """No page of the demo has a field with crop="free": the editor itself, on the picture of one."""
    visitor.go("/album/")
    cards = Cards(visitor, "photos").choose(samples / LAKE).wait(LAKE)
    cards.card(LAKE).locator("img").wait_for()
    visitor.page.evaluate(
        """() => { const image = document.querySelector(".greenroom-card img");
        const editor = document.createElement("greenroom-crop");
        document.querySelector("greenroom-upload").append(editor);
        const words = {say: (key, values) => `${key} ${values ? Object.values(values).join(" ") : ""}`.trim()};
        const picture = new Image(image.naturalWidth, image.naturalHeight);
        picture.src = image.src;
        const size = {width: 1200, height: 1600};
        const live = {region: document.createElement("p"), say: () => {}};
        editor.edit({name: "lake", picture, size, crop: null, ratio: null, least: null, words, live})
            .then(crop => { window.cropped = crop; }); }"""
    )
    assert cards.box == [0, 0, 1200, 1600]
    cards.type("w", 700)
    cards.type("h", 101)
    assert cards.box == [0, 0, 700, 101]
    cards.press("smaller")
    cards.press("larger")
    shape = cards.dialog.locator("select")
    shape.select_option("16:9")
    assert cards.result == (696, 392)  # the buttons go by whole per cents
    shape.select_option(label="shape_whole")
    assert cards.result[0] * 4 == cards.result[1] * 3
    cards.press("reset")
    cards.press("mirror")
    cards.apply_as("apply")
    crop = visitor.page.evaluate("window.cropped")
    assert (crop["w"], crop["h"], crop["flip"]) == (1200, 1600, True)


def test_the_warning_of_too_small_a_crop_leaves_room_on_a_phone(
    new_person: Callable[..., Person], samples: Path
) -> None:
    person = new_person(
        javascript=True, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    cards = Cards(person.go("/portrait/"), "portrait").choose(samples / LAKE).wait(LAKE, "waiting").edit(LAKE)
    cards.type("w", 200)
    warning = cards.dialog.locator(".greenroom-error")
    assert warning.inner_text() == "Too small: at least 300\u00a0×\u00a0300"
    lines = "each => each.getBoundingClientRect().height / parseFloat(getComputedStyle(each).lineHeight)"
    assert round(warning.evaluate(lines)) <= 2
