"""Old HDF5 files: a model of today, written as Keras 2 would have written it with cuDNN layers, comes back the same."""

import json

import h5py
import keras
import numpy as np
import pytest

from unrolled.old_models import from_cudnn, load_old_model

FEATURES, UNITS = 3, 4


def to_cudnn(kind, kernel, recurrent_kernel, bias, rng):
    """How a cuDNN layer keeps these weights, element by element; an LSTM's bias is a sum, split at random."""
    gates = 4 if kind == "CuDNNLSTM" else 3
    blocks = []
    for block in np.split(kernel, gates, axis=1):
        stored = np.empty_like(block)
        for k, value in enumerate(block.T.ravel()):  # cuDNN reads its buffer row by row
            stored[divmod(k, block.shape[1])] = value
        blocks.append(stored)
    recurrent = np.concatenate([block.T for block in np.split(recurrent_kernel, gates, axis=1)], axis=1)
    if kind == "CuDNNLSTM":
        part = rng.normal(size=bias.shape)
        bias = np.concatenate([part, bias - part])
    return [np.concatenate(blocks, axis=1), recurrent, bias.ravel().astype("float32")]


def old_file(path, model, kinds, rng, sequential_list=False):
    """Save a model in HDF5, then make the file what Keras 2 wrote for cuDNN layers."""
    model.save(path)
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        layers = config["config"]["layers"]
        for layer in layers:
            name = layer["config"]["name"]
            if name in kinds:
                inner = layer["config"].get("layer", layer)
                inner["class_name"] = kinds[name]
                inner["config"] = {key: inner["config"][key] for key in ("name", "units", "return_sequences")}
                inner["config"]["time_major"] = False
                group = file["model_weights"][name]
                names = list(group.attrs["weight_names"])
                for first in range(0, len(names), 3):
                    three = names[first:first + 3]
                    for key, weight in zip(three, to_cudnn(kinds[name], *(group[n][()] for n in three), rng)):
                        del group[key]
                        group[key] = weight
        shape = layers[0]["config"].pop("batch_shape")
        if sequential_list:  # early Keras 2: no InputLayer, the layers alone
            layers[1]["config"]["batch_input_shape"] = shape
            config["config"] = layers[1:]
        else:
            layers[0]["config"]["batch_input_shape"] = shape
        file.attrs["model_config"] = json.dumps(config)


def random_model(*layers):
    model = keras.Sequential([keras.Input((None, FEATURES)), *layers])
    rng = np.random.default_rng(3)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    return model, rng


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("sequential_list", [False, True])
@pytest.mark.parametrize("kind", ["CuDNNLSTM", "CuDNNGRU"])
def test_a_cudnn_layer_loads_as_its_successor_and_computes_the_same(kind, sequential_list, tmp_path):
    layer = getattr(keras.layers, kind.removeprefix("CuDNN"))
    model, rng = random_model(layer(UNITS, return_sequences=True, name="plain"),
                              keras.layers.Bidirectional(layer(UNITS), name="both"), keras.layers.Dense(1))
    x = rng.normal(size=(2, 5, FEATURES)).astype("float32")
    old_file(tmp_path / "old.h5", model, {"plain": kind, "both": kind}, rng, sequential_list)
    before = (tmp_path / "old.h5").read_bytes()
    with pytest.raises((ValueError, TypeError), match="CuDNN|batch_input_shape|pop expected"):
        keras.models.load_model(tmp_path / "old.h5")
    loaded = load_old_model(tmp_path / "old.h5")
    np.testing.assert_allclose(loaded(x), model(x), atol=1e-6)
    assert (tmp_path / "old.h5").read_bytes() == before


def test_a_file_that_is_not_there_or_no_model_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        load_old_model(tmp_path / "gone.h5")
    (tmp_path / "text.h5").write_text("no model")
    with pytest.raises(ValueError, match="no HDF5 file"):
        load_old_model(tmp_path / "text.h5")
    with h5py.File(tmp_path / "weights.h5", "w") as file:
        file["w"] = np.zeros(3)
    with pytest.raises(ValueError, match="holds no model, only weights"):
        load_old_model(tmp_path / "weights.h5")


def test_wrong_cudnn_weights_are_named():
    kernel, recurrent = np.ones((FEATURES, 4 * UNITS)), np.ones((UNITS, 4 * UNITS))
    with pytest.raises(ValueError, match=r"bias has shape \(16,\), but a CuDNNLSTM of 4 units has \(32,\)"):
        from_cudnn("CuDNNLSTM", kernel, recurrent, np.ones(16))
    with pytest.raises(ValueError, match="kind is 'LSTM'"):
        from_cudnn("LSTM", kernel, recurrent, np.ones(32))
