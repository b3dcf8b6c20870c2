# /// script
# requires-python = ">=3.11"
# dependencies = ["keras==3.15.1", "jax==0.10.2", "numpy>=2",
#                 "tensorflow-cpu==2.21.0; sys_platform == 'linux'",
#                 "tensorflow==2.21.0; sys_platform != 'linux'"]
# ///
"""Train one recurrent model on several devices, in several processes, on several machines.

    python scale_out.py                      one process, all its devices
    python scale_out.py --cpus 2             one process that takes its CPU for two devices
    python scale_out.py --local 2            two processes on this machine

On several machines, start it on each with all addresses in the same order, and the place
of its own among them, from 0:

    python scale_out.py --addresses 10.0.0.1:1234,10.0.0.2:1234 --process 1

Each process gets its share of each batch; all hold the same weights, and end with those of
one process that had the whole batches. The first one keeps a backup after each epoch, in
a folder that all must see (--backup). If a worker dies the others end with an error:
start all again with the same command, and they go on after the last whole epoch.

Keras runs on JAX here. With KERAS_BACKEND=tensorflow it is one process, and
MirroredStrategy over its devices.
"""

import argparse
import contextlib
import functools
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import zlib
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers

TIMESTEPS, UNITS = 12, 24
GONE = 3  # exit status of a worker whose training stopped


# Data and model


def sequences(count, seed):
    """Random values, some of them marked; the answer is the last marked one.

    x is (count, TIMESTEPS, 2): value and mark. y is (count, 1). Guessing 0 for all has
    an error of 1/3.
    """
    rng = np.random.default_rng(seed)
    value = rng.uniform(-1, 1, size=(count, TIMESTEPS))
    mark = rng.random((count, TIMESTEPS)) < 0.2
    mark[:, 0] = True  # so that there always is one
    last = TIMESTEPS - 1 - mark[:, ::-1].argmax(axis=1)
    x = np.stack([value, mark], axis=-1).astype("float32")
    return x, value[np.arange(count), last, None].astype("float32")


def share(array, batch, process=0, processes=1):
    """The rows of each whole batch that fall to one process, batch after batch.

    Together, and in the order of the processes, the shares make up the global batches.
    """
    if batch % processes:
        raise ValueError(f"batch is {batch}, but {processes} processes are to share it equally")
    whole = array[: len(array) // batch * batch]
    parts = whole.reshape(-1, processes, batch // processes, *array.shape[1:])
    return parts[:, process].reshape(-1, *array.shape[1:])


def network():
    """Values and marks in, the last marked value out."""
    model = keras.Sequential([
        keras.Input((TIMESTEPS, 2)),
        layers.GRU(UNITS),
        layers.Dense(1),
    ])
    # With a smaller epsilon, Adam makes steps of gradients that are mere rounding, and those
    # differ with the number of devices
    model.compile(keras.optimizers.Adam(0.02, epsilon=1e-4), "mse")
    return model


class Backup(keras.callbacks.BackupAndRestore):
    """Keras's backup after each epoch, for several workers: all read it, one writes it."""

    def __init__(self, folder, process, processes):
        # Two files, in case a worker dies while it writes; kept until the model is saved
        super().__init__(folder, double_checkpoint=True, delete_checkpoint=False)
        self.process, self.processes = process, processes

    def on_train_begin(self, logs=None):
        if self.processes > 1:
            from jax.experimental import multihost_utils

            files = sorted(Path(self.backup_dir).glob("*"))
            seen = zlib.crc32(b"".join(file.read_bytes() for file in files))
            multihost_utils.assert_equal(
                np.uint32(seen),
                f"the workers do not all see the same files in the backup {self.backup_dir!r}",
            )
        super().on_train_begin(logs)

    def on_epoch_end(self, epoch, logs=None):
        if self.process == 0:
            with on_its_own():
                super().on_epoch_end(epoch, logs)


@contextlib.contextmanager
def on_its_own():
    """Leave the distribution for a while.

    To save, Keras makes an optimizer to compare with. Within the distribution its
    variables would be spread over all processes, and those are not saving.
    """
    distribution = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(distribution)


def train(epochs=6, batch=128, process=0, processes=1, backup=None, callbacks=(), seed=0, verbose=0):
    """Build the model and fit it, on all devices of all processes."""
    x, y = (share(a, batch, process, processes) for a in sequences(16 * 128, seed))
    keras.utils.set_random_seed(seed)  # the same first weights everywhere
    callbacks = list(callbacks)
    if backup:
        callbacks.append(Backup(backup, process, processes))
    with all_devices():
        model = network()
        # In one order, so that a run that goes on equals one that was never stopped
        model.fit(x, y, batch_size=batch // processes, epochs=epochs, shuffle=False,
                  callbacks=callbacks, verbose=verbose if process == 0 else 0)
    return model


# Devices and processes


def split_cpu(count):
    """Make the CPU count as several devices. Call it before anything is computed."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        (cpu,) = tf.config.list_physical_devices("CPU")
        parts = [tf.config.LogicalDeviceConfiguration()] * count
        tf.config.set_logical_device_configuration(cpu, parts)
    else:
        import jax

        jax.config.update("jax_num_cpu_devices", count)


def all_devices():
    """The scope in which Keras trains on every device that it finds."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        return tf.distribute.MirroredStrategy([device.name for device in found]).scope()
    # Each process brings its own share: Keras is not to shard it again
    return keras.distribution.DataParallel(auto_shard_dataset=False).scope()


def join(addresses, process, patience):
    """Make this process one worker of several. Call it before anything is computed.

    keras.distribution.initialize makes the same call of JAX, but has no time-outs to set.
    """
    with meeting(addresses, process, patience):
        import jax

        jax.distributed.initialize(
            addresses[0],
            len(addresses),
            process,
            initialization_timeout=patience,
            heartbeat_timeout_seconds=patience,
        )


@contextlib.contextmanager
def meeting(addresses, process, patience):
    """Wait until every worker answers at its address, or say which one does not.

    Each listens at its own port and knocks at the others'. JAX alone would end the
    process with a stack trace that names no address.
    """
    places = [host_and_port(address) for address in addresses]
    if len(set(places)) < len(places):
        raise ValueError(f"addresses has one of them twice: {', '.join(addresses)}")
    if not 0 <= process < len(places):
        raise ValueError(f"process is {process}, but there are {len(places)} addresses, from 0")
    deadline = time.monotonic() + patience
    try:
        door = socket.create_server(("", places[process][1]), backlog=len(places))
    except OSError as error:
        raise OSError(f"worker {process} cannot listen at {addresses[process]}: {error}") from None
    with door:
        for other, place in enumerate(places):
            if other != process and (why := no_answer(place, deadline)):
                raise TimeoutError(
                    f"worker {process} waited {patience} s, and worker {other} does not answer"
                    f" at {addresses[other]} ({why}): is it started, is the port open?"
                )
        if process == 0:
            door.close()  # from here on JAX listens at this port
        yield


def no_answer(place, deadline):
    """Knock until someone answers: ``""``, or why not."""
    while True:
        left = deadline - time.monotonic()
        try:
            socket.create_connection(place, timeout=max(0.1, left)).close()
            return ""
        except OSError as error:
            if left <= 0:
                return error.strerror or str(error)
            time.sleep(min(0.1, left))


def host_and_port(address):
    """``"10.0.0.1:1234"`` as a pair."""
    host, _, port = address.rpartition(":")
    if not (host and port.isdecimal() and 0 < int(port) < 65536):
        raise ValueError(f"address {address!r} is not host:port, such as 10.0.0.1:1234")
    return host, int(port)


def free_ports(count):
    """Ports of this machine that nobody listens at."""
    with contextlib.ExitStack() as stack:
        doors = [stack.enter_context(socket.create_server(("", 0))) for _ in range(count)]
        return [door.getsockname()[1] for door in doors]


# From a shell


def start_local(count, options):
    """Run the workers on this machine; the exit status of the first that fails, or 0."""
    addresses = ",".join(f"127.0.0.1:{port}" for port in free_ports(count))
    command = [sys.executable, os.path.abspath(__file__), "--addresses", addresses, *options]
    workers = [subprocess.Popen([*command, "--process", str(k)]) for k in range(count)]
    try:
        statuses = [worker.wait() for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
    for process, status in enumerate(statuses):
        if status < 0:
            print(f"worker {process} was ended by {signal.Signals(-status).name}", file=sys.stderr)
    return next((1 if status < 0 else status for status in statuses if status), 0)


def work(options):
    """What one worker does: join the others, train, and, if it is the first, save."""
    addresses = options.addresses.split(",") if options.addresses else []
    several = len(addresses) > 1
    if several:
        join(addresses, options.process, options.patience)
    try:
        model = train(options.epochs, options.batch, options.process, max(1, len(addresses)),
                      options.backup, seed=options.seed, verbose=1)
    except Exception as error:
        if not several:
            raise
        print(f"worker {options.process}: training stopped: {error}\nIf another worker is gone,"
              " start all again: they go on after the last whole epoch.",
              file=sys.stderr, flush=True)
        os._exit(GONE)  # a normal exit would wait for the others
    weights = model.get_weights()
    digest = hashlib.sha256(b"".join(w.tobytes() for w in weights)).hexdigest()[:12]
    print(f"worker {options.process}: its weights have the digest {digest}", flush=True)
    if options.process == 0:
        model.save(options.save)
        shutil.rmtree(options.backup, ignore_errors=True)
        report(options, weights)


def report(options, weights):
    """Read the model back, and try it on sequences that it has not seen."""
    again = keras.models.load_model(options.save)
    same = all(map(np.array_equal, weights, again.get_weights()))
    x, y = sequences(512, options.seed + 1)
    again.compile(loss="mse")
    error = again.evaluate(x, y, verbose=0)
    print(f"mean squared error on unseen sequences: {error:.4f}; of guessing 0: {np.mean(y**2):.4f}")
    print(f"saved to {options.save}; read back, it has the same weights: {same}")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    number = functools.partial(parser.add_argument, type=int, metavar="N")
    number("--cpus", help="take the CPU of a process for N devices")
    number("--local", help="start N processes on this machine")
    parser.add_argument("--addresses", metavar="A,B", help="host:port of every worker")
    number("--process", default=0, help="which of the addresses is this process")
    number("--patience", default=60, help="seconds to wait for a worker; default: 60")
    number("--epochs", default=6, help="default: 6")
    number("--batch", default=128, help="sequences in a global batch; default: 128")
    number("--seed", default=0, help="default: 0")
    parser.add_argument("--backup", metavar="DIR", default="scale_out.backup",
                        help="a folder that all workers see; default: scale_out.backup")
    parser.add_argument("--save", metavar="PATH", default="scale_out.keras",
                        help="where the model goes; default: scale_out.keras")
    options = parser.parse_args()
    if (options.local or options.addresses) and keras.backend.backend() != "jax":
        parser.error("several processes need KERAS_BACKEND=jax")
    if options.local:
        names = ("cpus", "patience", "epochs", "batch", "seed", "backup", "save")
        passed = [word for name in names if getattr(options, name) is not None
                  for word in (f"--{name}", str(getattr(options, name)))]
        return start_local(options.local, passed)
    if options.cpus:
        split_cpu(options.cpus)
    try:
        return work(options)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
