"""A scene as one SVG that plays by itself inside an <img>: no script, no link, nothing loaded.

Every animation is a CSS animation of one length, so that all turn together; the style without them is the
last moment, which is what those see who asked for less motion and whatever can't animate.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape

from lib.pictures.look import (
    FAMILY,
    NEVER,
    Box,
    Clock,
    Cursor,
    Flash,
    Marks,
    Scene,
    Shape,
    Sweep,
    Window,
    Words,
    clean,
    scheme,
)

_ROLES = tuple(scheme(dark=False))
_FLASH_S = 0.7


def svg(scene: Scene, dark: bool | None = None) -> str:
    """The picture's text. `dark` None: the scheme of whoever looks at it."""
    return _Sheet(scene).drawn(dark)


class _Sheet:
    """One drawing: what is drawn, and the keyframes and clips that it needs, each once."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.rules: dict[str, str] = {}
        self.clips: dict[str, str] = {}
        self.classes: dict[float, str] = {}
        self.usual = ("", 0.0, 0.0)

    def drawn(self, dark: bool | None) -> str:
        scene = self.scene
        body = "\n".join(map(self.shape, scene.shapes))
        wide, high = f"{scene.width:g}", f"{scene.height:g}"
        size = f'width="{wide}" height="{high}" viewBox="0 0 {wide} {high}"'
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" xml:space="preserve">\n'
            f"<title>{escape(clean(scene.title))}</title>\n<desc>{escape(clean(scene.says))}</desc>\n"
            f"<style>{self.style(dark)}</style>\n<defs>{_HATCH}{''.join(self.clips.values())}</defs>\n"
            f"{body}\n</svg>\n"
        )

    def style(self, dark: bool | None) -> str:
        parts = [_variables(bool(dark))]
        if dark is None:
            parts.append(f"@media(prefers-color-scheme:dark){{{_variables(True)}}}")
        parts.append(f"text{{font-family:{FAMILY};white-space:pre}}.b{{font-weight:700}}.r{{direction:rtl}}")
        parts += [f"._{role}{{fill:var(--{role})}}" for role in _ROLES]
        parts.append("._hatching{fill:url(#hatch)}.n{fill:none}.m{text-anchor:middle}.e{text-anchor:end}")
        if self.scene.span_s:
            parts.append(_MOVING.replace("LOOP", f"{self.scene.loop_s:g}s"))
            parts += self.rules.values()
            parts.append("@media(prefers-reduced-motion:reduce){*{animation:none!important}}")
        return "\n".join(parts)

    def share(self, t: float) -> str:
        """A moment as a share of the loop."""
        return f"{round(t / self.scene.speed / self.scene.loop_s * 100, 3):g}%"

    def rule(self, name: str, frames: str) -> str:
        self.rules[name] = f".{name}{{animation-name:{name}}}@keyframes {name}{{{frames}}}"
        return name

    def shown(self, since: float) -> str:
        """Class of what appears at a moment, "" for what is always there."""
        if not self.scene.span_s or since <= 0:
            return ""
        if since not in self.classes:
            at = self.share(since)
            name = f"k{len(self.classes)}"
            self.classes[since] = self.rule(name, f"0%,{at}{{visibility:hidden}}")
        return self.classes[since]

    def gone(self, until: float) -> str:
        """Class of what disappears at a moment."""
        at = self.share(until)
        return self.rule(f"h{at[:-1].replace('.', '_')}", f"0%,{at}{{visibility:visible}}")

    def clip(self, x: float, y: float, w: float, h: float, radius: float = 0) -> str:
        name = f"c{len(self.clips)}"
        rect = f'<rect {_place(x, y, w, h)} rx="{radius:g}"/>'
        self.clips[name] = f'<clipPath id="{name}">{rect}</clipPath>'
        return f'clip-path="url(#{name})"'

    def shape(self, shape: Shape | Marks) -> str:
        match shape:
            case Box():
                return self.while_there(shape.until, self.box(shape))
            case Words():
                return self.while_there(shape.until, self.words(shape))
            case Marks():
                return self.marks(shape)
            case Window():
                return self.window(shape)
            case Sweep():
                return self.sweep(shape)
            case Clock():
                return self.clock(shape)
            case Cursor():
                return self.cursor(shape)
            case Flash():
                return self.flash(shape)

    def while_there(self, until: float, drawn: str) -> str:
        return drawn if until == NEVER else f'<g class="{self.gone(until)}">{drawn}</g>'

    def box(self, box: Box) -> str:
        more = f' rx="{box.radius:g}"' if box.radius else ""
        more += f' opacity="{box.faint:g}"' if box.faint < 1 else ""
        more += f' style="stroke:var(--{box.stroke})"' if box.stroke else ""
        fill = f"_{box.fill}" if box.fill else "n"
        return f"<rect{_class(self.shown(box.since), fill)} {_place(box.x, box.y, box.w, box.h)}{more}/>"

    def words(self, one: Words) -> str:
        pieces = list(one.pieces)
        first = self.shown(pieces[0].since)
        if len(pieces) == 1:
            inner = escape(clean(pieces[0].text))
        else:
            inner = "".join(
                f"<tspan{_class(self.shown(p.since))}>{escape(clean(p.text))}</tspan>" for p in pieces
            )
            first = ""
        side = {"middle": "m", "end": "e"}.get(one.at, "")
        fill = "" if one.fill == self.usual[0] else f"_{one.fill}"
        names = _class(first, fill, "b" if one.bold else "", "r" if one.rtl else "", side)
        size = "" if one.size == self.usual[1] else f' font-size="{one.size:g}"'
        x = "" if one.x == self.usual[2] else f' x="{one.x - self.usual[2]:g}"'
        length = f' textLength="{one.length:.0f}"' if one.length else ""
        return f'<text{names}{x} y="{one.y:g}"{size}{length}>{inner}</text>'

    def marks(self, marks: Marks) -> str:
        faint = f' opacity="{marks.faint:g}"' if marks.faint < 1 else ""
        path = "".join(
            f"M{left:g} {marks.y:g}v{marks.h:g}h{round(right - left, 1):g}v-{marks.h:g}z"
            for left, right in _joined(marks)
        )
        return f'<path{_class(f"_{marks.fill}")}{faint} d="{path}"/>'

    def window(self, window: Window) -> str:
        lines = self.lines(window)
        clip = self.clip(window.x, window.y, window.w, window.h)
        if not window.scroll:
            return f"<g {clip}>{lines}</g>"
        name = self.scrolling(window) if self.scene.span_s else ""
        end = f"transform:translateY({window.scroll[-1][1]:g}px)"
        return f'<g {clip}><g{_class(name)} style="{end}">{lines}</g></g>'

    def scrolling(self, window: Window) -> str:
        """Class of text that moves up."""
        moves = "".join(f"{self.share(t)}{{transform:translateY({dy:g}px)}}" for t, dy in window.scroll)
        return self.rule(f"s{len(self.clips)}", f"0%{{transform:none}}{moves}")

    def lines(self, window: Window) -> str:
        """What most lines share is said once, around them."""
        sizes = [one.size for one in window.lines if isinstance(one, Words)]
        self.usual = ("text", max(sizes, default=0.0), window.x)
        drawn = "".join(
            self.shape(one._replace(x=one.x - window.x) if isinstance(one, Box) else one)
            for one in window.lines
        )
        _, size, x = self.usual
        self.usual = ("", 0.0, 0.0)
        return f'<g class="_text" font-size="{size:g}" transform="translate({x:g})">{drawn}</g>'

    def sweep(self, sweep: Sweep) -> str:
        place = _place(sweep.x, sweep.y, sweep.w, sweep.h)
        under = f'<rect class="_soft" {place}/>'
        drawn = under + "".join(map(self.shape, sweep.shapes))
        if self.scene.span_s:
            frames = (
                f"0%{{transform:none}}{self.share(self.scene.span_s)}{{transform:translateX({sweep.w:g}px)}}"
            )
            name = self.rule("v", frames)
            drawn += f'<rect class="{name} _soft" style="transform:translateX({sweep.w:g}px)" {place}/>'
        return f"<g {self.clip(sweep.x, sweep.y, sweep.w, sweep.h, 4)}>{drawn}</g>"

    def cursor(self, cursor: Cursor) -> str:
        end, after = self.share(self.scene.span_s), self.share(self.scene.span_s * 1.01)
        there = f"transform:translateX({cursor.w:g}px)"
        frames = f"0%{{transform:none;opacity:1}}{end}{{{there};opacity:1}}{after}{{{there};opacity:.25}}"
        name = self.rule("u", frames)
        place = _place(cursor.x - 1, cursor.y, 2, cursor.h)
        return f'<rect class="{name} _text" style="{there};opacity:.25" {place}/>'

    def clock(self, clock: Clock) -> str:
        """A column of times that moves up behind a window, one step at a time."""
        steps = int(-(-round(clock.until / clock.step, 6) // 1))
        high = round(clock.size * 1.4, 1)
        digits = 1 if clock.step < 1 else 0
        rows = "".join(
            f'<tspan x="{clock.x:g}" dy="{high if i else 0:g}">{i * clock.step:.{digits}f} s</tspan>'
            for i in range(steps + 1)
        )
        frames = (
            f"0%{{transform:none;animation-timing-function:steps({steps})}}"
            f"{self.share(steps * clock.step)},100%{{transform:translateY(-{high * steps:g}px)}}"
        )
        name = self.rule(f"d{len(self.clips)}", frames) if steps else ""
        clip = self.clip(clock.x - 100, clock.y - clock.size, 200, high)
        column = f'<text class="_text b m" y="{clock.y:g}" font-size="{clock.size:g}">{rows}</text>'
        return f'<g class="{self.gone(clock.until)}"><g {clip}><g{_class(name)}>{column}</g></g></g>'

    def flash(self, flash: Flash) -> str:
        at, end = self.share(flash.since), self.share(flash.since + _FLASH_S * self.scene.speed)
        before = f"0%,{at}{{opacity:0;animation-timing-function:step-end}}"
        frames = f"{before}{at}{{opacity:.4}}{end},100%{{opacity:0}}"
        name = self.rule(f"f{at[:-1].replace('.', '_')}", frames)
        return (
            f'<rect class="{name} _{flash.fill}" opacity="0" {_place(flash.x, flash.y, flash.w, flash.h)}/>'
        )


_HATCH = (
    '<pattern id="hatch" width="12" height="12" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect class="_soft" width="12" height="12"/><rect class="_hatch" width="6" height="12"/></pattern>'
)
_MOVING = (
    "[class^=k],[class^=h]{animation:LOOP step-start infinite}[class^=h]{visibility:hidden}"
    "[class^=s]{animation:LOOP step-end infinite}"
    "[class^=u],[class^=v],[class^=d],[class^=f]{animation:LOOP linear infinite}"
)


def _variables(dark: bool) -> str:
    return "svg{" + ";".join(f"--{role}:{colour}" for role, colour in scheme(dark).items()) + "}"


def _class(*names: str) -> str:
    """For our own names, which need no escaping."""
    kept = " ".join(name for name in names if name)
    return f' class="{kept}"' if kept else ""


def _joined(marks: Marks) -> Iterator[tuple[float, float]]:
    """(left, right) of each stretch of ink; strokes that touch look the same as one."""
    left = right = marks.xs[0]
    for x in marks.xs:
        if x > right:
            yield left, right
            left = x
        right = x + marks.w
    yield left, right


def _place(x: float, y: float, w: float, h: float) -> str:
    return f'x="{round(x, 2):g}" y="{round(y, 2):g}" width="{round(w, 2):g}" height="{round(h, 2):g}"'
