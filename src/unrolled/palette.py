"""The one set of colours: a name for each meaning, its shade on a light and on a dark page, its line style.

Figures, diagrams, formulas and explorers all read it, so a colour means the same thing wherever it appears.
The shades reach 4.5:1 as text on their background and stay apart under simulated red- and green-blindness
(`tests/unrolled/test_palette.py` computes both). `forget` and `update` are one family on purpose: both say how
much of the old state is kept.
"""

MEANINGS = ("forget", "input", "output", "reset", "update", "candidate", "cell", "hidden")
"""The names that stand for a gate, a candidate or a state."""

LIGHT = {
    "forget": "#8c2d0c",
    "input": "#0a3a8c",
    "output": "#6a4aec",
    "reset": "#6e1048",
    "update": "#8f6000",
    "candidate": "#576830",
    "cell": "#057c5f",
    "hidden": "#0a74a1",
    "ink": "#1f2328",
    "paper": "#ffffff",
    "grid": "#d4d8df",
    "muted": "#5b6370",
    "accent": "#334155",
}
"""Shades for a white page."""

DARK = {
    "forget": "#e0704a",
    "input": "#6f9fe8",
    "output": "#9485ff",
    "reset": "#cf6c98",
    "update": "#f7901e",
    "candidate": "#e2e274",
    "cell": "#62e0a0",
    "hidden": "#7beff2",
    "ink": "#e6e8eb",
    "paper": "#121212",
    "grid": "#3b4048",
    "muted": "#a4acb9",
    "accent": "#cbd5e1",
}
"""Shades for a dark page."""

LINESTYLE = {
    "forget": "-",
    "input": "--",
    "output": "-.",
    "reset": (0, (1, 1.5)),
    "update": (0, (5, 1)),
    "candidate": ":",
    "cell": "-",
    "hidden": (0, (6, 1.5)),
}
"""Matplotlib line style of each meaning, so that colour is never the only sign."""

MARKER = {
    "forget": "v",
    "input": "^",
    "output": ">",
    "reset": "x",
    "update": "d",
    "candidate": "+",
    "cell": "s",
    "hidden": "o",
}
"""Matplotlib marker of each meaning."""


def css_variable(name):
    """Return the CSS value that is `name`'s colour on a light and on a dark page.

    Parameters
    ----------
    name : str
        A key of `LIGHT`, such as ``"forget"``.

    Returns
    -------
    str
        For example ``"var(--ur-forget, #8c2d0c)"``: the fallback is for a page without the style sheet.
    """
    if name not in LIGHT:
        raise ValueError(f"name is {name!r}, but the palette has: {', '.join(LIGHT)}")
    return f"var(--ur-{name}, {LIGHT[name]})"
