"""Each task's bounds and every claim of its page hold for ten seeds that no page uses: ``python tests/seeds.py``."""

import types

import pytest

from .conftest import seeds

RECORDS = seeds.read()


@pytest.mark.parametrize("recipe", seeds.tasks(), ids=lambda path: path.stem)
class TestRecipe:
    def test_the_record_is_of_this_recipe(self, recipe):
        record = RECORDS.get(recipe.name, {"sha256": "none"})
        assert record["sha256"] == seeds.digest(recipe), f"{recipe.name} changed: python tests/seeds.py {recipe.stem}"

    def test_ten_seeds_that_no_page_uses(self, recipe):
        record = RECORDS[recipe.name]
        assert record["seeds"].keys() == record["failed"].keys() == {str(seed) for seed in range(1, 11)}

    def test_the_claims_of_its_page_ran(self, recipe):
        assert RECORDS[recipe.name]["claims"] >= "".join(seeds.cells(seeds.page_of(recipe))).count("ur.claim(") > 10

    def test_every_seed_keeps_every_bound_and_claim(self, recipe):
        assert seeds.misses(RECORDS[recipe.name]) == []


def test_no_record_without_a_recipe():
    assert RECORDS.keys() == {path.name for path in seeds.tasks()}


RECORD = {"bound": {"accuracy": ["at least", 0.9], "loss": ["at most", 1]}, "baseline": 0.5,
          "seeds": {"1": {"accuracy": 0.95, "loss": 0.5}, "2": {"accuracy": 0.91, "loss": 1.0}},
          "claims": 20, "failed": {"1": [], "2": []}}


def with_seed(**figures):
    return RECORD | {"seeds": RECORD["seeds"] | {"3": figures}}


def test_a_claim_that_failed_is_named():
    record = RECORD | {"failed": {"1": [], "2": ["It waits: 0.4 is less than 0.5"]}}
    assert seeds.misses(record) == ["seed 2: It waits: 0.4 is less than 0.5"]


PAGE = """# A page
```{code-cell}
:tags: [hide-input]
import this_task
result = this_task.run(seed=0)
```
Prose.
```{code-cell}
from unrolled import claim

claim("It is more than two").at_least(result["figure"], 2)
claim("It is at most four").at_most(result["figure"], 4)
```
"""


def test_a_page_is_run_with_the_models_of_another_seed(tmp_path):
    page, recipe = tmp_path / "page.md", types.ModuleType("this_task")
    page.write_text(PAGE, "utf-8")
    recipe.run = lambda seed: pytest.fail("trained a second time")
    assert seeds.failed_claims(page, recipe, {"figure": 3}) == (2, [])
    assert seeds.failed_claims(page, recipe, {"figure": 1}) == (2, ["It is more than two: 1 is less than 2"])


def test_a_page_that_stops_is_no_result(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(PAGE, "utf-8")
    recipe = types.ModuleType("this_task")
    recipe.run = None
    with pytest.raises(KeyError):
        seeds.failed_claims(page, recipe, {})


def test_the_record_is_of_the_pages_code_too(tmp_path, monkeypatch):
    recipe, page = tmp_path / "recipes" / "this_task.py", tmp_path / "tasks" / "page.md"
    for path, text in ((recipe, "BOUND = {}"), (page, PAGE)):
        path.parent.mkdir()
        path.write_text(text, "utf-8")
    monkeypatch.setattr(seeds, "RECIPES", recipe.parent)
    before = seeds.digest(recipe)
    page.write_text(PAGE.replace("Prose.", "Other words."), "utf-8")
    assert seeds.digest(recipe) == before
    page.write_text(PAGE.replace("more than two", "more"), "utf-8")
    assert seeds.digest(recipe) != before


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
    _, accuracy, loss, claims = seeds.table({"x.py": RECORD | {"failed": {"1": [], "2": ["It waits: no"]}}})
    assert accuracy.split() == ["x.py", "accuracy", "0.5", "at", "least", "0.9", "0.91", "0.95", "2"]
    assert loss.split() == ["x.py", "loss", "at", "most", "1", "1", "0.5", "2"]
    assert claims.split() == ["x.py", "claims", "of", "its", "page", "all", "20", "19", "20", "2"]


def test_an_unknown_recipe_is_an_error(capsys):
    assert seeds.main(["poetri"]) == 2
    assert "no task recipe poetri; there are " in capsys.readouterr().err
