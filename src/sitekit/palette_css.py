"""The package's palette as CSS variables, so that pages and figures share one set of colours."""

from __future__ import annotations

from pathlib import Path

FILENAME = "palette.css"


def palette_css(light: dict[str, str], dark: dict[str, str]) -> str:
    """Write both palettes as CSS that follows the theme's light and dark.

    Raises
    ------
    ValueError
        If a name is in one palette only: it would vanish when the reader changes the theme.
    """
    if light.keys() != dark.keys():
        odd = ", ".join(sorted(light.keys() ^ dark.keys()))
        raise ValueError(f"LIGHT and DARK must have the same names, but these are in one only: {odd}")
    return _rule(":root, html[data-theme=light]", light) + _rule("html[data-theme=dark]", dark)


def _rule(selector: str, colours: dict[str, str]) -> str:
    lines = "".join(f"  --ur-{name}: {colour};\n" for name, colour in colours.items())
    return f"{selector} {{\n{lines}}}\n"


def _write(app) -> None:
    if app.builder.format != "html":
        return
    from unrolled.palette import DARK, LIGHT

    target = Path(app.outdir) / "_static" / FILENAME
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(palette_css(LIGHT, DARK), encoding="utf-8")


def setup(app) -> dict:
    """Write the file when the build starts and link it on each page."""
    app.connect("builder-inited", _write)
    app.add_css_file(FILENAME)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
