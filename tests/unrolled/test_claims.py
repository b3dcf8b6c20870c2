"""A claim passes exactly when it is true, says why when it is not, and shows what it measured."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

import unrolled as ur
from unrolled import claims
from unrolled.claims import MIME_TYPE, ClaimError, Verdict, claim

SAID = claim("What is said")
NAN = np.array([1.0, np.nan])


@pytest.mark.parametrize("check", [
    lambda c: c.close([1.0, 2.0], [1.0, 2.0 + 1e-13]),
    lambda c: c.close(np.float32([1.0]), np.float32([1.0 + 5e-7])),
    lambda c: c.close(1.0, 1.5, atol=0.5),
    lambda c: c.equal(np.arange(3), [0, 1, 2]),
    lambda c: c.equal((2, 3), (2, 3)),
    lambda c: c.equal("h", "h"),
    lambda c: c.at_most(0.1, 0.1),
    lambda c: c.at_least(np.float64(0.2), 0.1, "accuracy"),
    lambda c: c.holds(True),
    lambda c: c.holds(np.bool_(True), detail="seen"),
    lambda c: c.raises(ValueError, lambda: int("x"), match="invalid literal"),
    lambda c: c.raises(LookupError, lambda: {}["k"]),
])
def test_a_true_claim_passes_and_is_shown(check, capsys):
    assert check(SAID) is None
    assert re.fullmatch(r"✓ What is said \[.+\]\n", capsys.readouterr().out)


class Carrying:
    """What PyTorch's layers return: no array comes of it before it is detached."""

    def detach(self):
        """The figures alone."""
        return np.float32([1.0, 2.0])

    def __array__(self, *_, **__):
        raise RuntimeError("Can't call numpy() on Tensor that requires grad")


def test_a_tensor_that_carries_gradients_is_compared(capsys):
    SAID.close(Carrying(), np.float32([1.0, 2.0]))
    assert "no difference" in capsys.readouterr().out
    with pytest.raises(ClaimError, match="largest difference 1"):
        SAID.close([1.0, 1.0], Carrying())


@pytest.mark.parametrize("check, why", [
    (lambda c: c.close([1.0, 2.0], [1.0, 2.1]), "largest difference 0.1, allowed 1e-12; they first part at [1]: 2.0 and 2.1"),
    (lambda c: c.close(np.float32([1.0]), [1.00001]), "allowed 1e-06"),
    (lambda c: c.close([[1.0, 0.0]], [[0.0, 0.0]], atol=0.5), "first part at [0, 0]"),
    (lambda c: c.close([1.0], [1.0, 2.0]), "the shapes differ: (1,) and (2,)"),
    (lambda c: c.close(np.ones((3, 1)), np.ones(3)), "the shapes differ: (3, 1) and (3,)"),
    (lambda c: c.close(NAN, [1.0, 2.0], atol=1e9), "first part at [1]: nan and 2.0"),
    (lambda c: c.close(NAN, NAN, atol=1e9), "first part at [1]: nan and nan"),
    (lambda c: c.close([np.inf], [np.inf]), "first part at [0]"),
    (lambda c: c.equal(np.arange(3), np.arange(4)), "not equal"),
    (lambda c: c.equal(NAN, NAN), "not equal"),
    (lambda c: c.equal((2, 3), (2, 4)), "not equal: (2, 3) and (2, 4)"),
    (lambda c: c.at_most(0.2, 0.1), "0.2 is more than 0.1"),
    (lambda c: c.at_most(float("nan"), 0.1), "nan is more than 0.1"),
    (lambda c: c.at_least(0.1, 0.2, "accuracy"), "0.1 is less than 0.2 (accuracy)"),
    (lambda c: c.at_least(float("nan"), 0.1), "nan is less than 0.1"),
    (lambda c: c.holds(False), "the condition is False"),
    (lambda c: c.holds(np.bool_(False), detail="3 of 5"), "3 of 5"),
    (lambda c: c.raises(ValueError, lambda: None), "expected ValueError, but nothing was raised"),
    (lambda c: c.raises(ValueError, lambda: {}["k"]), "expected ValueError, but KeyError came: 'k'"),
    (lambda c: c.raises(ValueError, lambda: int("x"), match="out of range"), "does not contain 'out of range'"),
])
@pytest.mark.filterwarnings("ignore:invalid value")  # infinity minus infinity
def test_a_false_claim_stops_and_says_why(check, why, capsys):
    with pytest.raises(ClaimError) as raised:
        check(SAID)
    assert str(raised.value).startswith("What is said: ")
    assert why in str(raised.value)
    assert capsys.readouterr().out == ""  # nothing is shown as verified


def test_a_claim_that_fails_is_an_assertion():
    assert issubclass(ClaimError, AssertionError) and ur.ClaimError is ClaimError


def test_empty_arrays_are_no_evidence():
    with pytest.raises(ValueError, match="nothing to compare"):
        SAID.close(np.ones((0, 3)), np.ones((0, 3)))


@pytest.mark.parametrize("condition", [np.array([True]), [True], 1, "yes", None, lambda: True])
def test_only_a_truth_value_holds(condition):
    with pytest.raises(TypeError, match=f"condition is a {type(condition).__name__}, but holds takes True or False"):
        SAID.holds(condition)


@pytest.mark.parametrize("sentence", ["", "  ", None, 3])
def test_a_claim_says_something(sentence):
    with pytest.raises(ValueError, match="a claim says something"):
        claim(sentence)


def test_a_claim_about_an_error_lets_an_interrupt_through():
    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        SAID.raises(ValueError, interrupt)


def test_the_message_that_came_is_shown_without_colours(capsys):
    def fail():
        raise ValueError("first line\n\x1b[1mthe \x1b[31mreason\x1b[0m\nlast")

    SAID.raises(ValueError, fail, match="the reason")
    assert capsys.readouterr().out == "✓ What is said [ValueError: the reason]\n"


@pytest.fixture
def published(monkeypatch):
    """A kernel that listens: what is published there, bundle by bundle."""
    import IPython
    import IPython.display

    bundles = []
    monkeypatch.setattr(IPython, "get_ipython", lambda: SimpleNamespace(kernel=object()))
    monkeypatch.setattr(IPython.display, "publish_display_data", lambda data, **_: bundles.append(data))
    return bundles


def test_on_a_page_a_claim_is_published(published, capsys):
    claim("Gates of `LSTM` are < 1 & > 0").close([0.5], [0.25], atol=0.25)
    (bundle,) = published
    assert set(bundle) == {"text/html", "text/plain", MIME_TYPE}
    assert bundle[MIME_TYPE] == {"sentence": "Gates of `LSTM` are < 1 & > 0", "check": "close",
                                 "measured": "largest difference 0.25", "tolerance": "at most 0.25"}
    assert bundle["text/plain"] == "✓ Gates of `LSTM` are < 1 & > 0 [largest difference 0.25; at most 0.25]"
    assert "Gates of <code>LSTM</code> are &lt; 1 &amp; &gt; 0" in bundle["text/html"]
    assert capsys.readouterr().out == ""


def test_on_a_page_a_false_claim_publishes_nothing(published):
    with pytest.raises(ClaimError):
        SAID.holds(False)
    assert published == []


def test_each_check_names_itself(published):
    SAID.close(1.0, 1.0), SAID.equal(1, 1), SAID.at_most(1, 2), SAID.at_least(2, 1), SAID.holds(True)
    SAID.raises(ValueError, lambda: int("x"))
    assert [b[MIME_TYPE]["check"] for b in published] == ["close", "equal", "at_most", "at_least", "holds", "raises"]
    assert all(isinstance(v, str) for b in published for v in b[MIME_TYPE].values())


def test_in_plain_ipython_a_claim_is_printed(monkeypatch, capsys):
    import IPython

    monkeypatch.setattr(IPython, "get_ipython", lambda: SimpleNamespace())
    SAID.holds(True)
    assert capsys.readouterr().out == "✓ What is said [true]\n"


def test_html_is_escaped_everywhere():
    html = Verdict("<b>", "holds", "<script>", "a & b").bundle()["text/html"]
    assert "<b>" not in html and "<script>" not in html
    assert "&lt;script&gt;" in html and "a &amp; b" in html


def test_long_values_are_clipped():
    with pytest.raises(ClaimError) as raised:
        SAID.equal("a" * 1000, "b" * 1000)
    assert len(str(raised.value)) < 400
    assert claims._clip("x" * 500, 50).endswith("…") and len(claims._clip("x" * 500, 50)) == 50
