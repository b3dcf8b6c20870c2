"""Drawn diagrams: the network unrolled in time, the three cells, the task categories.

One drawing language: a gate is a rounded box in its colour, a product or a sum is a circle, a wire has the colour of
what it carries, and a dot marks where one wire becomes two.
"""

from __future__ import annotations

from .drawing import SVG, Drawing

_BOX = 102, 54


def diagram(name: str) -> SVG:
    """Draw a diagram.

    Parameters
    ----------
    name : str
        ``"unrolled"``, ``"simple-rnn"``, ``"lstm"``, ``"gru"``, ``"tasks"``, ``"one-to-one"``, ``"one-to-many"``,
        ``"many-to-one"``, ``"many-to-many"``, ``"many-to-many-aligned"``, ``"encoder-decoder"`` or ``"bidirectional"``.

    Returns
    -------
    SVG
        Inline SVG that follows the page into the dark, with a text alternative.

    Raises
    ------
    ValueError
        If there is no such diagram; the message lists those there are.
    """
    if name not in DIAGRAMS:
        raise ValueError(f"name is {name!r}, but there are the diagrams: {', '.join(DIAGRAMS)}")
    return DIAGRAMS[name]()


# Parts of a cell


def _gate(d: Drawing, x, y, symbol, name, colour, function=None, size=_BOX, letter=19) -> None:
    """A box around (x, y): its symbol, what it is called, and the function it ends in."""
    width, height = size
    d.rect(x - width / 2, y - height / 2, width, height, fill=colour, stroke=colour, opacity=0.13, radius=9)
    d.text(x, y - 9 if name else y, symbol, colour, letter)
    if name:
        d.text(x, y + 15, name, colour, 15)
    if function:
        d.text(x + width / 2 - 7, y - height / 2 + 11, function, "muted", 13, anchor="end")


def _operation(d: Drawing, x, y, sign, colour="ink") -> None:
    """A circle around (x, y) that multiplies, adds, or takes from one."""
    d.circle(x, y, 13, fill="paper", stroke=colour, weight=2)
    if sign == "1−":
        d.text(x, y, "1−", colour, 14)
        return
    if sign == "+":
        d.path(f"M{x - 6} {y}h12m-6 -6v12", stroke=colour, weight=2)
    else:
        d.circle(x, y, 3.5, fill=colour)


def _sign(value) -> int:
    return (value > 0) - (value < 0)


def _jump(d: Drawing, x, y, across, colour="hidden") -> None:
    """A wire along height `y`, through the points `x`, that jumps over the wires at `across`."""
    start, end = x
    way = _sign(end - start)
    d.path("".join([f"M{start} {y}", *(f"H{over - 7 * way}a7 7 0 0 {int(way > 0)} {14 * way} 0" for over in across),
                    f"H{end - 14 * way}"]), stroke=colour, weight=2)
    d.wire((end - 15 * way, y), (end, y), colour=colour)


def _body(d: Drawing, x, y, width, height) -> None:
    d.rect(x, y, width, height, stroke="grid", fill="muted", opacity=0.05, radius=16)


def _legend(d: Drawing, x, y) -> None:
    _operation(d, x, y, "⊙", "muted")
    d.text(x + 20, y, "product, unit by unit", "muted", 15, anchor="start")
    _operation(d, x + 195, y, "+", "muted")
    d.text(x + 215, y, "sum", "muted", 15, anchor="start")


# The cells


def _lstm() -> SVG:
    d = Drawing(620, 362, top=32)
    f, i, c, o, out = 134, 242, 350, 458, 532
    line, gates, bus = 84, 238, 306
    _body(d, 62, 40, 504, 296)

    # The cell state runs straight through: forget, then add.
    d.wire((8, line), (f - 13, line), colour="cell", weight=3)
    d.wire((f + 13, line), ((i + c) / 2 - 13, line), colour="cell", weight=3)
    d.wire(((i + c) / 2 + 13, line), (612, line), colour="cell", weight=3)
    d.text(32, line - 20, "$c_{t-1}$", "cell", 20)
    d.text(592, line - 20, "$c_t$", "cell", 20)

    # Every gate reads the same: the input and the old hidden state.
    d.wire((8, bus), (f, bus), (f, gates + 27), colour="hidden")
    for x in (i, c, o):
        d.wire((f - 8, bus), (x, bus), (x, gates + 27), colour="hidden")
    for x in (f, i, c):
        d.dot(x, bus, "hidden")
    d.text(32, bus - 20, "$h_{t-1}$", "hidden", 20)
    d.wire((84, 384), (84, bus + 5), colour="ink")
    d.dot(84, bus, "hidden")
    d.text(106, 372, "$x_t$", "ink", 20)

    d.wire((f, gates - 27), (f, line + 13), colour="forget")
    middle, product = (i + c) / 2, 158
    d.wire((i, gates - 27), (i, product), (middle - 13, product), colour="input")
    d.wire((c, gates - 27), (c, product), (middle + 13, product), colour="candidate")
    d.wire((middle, product - 13), (middle, line + 13), colour="cell")

    # The hidden state is the cell state, squashed, and shown as far as the output gate lets it.
    d.wire((out, line), (out, 116), colour="cell")
    d.dot(out, line, "cell")
    d.rect(out - 27, 116, 54, 28, fill="cell", stroke="cell", opacity=0.13, radius=9)
    d.text(out, 130, "tanh", "cell", 15)
    d.wire((out, 144), (out, 167), colour="cell")
    d.wire((o, gates - 27), (o, 180), (out - 13, 180), colour="output")
    d.wire((out, 193), (out, bus), (612, bus), colour="hidden")
    d.text(592, bus - 20, "$h_t$", "hidden", 20)

    _gate(d, f, gates, "$f_t$", "forget gate", "forget", "σ")
    _gate(d, i, gates, "$i_t$", "input gate", "input", "σ")
    _gate(d, c, gates, "$c̃_t$", "candidate", "candidate", "tanh")
    _gate(d, o, gates, "$o_t$", "output gate", "output", "σ")
    for x, y, sign, colour in ((f, line, "⊙", "cell"), (middle, line, "+", "cell"), (middle, product, "⊙", "cell"),
                               (out, 180, "⊙", "hidden")):
        _operation(d, x, y, sign, colour)
    _legend(d, 336, 372)
    return d.svg("LSTM cell", (
        "The input x and the old hidden state h go into four boxes: the forget gate f, the input gate i and the output "
        "gate o, which end in a sigmoid, and the candidate c̃, which ends in tanh. The old cell state c runs straight "
        "through: it is multiplied by f, then i times c̃ is added, and that sum is the new cell state. The new hidden "
        "state is o times the tanh of the new cell state."))


def _gru() -> SVG:
    d = Drawing(620, 386, top=28)
    recurrent, r, z, candidate = 134, 250, 360, 492
    line, low, product, gates, bus = 74, 122, 178, 256, 324
    _body(d, 52, 36, 514, 316)

    # The old state runs straight through: keep, then add.
    d.wire((8, line), (z - 13, line), colour="hidden", weight=3)
    d.wire((z + 13, line), (candidate - 13, line), colour="hidden", weight=3)
    d.wire((candidate + 13, line), (612, line), colour="hidden", weight=3)
    d.text(28, line - 22, "$h_{t-1}$", "hidden", 20)
    d.text(594, line - 22, "$h_t$", "hidden", 20)

    # Both gates read the input and the old state; the recurrent part reads the old state alone.
    split, join = 66, 196
    d.wire((split, line), (split, bus), (recurrent, bus), (recurrent, gates + 27), colour="hidden")
    for x in (r, z):
        d.wire((recurrent - 9, bus), (x, bus), (x, gates + 27), colour="hidden")
    d.wire((join, 404), (join, bus + 5), colour="ink")
    d.wire((join, 374), (candidate, 374), (candidate, product + 27), colour="ink")
    for x, y, colour in ((split, line, "hidden"), (recurrent, bus, "hidden"), (r, bus, "hidden"), (join, bus, "hidden"),
                         (join, 374, "ink")):
        d.dot(x, y, colour)
    d.text(join - 20, 396, "$x_t$", "ink", 20)

    # Reset, after the recurrent product.
    d.wire((recurrent, gates - 27), (recurrent, product), (r - 13, product), colour="hidden")
    d.wire((r, gates - 27), (r, product + 13), colour="reset")
    _jump(d, (r + 13, candidate - 49), product, [z], "reset")

    d.wire((z, gates - 27), (z, line + 13), colour="update")
    d.dot(z, low, "update")
    d.wire((z, low), (413, low), colour="update")
    d.wire((439, low), (candidate - 13, low), colour="update")
    d.wire((candidate, product - 27), (candidate, low + 13), colour="candidate")
    d.wire((candidate, low - 13), (candidate, line + 13), colour="hidden")

    _gate(d, recurrent, gates, "$h_{t-1}U_h + b′_h$", "recurrent part", "hidden", size=(116, 54), letter=16)
    _gate(d, r, gates, "$r_t$", "reset gate", "reset", "σ")
    _gate(d, z, gates, "$z_t$", "update gate", "update", "σ")
    _gate(d, candidate, product, "$h̃_t$", "candidate", "candidate", "tanh")
    for x, y, sign, colour in ((z, line, "⊙", "hidden"), (candidate, line, "+", "hidden"), (r, product, "⊙", "reset"),
                               (426, low, "1−", "update"), (candidate, low, "⊙", "hidden")):
        _operation(d, x, y, sign, colour)
    _legend(d, 262, 396)
    return d.svg("GRU cell, reset after the product", (
        "The input x and the old hidden state h go into the reset gate r and the update gate z, which end in a sigmoid. The "
        "reset gate multiplies the recurrent part, which is h times the weights U plus a bias; that and the input make "
        "the candidate h̃, which ends in tanh. The old state runs straight through: it is multiplied by z, then 1 − z "
        "times h̃ is added, and that sum is the new hidden state."))


def _simple_rnn() -> SVG:
    d = Drawing(480, 242, top=24)
    plus, tanh, line = 226, 318, 100
    _body(d, 64, 30, 330, 190)
    d.wire((8, line), (104, line), colour="hidden", weight=3)
    d.wire((160, line), (plus - 13, line), colour="hidden", weight=3)
    d.wire((plus + 13, line), (tanh - 44, line), colour="hidden", weight=3)
    d.wire((tanh + 44, line), (472, line), colour="hidden", weight=3)
    d.wire((plus, 260), (plus, 205), colour="ink")
    d.wire((plus, 151), (plus, line + 13), colour="ink")
    d.wire((plus, 62), (plus, line - 13), colour="muted")
    _gate(d, 132, line, "$U$", None, "hidden", size=(56, 50))
    _gate(d, plus, 178, "$W$", None, "ink", size=(56, 50))
    _gate(d, tanh, line, "tanh", None, "hidden", size=(88, 50))
    _operation(d, plus, line, "+", "hidden")
    d.text(plus, 48, "$b$", "muted", 17)
    d.text(34, line - 22, "$h_{t-1}$", "hidden", 20)
    d.text(436, line - 22, "$h_t$", "hidden", 20)
    d.text(plus + 22, 246, "$x_t$", "ink", 20)
    return d.svg("SimpleRNN cell", (
        "The old hidden state h times the weights U, the input x times the weights W, and the bias b are added. The tanh "
        "of that sum is the new hidden state. There is no gate."))


# The network in time


def _block(d: Drawing, x, y, text, colour="hidden", size=(70, 44)) -> None:
    width, height = size
    d.rect(x - width / 2, y - height / 2, width, height, fill=colour, stroke=colour, opacity=0.13, radius=9)
    d.text(x, y, text, colour, 16)


def _unrolled() -> SVG:
    d = Drawing(650, 230, top=14)
    y, top, bottom = 112, 30, 192
    x = 62
    # The loop: out at the right, round above, in at the left.
    d.wire((x + 35, y + 4), (x + 57, y + 4), (x + 57, y - 44), (x - 57, y - 44), (x - 57, y + 4), (x - 35, y + 4),
           colour="hidden", corner=12)
    d.wire((x, bottom - 14), (x, y + 22), colour="ink")
    # The way out passes behind the loop.
    d.wire((x, y - 22), (x, y - 36), colour="hidden", arrow=False)
    d.path(f"M{x} {y - 36}a8 8 0 0 1 0 -16", stroke="hidden", weight=2)
    d.wire((x, y - 52), (x, top + 14), colour="hidden")
    _block(d, x, y, "$W$, $U$, $b$")
    d.text(x, bottom, "$x_t$", "ink", 20)
    d.text(x, top, "$h_t$", "hidden", 20)
    d.text(155, y, "=", "ink", 24)

    steps = ((254, "1"), (360, "2"), (466, "3"), (606, "T"))
    d.text(190, y - 18, "$h_0$", "hidden", 19)
    d.wire((178, y), (219, y), colour="hidden")
    for x, index in steps:
        d.wire((x, bottom - 14), (x, y + 22), colour="ink")
        d.wire((x, y - 22), (x, top + 14), colour="hidden")
        _block(d, x, y, "$W$, $U$, $b$")
        d.text(x, bottom, f"$x_{index}$", "ink", 19)
        d.text(x, top, f"$h_{index}$", "hidden", 19)
    for (x, _), (following, _) in zip(steps[:2], steps[1:3]):
        d.wire((x + 35, y), (following - 35, y), colour="hidden")
    d.wire((501, y), (523, y), colour="hidden")
    d.text(536, y - 1, "…", "hidden", 18)
    d.wire((548, y), (571, y), colour="hidden")
    d.path("M219 214v6H641v-6", stroke="muted", weight=1.2)
    d.text(430, 234, "the same weights at every step", "muted", 15)
    return d.svg("A recurrent network, unrolled in time", (
        "On the left a cell with the weights W, U and b, whose hidden state h loops back into it. On the right the same "
        "cell once for each timestep, 1, 2, 3 up to T: each takes its input x and the hidden state of the step before, "
        "the first takes h at step 0, and all have the same weights at every step."))


# Tasks: columns of an input, a cell and an output

_PITCH, _SIDE = 52, 34


def _value(d: Drawing, x, y, text, colour, opacity=0.13, width=None) -> None:
    """A small box around (x, y); inputs, in ink, are left open."""
    width = width or (_SIDE if text.startswith("$") else 46)
    d.rect(x - width / 2, y - _SIDE / 2, width, _SIDE, fill=colour, stroke=colour,
           opacity=0 if colour == "ink" else opacity, radius=7)
    d.text(x, y, text, colour, 17 if text.startswith("$") else 15)


def _columns(d: Drawing, x, y, inputs, outputs, cells=None, split=None) -> None:
    """Columns from (x, y) down: outputs, cells, inputs; an empty name is a box left out.

    From column `split` on the cells are a second network's, and filled more strongly.
    """
    half = _SIDE / 2
    cells = cells or ["$h$"] * max(len(inputs), len(outputs))
    rows = y + half, y + half + 62, y + half + 124
    for column, cell in enumerate(cells):
        middle = x + half + column * _PITCH
        strength = 0.34 if split is not None and column >= split else 0.13
        if column:
            d.wire((middle - _PITCH + half, rows[1]), (middle - half, rows[1]), colour="hidden", weight=1.8)
        if column < len(outputs) and outputs[column]:
            d.wire((middle, rows[1] - half), (middle, rows[0] + half), colour="hidden", weight=1.8)
            _value(d, middle, rows[0], outputs[column], "accent")
        if column < len(inputs) and inputs[column]:
            d.wire((middle, rows[2] - half), (middle, rows[1] + half), colour="ink", weight=1.8)
            _value(d, middle, rows[2], inputs[column], "ink")
        _value(d, middle, rows[1], cell, "hidden", opacity=strength)


def _names(letter, count, first=1):
    return [f"${letter}_{index}$" for index in range(first, first + count)]


#: name: title, examples, inputs, cells, outputs, what the picture says.
_TASKS = {
    "one-to-one": ("one to one", "feedforward", ["$x$"], ["$a$"], ["$y$"],
                   "One input goes through a layer to one output; there is no time."),
    "one-to-many": ("one to many", "poetry generation", ["$x$"], None, _names("y", 3),
                    "One input starts the network, which gives an output at each of three steps."),
    "many-to-one": ("many to one", "spam, sentiment", _names("x", 3), None, ["", "", "$y$"],
                    "Three inputs are read one after another; the last step gives one output."),
    "many-to-many": ("many to many", "translation, chatbots, answers", [*_names("x", 3), "", "", ""], None,
                     ["", "", "", *_names("y", 3)],
                     "Three inputs are read first; only then come the outputs, as many as are needed."),
    "many-to-many-aligned": ("many to many, aligned", "parts of speech, names", _names("x", 3), None, _names("y", 3),
                             "Three inputs are read one after another, and each step gives its own output."),
}


def _task(d: Drawing, name, x, y, width) -> None:
    """One category, centred in a column of `width`."""
    title, examples, inputs, cells, outputs, _ = _TASKS[name]
    count = max(len(inputs), len(outputs))
    d.text(x + width / 2, y + 9, title, "ink", 16, bold=True)
    d.text(x + width / 2, y + 31, examples, "muted", 15)
    start = x + (width - (count - 1) * _PITCH - _SIDE) / 2
    _columns(d, start, y + 50, inputs, outputs, cells, split=3 if name == "many-to-many" else None)


def _one_task(name) -> SVG:
    title, examples, inputs, _, outputs, says = _TASKS[name]
    width = max(240, max(len(inputs), len(outputs)) * _PITCH + 20)
    d = Drawing(width, 222)
    _task(d, name, 0, 4, width)
    return d.svg(title[0].upper() + title[1:], f"{says} Used for: {examples}.")


def _tasks() -> SVG:
    d = Drawing(590, 466)
    for name, x, y, width in (("one-to-one", 10, 4, 150), ("one-to-many", 180, 4, 190), ("many-to-one", 390, 4, 190),
                              ("many-to-many", 10, 254, 330), ("many-to-many-aligned", 380, 254, 200)):
        _task(d, name, x, y, width)
    return d.svg("Five kinds of tasks", " ".join(
        f"{title[0].upper() + title[1:]} ({examples}): {says}" for title, examples, _, _, _, says in _TASKS.values()))


def _encoder_decoder() -> SVG:
    d = Drawing(500, 256)
    start, half = 20, _SIDE / 2
    _columns(d, start, 44, [*_names("x", 3), "", "", "", ""], [], ["$h$"] * 3)
    decoder = start + 5 * _PITCH - 8
    _columns(d, decoder, 44, ["start", *_names("y", 3)], [*_names("y", 3), "end"], ["$h$"] * 4, split=0)
    last, first, row = start + 2 * _PITCH + _SIDE, decoder, 44 + half + 62
    d.wire((last, row), (first, row), colour="hidden", weight=3)
    d.text((last + first) / 2, row - 20, "final state", "hidden", 15)
    d.text(start + _PITCH + half, 18, "encoder", "hidden", 17, bold=True)
    d.text(decoder + 1.5 * _PITCH + half, 18, "decoder", "hidden", 17, bold=True)
    d.text(decoder + 1.5 * _PITCH + half, 240, "what it said at the step before", "muted", 15)
    return d.svg("Encoder and decoder", (
        "The encoder reads three inputs x, one after another, and gives no outputs. Its final state is the first state of "
        "the decoder. That is given a start sign first, and at each later step what it said at the step before; it gives "
        "three outputs y, then the sign for the end."))


def _bidirectional() -> SVG:
    d = Drawing(500, 306)
    top, back, ahead, bottom = 24, 110, 190, 284
    columns = {1: 128, 2: 248, 3: 368}
    for index, x in columns.items():
        left, right = x - 28, x + 28
        d.wire((x, bottom - 17), (x, bottom - 36), (left, bottom - 36), (left, ahead + 17))
        d.wire((x, bottom - 17), (x, bottom - 36), (right, bottom - 36), (right, back + 17))
        d.wire((left, ahead - 17), (left, top + 17), colour="hidden")
        d.wire((right, back - 17), (right, top + 17), colour="hidden")
        # A layer's state passes the other layer's wires without touching them.
        _jump(d, (left - (103 if index > 1 else 50), left - 17), ahead, [left - 64] if index > 1 else [])
        _jump(d, (right + (103 if index < 3 else 50), right + 17), back, [right + 64] if index < 3 else [])
        _value(d, x, bottom, f"$x_{index}$", "ink")
        _value(d, x, top, f"$y_{index}$", "accent", width=94)
        for middle, row, strength in ((left, ahead, 0.13), (right, back, 0.34)):
            _value(d, middle, row, "$h$", "hidden", opacity=strength)
    d.text(46, ahead - 24, "forward", "hidden", 15, bold=True)
    d.text(454, back - 24, "backward", "hidden", 15, bold=True)
    return d.svg("Bidirectional network", (
        "Two networks read the same three inputs x: one forward, from the first to the last, and one backward. At each "
        "step the hidden states h of both are joined into one output y, so each output has seen what comes before and "
        "what comes after."))


#: What can be drawn, by name.
DIAGRAMS = {
    "unrolled": _unrolled,
    "simple-rnn": _simple_rnn,
    "lstm": _lstm,
    "gru": _gru,
    "tasks": _tasks,
    **{name: (lambda name=name: _one_task(name)) for name in _TASKS},
    "encoder-decoder": _encoder_decoder,
    "bidirectional": _bidirectional,
}
