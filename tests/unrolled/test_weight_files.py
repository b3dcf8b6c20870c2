"""Weights from files: the two formats that are read, and every file that is refused."""

import os
import pickle
import struct
import zipfile

import numpy as np
import pytest

from unrolled import layouts
from unrolled.weight_files import read_weights

onnx = pytest.importorskip("onnx")


class Bomb:
    """Leaves a trace if it is ever unpickled."""

    def __init__(self, mark):
        self.mark = str(mark)

    def __reduce__(self):
        return os.mkdir, (self.mark,)


@pytest.fixture
def mark(tmp_path):
    path = tmp_path / "unpickled"
    yield path
    assert not path.exists(), "a pickle was loaded"


def onnx_bytes(tensors):
    graph = onnx.helper.make_graph([], "weights", [], [], tensors)
    return onnx.helper.make_model(graph).SerializeToString()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_npz_there_and_back(tmp_path, draw, rng, dtype):
    cell = draw.cell("LSTM", rng, dtype=dtype)
    np.savez(tmp_path / "w.npz", **layouts.to_torch(cell))
    (back,) = layouts.from_torch(read_weights(tmp_path / "w.npz"))
    assert back.dtype == dtype
    np.testing.assert_array_equal(back.kernel, cell.kernel)
    np.testing.assert_array_equal(back.bias, cell.bias)


def test_onnx_there_and_back(tmp_path, draw, rng):
    cell = draw.cell("GRU", rng, dtype="float32")
    (layer,) = layouts.to_onnx(cell)
    tensors = [onnx.numpy_helper.from_array(getattr(layer, name), name) for name in "WRB"]
    (tmp_path / "w.onnx").write_bytes(onnx_bytes(tensors))
    node = onnx.helper.make_node("GRU", ["X", "W", "R", "B"], ["Y"], **layer.attributes)
    (back,) = layouts.from_onnx(node, read_weights(str(tmp_path / "w.onnx")))
    np.testing.assert_array_equal(back.recurrent_kernel, cell.recurrent_kernel)
    np.testing.assert_array_equal(back.bias, cell.bias)


def test_the_content_tells_what_a_file_is(tmp_path):
    np.savez(tmp_path / "w.npz", a=np.ones(3))
    os.rename(tmp_path / "w.npz", tmp_path / "w.onnx")
    np.testing.assert_array_equal(read_weights(tmp_path / "w.onnx")["a"], np.ones(3))


def test_no_such_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="but there is no such file"):
        read_weights(tmp_path / "w.npz")


def test_a_file_that_is_too_large_is_not_opened(tmp_path):
    with (tmp_path / "w.onnx").open("wb") as file:
        file.truncate(2**40)  # a hole; to read it would take all memory
    with pytest.raises(ValueError, match="'w.onnx' has 1099511627776 bytes, but max_bytes is 268435456: raise it if you trust"):
        read_weights(tmp_path / "w.onnx")
    np.savez(tmp_path / "w.npz", a=np.ones(3))
    with pytest.raises(ValueError, match="but max_bytes is 100"):
        read_weights(tmp_path / "w.npz", max_bytes=100)


def test_a_small_file_that_unpacks_to_a_large_one(tmp_path):
    np.savez_compressed(tmp_path / "w.npz", a=np.zeros(10**6))
    assert (tmp_path / "w.npz").stat().st_size < 100_000
    with pytest.raises(ValueError, match="'w.npz' unpacks to 8000128 bytes, but max_bytes is 100000"):
        read_weights(tmp_path / "w.npz", max_bytes=100_000)


@pytest.mark.parametrize("shape", ["(1000000,)", f"({10**15},)", "(-3,)"])
def test_a_header_that_promises_more_than_is_there(tmp_path, shape):
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    array = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + b"\0" * 80
    with zipfile.ZipFile(tmp_path / "w.npz", "w") as archive:
        archive.writestr("a.npy", array)
    with pytest.raises(ValueError, match="'w.npz' cannot be read at 'a'"):
        read_weights(tmp_path / "w.npz")


def test_a_member_that_is_no_array(tmp_path, mark):
    with zipfile.ZipFile(tmp_path / "w.npz", "w") as archive:
        archive.writestr("a.npy", pickle.dumps(Bomb(mark)))
    with pytest.raises(ValueError, match="'w.npz' cannot be read at 'a'"):
        read_weights(tmp_path / "w.npz")


def test_an_archive_that_is_damaged(tmp_path):
    """One byte at a time: either the same arrays come out, or a ValueError."""
    expected = np.arange(8, dtype="float32")
    np.savez_compressed(tmp_path / "w.npz", a=expected)
    whole = (tmp_path / "w.npz").read_bytes()
    refused = 0
    for place in range(0, len(whole), 3):
        (tmp_path / "d.npz").write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1:])
        try:
            for array in read_weights(tmp_path / "d.npz").values():
                np.testing.assert_array_equal(array, expected)
        except ValueError:
            refused += 1
    assert refused > len(whole) // 9


WHY = "to load a pickle is to run what is in it. Where you trust the file, load it with the framework that wrote it"


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", ["w.pt", "w.pth", "w.pkl", "w.PT"])
def test_a_pickle_by_its_name(tmp_path, mark, name, protocol):
    (tmp_path / name).write_bytes(pickle.dumps(Bomb(mark), protocol=protocol))
    with pytest.raises(ValueError, match=f"'{name}' is a pickle, and {WHY}"):
        read_weights(tmp_path / name)


@pytest.mark.parametrize("protocol", range(2, 6))
@pytest.mark.parametrize("name", ["w.npz", "w.onnx", "weights"])
def test_a_pickle_by_its_content(tmp_path, mark, name, protocol):
    (tmp_path / name).write_bytes(pickle.dumps(Bomb(mark), protocol=protocol))
    with pytest.raises(ValueError, match=f"'{name}' is a pickle, and {WHY}"):
        read_weights(tmp_path / name)


def test_a_pickle_that_says_nothing_of_itself_is_not_loaded(tmp_path, mark):
    (tmp_path / "w.npz").write_bytes(pickle.dumps(Bomb(mark), protocol=0))
    with pytest.raises(ValueError, match="is neither an .npz file of NumPy nor an .onnx file"):
        read_weights(tmp_path / "w.npz")


@pytest.mark.parametrize("name", ["w.pt", "w.npz"])
def test_a_zip_with_a_pickle_in_it(tmp_path, mark, name):
    """What torch.save writes since PyTorch 1.6."""
    with zipfile.ZipFile(tmp_path / name, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Bomb(mark)))
        archive.writestr("archive/data/0", b"\0" * 16)
    with pytest.raises(ValueError, match=f"'{name}' holds the pickle 'archive/data.pkl', and {WHY}"):
        read_weights(tmp_path / name)


def test_python_objects_in_an_npz(tmp_path, mark):
    np.savez(tmp_path / "w.npz", a=np.array([Bomb(mark), None], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=f"'w.npz' holds Python objects in 'a', and {WHY}"):
        read_weights(tmp_path / "w.npz")


def test_a_zip_of_something_else(tmp_path):
    with zipfile.ZipFile(tmp_path / "w.npz", "w") as archive:
        archive.writestr("model/config.json", "{}")
    with pytest.raises(ValueError, match="'w.npz' is a zip that holds 'model/config.json', but one of NumPy holds .npy files only"):
        read_weights(tmp_path / "w.npz")


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89HDF\r\n\x1a\n", bytes(range(256))])
def test_neither_of_the_two(tmp_path, content):
    (tmp_path / "w.onnx").write_bytes(content)
    with pytest.raises(ValueError, match="'w.onnx' is neither an .npz file of NumPy nor an .onnx file with weights in it"):
        read_weights(tmp_path / "w.onnx")


def test_no_other_file_is_opened(tmp_path):
    tensor = onnx.numpy_helper.from_array(np.ones(4, "float32"), "W")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.ClearField("raw_data")
    tensor.external_data.add(key="location", value="../../etc/passwd")
    (tmp_path / "w.onnx").write_bytes(onnx_bytes([tensor]))
    with pytest.raises(ValueError, match="'w.onnx' keeps 'W' in another file, and that is not opened"):
        read_weights(tmp_path / "w.onnx")


def test_onnx_with_less_data_than_its_shape(tmp_path):
    tensor = onnx.numpy_helper.from_array(np.ones(4, "float32"), "W")
    tensor.dims[0] = 1000
    (tmp_path / "w.onnx").write_bytes(onnx_bytes([tensor]))
    with pytest.raises(ValueError, match="'w.onnx' cannot be read at 'W'"):
        read_weights(tmp_path / "w.onnx")


def test_half_precision_is_read_and_refused_by_the_converter(tmp_path, draw, rng):
    state = layouts.to_torch(draw.cell("GRU", rng))
    np.savez(tmp_path / "w.npz", **{name: a.astype("float16") for name, a in state.items()})
    with pytest.raises(TypeError, match="is of float16, but weights are float32 or float64"):
        layouts.from_torch(read_weights(tmp_path / "w.npz"))
