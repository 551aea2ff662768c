"""A scene at one moment, as pixels. The only door to Pillow, beside gif.py's own.

Pillow brings one font along, for Latin script alone. Other characters are drawn as bars as long as they
are: whoever looks sees how much text came and when, and no boxes that stand for missing letters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import groupby

from PIL import Image, ImageDraw, ImageFont

from lib.pictures.look import (
    ADVANCE,
    NEVER,
    Box,
    Clock,
    Cursor,
    Marks,
    Scene,
    Shape,
    Sweep,
    Window,
    Words,
    clean,
    scheme,
)

_EM = 100
_SMALL = 1.06
"""How much wider than in proportion small letters are, since each is a whole number of pixels."""
_ROOM = 20
"""Pixels around a line that letters may reach into."""
_ABSENT = "\uffff"
Colour = tuple[int, int, int]


def advance(char: str) -> float:
    """Width of a character in the font that is painted with, in font sizes."""
    return _advance(char)


class Painter:
    """Paints one scene at any moment; what never changes is painted once."""

    def __init__(self, scene: Scene, width: int, *, dark: bool = False) -> None:
        self.scene = scene
        self.scale = width / scene.width
        self.size = (width, round(scene.height * self.scale))
        self.roles: dict[str, Colour] = {role: _rgb(colour) for role, colour in scheme(dark).items()}
        self.hatch = self._hatching()
        self.still = self.canvas()
        self.moving: list[Shape] = []
        self.tracks: list[tuple[Sweep, Image.Image]] = []
        for shape in scene.shapes:
            self._sort(shape)

    def canvas(self) -> Image.Image:
        """An empty picture."""
        return Image.new("RGB", self.size, self.roles["back"])

    def colours(self, tones: Iterable[str]) -> list[Colour]:
        """What the picture is made of, with the shades between letters and their ground; at most 32."""
        flat = [self.roles[role] for role in ("back", "soft", "hatch", "line", "bad")]
        shades = [self._tint("text", share) for share in (0.25, 0.5, 0.75, 1)]
        shades += [self._tint("quiet", share) for share in (0.3, 0.6, 1)]
        used = list(tones)
        shares = (1, 0.5, 0.16) if len(used) <= 5 else (1, 0.16)
        lanes = [self._tint(tone, share) for tone in used for share in shares]
        return list(dict.fromkeys([*flat, self._tint("bad", 0.14), *shades, *lanes]))[:32]

    def at(self, t: float) -> Image.Image:
        """The picture at a moment, s."""
        image = self.still.copy()
        for sweep, track in self.tracks:
            past = min(1.0, t / self.scene.span_s) if self.scene.span_s else 1.0
            left, top = self._px(sweep.x), self._px(sweep.y)
            done = round(track.width * past)
            image.paste(track.crop((0, 0, done, track.height)), (left, top))
        for shape in self.moving:
            self._draw(image, shape, t)
        return image

    def _sort(self, shape: Shape) -> None:
        match shape:
            case Sweep():
                self._box(self.still, Box(shape.x, shape.y, shape.w, shape.h, "soft"))
                self.tracks.append((shape, self._track(shape)))
            case Box() | Words() if shape.since <= 0 and shape.until == NEVER and len(_pieces(shape)) < 2:
                self._draw(self.still, shape, 0)
            case _:
                self.moving.append(shape)

    def _track(self, sweep: Sweep) -> Image.Image:
        image = self.canvas()
        self._box(image, Box(sweep.x, sweep.y, sweep.w, sweep.h, "soft"))
        for shape in sweep.shapes:
            self._draw(image, shape, self.scene.span_s)
        left, top = self._px(sweep.x), self._px(sweep.y)
        return image.crop((left, top, left + self._px(sweep.w), top + self._px(sweep.h)))

    def _draw(self, image: Image.Image, shape: Shape | Marks, t: float) -> None:
        match shape:
            case Box() if shape.since <= t < shape.until:
                self._box(image, shape)
            case Words() if shape.since <= t < shape.until:
                self._words(image, shape, t)
            case Marks():
                self._marks(image, shape)
            case Window():
                self._window(image, shape, t)
            case Clock() if t < shape.until:
                self._clock(image, shape, t)
            case Cursor() if t < self.scene.span_s:
                x = shape.x + shape.w * t / self.scene.span_s
                self._box(image, Box(x - 1, shape.y, 2, shape.h, "text"))

    def _box(self, image: Image.Image, box: Box) -> None:
        corners = (self._px(box.x), self._px(box.y), self._px(box.x + box.w) - 1, self._px(box.y + box.h) - 1)
        corners = (corners[0], corners[1], max(corners[0], corners[2]), max(corners[1], corners[3]))
        if box.fill == "hatching":
            image.paste(self.hatch.crop(corners), corners[:2])
            return
        fill = self._tint(box.fill, box.faint) if box.fill else None
        edge = self.roles[box.stroke] if box.stroke else None
        ImageDraw.Draw(image).rounded_rectangle(corners, box.radius * self.scale, fill, edge)

    def _marks(self, image: Image.Image, marks: Marks) -> None:
        draw = ImageDraw.Draw(image)
        fill = self._tint(marks.fill, marks.faint)
        top, bottom = self._px(marks.y), self._px(marks.y + marks.h) - 1
        wide = max(1, self._px(marks.w)) - 1
        for x in marks.xs:
            left = self._px(x)
            draw.rectangle((left, top, left + wide, max(top, bottom)), fill)

    def _words(self, image: Image.Image, one: Words, t: float) -> None:
        text = clean("".join(piece.text for piece in one.pieces if piece.since <= t))
        size = one.size * self.scale
        wide = _wide(text, size)
        right_to_left = one.rtl and one.at != "middle"
        side = {"start": "end", "end": "start"}.get(one.at, one.at) if right_to_left else one.at
        x = one.x * self.scale - {"start": 0.0, "middle": wide / 2, "end": wide}[side]
        self._text(image, (x, one.y * self.scale), text, size, one, right_to_left)

    def _text(
        self, image: Image.Image, at: tuple[float, float], text: str, size: float, one: Words, rtl: bool
    ) -> None:
        x, y = at
        runs = list(_runs(text))
        for known, run in reversed(runs) if rtl else runs:
            if known:
                mask = _letters(run, round(size, 1), one.bold)
                image.paste(self.roles[one.fill], (round(x) - _ROOM, round(y - size) - _ROOM), mask)
            elif not run.isspace():
                end = x + _wide(run, size) - size * 0.12
                bar = (x, y - size * 0.55, max(x + 1, end), y - size * 0.05)
                ImageDraw.Draw(image).rounded_rectangle(bar, size * 0.12, self._tint(one.fill, 0.45))
            x += _wide(run, size)

    def _window(self, image: Image.Image, window: Window, t: float) -> None:
        """Painted apart and put in place, so that nothing runs out of it."""
        dy = next((dy for since, dy in reversed(window.scroll) if since <= t), 0.0)
        left, top = self._px(window.x), self._px(window.y)
        area = (left, top, left + self._px(window.w), top + self._px(window.h))
        part = image.crop(area)
        for one in window.lines:
            y = one.y + dy - window.y
            if one.since <= t and -_ROOM <= y <= window.h + _ROOM:
                self._draw(part, one._replace(x=one.x - window.x, y=y), t)
        image.paste(part, area[:2])

    def _clock(self, image: Image.Image, clock: Clock, t: float) -> None:
        told = int(t / clock.step + 1e-9) * clock.step
        text = f"{told:.{1 if clock.step < 1 else 0}f} s"
        size = clock.size * self.scale
        x = clock.x * self.scale - _wide(text, size) / 2
        shape = Words(0, 0, clock.size, "text", (), bold=True)
        self._text(image, (x, clock.y * self.scale), text, size, shape, False)

    def _hatching(self) -> Image.Image:
        image = Image.new("RGB", self.size, self.roles["soft"])
        draw = ImageDraw.Draw(image)
        wide, high = self.size
        step = max(4, round(17 * self.scale))
        for x in range(-high, wide, step):
            slant = [(x, high), (x + step // 2, high), (x + step // 2 + high, 0), (x + high, 0)]
            draw.polygon(slant, self.roles["hatch"])
        return image

    def _tint(self, role: str, share: float) -> Colour:
        over, under = self.roles[role], self.roles["back"]
        red, green, blue = (round(b + (o - b) * share) for o, b in zip(over, under, strict=True))
        return red, green, blue

    def _px(self, length: float) -> int:
        return round(length * self.scale)


def _pieces(shape: Box | Words) -> tuple[object, ...]:
    return shape.pieces if isinstance(shape, Words) else ()


def _rgb(colour: str) -> Colour:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


@lru_cache(maxsize=64)
def _font(size: float) -> ImageFont.FreeTypeFont:
    found = ImageFont.load_default(max(size, 1.0))
    if not isinstance(found, ImageFont.FreeTypeFont):
        raise RuntimeError("This Pillow was built without FreeType, so it can't draw text.")
    return found


@lru_cache(maxsize=4096)
def _has(char: str) -> bool:
    """Whether the font has the character: one that it lacks looks like any other that it lacks."""
    if char == " ":
        return True
    font = _font(_EM)
    return bytes(font.getmask(char)) != bytes(font.getmask(_ABSENT))


@lru_cache(maxsize=4096)
def _advance(char: str) -> float:
    return _font(_EM).getlength(char) / _EM * _SMALL if _has(char) else ADVANCE(char)


def _runs(text: str) -> Iterator[tuple[bool, str]]:
    """Stretches that the font can draw and words that it can't; spaces between those stand alone."""
    for known, run in groupby(text, _has):
        yield known, "".join(run)


@lru_cache(maxsize=1024)
def _letters(text: str, size: float, bold: bool) -> Image.Image:
    """A line's ink. Most lines stand in many frames."""
    font = _font(size)
    mask = Image.new("L", (round(font.getlength(text)) + 2 * _ROOM, round(size * 1.4) + 2 * _ROOM))
    weight = size * 0.022 if bold else 0
    ImageDraw.Draw(mask).text((_ROOM, size + _ROOM), text, 255, font, anchor="ls", stroke_width=weight)
    return mask


def _wide(text: str, size: float) -> float:
    return sum(_run_width(known, run, round(size, 1)) for known, run in _runs(text))


@lru_cache(maxsize=4096)
def _run_width(known: bool, run: str, size: float) -> float:
    return _font(size).getlength(run) if known else sum(map(ADVANCE, run)) * size
