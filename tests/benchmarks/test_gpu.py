"""The GPU's record: made only on a GPU; what it measures can be tried without one."""

import json

import pytest

from benchmarks import gpu

tensorflow = pytest.importorskip("tensorflow")


@pytest.fixture
def no_gpu(monkeypatch, tmp_path):
    monkeypatch.setattr(tensorflow.config, "list_physical_devices", lambda kind: [])
    monkeypatch.setattr(gpu, "RECORD", tmp_path / "gpu.json")
    return gpu.RECORD


def test_without_a_gpu_nothing_is_measured(no_gpu, capsys):
    assert gpu.main([]) == 1
    assert "no GPU that TensorFlow can see" in capsys.readouterr().err and not no_gpu.exists()


def test_it_can_be_tried_on_a_cpu_and_writes_nothing(no_gpu, capsys, monkeypatch):
    monkeypatch.setattr(gpu, "SIZES", ((2, 4, 3, 5),))
    assert gpu.main(["--cpu"]) == 0 and not no_gpu.exists()
    record = json.loads(capsys.readouterr().out)
    assert [set(row["seconds"]) for row in record["seconds"]] == [set(gpu.WAYS)] * 2
    for checks in record["checks"].values():  # on a CPU both ways are the loop
        assert checks["outputs"] == checks["states with a mask"] == 0
        assert checks["largest output at masked steps"] == checks["the same in the loop"] > 0
