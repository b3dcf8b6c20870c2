"""A claim: a sentence that is checked where it stands, and shown with the figure that was measured.

On a page a claim that holds shows one quiet line. One that does not raises :class:`ClaimError`, and
the build stops. In a plain script the line is printed.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

#: The type under which a claim travels in a notebook's outputs, so that a build can collect them all.
MIME_TYPE = "application/vnd.unrolled.claim+json"

_ANSI = re.compile(r"\x1b\[[0-9;]*m")


class ClaimError(AssertionError):
    """A claim that does not hold."""


@dataclass(frozen=True)
class Verdict:
    """A claim that was checked and held: what is shown, and what a build collects."""

    sentence: str
    check: str
    measured: str
    tolerance: str

    def __str__(self):
        return f"✓ {self.sentence} [{self.measured}{f'; {self.tolerance}' if self.tolerance else ''}]"

    def bundle(self) -> dict:
        """The claim as a display bundle: HTML to look at, text, and data to collect."""
        tolerance = f'<span class="ur-claim-tolerance">{_markup(self.tolerance)}</span>' if self.tolerance else ""
        return {
            "text/html": (
                '<div class="ur-claim" role="note" aria-label="Checked while this page was built">'
                '<span class="ur-claim-mark" aria-hidden="true">✓</span>'
                f'<span class="ur-claim-sentence">{_markup(self.sentence)}</span>'
                f'<span class="ur-claim-measured">{_markup(self.measured)}</span>{tolerance}</div>'),
            "text/plain": str(self),
            MIME_TYPE: asdict(self),
        }


def claim(sentence: str) -> Claim:
    """Say a sentence, to be followed by the check that holds it.

    >>> claim("Two and two make four").equal(2 + 2, 4)
    ✓ Two and two make four [exactly equal]

    Raises
    ------
    ValueError
        If the sentence is empty.
    """
    if not isinstance(sentence, str) or not sentence.strip():
        raise ValueError(f"sentence is {sentence!r}, but a claim says something")
    return Claim(sentence.strip())


@dataclass(frozen=True)
class Claim:
    """A sentence that waits for its check; made by :func:`claim`."""

    sentence: str

    def close(self, a, b, atol: float | None = None) -> None:
        """Two arrays of one shape differ by at most ``atol`` anywhere.

        Without ``atol`` it is 1e-6 where one of them is float32 and 1e-12 otherwise. A NaN is never close.

        Raises
        ------
        ClaimError
            If they differ by more; the message names the first place where they part.
        ValueError
            If there is nothing to compare.
        """
        a, b = _array(a), _array(b)
        if a.shape != b.shape:
            self._fail(f"the shapes differ: {a.shape} and {b.shape}")
        if a.size == 0:
            raise ValueError(f"a has shape {a.shape}: nothing to compare, so the claim could not fail")
        if atol is None:
            atol = 1e-6 if np.float32 in (a.dtype, b.dtype) else 1e-12
        difference = np.abs(a.astype(np.float64) - b.astype(np.float64))
        largest = difference.max()
        if not largest <= atol:
            at = tuple(int(k) for k in np.argwhere(~(difference <= atol))[0])
            self._fail(f"largest difference {largest:.2g}, allowed {atol:g}; "
                       f"they first part at {list(at)}: {a[at]!s} and {b[at]!s}")
        self._show("close", f"largest difference {largest:.2g}" if largest else "no difference",
                   f"at most {atol:g}")

    def equal(self, a, b) -> None:
        """Two values, or two arrays in shape and in every entry, are equal."""
        if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
            same = np.array_equal(np.asarray(a), np.asarray(b))
            shown = "exactly equal" if np.size(a) else "both empty"
        else:
            same = bool(a == b)
            shown = "exactly equal" if not isinstance(a, (int, tuple, str, bool)) else _clip(f"{a}")
        if not same:
            self._fail(f"not equal: {_clip(repr(a))} and {_clip(repr(b))}")
        self._show("equal", shown, "")

    def at_most(self, value: float, bound: float, detail: str = "") -> None:
        """A number is at most ``bound``."""
        if not value <= bound:
            self._fail(f"{value:.4g} is more than {bound:g}" + (f" ({detail})" if detail else ""))
        self._show("at_most", f"{detail + ' ' if detail else ''}{value:.4g}", f"at most {bound:g}")

    def at_least(self, value: float, bound: float, detail: str = "") -> None:
        """A number is at least ``bound``."""
        if not value >= bound:
            self._fail(f"{value:.4g} is less than {bound:g}" + (f" ({detail})" if detail else ""))
        self._show("at_least", f"{detail + ' ' if detail else ''}{value:.4g}", f"at least {bound:g}")

    def holds(self, condition: bool, detail: str = "") -> None:
        """A condition is true. It must be one truth value: an array needs its own ``.all()``.

        Raises
        ------
        TypeError
            If the condition is no truth value, since most objects count as true.
        """
        if not isinstance(condition, (bool, np.bool_)):
            raise TypeError(f"condition is a {type(condition).__name__}, but holds takes True or False")
        if not condition:
            self._fail(detail or "the condition is False")
        self._show("holds", detail or "true", "")

    def raises(self, error: type[BaseException], call: Callable[[], object], match: str = "") -> None:
        """Calling ``call()`` raises ``error`` with ``match`` somewhere in its message.

        The measured figure is the line of the message that matched, as it came.
        """
        try:
            call()
        except error as raised:
            message = _ANSI.sub("", str(raised))
            if match not in message:
                self._fail(f"the message does not contain {match!r}: {_clip(message)}")
            line = next((line for line in message.splitlines() if match in line and line.strip()), message)
            self._show("raises", f"{type(raised).__name__}: {_clip(line.strip(), 300)}", "")
        except Exception as raised:
            self._fail(f"expected {error.__name__}, but {type(raised).__name__} came: {_clip(str(raised))}")
        else:
            self._fail(f"expected {error.__name__}, but nothing was raised")

    def _fail(self, why: str) -> None:
        raise ClaimError(f"{self.sentence}: {why}")

    def _show(self, check: str, measured: str, tolerance: str) -> None:
        verdict = Verdict(self.sentence, check, measured, tolerance)
        if _on_a_page():
            from IPython.display import publish_display_data

            publish_display_data(verdict.bundle())
        else:
            print(verdict)


def _on_a_page() -> bool:
    """Whether a notebook is listening, without importing IPython where it is not."""
    import sys

    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and hasattr(shell, "kernel")


def _array(value) -> np.ndarray:
    """A value as an array. PyTorch's tensors that carry gradients, as its layers return them, have to be cut off from those first."""
    return np.asarray(value.detach() if hasattr(value, "detach") else value)


def _markup(text: str) -> str:
    """Text as HTML, with `code` in backquotes."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


def _clip(text: str, length: int = 160) -> str:
    text = " ".join(text.split())
    return text if len(text) <= length else text[:length - 1] + "…"
