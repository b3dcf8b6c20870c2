"""Random cells for the tests against PyTorch and JAX."""

import unrolled as ur

BLOCKS = {"SimpleRNN": 1, "LSTM": 4, "GRU": 3}


def weight(rng, *shape):
    """No entry near zero: what is left out, or taken for another, must show."""
    return rng.uniform(0.1, 0.6, shape) * rng.choice([-1, 1], shape)


def random_stack(kind, depth, directions, features, units, dtype, rng, use_bias=True):
    """Layers of cells, as the converters take them."""
    layers = []
    for _ in range(depth):
        columns = BLOCKS[kind] * units
        bias = (2, columns) if kind == "GRU" else (columns,)
        shapes = [(features, columns), (units, columns), bias][:3 if use_bias else 2]
        cells = tuple(getattr(ur, f"{kind}Cell")(*(weight(rng, *s).astype(dtype) for s in shapes)) for _ in range(directions))
        layers.append(cells[0] if directions == 1 else cells)
        features = directions * units
    return layers
