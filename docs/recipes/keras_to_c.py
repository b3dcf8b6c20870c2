# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy", "keras>=3.12", "tensorflow"]
# ///
"""Write a trained Keras model with recurrent layers as one C file that needs no library.

Takes a model that is one chain of an Embedding, then SimpleRNN, LSTM, GRU,
Bidirectional, Dense and Dropout layers. Copy this file, then:

    from keras_to_c import keras_to_c
    keras_to_c(model, "model.c")

or, from a shell: python keras_to_c.py model.keras model.c

    cc -O2 -std=c99 model.c -o model -lm
    ./model 3 1 4 1 5

The program reads one sequence of tokens, from its arguments or from its input, and
prints what the model returns for it. What this file does not know is an error.
"""

import re
import sys
from pathlib import Path

import keras
import numpy as np

REALS = {"float32": "float", "float64": "double"}

HEAD = """\
/* $model, written by keras_to_c.py from a trained Keras model.

   cc -O2 -std=c99 $file -o program -lm
   ./program 3 1 4 1 5        or: echo 3 1 4 1 5 | ./program

   Tokens are whole numbers from 0 to $last_token. Prints what the model returns:
   one line of $width numbers$each. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tgmath.h>

typedef $real real;
typedef real (*function)(real);

static void fail(const char *message, const char *what)
{
    fprintf(stderr, "error: %s%s\\n", message, what);
    exit(1);
}

/* A matrix of zeros, T by width. */
static real *matrix(int T, int width)
{
    real *made = calloc((size_t)T * (size_t)width, sizeof *made);
    if (!made)
        fail("out of memory", "");
    return made;
}
"""

#: Activations of one number: the name in Keras, the expression in C.
FUNCTIONS = {
    "tanh": "tanh(a)",
    "sigmoid": "1 / (1 + exp(-a))",
    "relu": "a > 0 ? a : 0",
    "linear": "a",
    "hard_sigmoid": "a < -3 ? 0 : a > 3 ? 1 : a / 6 + (real)0.5",
    "softsign": "a / (1 + fabs(a))",
}

ROW = """
/* out = x W + b, for one row x of D numbers; W has M columns. No b: zeros. */
static void row(int D, int M, const real *x, const real *W, const real *b, real *out)
{
    for (int m = 0; m < M; m++)
        out[m] = b ? b[m] : 0;
    for (int d = 0; d < D; d++)
        for (int m = 0; m < M; m++)
            out[m] += x[d] * W[d * M + m];
}
"""

#: What every recurrent layer does around its step; the parts come from STEPS.
LOOP = """
/* $title over T steps of D numbers; out has U numbers a step, `stride` apart.
   With `backward` it walks from the last step to the first. */
static void $name(int T, int D, int U, $arguments, int backward,
                 const real *W, const real *R, const real *b,
                 const real *x, real *out, int stride)
{
    real *h = matrix(1, U)$declared;
    real *a = matrix(1, $columns), *r = matrix(1, $columns);
    for (int n = 0; n < T; n++) {
        int t = backward ? T - 1 - n : n;
        row(D, $columns, x + t * D, W, b, a);  /* a = x W + b */
$step
        memcpy(out + t * stride, h, (size_t)U * sizeof *h);
    }
    free(h), free(a), free(r)$freed;
}
"""

STEPS = {
    "simple_rnn": """\
        row(U, U, h, R, NULL, r);  /* r = h U */
        for (int u = 0; u < U; u++)
            h[u] = phi(a[u] + r[u]);""",
    "lstm": """\
        row(U, 4 * U, h, R, NULL, r);  /* r = h U */
        for (int u = 0; u < U; u++) {
            real i = sigma(a[u] + r[u]);
            real f = sigma(a[U + u] + r[U + u]);
            real candidate = phi(a[2 * U + u] + r[2 * U + u]);
            real o = sigma(a[3 * U + u] + r[3 * U + u]);
            c[u] = f * c[u] + i * candidate;
            h[u] = o * phi(c[u]);
        }""",
    "gru": """\
        row(U, 3 * U, h, R, b + 3 * U, r);  /* r = h U + b' */
        for (int u = 0; u < U; u++) {
            real z = sigma(a[u] + r[u]);
            real reset = sigma(a[U + u] + r[U + u]);
            real candidate = phi(a[2 * U + u] + reset * r[2 * U + u]);
            h[u] = z * h[u] + (1 - z) * candidate;
        }""",
    "gru_reset_before": """\
        row(U, 3 * U, h, R, NULL, r);  /* r = h U, for the two gates */
        for (int u = 0; u < U; u++)
            g[u] = sigma(a[U + u] + r[U + u]) * h[u];  /* reset, then the product */
        row(U, 3 * U, g, R, NULL, s);
        for (int u = 0; u < U; u++) {
            real z = sigma(a[u] + r[u]);
            real candidate = phi(a[2 * U + u] + s[2 * U + u]);
            h[u] = z * h[u] + (1 - z) * candidate;
        }""",
}
#: name: blocks, arguments, further arrays and their sizes.
LOOPS = {
    "simple_rnn": ("SimpleRNN", 1, "function phi", {}),
    "lstm": ("LSTM", 4, "function sigma, function phi", {"c": "U"}),
    "gru": ("GRU", 3, "function sigma, function phi", {}),
    "gru_reset_before": (
        "GRU(reset_after=False)",
        3,
        "function sigma, function phi",
        {"g": "U", "s": "3 * U"},
    ),
}

DENSE = """
/* Dense, for each of T rows. */
static void dense(int T, int D, int M, function phi, const real *W, const real *b,
                  const real *x, real *out)
{
    for (int t = 0; t < T; t++) {
        row(D, M, x + t * D, W, b, out + t * M);
        for (int m = 0; m < M; m++)
            out[t * M + m] = phi(out[t * M + m]);
    }
}
"""

SOFTMAX = """
/* Each of T rows becomes probabilities. */
static void softmax(int T, int M, real *x)
{
    for (int t = 0; t < T; t++, x += M) {
        real most = x[0], sum = 0;
        for (int m = 1; m < M; m++)
            most = x[m] > most ? x[m] : most;
        for (int m = 0; m < M; m++)
            sum += x[m] = exp(x[m] - most);
        for (int m = 0; m < M; m++)
            x[m] /= sum;
    }
}
"""

MAIN = """
/* A token: a whole number from $first_token to $last_token, and nothing else. */
static int token(const char *text)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (end == text || *end)
        fail("not a whole number: ", text);
    if (errno || value < $first_token || value > $last_token)
        fail("token out of range $first_token to $last_token: ", text);
    return (int)value;
}

/* Tokens from the arguments, or, if there are none, from the input; their count. */
static int read_tokens(int count, char **words, int **tokens)
{
    char word[64];
    int T = 0, room = 0;
    while (count ? T < count : scanf("%63s", word) == 1) {
        if (!count && strlen(word) == sizeof word - 1)
            fail("not a token: ", word);
        if (T == room) {
            room = room ? 2 * room : 64;
            *tokens = realloc(*tokens, (size_t)room * sizeof **tokens);
            if (!*tokens)
                fail("out of memory", "");
        }
        (*tokens)[T] = token(count ? words[T] : word);
        if (++T == $most)
            fail("sequence too long", "");
    }
    if (T == 0)
        fail("no tokens: give them as arguments or as input, as in 3 1 4", "");
    return T;
}

int main(int count, char **words)
{
    int *tokens = NULL;
    int T = read_tokens(count - 1, words + 1, &tokens);
    real *out = forward(T, tokens);
    for (int t = 0; t < $rows; t++)
        for (int m = 0; m < $width; m++)
            printf("%.$digits%c", (double)out[t * $width + m], m + 1 < $width ? ' ' : '\\n');
    if (fflush(stdout))
        fail("cannot write the output", "");
    free(out), free(tokens);
    return 0;
}
"""


def keras_to_c(model, path=None, real=None):
    """The model as the text of a C99 program; written to ``path`` if given.

    Parameters
    ----------
    model : keras.Sequential, or keras.Model that is one chain of layers
        Built, of float32 or float64. Its first layer is an Embedding.
    path : str or Path, optional
        Where to write it.
    real : {"float", "double"}, optional
        What the program computes in; by default what the model does.

    Raises
    ------
    ValueError
        If a layer, or a setting of it, cannot be written; the message says what to do.
    """
    layers = chain(model)
    real = REALS[common_dtype(layers)] if real is None else real
    if real not in REALS.values():
        raise ValueError(f"real is {real!r}, but C has 'float' and 'double'")
    program = Program(real, layers[0])
    for layer in layers[1:]:
        write = WRITERS.get(type(layer).__name__)
        if write is None:
            raise unknown(
                layer,
                f"a {type(layer).__name__} is none of Embedding (first), {', '.join(WRITERS)}",
            )
        write(program, layer)
    source = program.text(model.name, Path(path).name if path else "model.c")
    if path is not None:
        Path(path).write_text(source, encoding="utf-8")
    return source


class Program:
    """The parts of the C file: weights, the functions that are used, the lines of forward."""

    def __init__(self, real, embedding):
        if type(embedding).__name__ != "Embedding":
            raise unknown(
                embedding,
                "the program reads tokens, so the first layer must be an Embedding",
            )
        self.real, self.arrays, self.loops, self.functions, self.lines = (
            real,
            [],
            {},
            {},
            [],
        )
        self.extra = {}
        self.tokens, self.width = embedding.input_dim, embedding.output_dim
        # In one sequence there is no padding: token 0 of a mask is refused instead.
        self.first_token = int(embedding.mask_zero)
        self.sequence, self.count, self.widest = True, 0, self.width
        table = self.weight("embedding", array(embedding.embeddings))
        self.lines += [
            f"/* {title(embedding)} */",
            f"real *x0 = matrix(T, {self.width});",
            "for (int t = 0; t < T; t++)",
            f"    memcpy(x0 + t * {self.width}, {table} + tokens[t] * {self.width},"
            f" {self.width} * sizeof *x0);",
        ]

    @property
    def rows(self):
        return "T" if self.sequence else "1"

    def weight(self, name, values):
        """Declare an array, every digit kept: hexadecimal, as C99 reads it; its name."""
        name = f"{name}_{len(self.arrays)}"
        suffix = "f" if self.real == "float" else ""
        words = [f"{float(value).hex()}{suffix}" for value in values.reshape(-1)]
        lines = [", ".join(words[k : k + 4]) for k in range(0, len(words), 4)]
        body = ",\n    ".join(lines)
        shape = " x ".join(map(str, values.shape))
        self.arrays.append(
            f"static const real {name}[{len(words)}] = {{  /* {shape} */\n    {body}}};"
        )
        return name

    def function(self, layer, activation):
        """The C function of an activation; its name."""
        name = getattr(activation, "__name__", str(activation))
        if name not in FUNCTIONS:
            raise unknown(
                layer, f"its activation {name!r} is none of {', '.join(FUNCTIONS)}"
            )
        self.functions[name] = FUNCTIONS[name]
        return f"f_{name}"

    def step(self, layer, width, sequence, *calls):
        """Lines that make the next value of `width` numbers a row from the one before."""
        before, after = f"x{self.count}", f"x{self.count + 1}"
        self.lines += [
            "",
            f"/* {title(layer)} */",
            f"real *{after} = matrix({self.rows}, {width});",
        ]
        self.lines += [f"{call.format(x=before, y=after)};" for call in calls]
        self.lines.append(f"free({before});")
        self.count, self.width, self.sequence = self.count + 1, width, sequence
        self.widest = max(self.widest, width)

    def text(self, name, file):
        """The whole file."""
        loops = [
            fill(
                LOOP,
                name=key,
                title=kind,
                columns="U" if blocks == 1 else f"{blocks} * U",
                arguments=arguments,
                step=STEPS[key],
                declared="".join(
                    f", *{n} = matrix(1, {size})" for n, size in further.items()
                ),
                freed="".join(f", free({n})" for n in further),
            )
            for key, (kind, blocks, arguments, further) in self.loops.items()
        ]
        functions = "\n".join(
            f"static real f_{key}(real a) {{ return {body}; }}"
            for key, body in self.functions.items()
        )
        body = "\n".join(f"    {line}" if line else "" for line in self.lines)
        forward = (
            "\n/* What the model computes: layer after layer. */\n"
            f"static real *forward(int T, const int *tokens)\n{{\n{body}\n    return x{self.count};\n}}\n"
        )
        used = {
            "model": re.sub(r"\W", " ", name),
            "file": file,
            "real": self.real,
            "last_token": self.tokens - 1,
            "first_token": self.first_token,
            "width": self.width,
            "rows": self.rows,
            "each": " for each token" if self.sequence else "",
            "most": (2**31 - 1) // self.widest,  # so that no index leaves C's int
            "digits": "9g" if self.real == "float" else "17g",
        }
        parts = [
            HEAD,
            "\n/* Activations */\n" + functions + "\n",
            ROW,
            *loops,
            *self.extra.values(),
            "\n/* Weights, row by row, in hexadecimal so that no bit is lost */\n\n"
            + "\n\n".join(self.arrays)
            + "\n",
            forward,
            MAIN,
        ]
        return "".join(fill(part, **used) for part in parts)


# Layers


def write_recurrent(program, layer):
    if layer.go_backwards:
        raise unknown(layer, "go_backwards=True is only written inside a Bidirectional")
    write_directions(program, layer, [layer])


def write_bidirectional(program, layer):
    if layer.merge_mode != "concat":
        raise unknown(
            layer, f"merge_mode is {layer.merge_mode!r}, but only 'concat' is written"
        )
    halves = [layer.forward_layer, layer.backward_layer]
    if [half.go_backwards for half in halves] != [False, True]:
        raise unknown(
            layer, "go_backwards turns both halves; leave it off inside a Bidirectional"
        )
    write_directions(program, layer, halves)


def write_directions(program, layer, halves):
    """One loop for each direction, side by side in one matrix; then, maybe, its last step alone."""
    units, stride = halves[0].units, sum(half.units for half in halves)
    features, calls = program.width, []
    for k, half in enumerate(halves):
        check_recurrent(layer, half)
        name = {"SimpleRNN": "simple_rnn", "LSTM": "lstm", "GRU": "gru"}[
            type(half).__name__
        ]
        cell = half.cell
        if name == "gru" and not cell.reset_after:
            name = "gru_reset_before"
        program.loops[name] = LOOPS[name]
        chosen = (
            []
            if name == "simple_rnn"
            else [program.function(layer, half.recurrent_activation)]
        )
        chosen.append(program.function(layer, half.activation))
        weights = array(cell.kernel), array(cell.recurrent_kernel), bias_of(cell, name)
        names = [
            program.weight(f"{name}_{part}", w)
            for part, w in zip(("kernel", "recurrent", "bias"), weights)
        ]
        out = f"{{y}} + {units}" if k else "{y}"
        calls.append(
            f"{name}(T, {features}, {units}, {', '.join(chosen)}, {k},\n"
            f"        {', '.join(names)}, {{x}}, {out}, {stride})"
        )
    program.step(layer, stride, True, *calls)
    if not layer.return_sequences:
        # Forward ends at the last step, backward at the first.
        parts = [f"memcpy({{y}}, {{x}} + (T - 1) * {stride}, {units} * sizeof *{{y}})"]
        if len(halves) == 2:
            parts.append(
                f"memcpy({{y}} + {units}, {{x}} + {units}, {units} * sizeof *{{y}})"
            )
        program.sequence = False
        program.step("the last step of each direction", stride, False, *parts)


def bias_of(cell, name):
    """The bias row, or rows; zeros where the layer has none."""
    columns = cell.kernel.shape[1]
    if cell.bias is None:
        return np.zeros((2, columns) if name == "gru" else (1, columns))
    return np.atleast_2d(array(cell.bias))


def write_dense(program, layer):
    soft = getattr(layer.activation, "__name__", "") == "softmax"
    phi = program.function(layer, keras.activations.linear if soft else layer.activation)
    units = layer.units
    bias = np.zeros(units) if layer.bias is None else array(layer.bias)
    names = program.weight("dense_kernel", array(layer.kernel)), program.weight(
        "dense_bias", bias
    )
    program.extra["dense"] = DENSE
    rows = program.rows
    calls = [
        f"dense({rows}, {program.width}, {units}, {phi}, {', '.join(names)}, {{x}}, {{y}})"
    ]
    if soft:
        program.extra["softmax"] = SOFTMAX
        calls.append(f"softmax({rows}, {units}, {{y}})")
    program.step(layer, units, program.sequence, *calls)


def write_dropout(program, layer):
    """Dropout acts in training only."""


WRITERS = {
    "SimpleRNN": write_recurrent,
    "LSTM": write_recurrent,
    "GRU": write_recurrent,
    "Bidirectional": write_bidirectional,
    "Dense": write_dense,
    "Dropout": write_dropout,
    "SpatialDropout1D": write_dropout,
}


# What is checked before anything is written


def chain(model):
    """The layers, in order, of a model that is one chain and has weights."""
    if not isinstance(model, keras.Model):
        raise TypeError(
            f"model is a {type(model).__name__}, but a keras.Model was expected"
        )
    if not model.built:
        raise ValueError(
            f"model {model.name!r} is not built yet: call it once, or give it an Input"
        )
    layers = [x for x in model.layers if not isinstance(x, keras.layers.InputLayer)]
    if not isinstance(model, keras.Sequential):
        check_chain(model, layers)
    if not layers:
        raise ValueError(f"model {model.name!r} has no layers")
    return layers


def check_chain(model, layers):
    """Each layer of a functional model reads the one before it, and nothing else."""
    try:
        ends = [*model.inputs, *model.outputs]
        reads = [layer.input for layer in layers] + [model.output]
        gives = [model.input] + [layer.output for layer in layers]
    except (AttributeError, ValueError) as error:
        raise ValueError(
            f"model {model.name!r} is no chain of layers: write it as keras.Sequential ({error})"
        ) from None
    if len(ends) != 2 or any(a is not b for a, b in zip(reads, gives)):
        raise ValueError(
            f"model {model.name!r} is no chain of layers: only a model in which each layer"
            " reads the one before it can be written"
        )


def check_recurrent(layer, half):
    """What one run over one sequence cannot say."""
    if type(half).__name__ not in ("SimpleRNN", "LSTM", "GRU"):
        raise unknown(
            layer,
            f"it runs a {type(half).__name__}; only SimpleRNN, LSTM and GRU are written",
        )
    if half.return_state:
        raise unknown(
            layer,
            "return_state=True gives several outputs; build the same model without it",
        )
    if half.stateful:
        raise unknown(
            layer,
            "stateful=True keeps states between calls; build the same model without it",
        )


def common_dtype(layers):
    """float32 or float64, one for the whole model."""
    found = {x.compute_dtype for x in layers} | {
        w.dtype for x in layers for w in x.weights if "float" in w.dtype
    }
    if len(found) != 1 or found - set(REALS):
        raise ValueError(
            f"the model computes in {', '.join(sorted(found))}, but C is written in float32 or"
            " float64, one for the whole model"
        )
    return found.pop()


def array(variable):
    values = keras.ops.convert_to_numpy(variable)
    if not np.isfinite(values).all():
        raise ValueError(
            f"weight {variable.path!r} holds NaN or infinity: nothing to carry"
        )
    return values


def unknown(layer, why):
    return ValueError(f"layer {layer.name!r} cannot be written as C: {why}")


def title(layer):
    """A layer, for a comment."""
    if isinstance(layer, str):
        return layer
    inner = getattr(layer, "forward_layer", layer)
    size = getattr(inner, "units", None) or inner.output_dim
    name = f"{type(inner).__name__}({size})"
    return f"Bidirectional({name})" if inner is not layer else name


def fill(template, **parts):
    """Replace each $name; a name that is not there stays, for a later call."""
    return re.sub(r"\$(\w+)", lambda m: str(parts.get(m[1], m[0])), template)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python keras_to_c.py model.keras model.c")
    try:
        keras_to_c(keras.models.load_model(sys.argv[1]), sys.argv[2])
    except ValueError as error:
        sys.exit(f"error: {error}")
