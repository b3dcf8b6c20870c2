"""In a page's process: what does not hold, or stops a cell, is noted and the page goes on, for `sitekit.matrix`."""

from __future__ import annotations

import ast
import contextlib
import functools
import re
import symtable
import sys
from collections.abc import Collection

from unrolled.claims import MIME_TYPE, Claim, ClaimError

#: The type under which the reason why a cell stopped travels in its outputs.
STOPPED = "application/vnd.sitekit.stopped"

CHECKS = ("close", "equal", "at_most", "at_least", "holds", "raises")
LENGTH = 240  # of a message
PATH = re.compile(r"(?<![\w.])/(?:[\w.+-]+/)+")  # of a folder: it differs from machine to machine
ADDRESS = re.compile(r"0x[0-9a-f]{6,}")
AROUND = re.compile(r"Exception encountered when calling [\w.]+\(\)\. | Arguments (received by .*|\w*( b)?…)$")  # Keras adds
ANSI = re.compile(r"\x1b\[[0-9;]*m")


def install(shell, raising: Collection[int] = ()) -> None:
    """Have the page's claims and cells go on after a failure.

    Parameters
    ----------
    shell : IPython.core.interactiveshell.InteractiveShell
        What runs the page.
    raising : collection of int
        The page's code cells, from 0, that are meant to raise: what they leave is as their author wants it.
    """
    _let_numpy_read_torch()
    for name in CHECKS:
        setattr(Claim, name, _noted(getattr(Claim, name)))
    lost: dict[str, str] = {}  # a name that a cell did not get to set -> why
    number = -1  # the cell that installs this ends before the page's first

    def after(result) -> None:
        nonlocal number
        if number >= 0 and result.error_in_exec is not None and number not in raising:
            reason = _root(result.error_in_exec, lost)
            _publish(STOPPED, reason, f"stopped: {reason}")
            for name in _unset(shell.transform_cell(result.info.raw_cell), result.error_in_exec):
                shell.user_ns.pop(name, None)  # else later cells would speak of what an earlier one has left there
                lost[name] = reason
        number += 1

    shell.events.register("post_run_cell", after)


def _let_numpy_read_torch() -> None:
    """Let ``np.array(layer(x))``, of which pages are full, work with PyTorch, which refuses what carries gradients."""
    if "torch" in sys.modules:
        tensor = sys.modules["torch"].Tensor
        read = tensor.numpy
        tensor.numpy = lambda self, **options: read(self.detach(), **options)


def _noted(check):
    """A claim's check that shows what it found, whether or not it holds."""
    @functools.wraps(check)
    def noted(self, *args, **kwargs):
        try:
            check(self, *args, **kwargs)
        except ClaimError as error:
            said = short(str(error).removeprefix(f"{self.sentence}: "))
            _publish(MIME_TYPE, {"sentence": self.sentence, "differs": said}, str(error))
        except Exception as error:  # the figures could not be compared
            _publish(MIME_TYPE, {"sentence": self.sentence, "differs": named(error)}, str(error))

    return noted


def _publish(kind: str, data, text: str) -> None:
    from IPython.display import publish_display_data

    publish_display_data({kind: data, "text/plain": text})


def named(error: BaseException) -> str:
    """An error as one short line, with its type."""
    return short(f"{type(error).__name__}: {error}")


def short(text: str) -> str:
    """One line of at most `LENGTH` characters, without what the machine and Keras's own wrapping add to a message.

    >>> short("in /home/me/keras/ops.py,\\n  at 0x7f00deadbeef")
    'in …/ops.py, at 0x…'
    """
    text = AROUND.sub("", " ".join(ADDRESS.sub("0x…", PATH.sub("…/", ANSI.sub("", text))).split()))
    return text if len(text) <= LENGTH else text[: LENGTH - 1] + "…"


def _root(error: BaseException, lost: dict[str, str]) -> str:
    """Why a cell stopped: for a name that an earlier cell did not get to set, what had stopped that one."""
    return lost.get(getattr(error, "name", None) if isinstance(error, NameError) else None) or named(error)


def _unset(source: str, error: BaseException) -> set[str]:
    """The names that a cell would have set from the statement on that raised."""
    frames, line = error.__traceback__, 0
    while frames and not line:  # the outermost frames are IPython's
        if frames.tb_frame.f_code.co_name == "<module>" and "ipykernel_" in frames.tb_frame.f_code.co_filename:
            line = frames.tb_lineno
        frames = frames.tb_next
    with contextlib.suppress(SyntaxError):
        rest = [statement for statement in ast.parse(source).body if statement.end_lineno >= line]
        symbols = symtable.symtable(ast.unparse(ast.Module(rest, [])), "cell", "exec").get_symbols()
        return {symbol.get_name() for symbol in symbols if symbol.is_assigned() or symbol.is_imported()}
    return set()
