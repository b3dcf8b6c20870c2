"""Each task's bound holds for ten seeds that no page uses, as recorded by ``python tests/seeds.py``."""

import pytest

from .conftest import seeds

RECORDS = seeds.read()


@pytest.mark.parametrize("recipe", seeds.tasks(), ids=lambda path: path.stem)
class TestRecipe:
    def test_the_record_is_of_this_recipe(self, recipe):
        record = RECORDS.get(recipe.name, {"sha256": "none"})
        assert record["sha256"] == seeds.digest(recipe), f"{recipe.name} changed: python tests/seeds.py {recipe.stem}"

    def test_ten_seeds_that_no_page_uses(self, recipe):
        assert RECORDS[recipe.name]["seeds"].keys() == {str(seed) for seed in range(1, 11)}

    def test_every_seed_keeps_the_bound(self, recipe):
        assert seeds.misses(RECORDS[recipe.name]) == []


def test_no_record_without_a_recipe():
    assert RECORDS.keys() == {path.name for path in seeds.tasks()}


RECORD = {"bound": {"accuracy": ["at least", 0.9], "loss": ["at most", 1]}, "baseline": 0.5,
          "seeds": {"1": {"accuracy": 0.95, "loss": 0.5}, "2": {"accuracy": 0.91, "loss": 1.0}}}


def with_seed(**figures):
    return RECORD | {"seeds": RECORD["seeds"] | {"3": figures}}


def test_a_seed_at_its_bound_keeps_it():
    assert seeds.misses(RECORD) == []


@pytest.mark.parametrize("figures, miss", [
    ({"accuracy": 0.89, "loss": 0.5}, "seed 3: accuracy 0.89, not at least 0.9"),
    ({"accuracy": 0.99, "loss": 1.25}, "seed 3: loss 1.25, not at most 1"),
    ({"accuracy": float("nan"), "loss": 0.5}, "seed 3: accuracy nan, not at least 0.9"),
])
def test_a_seed_that_misses_is_named(figures, miss):
    assert seeds.misses(with_seed(**figures)) == [miss]


def test_the_table_shows_the_worst_seed_on_either_side():
    _, accuracy, loss = seeds.table({"x.py": RECORD})
    assert accuracy.split() == ["x.py", "accuracy", "0.5", "at", "least", "0.9", "0.91", "0.95", "2"]
    assert loss.split() == ["x.py", "loss", "at", "most", "1", "1", "0.5", "2"]


def test_an_unknown_recipe_is_an_error(capsys):
    assert seeds.main(["poetri"]) == 2
    assert "no task recipe poetri; there are " in capsys.readouterr().err
