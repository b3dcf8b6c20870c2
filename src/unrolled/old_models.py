"""Load HDF5 models of Keras 1 and 2 that Keras 3 refuses: ``CuDNNLSTM``, ``CuDNNGRU``, ``time_major``, ``batch_input_shape``.

``CuDNNLSTM`` and ``CuDNNGRU`` kept their weights as the cuDNN library wants them. Keras 2 turned
them around when it loaded them into an ``LSTM`` or ``GRU`` (``keras/engine/saving.py``,
``_convert_rnn_weights``); Keras 3 has neither the layers nor the turning.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np

from .activations import Array

_SUCCESSORS = {"CuDNNLSTM": ("LSTM", 4), "CuDNNGRU": ("GRU", 3)}
_GONE = ("time_major", "input_length")


def load_old_model(path):
    """A Keras 3 model of an old HDF5 file, with its weights. It is not compiled.

    Parameters
    ----------
    path : str or Path
        An ``.h5`` or ``.hdf5`` file written by ``model.save`` of Keras 1 or 2. It is not changed.

    Returns
    -------
    keras.Model
        Each ``CuDNNLSTM`` has become an ``LSTM`` and each ``CuDNNGRU`` a ``GRU`` that compute the same.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is no HDF5 file, holds no model (``save_weights`` writes weights alone), or a
        cuDNN layer sits in a model within the model, which is not undone here.
    """
    import h5py
    import keras

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"path is {str(path)!r}, but there is no such file")
    if not h5py.is_hdf5(path):
        raise ValueError(f"path is {str(path)!r}, which is no HDF5 file; keras.models.load_model reads a .keras file")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "model.h5")
        shutil.copyfile(path, copy)
        with h5py.File(copy, "r+") as file:
            _modernise(file)
        return keras.models.load_model(copy, compile=False)


def from_cudnn(kind: str, kernel: Array, recurrent_kernel: Array, bias: Array) -> list[Array]:
    """The weights of a ``CuDNNLSTM`` or ``CuDNNGRU`` in the layout of an ``LSTM`` or ``GRU``.

    Parameters
    ----------
    kind : str
        ``"CuDNNLSTM"`` or ``"CuDNNGRU"``.
    kernel : array, shape (features, gates * units)
        Each gate's block is filled column after column, as Fortran does, from its transpose.
    recurrent_kernel : array, shape (units, gates * units)
        Each gate's block is transposed.
    bias : array, shape (2 * gates * units,)
        The input biases of all gates, then the recurrent ones. An LSTM adds the two; a GRU keeps both.

    Raises
    ------
    ValueError
        If the kind is another, or the bias has another size.
    """
    if kind not in _SUCCESSORS:
        raise ValueError(f"kind is {kind!r}, but it must be {' or '.join(_SUCCESSORS)}")
    gates, units = _SUCCESSORS[kind][1], recurrent_kernel.shape[0]
    if bias.shape != (2 * gates * units,):
        raise ValueError(f"bias has shape {bias.shape}, but a {kind} of {units} units has {(2 * gates * units,)}")
    kernel = np.hstack([block.T.reshape(block.shape, order="F") for block in np.hsplit(kernel, gates)])
    recurrent_kernel = np.hstack([block.T for block in np.hsplit(recurrent_kernel, gates)])
    rows = bias.reshape(2, -1)
    return [kernel, recurrent_kernel, rows.sum(axis=0) if kind == "CuDNNLSTM" else rows]


def _modernise(file) -> None:
    """Rewrite an open HDF5 model in place: the weights of its cuDNN layers, then its configuration."""
    config = file.attrs.get("model_config")
    if config is None:
        raise ValueError(f"{file.filename!r} holds no model, only weights: build the model first, then load_weights")
    config = json.loads(config)
    top = _layers(config)
    for layer in top:
        kind = _cudnn_kind(layer)
        if kind:
            _turn_weights(file["model_weights"][layer["config"]["name"]], kind)
        elif _layers(layer) and any(map(_cudnn_kind, _layers(layer))):
            raise ValueError(f"{layer['config']['name']!r} is a model within the model with a cuDNN layer in it: "
                             "load that one from a file of its own")
    for layer in top:
        _rename(layer)
    if config["class_name"] == "Sequential":
        _declare_input(top)
    if isinstance(config["config"], list):
        config["config"] = {"name": "sequential", "layers": top}
    file.attrs["model_config"] = json.dumps(config)


def _layers(config: dict) -> list[dict]:
    """The layers of a model's configuration; Keras 1 and early Keras 2 had the list alone for a Sequential."""
    inside = config["config"]
    return inside if isinstance(inside, list) else inside.get("layers", [])


def _cudnn_kind(layer: dict) -> str | None:
    """The cuDNN class of a layer, or of the one that a wrapper holds."""
    while "layer" in layer["config"]:
        layer = layer["config"]["layer"]
    return layer["class_name"] if layer["class_name"] in _SUCCESSORS else None


def _turn_weights(group, kind: str) -> None:
    """Three weights a layer; a Bidirectional has two layers' one after the other."""
    names = [name.decode() if isinstance(name, bytes) else name for name in group.attrs["weight_names"]]
    for first in range(0, len(names), 3):
        three = names[first:first + 3]
        turned = from_cudnn(kind, *(group[name][()] for name in three))
        for name, weight in zip(three, turned):
            del group[name]
            group[name] = weight


def _rename(layer: dict) -> None:
    """Give one layer's configuration, and those it wraps, the names of today."""
    settings = layer["config"]
    kind = layer["class_name"]
    if kind in _SUCCESSORS:
        layer["class_name"] = _SUCCESSORS[kind][0]
        if kind == "CuDNNGRU":
            settings["reset_after"] = True
    for name in _GONE:
        settings.pop(name, None)
    if kind == "InputLayer" and "batch_input_shape" in settings:
        settings["batch_shape"] = settings.pop("batch_input_shape")
    if "layer" in settings:
        _rename(settings["layer"])


def _declare_input(layers: list[dict]) -> None:
    """What the first layer of an old Sequential said in ``batch_input_shape`` is an ``InputLayer`` today."""
    if not layers:
        return
    shape = layers[0]["config"].pop("batch_input_shape", None)
    if shape is not None and layers[0]["class_name"] != "InputLayer":
        layers.insert(0, {"class_name": "InputLayer", "config": {"batch_shape": shape, "name": "input"}})
