# /// script
# requires-python = ">=3.11"
# dependencies = ["keras==3.15.1", "tensorflow-cpu==2.21.0; sys_platform == 'linux'",
#                 "tensorflow==2.21.0; sys_platform != 'linux'", "numpy>=2", "babel==2.18.0"]
# ///
"""Many to many: a sequence in, another out, by an encoder and a decoder.

Without --data it translates dates as people write them in four languages ("7 septembre
2024") into ISO dates ("2024-09-07"). With --data FILE it learns your pairs, one a line:
the source, a tab, the target. The source is read by words, digits and signs, the target
is written letter by letter, so it should be short:

    7 septembre 2024<TAB>2024-09-07

It trains with Keras's progress bar, counts how many unseen sources it translates without
one wrong letter, saves the model, and reads it back.
"""

import argparse
import datetime
import os
import re
import sys
from collections import Counter

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers, ops

UNITS = 64
PADDING, UNKNOWN, START, END = 0, 1, 1, 2  # numbers of no word, and of no letter

# What the page claims, and what tests/seeds.py holds ten seeds against
BOUND = {
    "exact": ("at least", 0.6),  # dates without one wrong letter
    "exact_attention": ("at least", 0.8),  # the same, by the second version
}


# Data

LANGUAGES = ("en", "de", "fr", "es")
STYLES = ("long", "medium")


def dates(seed, training=3520, testing=300):
    """Pairs of a written date and its ISO form, of the years 2010 to 2029.

    Returns those to train on and those to test on: no date is in both.
    """
    from babel.dates import format_date

    rng = np.random.default_rng(seed)
    first = datetime.date(2010, 1, 1).toordinal()
    days = first + rng.permutation(20 * 365)[: training + testing]
    pairs = []
    for day in map(datetime.date.fromordinal, days.tolist()):
        style, language = rng.choice(STYLES), rng.choice(LANGUAGES)
        written = format_date(day, str(style), locale=str(language))
        pairs.append((written, day.isoformat()))
    return pairs[:training], pairs[training:]


def split_words(text):
    """Words, single digits and signs: "7. Mai 1999" has 7 of them."""
    return re.findall(r"\d|[^\W\d_]+|[^\w\s]|_", text.lower())


class Vocabulary:
    """The words of the sources and the letters of the targets, and their numbers."""

    def __init__(self, pairs, most=5000):
        counts = Counter(word for source, _ in pairs for word in split_words(source))
        self.words = sorted(word for word, _ in counts.most_common(most))
        self.letters = sorted({letter for _, target in pairs for letter in target})
        self._word = {word: k for k, word in enumerate(self.words, UNKNOWN + 1)}
        self._letter = {letter: k for k, letter in enumerate(self.letters, END + 1)}

    @property
    def sizes(self):
        """How many numbers there are for words, and for letters."""
        return len(self.words) + UNKNOWN + 1, len(self.letters) + END + 1

    def read(self, sources):
        """Word numbers, (count, timesteps), padded in front."""
        split = [split_words(source) for source in sources]
        rows = np.zeros((len(split), max(map(len, split))), "int32")
        for row, words in zip(rows, split):
            row[len(row) - len(words) :] = [self._word.get(w, UNKNOWN) for w in words]
        return rows

    def targets(self, targets):
        """Letter numbers, (count, timesteps), START before and END behind, padded behind."""
        rows = np.zeros((len(targets), max(map(len, targets)) + 2), "int32")
        for row, target in zip(rows, targets):
            row[: len(target) + 2] = [START, *map(self._letter.get, target), END]
        return rows

    def write(self, rows):
        """Letter numbers to texts; a text ends where END, or nothing, stands."""
        texts = []
        for row in rows.tolist():
            ends = [t for t, letter in enumerate(row) if letter in (PADDING, END)]
            row = row[: ends[0]] if ends else row
            texts.append("".join(self.letters[k - END - 1] for k in row if k > END))
        return texts


# Model


def write_on(layer, previous, state, memory, source):
    """The decoder: letters so far and a state in; scores for the next letters out.

    ``layer`` gives a layer by its name. Training calls this once, for all letters;
    inference once a letter. The encoder's last output joins every letter.
    """
    letters = layer("letter")(previous)
    thought = ops.zeros_like(letters[..., :1]) + memory[:, -1:]
    both = ops.concatenate([letters, thought], axis=-1)
    hidden, state = layer("decoder")(both, initial_state=state)
    looked = None
    if layer("attention"):
        seen, looked = layer("attention")(
            [hidden, memory], mask=[None, ops.not_equal(source, PADDING)],
            return_attention_scores=True,
        )
        hidden = ops.concatenate([hidden, seen], axis=-1)
    return layer("scores")(hidden), state, looked


def network(words, letters, attention=False, units=UNITS):
    """Word numbers and the letters so far in; scores for each next letter out."""
    parts = {
        "letter": layers.Embedding(letters, 16, name="letter"),
        "decoder": layers.GRU(
            units, return_sequences=True, return_state=True, name="decoder"
        ),
        "attention": layers.Attention(name="attention") if attention else None,
        "scores": layers.Dense(letters, name="scores"),
    }
    source = keras.Input((None,), dtype="int32", name="source")
    previous = keras.Input((None,), dtype="int32", name="previous")
    embedded = layers.Embedding(words, 24, mask_zero=True, name="word")(source)
    memory, state = layers.GRU(
        units, return_sequences=True, return_state=True, name="encoder"
    )(embedded)
    scores, _, _ = write_on(parts.get, previous, state, memory, source)
    return keras.Model([source, previous], scores)


def train(model, x, y, epochs=4, rate=0.025, verbose=0):
    """Teacher forcing: the right letters before, in; at each step, the next one, out."""
    steps = max(1, epochs * -(-len(x) // 64))
    rate = keras.optimizers.schedules.CosineDecay(rate, steps, alpha=0.2)
    loss = keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, ignore_class=PADDING
    )
    model.compile(keras.optimizers.Adam(rate, clipnorm=1.0), loss)
    # Now, or Keras would trace the training step twice
    model.optimizer.build(model.trainable_variables)
    model.fit([x, y[:, :-1]], y[:, 1:], batch_size=64, epochs=epochs, verbose=verbose)
    return model


def take_apart(model):
    """A trained model as two that share its weights, for inference.

    ``encode(source)`` gives memory and state; ``step([previous, state, memory, source])``
    gives scores, the next state and, with attention, where it looked.
    """
    encoder = model.get_layer("encoder")
    encode = keras.Model(model.inputs[0], encoder.output)
    there = {layer.name: layer for layer in model.layers}
    units = encoder.units
    inputs = [
        keras.Input((1,), dtype="int32"), keras.Input((units,)),
        keras.Input((None, units)), keras.Input((None,), dtype="int32"),
    ]
    scores, state, looked = write_on(there.get, *inputs)
    outputs = [scores, state] + ([] if looked is None else [looked])
    return encode, keras.Model(inputs, outputs)


# Inference


def log_softmax(scores):
    """Scores to log probabilities, over the last axis."""
    scores = scores - scores.max(axis=-1, keepdims=True)
    return scores - np.log(np.exp(scores).sum(axis=-1, keepdims=True))


def greedy(parts, source, longest):
    """Take the best letter at each step, and feed it back with the state.

    Returns letter numbers, (count, longest), and where it looked at each letter,
    (count, longest, timesteps), or None without attention.
    """
    encode, step = parts
    memory, state = encode.predict_on_batch(source)
    letter = np.full((len(source), 1), START, "int32")
    letters, looks = [], []
    for _ in range(longest):
        scores, state, *looked = step.predict_on_batch([letter, state, memory, source])
        letter = scores.argmax(axis=-1).astype("int32")
        letters.append(letter)
        looks += looked
    return np.hstack(letters), np.concatenate(looks, axis=1) if looks else None


def beam(parts, source, longest, width=3):
    """Keep the ``width`` likeliest beginnings at each step, not only the best.

    Returns letter numbers, (count, longest), and their log probabilities, (count,).
    """
    encode, step = parts
    count = len(source)
    memory, state, source = (
        np.repeat(a, width, axis=0) for a in (*encode.predict_on_batch(source), source)
    )
    letters = np.full((count, width, 1), START, "int32")
    total = np.full((count, width), -np.inf)
    total[:, 0] = 0  # all beginnings are the same at first: one may go on
    over = np.zeros((count, width), bool)
    for _ in range(longest):
        previous = letters[:, :, -1].reshape(-1, 1)
        scores, state, *_ = step.predict_on_batch([previous, state, memory, source])
        chances = log_softmax(scores.astype("float64")).reshape(count, width, -1)
        # What is over goes on at no price, by padding alone
        chances[over] = -np.inf
        chances[over, PADDING] = 0
        sums = (total[:, :, None] + chances).reshape(count, -1)
        best = np.argsort(-sums, axis=1, kind="stable")[:, :width]
        total = np.take_along_axis(sums, best, axis=1)
        came, letter = np.divmod(best, chances.shape[-1])
        letters = np.take_along_axis(letters, came[:, :, None], axis=1)
        letters = np.concatenate([letters, letter[:, :, None]], axis=2).astype("int32")
        over = np.isin(letter, [PADDING, END])
        state = state[(np.arange(count)[:, None] * width + came).ravel()]
    return letters[:, 0, 1:], total[:, 0]


def exact(texts, targets):
    """The share without one wrong letter."""
    return float(np.mean([text == target for text, target in zip(texts, targets)]))


def most_alike(pairs, sources):
    """The baseline: the answer of the known source that shares most words."""
    known = [Counter(split_words(source)) for source, _ in pairs]
    answers = []
    for source in sources:
        words = Counter(split_words(source))
        shared = [(words & other).total() - other.total() / 100 for other in known]
        answers.append(pairs[int(np.argmax(shared))][1])
    return answers


def run(seed=0, verbose=0):
    """Train both versions on dates: share of exact answers, models, unseen pairs."""
    pairs, unseen = dates(seed)
    vocabulary = Vocabulary(pairs)
    sources, targets = zip(*unseen)
    x, y = vocabulary.read([s for s, _ in pairs]), vocabulary.targets([t for _, t in pairs])
    test_x = vocabulary.read(sources)
    result = {"pairs": pairs, "unseen": unseen, "vocabulary": vocabulary, "x": test_x}
    result["baseline"] = exact(most_alike(pairs, sources[:20]), targets)
    for name, attention, epochs in (("exact", False, 4), ("exact_attention", True, 2)):
        keras.utils.set_random_seed(seed)
        model = train(network(*vocabulary.sizes, attention), x, y, epochs, verbose=verbose)
        parts = take_apart(model)
        letters, looked = greedy(parts, test_x, y.shape[1] - 1)
        result[name] = exact(vocabulary.write(letters), targets)
        result["attention_model" if attention else "model"] = model
        result.setdefault("parts", parts)  # of the first version
    return result | {"looked": looked}


# A file of the reader's


class BadFile(Exception):
    """A file that cannot be used: where, what is wrong, what was expected."""


def read_lines(path):
    """The lines of a text file in UTF-8."""
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise BadFile(f"{path}: {error.strerror}; expected a file to read") from None
    lines = []
    for n, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        try:
            lines.append(line.decode("utf-8").rstrip("\r"))
        except UnicodeDecodeError as error:
            raise BadFile(
                f"{path}:{n}: byte 0x{error.object[error.start]:02x} is not UTF-8;"
                " expected a text file saved as UTF-8"
            ) from None
    return lines


def read_pairs(path):
    """Pairs of source and target, a tab between them; empty lines are passed over."""
    pairs = []
    for n, line in enumerate(read_lines(path), 1):
        if not line.strip():
            continue
        source, *targets = (part.strip() for part in line.split("\t"))
        if len(targets) != 1:
            raise BadFile(f"{path}:{n}: {len(targets)} tabs in {line[:40]!r};"
                          " expected source<TAB>target")
        if not split_words(source):
            raise BadFile(f"{path}:{n}: no source; expected source<TAB>target")
        if not targets[0]:
            raise BadFile(f"{path}:{n}: no target; expected source<TAB>target")
        pairs.append((source, targets[0]))
    if not pairs:
        raise BadFile(f"{path}:1: the file is empty; expected lines of source<TAB>target")
    if len(pairs) < 10:
        raise BadFile(f"{path}:{n}: {len(pairs)} pairs; expected at least 10")
    if len({target for _, target in pairs}) == 1:
        raise BadFile(f"{path}:{n}: every target is {pairs[0][1]!r}; expected at least two")
    return pairs


def split(pairs, seed):
    """Nine tenths to train on, one tenth to test on; no target is in both.

    Where the same few targets come again and again, as answers to questions do, it is
    the sources of which none is in both.
    """
    side = 1 if 10 * len({target for _, target in pairs}) >= len(pairs) else 0
    there = sorted({pair[side] for pair in pairs})
    order = np.random.default_rng(seed).permutation(len(there))
    held = {there[k] for k in order[: max(1, len(there) // 10)]}
    return ([pair for pair in pairs if pair[side] not in held],
            [pair for pair in pairs if pair[side] in held])


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", metavar="FILE", help="your own pairs, as above")
    parser.add_argument("--no-attention", action="store_true",
                        help="the first version: one state carries it all")
    parser.add_argument("--beam", type=int, default=1, metavar="WIDTH",
                        help="beginnings to keep; default: 1, greedy")
    parser.add_argument("--epochs", type=int, default=4, help="default: 4")
    parser.add_argument("--seed", type=int, default=0, help="default: 0")
    parser.add_argument("--save", metavar="PATH", default="translation.keras",
                        help="where the model goes; default: translation.keras")
    options = parser.parse_args()
    if options.beam < 1:
        parser.error(f"--beam is {options.beam}, but at least 1 is kept")
    keras.utils.set_random_seed(options.seed)
    try:
        pairs, unseen = (
            split(read_pairs(options.data), options.seed)
            if options.data else dates(options.seed)
        )
    except BadFile as error:
        print(error, file=sys.stderr)
        return 2

    vocabulary = Vocabulary(pairs)
    sources, targets = zip(*unseen)
    x, y = vocabulary.read([s for s, _ in pairs]), vocabulary.targets([t for _, t in pairs])
    test_x, longest = vocabulary.read(sources), y.shape[1] - 1
    model = network(*vocabulary.sizes, not options.no_attention)
    train(model, x, y, options.epochs, verbose=1)

    def answers(model):
        parts = take_apart(model)
        if options.beam == 1:
            return greedy(parts, test_x, longest)[0]
        return beam(parts, test_x, longest, options.beam)[0]

    letters = answers(model)
    texts = vocabulary.write(letters)
    guess = exact(most_alike(pairs, sources[:100]), targets)
    print(f"without one wrong letter, of {len(unseen)} unseen: {exact(texts, targets):.3f}")
    print(f"the answer of the most alike source: {guess:.3f}")
    for source, text in list(zip(sources, texts))[:3]:
        print(f"  {source} -> {text}")

    model.save(options.save)
    same = np.array_equal(letters, answers(keras.models.load_model(options.save)))
    print(f"saved to {options.save}; read back, it answers the same: {same}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
