"""The recipe that trains in several processes, as far as it needs no JAX: its data, its addresses, its messages."""

import socket
import threading

import numpy as np
import pytest

RECIPE = "scale_out.py"


def meet(module, addresses, process, patience=1):
    with module.meeting(addresses, process, patience):
        return "met"


def local(module, count):
    return [f"127.0.0.1:{port}" for port in module.free_ports(count)]


def test_help_says_how_to_start_it_on_several_machines(recipe):
    done = recipe.forked("--help")
    assert done.returncode == 0
    assert "--addresses 10.0.0.1:1234,10.0.0.2:1234 --process 1" in done.stdout


def test_one_process_two_devices_a_progress_bar_and_a_model_that_reads_back(recipe):
    done = recipe.python(RECIPE, "--cpus", 2, "--epochs", 2)
    assert done.returncode == 0, done.stderr
    assert "Epoch 2/2" in done.stdout and "16/16" in done.stdout
    assert "read back, it has the same weights: True" in done.stdout
    assert (recipe.folder / "scale_out.keras").exists() and not (recipe.folder / "scale_out.backup").exists()


def test_several_processes_need_jax(recipe):
    done = recipe.forked("--local", 2)
    assert done.returncode == 2 and "several processes need KERAS_BACKEND=jax" in done.stderr


def test_answers_are_the_last_marked_values(module):
    x, y = module.sequences(50, seed=3)
    for (value, mark), answer in zip(x.swapaxes(1, 2), y):
        assert answer == value[np.flatnonzero(mark)[-1]]


def test_shares_make_up_the_global_batches(module):
    rows = np.arange(22).reshape(11, 2)  # two whole batches of 4, and three rows left over
    shares = [module.share(rows, 4, process, 2) for process in range(2)]
    for batch in range(2):
        together = np.concatenate([share[2 * batch: 2 * batch + 2] for share in shares])
        np.testing.assert_array_equal(together, rows[4 * batch: 4 * batch + 4])
    assert [len(share) for share in shares] == [4, 4]


def test_a_batch_that_cannot_be_shared(module):
    with pytest.raises(ValueError, match="batch is 5, but 2 processes are to share it equally"):
        module.share(np.zeros(10), 5, 0, 2)


@pytest.mark.parametrize("address", ["10.0.0.1", "10.0.0.1:", ":1234", "10.0.0.1:http", "10.0.0.1:0", "10.0.0.1:65536", ""])
def test_addresses_that_are_none(module, address):
    with pytest.raises(ValueError, match=f"address '{address}' is not host:port, such as 10.0.0.1:1234"):
        meet(module, ["127.0.0.1:1234", address], 0)


def test_two_workers_at_one_address_and_one_too_many(module):
    with pytest.raises(ValueError, match="addresses has one of them twice: 127.0.0.1:1, 127.0.0.1:1"):
        meet(module, ["127.0.0.1:1", "127.0.0.1:1"], 0)
    with pytest.raises(ValueError, match="process is 2, but there are 2 addresses, from 0"):
        meet(module, ["127.0.0.1:1", "127.0.0.1:2"], 2)


@pytest.mark.parametrize("process", [0, 1])
def test_an_address_that_does_not_answer_is_named(module, process):
    addresses = local(module, 2)
    expected = f"worker {process} waited 1 s, and worker {1 - process} does not answer at {addresses[1 - process]} "
    with pytest.raises(TimeoutError) as raised:
        meet(module, addresses, process)
    assert str(raised.value).startswith(expected + "(Connection refused)")


def test_a_name_that_no_host_has(module):
    here, = local(module, 1)
    with pytest.raises(TimeoutError, match=r"worker 1 does not answer at no-such-host.invalid:1234 \("):
        meet(module, [here, "no-such-host.invalid:1234"], 0)


def test_a_port_in_use(module):
    with socket.create_server(("", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(OSError, match=f"worker 0 cannot listen at {address}: "):
            meet(module, [address, "127.0.0.1:1"], 0)


def test_three_workers_meet_whoever_comes_first(module):
    """The first one's port is free again once it has met the others: there JAX is to listen."""
    addresses, met, all_in = local(module, 3), [], threading.Barrier(3)

    def work(process):
        with module.meeting(addresses, process, 20):
            if process == 0:
                with socket.create_server(("", module.host_and_port(addresses[0])[1])):
                    all_in.wait(20)
            else:
                all_in.wait(20)
            met.append(process)

    threads = [threading.Thread(target=work, args=(process,)) for process in (2, 0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(met) == [0, 1, 2]
