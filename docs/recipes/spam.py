# /// script
# requires-python = ">=3.11"
# dependencies = ["keras==3.15.1", "tensorflow-cpu==2.21.0; sys_platform == 'linux'",
#                 "tensorflow==2.21.0; sys_platform != 'linux'", "numpy>=2"]
# ///
"""Many to one: a message in, spam or not out. Or a review in, and its sentiment out.

Without --data it makes its own messages of 100 words; in spam, three words in a row
give it away. With --data FILE it reads one message a line: the label, a tab, the text.
The public SMS spam collection has this format. Any two labels will do:

    ham<TAB>see you at lunch
    spam<TAB>claim your free prize now

It trains with Keras's progress bar, holds the accuracy on messages that it has not seen
against always giving the commonest label, saves the model, and reads it back.
"""

import argparse
import os
import re
import sys
from collections import Counter

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers, ops

TIMESTEPS, UNITS = 100, 16
CELLS = {"simple_rnn": layers.SimpleRNN, "gru": layers.GRU, "lstm": layers.LSTM}
POOLS = ("last", "max", "mean", "attention")

# What the page claims for its own data, and what tests/seeds.py holds ten seeds against
BOUND = {
    "accuracy": ("at least", 0.95),  # a GRU, pooled by attention; new evidence anywhere
    "lstm_max_anywhere": ("at least", 0.75),
    "lstm_attention_anywhere": ("at least", 0.9),
    "lstm_mean_anywhere": ("at most", 0.95),
    "lstm_last": ("at most", 0.65),
    "simple_rnn_last": ("at most", 0.65),
    # Spam caught, by where the evidence starts: in the worst seventh, in the last one
    "lstm_attention_worst": ("at least", 0.9),
    "lstm_mean_last": ("at most", 0.5),
    "looked": ("at least", 0.8),  # of the attention, on the evidence and what follows
    "sentiment": ("at least", 0.95),  # which word the "not" belongs to
    "turned": ("at least", 0.9),  # the same words in another order, both right
}


# Data

WORDS = """about after again because before call come could day down early find
friend give home house just know last later lunch maybe meet morning need never
night office people please really right see soon start still talk thanks there think
today tomorrow train wait week when work""".split()
SPAM_WORDS = "bonus cash claim free prize winner".split()
PLACES = {"early": range(10), "late": range(88, 98), "anywhere": range(98)}


def messages(count, place, seed):
    """Messages of 100 words; in spam, three words in a row give it away.

    ``place`` is "early", "late" or "anywhere". Returns the messages as lists of words,
    whether each is spam, and at which step the three words start.
    """
    rng = np.random.default_rng(seed)
    words = rng.choice(WORDS, size=(count, TIMESTEPS)).astype(object)
    spam = rng.integers(2, size=count)
    at = rng.choice(PLACES[place], size=count)
    for row in np.flatnonzero(spam):
        words[row, at[row] : at[row] + 3] = rng.choice(SPAM_WORDS, size=3)
    return words.tolist(), spam, at


def reviews(count, seed):
    """Reviews of 12 words: one is "good" or "bad", and one is "not".

    In a third of them "not" stands before that word and turns it round, otherwise before
    another. Returns the reviews as lists of words, and whether each is positive.
    """
    rng = np.random.default_rng(seed)
    words = rng.choice(WORDS, size=(count, 12)).astype(object)
    good, turned = rng.integers(2, size=count), rng.integers(3, size=count) == 0
    for row, good_one, turned_one in zip(words, good, turned):
        at, other = rng.choice([1, 3, 5, 7, 9, 11], size=2, replace=False)
        row[at] = "good" if good_one else "bad"
        row[(at if turned_one else other) - 1] = "not"
    return words.tolist(), good ^ turned


def turn_round(texts, positive):
    """Reviews whose "not" stands before another word, and the same with it moved.

    Moved in front of "good" or "bad", it turns the review round. Returns both, and
    whether each was positive before.
    """
    before, after, was_positive = [], [], []
    for text, good in zip(texts, positive):
        place = next(k for k, word in enumerate(text) if word in ("good", "bad")) - 1
        if text[place] != "not":
            moved, other = list(text), text.index("not")
            moved[place], moved[other] = text[other], text[place]
            before.append(text)
            after.append(moved)
            was_positive.append(good)
    return before, after, np.array(was_positive, bool)


def vocabulary(texts, most=5000):
    """The words of the texts, commonest first."""
    counts = Counter(word for text in texts for word in text)
    return [word for word, _ in counts.most_common(most)]


def encode(texts, words, timesteps=TIMESTEPS):
    """Word numbers, (count, timesteps): 0 is padding, in front; 1 is a word not known.

    Of a longer message the last ``timesteps`` words are taken.
    """
    number = {word: k for k, word in enumerate(words, 2)}
    rows = np.zeros((len(texts), timesteps), "int32")
    for row, text in zip(rows, texts):
        text = text[-timesteps:]
        row[timesteps - len(text) :] = [number.get(word, 1) for word in text]
    return rows


# Model


@keras.saving.register_keras_serializable("spam")
class Pool(layers.Layer):
    """One vector from a sequence: its max, its mean, or a mean weighted by attention.

    Called with the outputs, (batch, timesteps, units), and whether each step counts,
    (batch, timesteps). Every message needs one step that does.
    """

    def __init__(self, how, **options):
        super().__init__(**options)
        self.how = how

    def build(self, hidden_shape, counts_shape):
        if self.how == "attention":
            self.score = self.add_weight(shape=(hidden_shape[-1], 1), name="score")

    def weights_of(self, hidden, counts):
        """How much each step weighs, (batch, timesteps, 1)."""
        scores = hidden @ self.score if self.how == "attention" else 0 * hidden[..., :1]
        return ops.softmax(ops.where(counts[..., None], scores, -1e9), axis=1)

    def call(self, hidden, counts):
        if self.how == "max":
            return ops.max(ops.where(counts[..., None], hidden, -1.0), axis=1)
        return ops.sum(self.weights_of(hidden, counts) * hidden, axis=1)

    def get_config(self):
        return {**super().get_config(), "how": self.how}


def network(size, cell="gru", pool="attention"):
    """Word numbers, of which there are ``size``, in; how likely the second label is out."""
    words = keras.Input((None,), dtype="int32")
    vectors = layers.Embedding(size, 8)(words)
    hidden = CELLS[cell](UNITS, return_sequences=pool != "last", name=cell)(vectors)
    if pool != "last":
        hidden = Pool(pool, name="pool")(hidden, ops.not_equal(words, 0))
    return keras.Model(words, layers.Dense(1, activation="sigmoid")(hidden))


def train(model, x, y, epochs=3, rate=0.04, verbose=0):
    """Fit labels 0 and 1."""
    model.compile(keras.optimizers.Adam(rate), "binary_crossentropy",
                  metrics=["accuracy"] if verbose else None)
    # Now, or Keras would trace the training step twice: longer than the training
    model.optimizer.build(model.trainable_variables)
    model.fit(x, y, epochs=epochs, batch_size=32, verbose=verbose)
    return model


def right(model, x, y):
    """Whether each answer is right."""
    return (ops.convert_to_numpy(model(x))[:, 0] > 0.5) == (y == 1)


def by_place(answers, spam, at):
    """The share of spam that is caught, by the seventh of the message it starts in."""
    return np.array([answers[(spam == 1) & (at // 14 == k)].mean() for k in range(7)])


def from_evidence(model, x, at):
    """How much of the attention is on the evidence and what follows it, (count,)."""
    words, embedding, layer, *_ = model.layers
    weights = model.get_layer("pool").weights_of(layer(embedding(x)), ops.not_equal(x, 0))
    weights = ops.convert_to_numpy(weights)[..., 0]
    return np.array([row[k:].sum() for row, k in zip(weights, at)])


def commonest(y, test_y):
    """The share that is right when the answer is always the commonest one."""
    return float((test_y == np.bincount(y).argmax()).mean())


# What the page compares: a name, a cell, a pool
WAYS = (
    ("lstm_last", "lstm", "last"),
    ("lstm_max", "lstm", "max"),
    ("lstm_mean", "lstm", "mean"),
    ("lstm_attention", "lstm", "attention"),
    ("gru_attention", "gru", "attention"),
    ("simple_rnn_last", "simple_rnn", "last"),
)


def run(seed=0, verbose=0):
    """Train each way on spam whose evidence is early, and one model on sentiment.

    Returns the models; the accuracy on new messages with the evidence early, by the
    way's name, and anywhere, by the name and "_anywhere"; of the latter, the messages,
    which answers are right, and the share of spam caught, by where its evidence starts.
    """
    texts, y, _ = messages(384, "early", 2 * seed)
    words = vocabulary(texts)
    tests = {}
    for place in ("early", "anywhere"):
        new, new_y, at = messages(500, place, 100 + seed)
        tests[place] = {"texts": new, "x": encode(new, words), "y": new_y, "at": at}
    test = tests["anywhere"]
    result = {"models": {}, "right": {}, "caught": {}, "words": words, "test": test,
              "baseline": commonest(y, test["y"])}
    both = [np.concatenate([t[key] for t in tests.values()]) for key in "xy"]
    for name, cell, pool in WAYS:
        keras.utils.set_random_seed(seed)
        model = network(len(words) + 2, cell, pool)
        train(model, encode(texts, words), y, verbose=verbose)
        answers = model.predict(both[0], batch_size=250, verbose=0)[:, 0] > 0.5
        early, anywhere = np.split(answers == both[1], 2)
        caught = by_place(anywhere, test["y"], test["at"])
        result["models"][name], result["right"][name] = model, anywhere
        result[name], result[f"{name}_anywhere"] = float(early.mean()), float(anywhere.mean())
        result["caught"][name], result[f"{name}_worst"] = caught, float(caught.min())
        result[f"{name}_last"] = float(caught[-1])
    result["accuracy"] = result["gru_attention_anywhere"]
    looked = from_evidence(result["models"]["lstm_attention"], test["x"], test["at"])
    result["looked"] = float(looked[test["y"] == 1].mean())

    texts, y = reviews(768, 2 * seed)
    new, new_y = reviews(500, 100 + seed)
    words = vocabulary(texts)
    keras.utils.set_random_seed(seed)
    model = network(len(words) + 2, "gru", "last")
    train(model, encode(texts, words, 12), y, epochs=8, rate=0.02, verbose=verbose)
    before, after, was_good = turn_round(new, new_y)
    answers = [right(model, encode(reviews, words, 12), positive)
               for reviews, positive in ((before, was_good), (after, ~was_good))]
    return result | {
        "reviews": new, "reviews_y": new_y, "reviews_model": model,
        "sentiment": float(right(model, encode(new, words, 12), new_y).mean()),
        "sentiment_baseline": commonest(y, new_y),
        "turned": float(np.logical_and(*answers).mean()),
    }


# A file of the reader's


class BadFile(Exception):
    """A file that cannot be used: where, what is wrong, what was expected."""


def split_words(text):
    """The words of a text, in small letters; numbers and signs count as words."""
    return re.findall(r"[^\W_]+(?:['’][^\W_]+)*|[^\w\s]", text.lower())


def read_messages(path):
    """One message a line: the label, a tab, the text. Empty lines are passed over.

    Returns the messages as lists of words, the label numbers, and the two labels.
    """
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise BadFile(f"{path}: {error.strerror}; expected a file to read") from None
    texts, labels, first = [], [], {}
    for n, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        try:
            line = line.decode("utf-8").strip("\r\n ")
        except UnicodeDecodeError as error:
            raise BadFile(
                f"{path}:{n}: byte 0x{error.object[error.start]:02x} is not UTF-8;"
                " expected a text file saved as UTF-8"
            ) from None
        if not line:
            continue
        last = n
        label, tab, text = line.partition("\t")
        words = split_words(text)
        if not tab:
            raise BadFile(f"{path}:{n}: no tab in {line[:40]!r}; expected label<TAB>text")
        if not label.strip():
            raise BadFile(f"{path}:{n}: no label before the tab; expected label<TAB>text")
        if not words:
            raise BadFile(f"{path}:{n}: no text after the tab; expected label<TAB>text")
        texts.append(words)
        labels.append(label.strip())
        first.setdefault(labels[-1], n)
        if len(first) > 2:
            names = ", ".join(map(repr, first))
            raise BadFile(f"{path}:{n}: a third label: {names}; expected two")
    if not texts:
        raise BadFile(f"{path}:1: the file is empty; expected lines of label<TAB>text")
    if len(first) == 1:
        raise BadFile(
            f"{path}:{last}: the only label is {labels[0]!r} down to here; expected two"
        )
    if len(texts) < 10:
        raise BadFile(f"{path}:{last}: {len(texts)} messages; expected at least 10")
    names = sorted(first)
    return texts, np.array([names.index(label) for label in labels]), names


def split(texts, y, seed):
    """Nine tenths to train on, one tenth to test on."""
    order = np.random.default_rng(seed).permutation(len(texts))
    cut = len(texts) // 10
    test, rest = order[:cut], order[cut:]
    return [texts[k] for k in rest], y[rest], [texts[k] for k in test], y[test]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", metavar="FILE", help="your own messages, as above")
    parser.add_argument("--cell", choices=CELLS, default="gru", help="default: gru")
    parser.add_argument("--pool", choices=POOLS, default="attention",
                        help="one vector from all outputs; default: attention")
    parser.add_argument("--epochs", type=int, default=4, help="default: 4")
    parser.add_argument("--seed", type=int, default=0, help="default: 0")
    parser.add_argument("--save", metavar="PATH", default="spam.keras",
                        help="where the model goes; default: spam.keras")
    options = parser.parse_args()
    keras.utils.set_random_seed(options.seed)
    if options.data:
        try:
            texts, y, names = read_messages(options.data)
        except BadFile as error:
            print(error, file=sys.stderr)
            return 2
        texts, y, test_texts, test_y = split(texts, y, options.seed)
    else:
        names = ["ham", "spam"]
        texts, y, _ = messages(512, "anywhere", 2 * options.seed)
        test_texts, test_y, _ = messages(1000, "anywhere", 2 * options.seed + 1)

    words = vocabulary(texts)
    test_x = encode(test_texts, words)
    model = network(len(words) + 2, options.cell, options.pool)
    train(model, encode(texts, words), y, options.epochs, rate=0.02, verbose=1)
    print(f"accuracy on {len(test_y)} new messages: {right(model, test_x, test_y).mean():.3f}")
    print(f"always the commonest label: {commonest(y, test_y):.3f}")
    for text, answer in zip(test_texts[:3], ops.convert_to_numpy(model(test_x[:3]))[:, 0]):
        print(f"  {names[int(answer > 0.5)]}: {' '.join(text)[:70]}")

    model.save(options.save)
    again = keras.models.load_model(options.save, custom_objects={"Pool": Pool})
    same = np.array_equal(model(test_x), again(test_x))
    print(f"saved to {options.save}; read back, it answers the same: {same}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
