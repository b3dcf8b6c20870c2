"""Read arrays of weights from a file that someone else wrote: ``.npz`` and ``.onnx``, within a size, and never a pickle."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from .activations import Array

#: A quarter of a gigabyte: an LSTM of 2048 units over 2048 features in float32 is half of that.
MAX_BYTES = 2**28

#: What NumPy raises at a file that is cut, changed, encrypted, or promises more than there is memory.
_UNREADABLE = (ValueError, OSError, EOFError, MemoryError, RuntimeError, zipfile.BadZipFile, zlib.error)

_PICKLES = (".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin")


def read_weights(path, max_bytes: int = MAX_BYTES) -> dict[str, Array]:
    """The arrays of an ``.npz`` file, or the initializers of an ``.onnx`` file, by name.

    Parameters
    ----------
    path : str or Path
        What the file is, is told from its content; no name is trusted.
    max_bytes : int
        Neither the file, nor what it says that it unpacks to, may be larger.

    Returns
    -------
    dict
        For :func:`unrolled.layouts.from_torch`, or as the arrays of :func:`unrolled.layouts.from_onnx`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is too large, is or holds a pickle, keeps its weights in other files, or is neither of the two.

    Notes
    -----
    A pickle is a program: to load it is to run it. PyTorch's ``.pt`` is a zip with a pickle in it, and an array of
    Python objects in an ``.npz`` is one too.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"path is {str(path)!r}, but there is no such file")
    _check_size(path, "has", path.stat().st_size, max_bytes)
    if zipfile.is_zipfile(path):
        return _read_npz(path, max_bytes)
    with path.open("rb") as file:
        start = file.read(2)
    # Protocols 2 to 5 begin with PROTO and the number; 0 and 1 with no mark, but with the names that people give them.
    if path.suffix.lower() in _PICKLES or (start[:1] == b"\x80" and start[1:] and start[1] <= 5):
        raise _pickled(path, "is a pickle")
    return _read_onnx(path)


def _read_npz(path: Path, max_bytes: int) -> dict[str, Array]:
    try:
        archive = zipfile.ZipFile(path)
    except _UNREADABLE as error:
        raise ValueError(f"{path.name!r} cannot be read: {error}") from None
    with archive:
        members = archive.infolist()
        if pickles := [m.filename for m in members if m.filename.lower().endswith(_PICKLES)]:
            raise _pickled(path, f"holds the pickle {pickles[0]!r}")
        if others := [m.filename for m in members if not m.filename.endswith(".npy")]:
            raise ValueError(f"{path.name!r} is a zip that holds {others[0]!r}, but one of NumPy holds .npy files only")
        _check_size(path, "unpacks to", sum(m.file_size for m in members), max_bytes)
        return {m.filename.removesuffix(".npy"): _read_npy(path, archive, m.filename) for m in members}


def _read_npy(path: Path, archive: zipfile.ZipFile, member: str) -> Array:
    name = member.removesuffix(".npy")
    try:
        with archive.open(member) as file:
            return np.lib.format.read_array(file, allow_pickle=False)
    except _UNREADABLE as error:
        if str(error).startswith("Object arrays"):
            raise _pickled(path, f"holds Python objects in {name!r}") from None
        raise ValueError(f"{path.name!r} cannot be read at {name!r}: {error}") from None


def _read_onnx(path: Path) -> dict[str, Array]:
    import onnx
    from google.protobuf.message import DecodeError

    wrong = f"{path.name!r} is neither an .npz file of NumPy nor an .onnx file with weights in it"
    try:
        graph = onnx.load_model_from_string(path.read_bytes()).graph
    except DecodeError:
        raise ValueError(wrong) from None
    if not graph.initializer:
        raise ValueError(wrong)
    found = {}
    for tensor in graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            raise ValueError(f"{path.name!r} keeps {tensor.name!r} in another file, and that is not opened: save the model "
                             "with onnx.save(model, path, save_as_external_data=False)")
        try:
            found[tensor.name] = onnx.numpy_helper.to_array(tensor)
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path.name!r} cannot be read at {tensor.name!r}: {error}") from None
    return found


def _check_size(path: Path, verb: str, size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise ValueError(f"{path.name!r} {verb} {size} bytes, but max_bytes is {max_bytes}: raise it if you trust the file")


def _pickled(path: Path, what: str) -> ValueError:
    return ValueError(f"{path.name!r} {what}, and to load a pickle is to run what is in it. Where you trust the file, load it with the "
                      "framework that wrote it, save the arrays with numpy.savez(path, **arrays), and read that")
