"""Draws the sample pictures in samples/. They are our own work and free of any claim (CC0; see NOTICE).

python demo/make_samples.py
"""

import math
import random
from itertools import pairwise
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFilter

SAMPLES = Path(__file__).parent / "samples"
Colour = tuple[int, int, int]


def gradient(size: tuple[int, int], colours: list[Colour]) -> Image.Image:
    """From top to bottom through the colours."""
    column = Image.new("RGB", (1, len(colours)))
    column.putdata(colours)
    return column.resize(size, Image.Resampling.BICUBIC)


def mix(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def ridge(chance: random.Random, width: int, rough: float) -> list[float]:
    """Heights from about -1 to 1, by moving midpoints."""
    heights, spread = [chance.uniform(-0.3, 0.3) for _ in range(4)], 0.6
    while len(heights) < width:
        between = [(a + b) / 2 + chance.uniform(-spread, spread) for a, b in pairwise(heights)]
        heights = [each for pair in zip(heights, between, strict=False) for each in pair] + heights[-1:]
        spread *= rough
    return heights[:width]


def glow(size: tuple[int, int], centre: tuple[float, float], radius: float, colour: Colour) -> Image.Image:
    """A soft light on black, to be added to a picture."""
    # The gradient of Pillow ends in the corners; ours ends at the edge.
    fade = [max(0.0, 1 - value / 255 * math.sqrt(2)) for value in range(256)]
    disc = Image.radial_gradient("L").point([round(255 * share**2.2) for share in fade])
    side = max(2, round(radius * 2))
    disc = disc.resize((side, side), Image.Resampling.BICUBIC)
    light = Image.new("RGB", size)
    where = round(centre[0] - radius), round(centre[1] - radius)
    light.paste(Image.new("RGB", (side, side), colour), where, disc)
    return light


def trees(
    draw: ImageDraw.ImageDraw, chance: random.Random, width: int, base: float, tall: float, colour: Colour
) -> None:
    """A shore of conifers."""
    x = -tall
    while x < width + tall:
        height = tall * chance.uniform(0.35, 1)
        for step in range(7):
            top, half = base - height * (1 - step * 0.12), height * (0.05 + step * 0.022)
            draw.polygon([(x, top), (x - half, top + height * 0.25), (x + half, top + height * 0.25)], colour)
        draw.rectangle([x - height * 0.02, base - height * 0.2, x + height * 0.02, base + 4], colour)
        x += height * chance.uniform(0.12, 0.5)


def landscape(
    size: tuple[int, int],
    *,
    seed: int,
    sky: list[Colour],
    far: Colour,
    near: Colour,
    sun: tuple[float, float, float],
    light: Colour,
    forest: bool = True,
    grain: float = 0.035,
    rough: float = 0.52,
) -> Image.Image:
    """Mountains over a lake; `sun` is its place and size as shares of the width and height."""
    chance = random.Random(seed)  # noqa: S311 - of mountains
    width, height = size
    shore = round(height * 0.64)
    picture = gradient((width, shore), sky)
    centre = sun[0] * width, sun[1] * height
    picture = ImageChops.screen(
        picture, glow(picture.size, centre, sun[2] * width * 7, mix(light, (0, 0, 0), 0.45))
    )
    picture = ImageChops.screen(picture, glow(picture.size, centre, sun[2] * width * 2.4, light))
    disc = Image.new("L", picture.size)
    ImageDraw.Draw(disc).circle(centre, sun[2] * width, 255)
    picture.paste(
        Image.new("RGB", picture.size, mix(light, (255, 255, 255), 0.75)),
        (0, 0),
        disc.filter(ImageFilter.GaussianBlur(width / 900)),
    )
    layers = 5
    for layer in range(layers):
        share = layer / (layers - 1)
        line = shore * (0.56 + 0.4 * share)
        heights = ridge(chance, width, rough)
        swing = height * (0.15 - 0.1 * share)
        shape = Image.new("L", picture.size)
        points = [(x, line - swing * value) for x, value in enumerate(heights)]
        ImageDraw.Draw(shape).polygon([(0, shore), *points, (width, shore)], 255)
        colour = mix(far, near, share**1.3)
        fill = gradient(picture.size, [colour, colour, mix(colour, sky[-1], 0.45 * (1 - share))])
        picture.paste(fill, (0, 0), shape.filter(ImageFilter.GaussianBlur(1 - 0.5 * share)))
    if forest:
        trees(ImageDraw.Draw(picture), chance, width, shore, height * 0.085, mix(near, (0, 0, 0), 0.45))
    lake = mirror(picture, height - shore, chance, near)
    whole = Image.new("RGB", size)
    whole.paste(picture, (0, 0))
    whole.paste(lake, (0, shore))
    if grain:
        noise = Image.effect_noise(size, 60).convert("RGB")
        whole = Image.blend(whole, ImageChops.overlay(whole, noise), grain * 8)
    return whole


def mirror(above: Image.Image, height: int, chance: random.Random, tint: Colour) -> Image.Image:
    """The lake: what is above it, upside down, rippled more the nearer it is."""
    upside = above.transpose(Image.Transpose.FLIP_TOP_BOTTOM).resize((above.width, round(above.height * 0.8)))
    upside = upside.crop((0, 0, above.width, height))
    lake = Image.new("RGB", upside.size)
    phase = 0.0
    for y in range(height):
        near = y / height
        phase += 0.9 / (0.5 + 5 * near)
        shift = round(math.sin(phase) * (1 + 9 * near) + chance.uniform(-1, 1) * near * 3)
        lake.paste(ImageChops.offset(upside.crop((0, y, above.width, y + 1)), shift, 0), (0, y))
    lake = lake.filter(ImageFilter.GaussianBlur(1.2))
    return Image.blend(
        lake, gradient(lake.size, [mix(tint, (255, 255, 255), 0.2), mix(tint, (0, 0, 0), 0.5)]), 0.34
    )


def teapot(size: tuple[int, int], turn: float) -> Image.Image:
    """One frame of the teapot; `turn` runs from 0 to 1 and round again."""
    scale = 3
    width, height = size[0] * scale, size[1] * scale
    picture = gradient((width, height), [(250, 226, 190), (240, 196, 150), (214, 150, 112)])
    draw = ImageDraw.Draw(picture)
    draw.rectangle([0, height * 0.8, width, height], (124, 78, 58))
    steam = Image.new("L", picture.size)
    pen = ImageDraw.Draw(steam)
    for thread in range(3):
        for step in range(60):
            rise = (step / 60 + turn) % 1
            sway = math.sin((rise * 2.2 + thread * 0.37) * math.tau) * width * 0.018 * (0.4 + rise)
            x = width * (0.2 + thread * 0.018) + sway - rise * width * 0.03
            y = height * (0.36 - rise * 0.34)
            radius = height * (0.008 + 0.018 * rise)
            pen.circle((x, y), radius, round(150 * math.sin(rise * math.pi)))
    picture.paste(
        Image.new("RGB", picture.size, (255, 250, 240)),
        (0, 0),
        steam.filter(ImageFilter.GaussianBlur(scale * 3)),
    )
    body, dark, lit = (34, 104, 78), (22, 72, 56), (108, 176, 142)

    def place(x: float, y: float) -> tuple[float, float]:
        return width * x, height * y

    draw.polygon([place(0.36, 0.66), place(0.2, 0.4), place(0.245, 0.375), place(0.42, 0.5)], dark)  # spout
    draw.arc([*place(0.62, 0.44), *place(0.86, 0.72)], -110, 110, dark, round(width * 0.035))  # handle
    draw.ellipse([*place(0.33, 0.4), *place(0.73, 0.82)], body)
    draw.ellipse([*place(0.4, 0.345), *place(0.66, 0.475)], dark)
    draw.ellipse([*place(0.405, 0.335), *place(0.655, 0.455)], body)
    draw.circle(place(0.53, 0.325), width * 0.025, dark)
    shine = Image.new("L", picture.size)
    ImageDraw.Draw(shine).ellipse([*place(0.39, 0.47), *place(0.5, 0.62)], 150)
    picture.paste(
        Image.new("RGB", picture.size, lit), (0, 0), shine.filter(ImageFilter.GaussianBlur(scale * 5))
    )
    return picture.resize(size, Image.Resampling.LANCZOS)


def leaf(side: int) -> Image.Image:
    """A leaf on nothing: half of its pixels are transparent, and its edge partly so."""
    big = side * 2
    shape, veins = Image.new("L", (big, big)), Image.new("L", (big, big))

    def edge(share: float, way: int) -> tuple[float, float]:
        wide = math.sin(share**0.8 * math.pi) * 0.3 * (1 - 0.25 * share)
        return big * (0.5 + way * wide), big * (0.94 - 0.88 * share)

    steps = [step / 200 for step in range(201)]
    ImageDraw.Draw(shape).polygon([edge(s, -1) for s in steps] + [edge(s, 1) for s in reversed(steps)], 255)
    pen = ImageDraw.Draw(veins)
    pen.line([edge(0, 0), edge(0.97, 0)], 190, big // 90)
    for step in range(1, 9):
        start = edge(step * 0.095, 0)
        for way in (-1, 1):
            end = edge(min(step * 0.095 + 0.17, 0.98), way)
            pen.line(
                [start, (start[0] * 0.12 + end[0] * 0.88, start[1] * 0.12 + end[1] * 0.88)], 130, big // 220
            )
    colours = gradient((big, big), [(176, 214, 96), (74, 158, 84), (24, 104, 74)])
    colours.paste(
        Image.new("RGB", (big, big), (222, 240, 170)), (0, 0), veins.filter(ImageFilter.GaussianBlur(2))
    )
    pen = ImageDraw.Draw(shape)
    pen.line([(big * 0.5, big * 0.93), (big * 0.47, big * 0.995)], 255, big // 70)
    colours.putalpha(shape)
    return colours.rotate(-24, Image.Resampling.BICUBIC).resize((side, side), Image.Resampling.LANCZOS)


def main() -> None:
    SAMPLES.mkdir(exist_ok=True)
    dawn = [(58, 84, 128), (136, 146, 176), (236, 184, 160), (252, 220, 178)]
    tall = landscape(
        (1200, 1600),
        seed=7,
        sky=dawn,
        far=(150, 140, 160),
        near=(34, 52, 58),
        sun=(0.66, 0.3, 0.045),
        light=(255, 226, 170),
    )
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its side, as a telephone does: to be turned a quarter clockwise
    exif[0x010F], exif[0x0110] = "Greenroom", "Drawn, not taken"
    tall.transpose(Image.Transpose.ROTATE_90).save(
        SAMPLES / "lake-on-its-side.jpg", quality=76, exif=exif, optimize=True
    )

    dusk = [(34, 28, 70), (120, 60, 110), (232, 112, 96), (250, 190, 120)]
    wide = landscape(
        (1600, 1000),
        seed=21,
        sky=dusk,
        far=(150, 84, 110),
        near=(44, 24, 46),
        sun=(0.3, 0.42, 0.03),
        light=(255, 190, 120),
    )
    wide.save(SAMPLES / "evening.webp", quality=70, method=6)

    sand = [(98, 168, 196), (170, 208, 212), (240, 224, 190)]
    dunes = landscape(
        (1500, 1000),
        seed=3,
        sky=sand,
        far=(226, 190, 140),
        near=(150, 92, 56),
        sun=(0.78, 0.16, 0.028),
        light=(255, 246, 214),
        forest=False,
        grain=0.02,
        rough=0.42,
    )
    dunes.save(SAMPLES / "dunes.avif", quality=58)

    snow = [(112, 140, 168), (188, 206, 220), (236, 238, 238)]
    winter = landscape(
        (640, 480),
        seed=12,
        sky=snow,
        far=(186, 200, 214),
        near=(46, 66, 82),
        sun=(0.5, 0.2, 0.03),
        light=(255, 252, 240),
        grain=0,
    )
    winter.save(SAMPLES / "winter.tif", compression="tiff_adobe_deflate")
    winter.convert("CMYK").save(SAMPLES / "winter-for-print.jpg", quality=85)

    frames = [
        teapot((320, 240), turn / 20).quantize(96, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        for turn in range(20)
    ]
    frames[0].save(
        SAMPLES / "teapot.gif", save_all=True, append_images=frames[1:], duration=70, loop=0, optimize=True
    )

    leaf(640).save(SAMPLES / "leaf.png", optimize=True)
    Image.new("RGB", (800, 600), (255, 255, 255)).save(SAMPLES / "all-white.png", optimize=True)


if __name__ == "__main__":
    main()
