# /// script
# requires-python = ">=3.11"
# dependencies = ["keras==3.15.1", "torch==2.13.0", "numpy>=2"]
# ///
"""The model of scale_out.py on PyTorch, in several processes, with DistributedDataParallel.

Put it beside scale_out.py, and start as many processes as there are devices:

    torchrun --nproc-per-node 2 scale_out_torch.py
"""

import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import torch
from scale_out import network, sequences, share
from torch import distributed
from torch.nn.parallel import DistributedDataParallel


def train(wrapped, x, y, batch, epochs=3):
    """The loop is yours: Keras's fit knows nothing of the other processes."""
    optimizer = torch.optim.Adam(wrapped.parameters(), 0.02, eps=1e-4)
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    for _ in range(epochs):
        for rows, right in zip(x.split(batch), y.split(batch)):
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(wrapped(rows), right)
            loss.backward()  # here the gradients of all processes are averaged
            optimizer.step()


def main():
    distributed.init_process_group("gloo")  # "nccl" on GPUs
    process, processes = distributed.get_rank(), distributed.get_world_size()
    keras.utils.set_random_seed(0)
    model = network()  # with Keras on PyTorch, a torch.nn.Module
    whole = network()
    whole.set_weights(model.get_weights())

    x, y = sequences(2048, seed=0)
    mine = [share(array, 128, process, processes) for array in (x, y)]
    train(DistributedDataParallel(model), *mine, 128 // processes)
    if process == 0:
        train(whole, x, y, 128)  # one process, for comparison
        pairs = zip(model.get_weights(), whole.get_weights())
        print("largest difference:", max(float(np.abs(a - b).max()) for a, b in pairs))
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
