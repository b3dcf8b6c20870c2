"""Pictures as inline SVG whose colours are names of the palette, so that a page recolours them in the dark.

`Drawing` collects shapes; `SVG` is the finished picture, which shows itself in a notebook.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from .palette import LIGHT, css_variable

#: Symbols are set like the formulas of the page, names like its text.
_MATH = "'STIX Two Text','Cambria Math',Cambria,'Times New Roman',serif"
_TEXT = "var(--pst-font-family-base, system-ui, sans-serif)"

#: A symbol with an index that may be several signs long: ``$h_{t-1}$`` or ``$f_t$``.
_SYMBOL = re.compile(r"\$([^$]+)\$")
_INDEX = re.compile(r"_\{([^}]*)\}|_(\w)")
_VARIABLE = re.compile(r"var\(--ur-\w+, (#[0-9a-f]{6})\)")


@dataclass(frozen=True, repr=False)
class SVG:
    """A finished picture: its markup, and a text that says what it shows.

    In a notebook it shows itself when it is the last value of a cell; ``unrolled.show`` shows it anywhere.
    """

    markup: str
    alt: str

    def __post_init__(self):
        if not isinstance(self.alt, str) or not self.alt.strip():
            raise ValueError(f"alt is {self.alt!r}, but a picture needs a text that says what it shows")

    def __repr__(self):
        return f"SVG({self.alt!r})"

    def _repr_html_(self) -> str:
        label = escape(" ".join(self.alt.split()), quote=True)
        return f'<figure class="ur-figure" role="img" aria-label="{label}">{self.markup}</figure>'

    def save(self, path) -> None:
        """Write the picture to a file, in the light colours, since a file of its own has no style sheet."""
        Path(path).write_text(_VARIABLE.sub(r"\1", self.markup).replace(_TEXT, "system-ui, sans-serif") + "\n",
                              encoding="utf-8")


def open_tag(width: float, height: float, top: float = 0) -> str:
    """The start of an SVG that has its own size and shrinks with the page; its sheet begins at height `top`."""
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{number(width)}" height="{number(height)}" '
            f'viewBox="0 {number(top)} {number(width)} {number(height)}" style="max-width:100%;height:auto">')


def number(value: float) -> str:
    """A coordinate, as short as it can be."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if value % 1 else str(int(value))


@dataclass
class Drawing:
    """Shapes on a sheet of ``width`` by ``height`` that begins at ``top``; every colour is a name of the palette.

    Text may hold symbols between dollar signs, with an index: ``"$h_{t-1}$"``.
    """

    width: float
    height: float
    top: float = 0
    parts: list[str] = field(default_factory=list)

    def _add(self, tag: str, style: dict, content: str | None = None, **attributes) -> None:
        rules = ";".join(f"{key}:{value}" for key, value in style.items() if value is not None)
        plain = " ".join(f'{key}="{number(v) if isinstance(v, (int, float)) else v}"' for key, v in attributes.items())
        self.parts.append(f'<{tag} {plain} style="{rules}"' + ("/>" if content is None else f">{content}</{tag}>"))

    def rect(self, x, y, width, height, fill=None, stroke=None, opacity=None, radius=0, weight=1.5, dash=None) -> None:
        """A rectangle; `opacity` is that of its filling."""
        style = _paint(fill, stroke, weight, dash) | {"fill-opacity": opacity}
        self._add("rect", style, x=x, y=y, width=width, height=height, rx=radius)

    def circle(self, x, y, radius, fill=None, stroke=None, weight=1.5) -> None:
        """A circle around (x, y)."""
        self._add("circle", _paint(fill, stroke, weight), cx=x, cy=y, r=radius)

    def path(self, d, stroke=None, fill=None, weight=1.5, dash=None, opacity=None, crisp=False) -> None:
        """Any path, in SVG's own words; `crisp` leaves no seam between areas that touch."""
        style = {"fill-opacity": opacity, "stroke-linejoin": "round" if stroke else None,
                 "shape-rendering": "crispEdges" if crisp else None}
        self._add("path", _paint(fill, stroke, weight, dash) | style, d=d)

    def text(self, x, y, content, colour="ink", size=14, anchor="middle", bold=False) -> None:
        """One line of text, its middle at height `y`."""
        style = {"fill": css_variable(colour), "font-size": f"{number(size)}px",
                 "font-weight": 600 if bold else None, "text-anchor": anchor}
        self._add("text", style, _spans(content, size), x=x, y=y + 0.35 * size)

    def wire(self, *points, colour="ink", weight=2, arrow=True, corner=8) -> None:
        """A wire along right-angled `points`, rounded at its corners, with an arrowhead where it ends."""
        *_, before, (x, y) = points
        dx, dy = _sign(x - before[0]), _sign(y - before[1])
        size = 4 + 1.6 * weight
        end = (x - dx * size * 0.8, y - dy * size * 0.8) if arrow else (x, y)
        self.path(_rounded([*points[:-1], end], corner), stroke=colour, weight=weight)
        if arrow:
            half = size * 0.5
            back = (x - dx * size, y - dy * size)
            corners = [(x, y), (back[0] - dy * half, back[1] + dx * half), (back[0] + dy * half, back[1] - dx * half)]
            self.path("M" + "L".join(f"{number(a)} {number(b)}" for a, b in corners) + "Z", fill=colour)

    def dot(self, x, y, colour="ink") -> None:
        """Where one wire becomes two."""
        self.circle(x, y, 3.5, fill=colour)

    def svg(self, title: str, description: str) -> SVG:
        """The finished picture; the title and what it shows are its text alternative."""
        head = f"<title>{escape(title, quote=False)}</title><desc>{escape(description, quote=False)}</desc>"
        markup = "".join([open_tag(self.width, self.height, self.top), head, *self.parts, "</svg>"])
        return SVG(markup, f"{title}. {description}")


def _paint(fill, stroke, weight=None, dash=None) -> dict:
    return {
        "fill": css_variable(fill) if fill else "none",
        "stroke": css_variable(stroke) if stroke else None,
        "stroke-width": number(weight) if stroke else None,
        "stroke-dasharray": dash,
    }


def _sign(value) -> int:
    return (value > 0) - (value < 0)


def _rounded(points, radius) -> str:
    """A path through `points` whose corners are quarter circles."""
    d = [f"M{number(points[0][0])} {number(points[0][1])}"]
    for (x0, y0), (x, y), (x1, y1) in zip(points, points[1:], points[2:]):
        r = min(radius, (abs(x - x0) + abs(y - y0)) / 2, (abs(x1 - x) + abs(y1 - y)) / 2)
        start = x - _sign(x - x0) * r, y - _sign(y - y0) * r
        stop = x + _sign(x1 - x) * r, y + _sign(y1 - y) * r
        d.append(f"L{number(start[0])} {number(start[1])}Q{number(x)} {number(y)} {number(stop[0])} {number(stop[1])}")
    d.append(f"L{number(points[-1][0])} {number(points[-1][1])}")
    return "".join(d)


def _spans(content: str, size: float) -> str:
    """Text and symbols as spans; after an index the line goes back up."""
    spans = []
    for position, part in enumerate(_SYMBOL.split(content)):
        if position % 2 == 0:
            spans.append(f'<tspan style="font-family:{_TEXT}">{escape(part)}</tspan>' if part else "")
        else:
            spans.append(_symbol(part, size))
    return "".join(spans)


def _symbol(source: str, size: float) -> str:
    source = source.replace("-", "−")
    spans, drop = [], 0.0
    for position, part in enumerate(p for p in _INDEX.split(source) if p is not None):
        if not part:
            continue
        lower = position % 2 == 1
        shift = size * 0.22 if lower else 0.0
        move = f' dy="{number(shift - drop)}"' if shift != drop else ""
        drop = shift
        # Letters are slanted, signs and numbers upright, as in a formula.
        for piece in re.findall(r"[^\W\d_]|\u0303|[^A-Za-zΑ-ω\u0303]+", part):
            if piece == "\u0303":
                spans.append(_tilde(letter, size * 1.15))
                continue
            letter = piece
            slant = "italic" if piece.isalpha() else "normal"
            scale = number(size * (0.8 if lower else 1.15))
            spans.append(f'<tspan{move} style="font-family:{_MATH};font-style:{slant};font-size:{scale}px">'
                         f"{escape(piece)}</tspan>")
            move = ""
    if drop:
        # An empty span does not move the pen, so a hair space carries it back up.
        spans.append(f'<tspan dy="{number(-drop)}">\u200a</tspan>')
    return "".join(spans)


def _tilde(letter: str, size: float) -> str:
    """A tilde over the letter just set: few fonts can combine the two, but all have both."""
    wide, high = (0.5, 0.24) if letter in "bdhkl" else (0.44, 0.0)
    back, rise = -size * (wide / 2 + 0.1), -size * high
    return (f'<tspan dx="{number(back)}" dy="{number(rise)}" style="font-family:{_MATH};font-size:{number(size)}px">˜</tspan>'
            f'<tspan dx="{number(-back - size * 0.333)}" dy="{number(-rise)}" style="font-size:1px">\u200a</tspan>')


def recolour(text: str) -> str:
    """Replace the palette's light shades in `text` by CSS variables."""
    by_shade = {shade: css_variable(name) for name, shade in LIGHT.items()}
    return re.sub(r"#[0-9a-fA-F]{6}\b", lambda m: by_shade.get(m.group().lower(), m.group()), text)
