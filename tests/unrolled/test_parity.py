"""Random configurations against live Keras: what the layer returns, and every gate that its cell computes.

Each configuration runs in float32 and in float64 on the same numbers: noise shrinks by many orders of
magnitude, a mistake does not. The largest differences are in pytest's summary.
"""

import dataclasses

import numpy as np
import pytest

import unrolled as ur

keras = pytest.importorskip("keras")

MASKS = ("none", "right", "left", "holes")
KINDS = ("SimpleRNN", "LSTM", "GRU", "GRU reset before")
ACTIVATIONS = ("tanh", "sigmoid", "relu", "linear", "softsign", "hard_tanh", "elu", "silu", "softplus")
RECURRENT_ACTIVATIONS = ("sigmoid", "hard_sigmoid", "tanh", "hard_tanh", "softsign")  # above 1, noise grows by the step
#: What a Keras cell passes through its activations in one step, in this order.
OVERHEARD = {"SimpleRNN": ("hidden",),
             "LSTM": ("input_gate", "forget_gate", "candidate", "output_gate", "cell_activated"),
             "GRU": ("update_gate", "reset_gate", "candidate")}
#: As a share of the largest value that is compared.
ALLOWED = {"float32": 5e-6, "float64": 2e-14}

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")  # TensorFlow's tensors under NumPy 2


def _configuration(seed):
    """One configuration: batch, timesteps, features and units all different, settings by chance."""
    rng = np.random.default_rng(seed)
    batch, timesteps, features, units = (int(n) for n in rng.choice(np.arange(2, 9), 4, replace=False))
    return {"seed": seed, "kind": KINDS[seed % len(KINDS)], "batch": batch, "timesteps": timesteps,
            "features": features, "units": units, "use_bias": bool(rng.random() < 0.8),
            "activation": ACTIVATIONS[seed // 4 % len(ACTIVATIONS)],
            "recurrent_activation": RECURRENT_ACTIVATIONS[seed // 4 % len(RECURRENT_ACTIVATIONS)],
            "mask": MASKS[seed // 4 % len(MASKS)],
            "initial_state": bool(rng.random() < 0.8), "go_backwards": bool(rng.random() < 0.4),
            "zero_output_for_mask": bool(rng.random() < 0.4), "return_sequences": bool(rng.random() < 0.6),
            "return_state": bool(rng.random() < 0.6)}


def _mask(name, batch, timesteps, rng):
    if name == "none":
        return None
    lengths = rng.integers(0, timesteps + 1, batch)  # 0: a row with nothing but padding
    right = np.arange(timesteps) < lengths[:, None]
    return {"right": right, "left": right[:, ::-1], "holes": rng.random((batch, timesteps)) < 0.6}[name]


def _overhear(function, heard):
    def listening(x):
        y = function(x)
        heard.append(keras.ops.convert_to_numpy(y))
        return y

    return listening


def _keras_fields(layer, trace, states):
    """Every gate and state at every step: Keras's own cell, step by step, its activations overheard."""
    cell, heard, names = layer.cell, [], OVERHEARD[trace.kind]
    activations = {which: getattr(cell, which) for which in ("activation", "recurrent_activation") if hasattr(cell, which)}
    for which, function in activations.items():
        setattr(cell, which, _overhear(function, heard))
    steps = []
    for t in range(trace.x.shape[1]):
        heard.clear()
        _, new = cell(trace.x[:, t], states)
        new = [keras.ops.convert_to_numpy(s) for s in (new if isinstance(new, (list, tuple)) else [new])]
        assert len(heard) == len(names)
        on = np.ones((len(trace.x), 1), bool) if trace.mask is None else trace.mask[:, t, None]
        states = [np.where(on, n, old) for n, old in zip(new, states)]
        step = {name: np.where(on, value, np.nan) for name, value in zip(names, heard)}
        steps.append(step | dict(zip(("hidden", "cell"), states)))
    for which, function in activations.items():
        setattr(cell, which, function)
    order = [name for name in ("input_gate", "forget_gate", "update_gate", "reset_gate", "candidate", "output_gate",
                               "cell", "cell_activated", "hidden") if name in steps[0]]
    return {name: np.stack([step[name] for step in steps], axis=1) for name in order}


def _parting(ours, theirs, allowed):
    """The largest difference, and the first step and field that part: None if none does."""
    largest, first = 0.0, None
    for name, expected in theirs.items():
        scale = max(1.0, float(np.nanmax(np.abs(expected), initial=0.0)))
        difference = np.abs(ours[name] - expected) / scale
        difference[np.isnan(ours[name]) & np.isnan(expected)] = 0.0  # both say that no gate acted
        difference[np.isnan(difference)] = np.inf                    # only one of them does
        largest = max(largest, float(difference.max()))
        steps = np.flatnonzero((difference > allowed).any(axis=(0, 2)))
        if len(steps) and (first is None or steps[0] < first[0]):  # within a step, what is computed first
            first = (int(steps[0]), name, float(difference[:, steps[0]].max()))
    return largest, first and f"{first[1]} parts at step {first[0]}, by {first[2]:.2g} of its largest value"


def _run(configuration, dtype, draw):
    """A layer, its trace, and what Keras gives: fields by step, and the call's result."""
    c = configuration
    rng = np.random.default_rng(c["seed"] + 1000)
    cell = draw.cell(c["kind"], rng, dtype=dtype, **{k: c[k] for k in
                     ("features", "units", "use_bias", "activation", "recurrent_activation")})
    x = rng.normal(size=(c["batch"], c["timesteps"], c["features"])).astype(dtype)
    states = draw.states(cell, rng, c["batch"])
    states = list(states) if isinstance(states, tuple) else [states]
    mask = _mask(c["mask"], c["batch"], c["timesteps"], rng)
    layer = ur.to_keras(cell, **{k: c[k] for k in
                        ("go_backwards", "zero_output_for_mask", "return_sequences", "return_state")})
    given = states if c["initial_state"] else None
    trace = ur.trace(layer, x, given, mask)
    start = states if c["initial_state"] else [np.zeros_like(s) for s in states]
    called = layer(x, initial_state=given, mask=None if mask is None else keras.ops.convert_to_tensor(mask))
    called = called if isinstance(called, (list, tuple)) else [called]
    return layer, trace, _keras_fields(layer, trace, start), [keras.ops.convert_to_numpy(a) for a in called]


@pytest.mark.parametrize("seed", range(60))
def test_every_gate_and_every_return_is_kerass(seed, draw, report_difference):
    configuration = _configuration(seed)
    for dtype, allowed in ALLOWED.items():
        layer, trace, fields, called = _run(configuration, dtype, draw)
        assert {f: getattr(trace, f).dtype.name for f in trace.fields} == dict.fromkeys(trace.fields, dtype)
        assert set(trace.fields) <= set(fields)
        largest, where = _parting({name: getattr(trace, name) for name in fields}, fields, allowed)
        assert where is None, f"{dtype}: {where}; {configuration}"

        output = trace.output if configuration["return_sequences"] else trace.output[:, -1:]
        returned = {"output": called[0].reshape(output.shape)}
        ours = {"output": output}
        if configuration["return_state"]:
            names = ("final_hidden", "final_cell") if trace.kind == "LSTM" else ("final_hidden",)
            assert len(called) == 1 + len(names)
            returned |= {name: state[:, None] for name, state in zip(names, called[1:], strict=True)}
            ours |= {name: getattr(trace, name)[:, None] for name in names}
        else:
            assert len(called) == 1
        largest_returned, where = _parting(ours, returned, allowed)
        assert where is None, f"{dtype}: {where}; {configuration}"
        report_difference(trace.kind, dtype, max(largest, largest_returned), f"seed {seed}")


def test_the_seeds_reach_everything():
    """What the random configurations are there for, they hold: for each kind of cell, each setting and mask."""
    drawn = [_configuration(seed) for seed in range(60)]
    for kind in KINDS:
        own = [c for c in drawn if c["kind"] == kind]
        for setting in ("use_bias", "initial_state", "go_backwards", "return_sequences", "return_state"):
            assert {c[setting] for c in own} == {True, False}, (kind, setting)
        assert {c["mask"] for c in own} == set(MASKS), kind
    masked = [c for c in drawn if c["mask"] != "none"]
    for setting in ("go_backwards", "zero_output_for_mask", "return_sequences"):
        assert {c[setting] for c in masked} == {True, False}, setting
    assert {c["activation"] for c in drawn} == set(ACTIVATIONS)
    assert {c["recurrent_activation"] for c in drawn} == set(RECURRENT_ACTIVATIONS)


@pytest.mark.parametrize("weight, expected", [("bias", "forget_gate parts at step 0"),
                                              ("recurrent_kernel", "forget_gate parts at step 1")])
def test_a_mistake_is_named_by_field_and_step(weight, expected, draw):
    """One wrong weight of the forget gate: from zero states its recurrent kernel matters from step 1 on."""
    configuration = _configuration(1) | {"kind": "LSTM", "mask": "none", "initial_state": False, "use_bias": True,
                                         "activation": "tanh", "recurrent_activation": "sigmoid", "go_backwards": False}
    _, trace, fields, _ = _run(configuration, "float64", draw)
    wrong = np.array(getattr(trace.weights, weight))
    wrong[..., configuration["units"]] += 1e-6
    trace = ur.unroll(dataclasses.replace(trace.weights, **{weight: wrong}), trace.x)
    _, where = _parting({name: getattr(trace, name) for name in fields}, fields, ALLOWED["float64"])
    assert where.startswith(expected)


def test_a_nan_on_one_side_only_parts():
    theirs = {"hidden": np.zeros((2, 3, 1))}
    ours = {"hidden": np.array([[[0.0], [np.nan], [0.0]]] * 2)}
    assert _parting(ours, theirs, 1.0)[1].startswith("hidden parts at step 1")


@pytest.mark.parametrize("use_bias", [True, False])
def test_the_default_layers_are_these_cells(use_bias, rng):
    """A layer as Keras initializes it, not one that was made from a cell."""
    x = rng.normal(size=(4, 6, 3)).astype("float32")
    for make in (keras.layers.SimpleRNN, keras.layers.LSTM, keras.layers.GRU):
        layer = make(5, return_sequences=True, use_bias=use_bias)
        expected = keras.ops.convert_to_numpy(layer(x))
        np.testing.assert_allclose(ur.trace(layer, x).output, expected, rtol=0, atol=2e-6)
