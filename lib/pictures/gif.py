"""The race as a GIF, for places that show no SVG. Times are as true as the format can tell: 10 ms."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image

from lib.lanes import Entry
from lib.pictures import paint
from lib.pictures.look import LIMIT, Scene
from lib.pictures.race import scene, tone

FRAMES = 75
FRAME_S = 0.1
LONGEST_MS = 655_350
"""For how long a frame can show."""
_TRIES = ((1.0, 1.0), (1.0, 0.6), (0.8, 0.5), (0.65, 0.35), (0.5, 0.2), (0.4, 0.1))
"""(share of the width, share of the frames), until the limit holds."""


def race_gif(
    rows: Sequence[Entry],
    *,
    title: str,
    subtitle: str = "",
    dark: bool = False,
    width: int = 800,
    speed: float = 1.0,
) -> bytes:
    """The race of race_svg as a GIF ≤ 300 kB that loops. It gets smaller and coarser until it fits.

    At most ten frames a second and 75 in all. Letters beyond Latin script are drawn as bars as long as
    the text, since the font that Pillow brings along has no others.
    """
    drawn = b""
    planned = scene(rows, title=title, subtitle=subtitle, speed=speed, advance=paint.advance)
    for smaller, fewer in _TRIES:
        painter = paint.Painter(planned, round(width * smaller), dark=dark)
        drawn = _encoded(painter, max(4, round(FRAMES * fewer)), _palette(painter, rows))
        if len(drawn) <= LIMIT:
            break
    return drawn


def times(scene: Scene, most: int) -> tuple[list[float], list[int]]:
    """(when each frame is, s on the picture's clock; for how long it shows, ms). The last holds the end."""
    play = scene.span_s / scene.speed
    count = max(1, min(most, int(play / FRAME_S)))
    starts = [round(play * i / count * 100) for i in range(count + 1)]
    end = round(scene.loop_s * 100)
    shown = [min((b - a) * 10, LONGEST_MS) for a, b in zip(starts, [*starts[1:], end], strict=True)]
    return [start / 100 * scene.speed for start in starts[:-1]] + [scene.span_s], shown


def _encoded(painter: paint.Painter, most: int, palette: Image.Image) -> bytes:
    moments, shown = times(painter.scene, most)
    first, *rest = [painter.at(t).quantize(palette=palette, dither=Image.Dither.NONE) for t in moments]
    out = io.BytesIO()
    first.save(
        out, "GIF", save_all=True, append_images=rest, duration=shown, loop=0, optimize=True, disposal=1
    )
    return out.getvalue()


def _palette(painter: paint.Painter, rows: Sequence[Entry]) -> Image.Image:
    tones = dict.fromkeys(tone(row) for row in rows)
    palette = Image.new("P", (1, 1))
    palette.putpalette([part for colour in painter.colours(tones) for part in colour])
    return palette
