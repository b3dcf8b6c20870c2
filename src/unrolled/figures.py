"""Pictures of a trace, and any Matplotlib figure, as inline SVG in the page's colours.

Matplotlib is imported by the two functions that need it; `plot` draws without it.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from html import escape

import numpy as np

from .claims import _on_a_page
from .drawing import SVG, Drawing, number, open_tag, recolour
from .fields import fields_of
from .palette import LIGHT

#: With more units than this, a panel shows one strip a unit rather than one line.
MOST_LINES = 4
#: Without a choice of units, no more than this are shown.
MOST_STRIPS = 16

_LEFT, _RIGHT, _WIDTH = 48, 66, 600
_DASHES = (None, "7 3", "2 2.5", "9 3 2 3")
_LEVELS = 16


def plot(trace, example: int = 0, units=None, fields: Sequence[str] | None = None, labels: Sequence[str] | None = None,
         title: str | None = None) -> SVG:
    """Picture the gates and states of a trace over time, one panel a field.

    Up to four units are lines; more are strips, where a stronger colour is a larger value.

    Parameters
    ----------
    trace : Trace
        What :func:`unrolled.trace` or :func:`unrolled.unroll` gave you.
    example : int
        Which sequence of the batch.
    units : int or sequence of int, optional
        Which units; by default all, or the first sixteen where there are more.
    fields : sequence of str, optional
        Which fields, such as ``["forget_gate", "cell"]``; by default ``trace.fields``.
    labels : sequence of str, optional
        A word for each timestep, to be shown instead of its number.
    title : str, optional
        A line above the picture.

    Returns
    -------
    SVG
        Shows itself as the last value of a cell; anywhere else, hand it to :func:`show`.

    Raises
    ------
    TypeError
        If ``trace`` is not one trace, but for example those of a stack.
    ValueError
        If the example, a unit or a field is not in the trace, or ``labels`` do not fit its timesteps.
    """
    view = _view(trace, example, units, fields, labels)
    height = sum(panel.height + 38 for panel in view.panels)
    head = 30 if title else 4
    foot = 22 + view.label_height + (24 if view.masked.any() else 0)
    drawing = Drawing(_WIDTH, head + height + foot)
    if title:
        drawing.text(_LEFT, 14, title, "ink", 16, anchor="start", bold=True)
    top = head
    for panel in view.panels:
        top += 28
        _draw_panel(drawing, panel, view, top)
        top += panel.height + 10
    _draw_time(drawing, view, top)
    return drawing.svg(title or f"{trace.kind} over time", _says(trace, example, view))


def show(picture, alt: str | None = None) -> None:
    """Show a picture now, wherever in a cell you are.

    Parameters
    ----------
    picture : SVG or matplotlib.figure.Figure
        A picture of this package, or your own figure.
    alt : str, optional
        What the picture shows, in words; needed for your own figure.

    Raises
    ------
    ValueError
        If a Matplotlib figure comes without ``alt``.
    TypeError
        If it is neither.
    """
    if not isinstance(picture, SVG):
        picture = from_matplotlib(picture, alt)
    if _on_a_page():
        from IPython.display import publish_display_data

        publish_display_data({"text/html": picture._repr_html_(), "text/plain": repr(picture)})
    else:
        print(repr(picture))


# A view: what of a trace is drawn


@dataclass(frozen=True)
class _Panel:
    """One field: values `(timesteps, units)`, how it is called, and the range of its axis."""

    values: np.ndarray
    name: str
    symbol: str
    colour: str
    low: float
    high: float
    height: float
    lines: bool


@dataclass(frozen=True)
class _View:
    panels: list[_Panel]
    units: list[int]
    more: int
    masked: np.ndarray
    labels: list[str]
    slanted: bool

    @property
    def step(self) -> float:
        return (_WIDTH - _LEFT - _RIGHT) / len(self.labels)

    @property
    def label_height(self) -> float:
        return 8 + 4.9 * max(map(len, self.labels)) if self.slanted else 16

    def centre(self, t) -> float:
        return _LEFT + (t + 0.5) * self.step


def _view(trace, example, units, fields, labels) -> _View:
    if not all(hasattr(trace, name) for name in ("kind", "hidden", "mask")):
        raise TypeError(f"trace is {type(trace).__name__}, but plot takes one Trace: of several, plot each by itself")
    batch, timesteps, count = np.shape(trace.hidden)
    if not isinstance(example, (int, np.integer)) or not 0 <= example < batch:
        raise ValueError(f"example is {example!r}, but the trace has the examples 0 to {batch - 1}")
    chosen = _chosen_units(units, count)
    given = labels is not None
    labels = list(map(str, labels if given else getattr(trace, "time", range(timesteps))))
    if len(labels) != timesteps:
        raise ValueError(f"labels has {len(labels)} words, but the trace has {timesteps} timesteps")
    masked = np.zeros(timesteps, bool) if trace.mask is None else ~np.asarray(trace.mask, bool)[example]
    if isinstance(fields, str):
        fields = [fields]
    names = list(trace.fields if fields is None else fields)
    if not names:
        raise ValueError(f"fields is empty, but a {trace.kind} trace has {', '.join(trace.fields)}")
    panels = [_panel(trace, name, example, chosen) for name in names]
    step = (_WIDTH - _LEFT - _RIGHT) / timesteps
    slanted = given and 8.5 * max(map(len, labels)) > step
    return _View(panels, chosen, count - len(chosen) if units is None else 0, masked, labels, slanted)


def _chosen_units(units, count) -> list[int]:
    if units is None:
        return list(range(min(count, MOST_STRIPS)))
    chosen = [units] if isinstance(units, (int, np.integer)) else list(units)
    wrong = [unit for unit in chosen if not isinstance(unit, (int, np.integer)) or not 0 <= unit < count]
    if wrong or not chosen:
        raise ValueError(f"units is {units!r}, but the trace has the units 0 to {count - 1}")
    return [int(unit) for unit in chosen]


def _panel(trace, name, example, units) -> _Panel:
    known = {field.name: field for field in fields_of(trace.kind)}
    values = np.asarray(getattr(trace, name, None), dtype=float) if isinstance(name, str) else np.empty(0)
    if values.shape != np.shape(trace.hidden):
        raise ValueError(f"fields has {name!r}, but a {trace.kind} trace has {', '.join(trace.fields)}")
    values = values[example][:, units]
    field = known.get(name) or known.get(name.removesuffix("_pre"))
    low, high = _range(values, name.endswith("_gate"))
    lines = len(units) <= MOST_LINES
    height = (62 if name.endswith("_gate") else 78) if lines else max(40, 11 * len(units))
    symbol = f"${field.plain}_t$" if name in known else ""
    return _Panel(values, name.replace("_", " "), symbol, field.colour if field else "accent", low, high, height, lines)


def _range(values, gate) -> tuple[float, float]:
    """A gate's axis is 0 to 1; any other is the same above and below zero, with a round end."""
    finite = values[np.isfinite(values)]
    most = float(np.abs(finite).max(initial=0.0))
    if gate and finite.min(initial=0.0) >= 0 and most <= 1:
        return 0.0, 1.0
    end = _round_up(most) if most else 1.0
    return -end, end


def _round_up(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * (1 - 1e-9))


def _says(trace, example, view: _View) -> str:
    """The picture in words: what is drawn, and between which values it moves."""
    moves = []
    for panel in view.panels:
        finite = panel.values[np.isfinite(panel.values)]
        moves.append(f"{panel.name} {finite.min():.2g} to {finite.max():.2g}" if finite.size else f"{panel.name} nowhere")
    which = "unit" if len(view.units) == 1 else "units"
    words = [f"{len(view.labels)} timesteps of example {example}, {which} {', '.join(map(str, view.units))}"]
    if view.more:
        words[0] += f" of {len(view.units) + view.more}"
    words.append("Each field over time: " + "; ".join(moves))
    if view.masked.any():
        words.append(f"Masked steps: {', '.join(map(str, np.flatnonzero(view.masked)))}")
    return ". ".join(words) + "."


# Drawing


def _draw_panel(d: Drawing, panel: _Panel, view: _View, top: float) -> None:
    right, bottom = _WIDTH - _RIGHT, top + panel.height
    d.text(_LEFT, top - 13, f"{panel.symbol} {panel.name}".strip(), panel.colour, 15, anchor="start", bold=True)
    for start, stop in _runs(view.masked):
        _hatch(d, _LEFT + start * view.step, top, (stop - start) * view.step, panel.height)
    if panel.lines:
        _draw_lines(d, panel, view, top)
    else:
        _draw_strips(d, panel, view, top)
    d.path(f"M{_LEFT} {number(top)}V{number(bottom)}H{right}", stroke="muted", weight=1)


def _draw_lines(d: Drawing, panel: _Panel, view: _View, top: float) -> None:
    def height_of(value):
        return top + panel.height * (panel.high - value) / (panel.high - panel.low)

    for tick in (panel.low, (panel.low + panel.high) / 2, panel.high):
        y = height_of(tick)
        d.path(f"M{_LEFT} {number(y)}H{_WIDTH - _RIGHT}", stroke="grid", weight=1)
        d.text(_LEFT - 7, y, f"{tick:g}".replace("-", "−"), "muted", 13, anchor="end")
    ends = []
    for position, column in enumerate(panel.values.T):
        seen = np.isfinite(column)
        points = [(view.centre(t), height_of(v)) if ok else None for t, (v, ok) in enumerate(zip(column, seen))]
        d.path(_polyline(points), stroke=panel.colour, weight=2, dash=_DASHES[position % len(_DASHES)])
        if len(points) <= 40:
            for point in filter(None, points):
                d.circle(*point, 2.6, fill=panel.colour)
        if seen.any():
            ends.append([points[np.flatnonzero(seen)[-1]][1], f"unit {view.units[position]}"])
    # Names stand where the lines end, moved apart where those meet.
    for y, name in _spread(ends, 14, top, top + panel.height):
        d.text(_WIDTH - _RIGHT + 8, y, name, panel.colour, 13, anchor="start")


def _polyline(points) -> str:
    """A path through `points`; None lifts the pen."""
    d, down = [], False
    for point in points:
        if point is not None:
            d.append(f"{'L' if down else 'M'}{number(point[0])} {number(point[1])}")
        down = point is not None
    return "".join(d) or "M0 0"


def _spread(ends, apart, top, bottom):
    """Move heights apart, keeping their order; as a group they stay as near as can be to [top, bottom]."""
    ends = sorted(ends)
    for previous, end in zip(ends, ends[1:]):
        end[0] = max(end[0], previous[0] + apart)
    if ends:
        over = max(0.0, ends[-1][0] - bottom - 4)
        for position, end in enumerate(ends):
            # Those pushed out at the bottom come back up, and push those above them.
            end[0] = min(end[0], ends[-1][0] - over - (len(ends) - 1 - position) * apart) if over else end[0]
    return ends


def _draw_strips(d: Drawing, panel: _Panel, view: _View, top: float) -> None:
    count = len(view.units)
    row = panel.height / count
    most = max(abs(panel.low), abs(panel.high))
    level = np.rint(np.where(np.isfinite(panel.values), panel.values, 0.0) / most * _LEVELS).astype(int)
    for value in np.unique(level[level != 0]):
        d.path("".join(
            f"M{number(_LEFT + start * view.step)} {number(top + unit * row)}h{number((stop - start) * view.step)}"
            f"v{number(row)}h-{number((stop - start) * view.step)}z"
            for unit in range(count) for start, stop in _runs(level[:, unit] == value)),
            fill=panel.colour if value > 0 else "muted", opacity=round(abs(value) / _LEVELS, 3), crisp=True)
    every = math.ceil(14 / row)
    for position, unit in enumerate(view.units):
        if position % every == 0:
            d.text(_LEFT - 7, top + (position + 0.5) * row, str(unit), "muted", 13, anchor="end")
    _draw_scale(d, panel, top, most)


def _draw_scale(d: Drawing, panel: _Panel, top: float, most: float) -> None:
    """What a colour of the strips is worth, as a column at the right."""
    marks = (1, 0.5, 0) if panel.low == 0 else (1, 0, -1)
    x = _WIDTH - _RIGHT + 10
    for position, mark in enumerate(marks):
        y = top + 1 + 15 * position
        d.rect(x, y, 12, 12, fill=panel.colour if mark >= 0 else "muted", stroke="muted", weight=0.8, opacity=abs(mark))
        d.text(x + 18, y + 6, f"{mark * most:g}".replace("-", "−"), "muted", 13, anchor="start")


def _draw_time(d: Drawing, view: _View, top: float) -> None:
    every = 1 if view.slanted else max(1, math.ceil((8.5 * max(map(len, view.labels)) + 6) / view.step))
    if view.slanted:
        every = max(1, math.ceil(12 / view.step))
    for t in range(0, len(view.labels), every):
        x, y = view.centre(t), top + 4
        if view.slanted:
            d.parts.append(f'<g transform="rotate(-40 {number(x + 4)} {number(y)})">')
            d.text(x + 4, y, view.labels[t], "ink", 13, anchor="end")
            d.parts.append("</g>")
        else:
            d.text(x, y, view.labels[t], "ink", 13)
    bottom = top + 4 + view.label_height
    d.text((_LEFT + _WIDTH - _RIGHT) / 2, bottom + 2, "timestep", "muted", 13)
    if view.more:
        d.text(_WIDTH - 4, bottom + 2, f"the first {len(view.units)} of {len(view.units) + view.more} units", "muted", 13,
               anchor="end")
    if view.masked.any():
        _hatch(d, _LEFT, bottom + 14, 26, 14)
        d.text(_LEFT + 34, bottom + 21, "masked: the states are carried", "muted", 13, anchor="start")


def _hatch(d: Drawing, x, y, width, height) -> None:
    """Grey with slanted strokes, so that colour is not the only sign."""
    d.rect(x, y, width, height, fill="muted", opacity=0.1)
    strokes = []
    for offset in np.arange(6, width + height, 8):
        x0, y0 = (x + offset, y) if offset <= width else (x + width, y + offset - width)
        x1, y1 = (x, y + offset) if offset <= height else (x + offset - height, y + height)
        strokes.append(f"M{number(x0)} {number(y0)}L{number(x1)} {number(y1)}")
    d.path("".join(strokes), stroke="grid", weight=1)


def _runs(flags) -> list[tuple[int, int]]:
    """Where `flags` is true without a gap: starts, and the steps after the ends."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist()))


# Matplotlib


@contextmanager
def style():
    """Matplotlib settings for a figure in the manner of the page.

    >>> with ur.figures.style():                                     # doctest: +SKIP
    ...     figure, axes = plt.subplots()
    ...     axes.plot(losses)
    >>> ur.show(figure, alt="The loss falls from 0.7 to 0.1 in ten epochs.")     # doctest: +SKIP

    Take colours with a meaning from ``ur.palette.LIGHT``; lines without one come in greys and dashes.
    """
    import matplotlib.pyplot as plt
    from cycler import cycler

    ink, muted, grid = LIGHT["ink"], LIGHT["muted"], LIGHT["grid"]
    greys = cycler(color=[LIGHT["accent"], LIGHT["muted"], LIGHT["accent"], LIGHT["muted"]],
                   linestyle=["-", "--", ":", "-."])
    with plt.rc_context({
        "figure.figsize": (6.6, 3.4), "figure.dpi": 100, "figure.constrained_layout.use": True, "font.size": 11,
        "axes.titlesize": 12, "axes.titleweight": "bold", "axes.titlelocation": "left", "axes.grid": True,
        "axes.spines.top": False, "axes.spines.right": False, "axes.prop_cycle": greys, "axes.axisbelow": True,
        "lines.linewidth": 2, "legend.frameon": False, "text.color": ink, "axes.titlecolor": ink,
        "axes.labelcolor": ink, "axes.edgecolor": muted, "xtick.color": muted, "ytick.color": muted,
        "grid.color": grid, "patch.edgecolor": muted,
    }):
        yield


def from_matplotlib(figure, alt: str) -> SVG:
    """Turn a Matplotlib figure into inline SVG whose palette colours follow the page.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Drawn in the light shades of :mod:`unrolled.palette`; black is taken as ink. It is closed.
    alt : str
        What the figure shows, in words.

    Raises
    ------
    TypeError
        If it is no Matplotlib figure.
    ValueError
        If ``alt`` is missing or empty.
    """
    if not hasattr(figure, "savefig"):
        raise TypeError(f"picture is {type(figure).__name__}, but a Matplotlib Figure or an SVG of unrolled was expected")
    if not isinstance(alt, str) or not alt.strip():
        raise ValueError(f"alt is {alt!r}, but a picture needs a text that says what it shows")
    import matplotlib.pyplot as plt

    buffer = io.StringIO()
    with plt.rc_context({"svg.fonttype": "path", "svg.hashsalt": "unrolled"}):
        figure.savefig(buffer, format="svg", transparent=True,
                       metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    # An open figure would be shown a second time at the end of the cell.
    plt.close(figure)
    source = buffer.getvalue()
    source = source.replace("xlink:href", "href")
    body = re.sub(r"<metadata>.*?</metadata>", "", source[source.index("<svg"):], flags=re.DOTALL)
    width, height = (float(v) for v in re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', body).groups())
    inside = body[body.index(">") + 1:body.rindex("</svg>")]
    return SVG(_framed(_compact(_unique(inside)), width, height, alt), alt)


def _framed(inside, width, height, alt) -> str:
    # The points of Matplotlib, at four pixels to three points. What it leaves without a colour is black: ink.
    scale = 4 / 3
    content = f'<g transform="scale({number(scale)})" style="fill:{LIGHT["ink"]}">{inside}</g>'
    black = re.sub(r"#000000\b", LIGHT["ink"], content)
    return recolour(open_tag(width * scale, height * scale) + f"<desc>{escape(alt, quote=False)}</desc>{black}</svg>")


def _unique(source: str) -> str:
    """Prefix every id with a digest of the figure, so that two figures of a page never share one."""
    prefix = f"ur{sha256(source.encode()).hexdigest()[:8]}-"
    source = re.sub(r'\bid="', f'id="{prefix}', source)
    return re.sub(r'(href="#|url\(#)', rf"\g<1>{prefix}", source)


def _compact(source: str) -> str:
    """Drop comments and line breaks, and digits that no screen can show."""
    source = re.sub(r"<!--.*?-->", "", source, flags=re.DOTALL)
    source = re.sub(r' d="([^"]*)"', lambda m: ' d="' + re.sub(
        r"-?\d+\.\d{3,}", lambda n: number(float(n.group())), " ".join(m.group(1).split())) + '"', source)
    return re.sub(r">\s+<", "><", source)
