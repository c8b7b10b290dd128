"""What a key of a grammar's file may hold, and the check of a table against that."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, NoReturn

from schemas.errors import GrammarError


@dataclass(frozen=True)
class Shape:
    """`words` tell the author of the file what `holds` asks for."""

    words: str
    holds: Callable[[Any], bool]


Shapes = Mapping[str, Shape]


def _list_of(item: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(item(one) for one in value)


def _table_of(item: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(item(one) for one in value.values())


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_filled(value: Any) -> bool:
    return _is_list(value) and bool(value)


def _is_values(value: Any) -> bool:
    return _is_text(value) or _is_filled(value)


def _is_entry(value: Any) -> bool:
    return _is_text(value) or _table_of(_is_values)(value)


def _is_weighted(value: Any) -> bool:
    name, colon, weight = value.partition(":") if _is_text(value) else ("", "", "")
    if not colon:
        return bool(name)
    try:
        return isfinite(float(weight)) and float(weight) > 0
    except ValueError:
        return False


_is_list = _list_of(_is_text)

TEXT = Shape("a text", _is_text)
LIST = Shape("a list of texts", _is_list)
FILLED = Shape("a list of texts, not empty", _is_filled)
VALUES = Shape("a text or a list of texts, not empty", _is_values)
CASES = Shape("a table of texts or lists of texts, none empty", _table_of(_is_values))
VARIANTS = Shape("a text, a list of texts, or a table of them, none empty", lambda v: _is_values(v) or CASES.holds(v))
CONDITIONS = Shape("a table of tables of texts or lists of texts, none empty", _table_of(CASES.holds))
TABLE = Shape("a table", lambda value: isinstance(value, dict))
SOME = Shape("a table, not empty", lambda value: isinstance(value, dict) and bool(value))
TABLES = Shape("a table of tables, not empty", lambda value: _table_of(TABLE.holds)(value) and bool(value))
ENTRIES = Shape("a list of tables, not empty", lambda value: _list_of(TABLE.holds)(value) and bool(value))
LEXICON = Shape("a list of texts or of tables of texts, not empty", lambda v: _list_of(_is_entry)(v) and bool(v))
RULE = Shape("a list of texts, or a table of them", lambda value: _is_list(value) or _table_of(_is_list)(value))
WEIGHTED = Shape("a list of names, each alone or as 'name:weight' with a weight above 0", _list_of(_is_weighted))
START = Shape(f"{WEIGHTED.words}, not empty", lambda value: WEIGHTED.holds(value) and bool(value))
ROLE = Shape("'user' or 'assistant'", lambda value: value in ("user", "assistant"))
FLAG = Shape("true or false", lambda value: isinstance(value, bool))
CHANCE = Shape("a number from 0 to 1", lambda v: isinstance(v, int | float) and not isinstance(v, bool) and 0 <= v <= 1)


def check_table(path: Path, key: str, table: Any, needed: Shapes, others: Shapes) -> None:
    """Raises GrammarError where the table lacks a needed key, has an unknown one, or one that holds something else.

    `key` is that of the table; empty for the file itself.
    """
    if not isinstance(table, dict):
        fail(path, key, "must be a table")
    known = {**needed, **others}
    if unknown := sorted(set(table) - set(known)):
        fail(path, key or "(top level)", f"unknown key '{unknown[0]}'; use one of: {', '.join(sorted(known))}")
    for name, shape in known.items():
        place = f"{key}.{name}" if key else name
        if name in needed and name not in table:
            fail(path, place, "is missing")
        if name in table and not shape.holds(table[name]):
            fail(path, place, f"must be {shape.words}")


def fail(path: Path, key: str, problem: str) -> NoReturn:
    raise GrammarError(f"{path}: {key}: {problem}.")
