"""``{explorer}``: a place where a page can be touched. Writes what its scripts read: names, presets, cases to be held against."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

import numpy as np
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

FOLDER = "explorers"  # below _static, where the scripts are
TITLES = {
    "cell": "One step of a cell with one unit",
    "time": "The gates of a trained layer over time",
    "shapes": "What a layer returns, and its parameters",
}
LAYERS = {
    "LSTM": ("LSTM", {}),
    "GRU": ("GRU", {"reset_after": True}),
    "GRU, reset_after=False": ("GRU", {"reset_after": False}),
    "SimpleRNN": ("SimpleRNN", {}),
}
"""The layers of the explorers: kind, and options of the cell."""
DIAGRAM = {"LSTM": "lstm", "GRU": "gru", "SimpleRNN": "simple-rnn"}


# What the scripts read


def names() -> dict[str, list[dict[str, str]]]:
    """Kind of layer -> its fields, as the scripts need them: name, symbol, colour, meaning."""
    from unrolled.fields import FIELDS

    kinds = dict.fromkeys(field.kind for field in FIELDS)
    return {
        kind: [{"name": field.name, "symbol": field.plain, "colour": field.colour, "meaning": field.meaning}
               for field in FIELDS if field.kind == kind]
        for kind in kinds
    }


def data_module(presets: dict) -> str:
    """The ES module that hands the package's table of names and the presets to the scripts."""
    values = {"FIELDS": names(), "PRESETS": presets, "LAYERS": {
        name: {"kind": kind, **options} for name, (kind, options) in LAYERS.items()}}
    lines = [f"export const {name} = {json.dumps(value, ensure_ascii=False)};" for name, value in values.items()]
    return "\n".join(["// Written by the build: sitekit.explorers", *lines, ""])


def cell_of(preset: dict, kind: str, options: dict):
    """The cell of one unit that a preset sets: a :class:`unrolled.LSTMCell`, ``GRUCell`` or ``SimpleRNNCell``."""
    import unrolled as ur

    bias = np.array(preset["bias"], float)
    if kind == "GRU" and not options["reset_after"]:
        bias = bias[0]
    kernel, recurrent_kernel = (np.array([preset[name]], float) for name in ("kernel", "recurrent_kernel"))
    return getattr(ur, f"{kind}Cell")(kernel, recurrent_kernel, bias, **options)


def cases(seed: int = 0) -> dict[str, list[dict]]:
    """What the scripts' arithmetic is held against: sequences with all that ``unrolled`` finds in them, and counts.

    The cells are of all kinds and several sizes, with and without biases, and some with weights so large that every
    gate is shut or open.
    """
    rng = np.random.default_rng(seed)
    return {
        "cells": [
            _cell_case(rng, layer, features, units, timesteps, scale, use_bias)
            for layer in LAYERS
            for features, units, timesteps, scale, use_bias in (
                (1, 1, 1, 1, True), (1, 1, 6, 2, True), (3, 2, 5, 1, True), (2, 4, 4, 1, False), (2, 3, 4, 300, True))
        ],
        "counts": [
            _count_case(layer, features, units)
            for layer in LAYERS for features, units in ((1, 1), (10, 15), (300, 512), (1_000_000, 1_000_000))
        ],
    }


def _cell_case(rng, layer: str, features: int, units: int, timesteps: int, scale: float, use_bias: bool) -> dict:
    import unrolled as ur

    kind, options = LAYERS[layer]
    cell_class = getattr(ur, f"{kind}Cell")
    columns = cell_class.blocks * units
    kernel, recurrent_kernel = (scale * rng.normal(size=(rows, columns)) for rows in (features, units))
    rows = 2 if options.get("reset_after") else 1
    bias = rng.normal(size=(rows, columns)) if use_bias else None
    cell = cell_class(kernel, recurrent_kernel, bias if bias is None or rows == 2 else bias[0], **options)
    x = rng.normal(size=(timesteps, features))
    state = {name: rng.uniform(-1, 1, size=units) for name in (("hidden", "cell") if kind == "LSTM" else ("hidden",))}
    initial = tuple(value[None] for value in state.values())
    trace = ur.unroll(cell, x[None], initial if kind == "LSTM" else initial[0])
    fields = [*trace.fields, *(f"{name}_pre" for name in trace.fields if hasattr(trace, f"{name}_pre"))]
    return {
        "layer": layer,
        "cell": {"kind": kind, "kernel": kernel.tolist(), "recurrent_kernel": recurrent_kernel.tolist(),
                 "bias": None if bias is None else bias.tolist(), **options},
        "x": x.tolist(),
        "state": {name: value.tolist() for name, value in state.items()},
        "steps": {name: getattr(trace, name)[0].tolist() for name in fields},
    }


def _count_case(layer: str, features: int, units: int) -> dict:
    from unrolled import count_params

    kind, options = LAYERS[layer]
    count = count_params(kind, features=features, units=units, **options)
    return {
        "settings": {"layer": kind, "features": features, "units": units, **options},
        "weights": [str(count.input_to_hidden), str(count.hidden_to_hidden), str(count.biases)],
        "total": str(count.layer),  # as text: the largest is beyond what a number of JavaScript holds
    }


# The directive


class Explorer(SphinxDirective):
    """A place for an explorer. What is written inside, or else a table of numbers, stands there without scripts.

    ``:layer:`` says with which layer the explorer of the cell or of the shapes starts. ``:compact:`` makes the cell's
    a picture with its presets, for a page that is about more than it; without scripts it is the drawn cell.
    """

    required_arguments = 1
    has_content = True
    option_spec = {"layer": directives.unchanged, "compact": directives.flag}

    def run(self) -> list[nodes.Node]:
        """The place, with what can be read there without scripts."""
        kind, layer = self.arguments[0], self.options.get("layer", "LSTM")
        if kind not in TITLES:
            raise self.error(f"there is no explorer {kind!r}, but there are {', '.join(TITLES)}")
        if layer not in LAYERS:
            raise self.error(f"layer is {layer!r}, but there are {'; '.join(LAYERS)}")
        used = self.env.metadata[self.env.docname].setdefault("explorers", [])
        if kind not in used:
            used.append(kind)
        compact = "compact" in self.options
        if compact and kind != "cell":
            raise self.error(f"compact is for the explorer 'cell', but this one is {kind!r}")
        start = (f'<section class="ur-explorer" data-explorer="{kind}" data-layer="{escape(layer)}" '
                 f'{"data-compact " if compact else ""}aria-label="Explorer: {TITLES[kind]}">')
        return [nodes.raw("", start, format="html"), *self._fallback(kind, layer), nodes.raw("", "</section>", format="html")]

    def _fallback(self, kind: str, layer: str) -> list[nodes.Node]:
        if self.content:
            return self.parse_content_to_nodes()
        presets = read_presets(Path(self.env.srcdir))
        self.env.note_dependency(str(presets_file(Path(self.env.srcdir))))
        if "compact" in self.options:
            return _still(presets, layer)
        if kind == "cell":
            return [_text("The explorer here needs JavaScript. Without it, these are its examples: "
                          "each is one step of one unit."), _worked(presets, layer)]
        return [_text("The explorer here needs JavaScript. The tables of this page say the same.")]


def _still(presets: dict, layer: str) -> list[nodes.Node]:
    """The drawn cell, and beside it what its first example does, with the package's numbers."""
    from unrolled import diagram

    kind, options = LAYERS[layer]
    preset = presets[kind]["mix"]
    step, before = _first_step(preset, kind, options)
    given = {"input": preset["x"], **{f"old {name} state": value for name, value in before.items()}}
    found = {field["name"].replace("_", " "): getattr(step, field["name"]).item() for field in names()[kind]}
    numbers = [", ".join(f"{name} {_number(value)}" for name, value in part.items()) for part in (given, found)]
    return [
        nodes.raw("", diagram(DIAGRAM[kind])._repr_html_(), format="html"),
        nodes.container("", _text(preset["says"]), _text(f"One step in numbers: {numbers[0]} give {numbers[1]}."),
                        _text("With JavaScript you move them by hand here.")),
    ]


def _worked(presets: dict, layer: str) -> nodes.table:
    """One row a preset: what goes in, every gate, the new states."""
    kind, options = LAYERS[layer]
    symbols = {field["name"]: field["symbol"] for field in names()[kind]}
    states = ("hidden", "cell") if kind == "LSTM" else ("hidden",)
    head = ["example", "x", *(f"{symbols[name]} before" for name in states), *symbols.values()]
    rows = []
    for name, preset in presets[kind].items():
        step, before = _first_step(preset, kind, options)
        values = [preset["x"], *before.values(), *(getattr(step, field).item() for field in symbols)]
        rows.append([name, *map(_number, values)])
    group = nodes.tgroup(cols=len(head))
    group += [nodes.colspec(colwidth=1) for _ in head]
    group += nodes.thead("", _row(head))
    group += nodes.tbody("", *map(_row, rows))
    return nodes.table("", group)


def _first_step(preset: dict, kind: str, options: dict):
    """What one step of a preset's unit gives, and the states that it starts from."""
    before = {name: preset[name] for name in ("hidden", "cell") if name in preset}
    states = [np.array([[value]], float) for value in before.values()]
    return cell_of(preset, kind, options).step(np.array([[preset["x"]]], float), *states), before


def _number(value: float) -> str:
    return f"{value:.2f}".replace("-0.00", "0.00").replace("-", "−")


def _row(cells) -> nodes.row:
    return nodes.row("", *(nodes.entry("", _text(cell)) for cell in cells))


def _text(text: str) -> nodes.paragraph:
    return nodes.paragraph("", "", nodes.Text(text))


# Files


def presets_file(source: Path) -> Path:
    """Where the presets are, in a folder of pages."""
    return source / "_static" / FOLDER / "presets.json"


def read_presets(source: Path) -> dict:
    """Kind of layer -> name -> the numbers of one unit, and a sentence that says what it does."""
    return json.loads(presets_file(source).read_text(encoding="utf-8"))


def _write(app) -> None:
    if app.builder.format != "html":
        return
    target = Path(app.outdir, "_static", FOLDER)
    target.mkdir(parents=True, exist_ok=True)
    (target / "data.js").write_text(data_module(read_presets(Path(app.srcdir))), encoding="utf-8")
    (target / "cases.json").write_text(json.dumps(cases()), encoding="utf-8")


def _link(app, page, template, context, doctree) -> None:
    for kind in app.env.metadata.get(page, {}).get("explorers", ()):
        app.add_js_file(f"{FOLDER}/{kind}.js", type="module")


def setup(app) -> dict:
    """Register the directive; write the files when the build starts, and link the scripts where they are used."""
    app.add_directive("explorer", Explorer)
    app.connect("builder-inited", _write)
    app.connect("html-page-context", _link)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
