# /// script
# requires-python = ">=3.11"
# dependencies = ["keras==3.15.1", "tensorflow-cpu==2.21.0; sys_platform == 'linux'",
#                 "tensorflow==2.21.0; sys_platform != 'linux'", "numpy>=2"]
# ///
"""One to many: a network that learns a text letter by letter, and then writes.

Without --data it learns the Zen of Python, which comes with Python. With --data FILE it
learns your text: a plain text file, UTF-8, of at least 200 characters. Longer is better;
beyond some 100,000 characters, give it fewer epochs.

It trains with Keras's progress bar, holds its perplexity (between how many letters it
hesitates) against counting pairs of letters, writes a few lines, saves the model, and
reads it back.
"""

import argparse
import codecs
import contextlib
import io
import os
import sys
from collections import Counter

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers

UNITS, WINDOW = 64, 24

# What the page claims for the Zen, and what tests/seeds.py holds ten seeds against
BOUND = {"perplexity": ("at most", 1.25)}


# Text


def zen():
    """The Zen of Python. Importing ``this`` prints it, which nobody asked for here."""
    with contextlib.redirect_stdout(io.StringIO()):
        import this
    return codecs.decode(this.s, "rot13")


def encode(text, letters):
    """Letter numbers, (len(text),)."""
    number = {letter: k for k, letter in enumerate(letters)}
    return np.array([number[letter] for letter in text], "int32")


def windows(codes, step):
    """Stretches of the text, and the same one letter on: what comes next, everywhere."""
    starts = np.arange(0, len(codes) - WINDOW, step)
    return (np.stack([codes[s : s + WINDOW] for s in starts]),
            np.stack([codes[s + 1 : s + 1 + WINDOW] for s in starts]))


# Model


def network(letters):
    """A letter in, a score for each letter that may come next out; at every step."""
    letter = keras.Input((None,), dtype="int32")
    vectors = layers.Embedding(letters, 16)(letter)
    gru = layers.GRU(UNITS, return_sequences=True, return_state=True)
    outputs, _ = gru(vectors)
    return keras.Model(letter, layers.Dense(letters)(outputs))


def train(model, codes, epochs=12, verbose=0):
    """Fit windows of the text; of a long text not every window is taken."""
    x, y = windows(codes, step=max(2, len(codes) // 20_000))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.02), loss)
    # Now, or Keras would trace the training step twice
    model.optimizer.build(model.trainable_variables)
    model.fit(x, y, epochs=epochs, batch_size=32, verbose=verbose)
    return model


def perplexity(model, codes):
    """Between how many letters it hesitates: e to the mean cross-entropy."""
    scores = model.predict_on_batch(codes[None, :-1])[0]
    scores = scores - scores.max(-1, keepdims=True)
    logs = scores - np.log(np.exp(scores).sum(-1, keepdims=True))
    return float(np.exp(-logs[np.arange(len(codes) - 1), codes[1:]].mean()))


def counted(text, before):
    """The perplexity of a table of what follows each stretch of ``before`` letters.

    It is counted on the very text it is tried on, so no such table does better.
    """
    n = before + 1
    long = Counter(text[k : k + n] for k in range(len(text) - before))
    short = Counter(text[k : k + before] for k in range(len(text) - before))
    total = sum(count * np.log(count / short[s[:-1]]) for s, count in long.items())
    return float(np.exp(-total / sum(long.values())))


def run(seed=0, verbose=0):
    """Learn the Zen of Python."""
    keras.utils.set_random_seed(seed)
    text = zen()
    letters = sorted(set(text))
    codes = encode(text, letters)
    model = train(network(len(letters)), codes, verbose=verbose)
    return {"text": text, "letters": letters, "codes": codes, "model": model,
            "perplexity": perplexity(model, codes), "baseline": counted(text, before=1)}


# Writing


def choose(scores, temperature, rng):
    """Draw a letter: low temperatures keep to the likeliest, 0 always takes it."""
    if temperature == 0:
        return int(scores.argmax())
    scores = scores.astype("float64") / temperature
    weights = np.exp(scores - scores.max())
    return int(rng.choice(len(weights), p=weights / weights.sum()))


def one_step(model):
    """The same layers, for one letter: letter and state in, scores and new state out."""
    _, embedding, gru, dense = model.layers
    letter = keras.Input((1,), dtype="int32")
    state = keras.Input((gru.units,))
    output, new_state = gru(embedding(letter), initial_state=state)
    return keras.Model([letter, state], [dense(output), new_state])


def write(step, letters, prime, length, temperature=0.5, seed=0, stop=None):
    """Read ``prime``, then write letter by letter, the state carried by hand.

    ``step`` comes from :func:`one_step`. ``stop`` ends the text once it holds that mark.
    Returns what was written.
    """
    rng = np.random.default_rng(seed)
    state = np.zeros((1, step.input_shape[1][-1]), "float32")
    for code in encode(prime, letters):
        scores, state = step.predict_on_batch([np.array([[code]]), state])
    written = ""
    while len(written) < length and not (stop and stop in written):
        code = choose(scores[0, 0], temperature, rng)
        written += letters[code]
        scores, state = step.predict_on_batch([np.array([[code]]), state])
    return written


def stateful(model):
    """The same weights in a model that reads one letter at a time and keeps its state."""
    _, embedding, gru, dense = model.layers
    keeping = keras.Sequential([
        keras.Input(batch_shape=(1, 1), dtype="int32"),
        layers.Embedding(embedding.input_dim, embedding.output_dim),
        layers.GRU(gru.units, stateful=True),
        layers.Dense(dense.units),
    ])
    keeping.set_weights(model.get_weights())
    return keeping


def write_stateful(model, letters, prime, length, temperature=0.5, seed=0, stop=None):
    """As :func:`write`, with a model from :func:`stateful`: no state in sight."""
    rng = np.random.default_rng(seed)
    model.layers[1].reset_state()
    for code in encode(prime, letters):
        scores = model.predict_on_batch(np.array([[code]]))
    written = ""
    while len(written) < length and not (stop and stop in written):
        code = choose(scores[0], temperature, rng)
        written += letters[code]
        scores = model.predict_on_batch(np.array([[code]]))
    return written


# A file of the reader's


class BadFile(Exception):
    """A file that cannot be used: where, what is wrong, what was expected."""


def read_text(path):
    """A text file, at least 200 characters of at least two kinds."""
    try:
        with open(path, encoding="utf-8-sig") as file:
            text = file.read()
    except OSError as error:
        raise BadFile(f"{path}: {error.strerror}; expected a file to read") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise BadFile(
            f"{path}:{line}: byte 0x{error.object[error.start]:02x} is not UTF-8;"
            " expected a text file saved as UTF-8"
        ) from None
    line = text.count("\n") + 1
    if not text.strip():
        raise BadFile(f"{path}:1: the file is empty; expected at least 200 characters")
    if len(text) < 200:
        raise BadFile(f"{path}:{line}: {len(text)} characters; expected at least 200")
    if len(set(text.split())) == 1 or len(set(text)) < 3:
        raise BadFile(f"{path}:{line}: the same over and over; expected a text to learn")
    return text


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", metavar="FILE", help="your own text, as above")
    parser.add_argument("--epochs", type=int, default=10, help="default: 10")
    parser.add_argument("--seed", type=int, default=0, help="default: 0")
    parser.add_argument("--prime", default=None, help="what it reads before it writes")
    parser.add_argument("--length", type=int, default=300,
                        help="letters to write; default: 300")
    parser.add_argument("--temperature", type=float, default=0.5,
                        help="0: always the likeliest letter; default: 0.5")
    parser.add_argument("--save", metavar="PATH", default="poetry.keras",
                        help="where the model goes; default: poetry.keras")
    options = parser.parse_args()
    if options.temperature < 0:
        parser.error(f"--temperature is {options.temperature:g}; expected 0 or more")
    try:
        text = read_text(options.data) if options.data else zen()
    except BadFile as error:
        print(error, file=sys.stderr)
        return 2
    letters = sorted(set(text))
    prime = text[:10] if options.prime is None else options.prime
    unknown = sorted(set(prime) - set(letters))
    if unknown or not prime:
        parser.error(f"--prime is {prime!r}; expected letters of the text"
                     + (f", which {unknown[0]!r} is not" if unknown else ""))

    keras.utils.set_random_seed(options.seed)
    codes = encode(text, letters)
    model = train(network(len(letters)), codes, options.epochs, verbose=1)
    tried = codes[:20_000]
    print(f"perplexity, on the text it learned: {perplexity(model, tried):.2f}")
    print(f"counting pairs of letters:          {counted(text, before=1):.2f}")
    print(f"counting letters:                   {counted(text, before=0):.2f}\n")
    print(prime + write(one_step(model), letters, prime, options.length,
                        options.temperature, options.seed))

    model.save(options.save)
    again = keras.models.load_model(options.save)
    same = np.array_equal(model(codes[None, :100]), again(codes[None, :100]))
    print(f"\nsaved to {options.save}; read back, it answers the same: {same}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
