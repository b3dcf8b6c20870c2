"""Weights in the layouts of PyTorch, ONNX and Flax, both ways: plain arrays in, cells out, and back.

A cell is one layer. A **list** is layers, from the input up; a **tuple** of two cells is one layer that runs in both
directions, forward and backward. What comes from another dialect is always a list. No framework is imported.

Keras keeps a gate in columns, the others in rows, and each has its own order of gates. What a dialect cannot express is
an error, never another model.
"""

from .flax import from_jax, to_jax
from .onnx import OnnxLayer, from_onnx, to_onnx
from .torch import from_torch, to_torch

__all__ = ["OnnxLayer", "from_jax", "from_onnx", "from_torch", "to_jax", "to_onnx", "to_torch"]
