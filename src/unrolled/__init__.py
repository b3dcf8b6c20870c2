"""What Keras's SimpleRNN, LSTM and GRU compute, written out in NumPy, with every gate at every step."""

from __future__ import annotations

import importlib

from .bridge import from_keras, to_keras
from .cells import GRUCell, LSTMCell, SimpleRNNCell
from .claims import ClaimError, claim
from .contract import count_feedforward_params, count_params, returns
from .trace import Trace
from .unroll import unroll
# Last, since importing the modules of the same names would hide the functions.
from .bridge import trace  # isort: skip
from .atlas import atlas  # isort: skip

# What most callers never need comes when it is first asked for.
_LAZY = {"plot": "figures", "show": "figures", "diagram": "diagrams", "load_old_model": "old_models",
         "backpropagate": "gradients", "explain_kernel": "kernels", "read_weights": "weight_files"}
_SUBMODULES = ("layouts", "figures", "diagrams", "palette", "fields", "datasets")

__all__ = [
    "GRUCell", "LSTMCell", "SimpleRNNCell", "Trace", "unroll",
    "from_keras", "to_keras", "trace",
    "returns", "count_params", "count_feedforward_params",
    "claim", "ClaimError",
    "plot", "show", "diagram", "atlas", "load_old_model", "backpropagate", "explain_kernel",
    "read_weights",
]


def __getattr__(name: str):
    if name in _LAZY:
        return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"unrolled has no {name!r}; it has {', '.join(__all__)}")
