"""Which kernel Keras runs a recurrent layer on: cuDNN, or the loop over timesteps, and why."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def explain_kernel(layer, mask=None, gpu: bool | None = None) -> str:
    """Say ``"cuDNN"``, or the first reason why Keras runs the layer's loop instead.

    The settings come first and the machine last, so that you can ask on a CPU what a GPU would do.

    Parameters
    ----------
    layer : a recurrent layer of Keras, or a Bidirectional around one
        It need not be built. Of a Bidirectional the forward half is asked; the backward half is made like it.
    mask : array of bool, shape (batch, timesteps), optional
        The mask that it will be called with.
    gpu : bool, optional
        Whether there is a GPU with cuDNN. If not given, the backend is asked.

    Returns
    -------
    str
        ``"cuDNN"``, or a sentence.

    Raises
    ------
    TypeError
        If ``layer`` is no recurrent layer.
    ValueError
        If ``mask`` has another shape, or is one with which Keras on TensorFlow would choose cuDNN and then fail: padding
        that is not on the right, or a sequence with nothing but padding.

    Notes
    -----
    Source: ``inner_loop`` in ``keras/src/layers/rnn/lstm.py`` and ``gru.py``, and ``lstm``, ``gru`` and ``cudnn_ok`` in
    ``rnn.py`` of ``keras/src/backend``'s folders ``tensorflow``, ``jax`` and ``torch``, Keras 3.15.
    """
    import keras

    layer = getattr(layer, "forward_layer", layer)
    if not isinstance(layer, keras.layers.RNN):
        raise TypeError(f"layer is a {type(layer).__name__}, but explain_kernel takes a recurrent layer: LSTM, GRU, "
                        "SimpleRNN, RNN, or a Bidirectional around one")
    mask = None if mask is None else np.asarray(mask).astype(bool)
    if mask is not None and mask.ndim != 2:
        raise ValueError(f"mask has shape {mask.shape}, but a layer's mask is (batch, timesteps)")
    if reason := next(_reasons(layer, mask, keras.backend.backend(), gpu), None):
        return reason
    if mask is not None:
        _check_padding(mask)
    return "cuDNN"


def _reasons(layer, mask, backend: str, gpu: bool | None) -> Iterator[str]:
    """All that keeps a layer from cuDNN."""
    if not hasattr(layer, "use_cudnn"):
        yield f"{type(layer).__name__} has no cuDNN kernel in Keras; LSTM and GRU have"
    if backend not in ("tensorflow", "jax", "torch"):
        yield f"Keras's {backend} backend has no cuDNN kernel"
    if backend == "jax" and hasattr(layer, "reset_after"):
        yield "Keras's jax backend has a cuDNN kernel for LSTM only"
    yield from _settings(layer)
    if mask is not None and backend != "tensorflow":
        yield f"a mask; Keras's {backend} backend runs every masked call in the loop"
    if not (_has_gpu(backend) if gpu is None else gpu):
        yield f"no GPU that {backend} can see"


def _settings(layer) -> Iterator[str]:
    """What cuDNN does not compute."""
    if not layer.use_cudnn:
        yield "use_cudnn=False"
    if layer.recurrent_dropout:
        yield f"recurrent_dropout={layer.recurrent_dropout:g}; cuDNN has none between timesteps"
    for setting, only in (("activation", "tanh"), ("recurrent_activation", "sigmoid")):
        name = getattr(getattr(layer, setting), "__name__", "custom")
        if name != only:
            yield f"{setting}={name!r}; cuDNN computes {only!r} only"
    if layer.unroll:
        yield "unroll=True"
    if not layer.use_bias:
        yield "use_bias=False"
    if not getattr(layer, "reset_after", True):
        yield "reset_after=False; cuDNN resets after the product"


def _check_padding(mask: np.ndarray) -> None:
    """Refuse what Keras on TensorFlow gives to cuDNN, and cuDNN cannot take."""
    if not mask.any(axis=1).all():
        raise ValueError(f"mask has no valid step in sequence {np.flatnonzero(~mask.any(axis=1))[0]}: on TensorFlow, Keras "
                         "chooses cuDNN, which then fails; leave the sequence out, or set use_cudnn=False")
    if (mask[:, 1:] & ~mask[:, :-1]).any():
        raise ValueError("mask has padding before a valid step: on TensorFlow, Keras chooses cuDNN, which then fails; pad on "
                         "the right, or set use_cudnn=False")


def _has_gpu(backend: str) -> bool:
    """As Keras asks."""
    if backend == "tensorflow":
        import tensorflow

        return bool(tensorflow.config.list_logical_devices("GPU"))
    if backend == "jax":
        import jax

        return jax.default_backend() == "gpu"
    import torch

    return torch.cuda.is_available() and torch.backends.cudnn.is_available()
