"""The README's picture: a diagram of the package as a file of its own. ``python -m sitekit.picture`` writes it anew."""

from __future__ import annotations

from pathlib import Path

TARGET = Path(__file__).parents[2] / "docs" / "_static" / "lstm.svg"


def standalone(markup: str) -> str:
    """Give an inline SVG its own colours, in light and dark, so that it needs no page around it."""
    from unrolled.palette import DARK, LIGHT

    def variables(colours: dict[str, str]) -> str:
        return "".join(f"--ur-{name}:{colour};" for name, colour in colours.items())

    style = (
        f"<style>svg{{color:{LIGHT['ink']};{variables(LIGHT)}}}"
        f"@media(prefers-color-scheme:dark){{svg{{color:{DARK['ink']};{variables(DARK)}}}}}</style>"
    )
    head, end, rest = markup.partition(">")
    return f"{head}{end}{style}{rest}\n"


def draw() -> str:
    """The picture as it should be now."""
    from unrolled import diagram

    return standalone(diagram("lstm").markup)


if __name__ == "__main__":
    TARGET.write_text(draw(), encoding="utf-8")
