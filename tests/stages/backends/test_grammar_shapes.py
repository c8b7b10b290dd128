from pathlib import Path
from typing import Any

import pytest

from schemas.errors import GrammarError
from stages.backends.grammar_shapes import CHANCE, FILLED, LIST, TEXT, VARIANTS, WEIGHTED, Shape, check_table

FILE = Path("words.toml")


@pytest.mark.parametrize(
    ("shape", "held", "refused"),
    [
        (LIST, [[], ["a"]], ["a", [1], {}]),
        (FILLED, [["a", "b"]], [[], "a"]),
        (VARIANTS, ["a", ["a"], {"any": "a"}, {"female": ["a"]}], [[], {"any": []}, 1]),
        (WEIGHTED, [[], ["a"], ["a:2", "b:0.5"]], ["a", ["a:"], ["a:0"], ["a:-1"], ["a:inf"], [""], [1]]),
        (CHANCE, [0, 0.2, 1], [True, -0.1, 2, "1"]),
    ],
)
def test_shapes(shape: Shape, held: list[Any], refused: list[Any]) -> None:
    assert [value for value in held if not shape.holds(value)] == []
    assert [value for value in refused if shape.holds(value)] == []


@pytest.mark.parametrize(
    ("key", "table", "problem"),
    [
        ("", {}, "name: is missing"),
        ("fox", {}, "fox.name: is missing"),
        ("fox", {"name": 1}, "fox.name: must be a text"),
        ("fox", {"name": "a", "tail": []}, "fox.tail: must be a list of texts, not empty"),
        ("fox", {"name": "a", "ear": "b"}, "fox: unknown key 'ear'; use one of: name, tail"),
        ("", {"ear": "b"}, "(top level): unknown key 'ear'; use one of: name, tail"),
        ("fox", ["a"], "fox: must be a table"),
    ],
)
def test_the_key_is_named(key: str, table: Any, problem: str) -> None:
    with pytest.raises(GrammarError) as error:
        check_table(FILE, key, table, {"name": TEXT}, {"tail": FILLED})
    assert str(error.value) == f"words.toml: {problem}."


def test_keys_that_need_not_be_there_may_be_left_out() -> None:
    check_table(FILE, "fox", {"name": "a"}, {"name": TEXT}, {"tail": FILLED})
