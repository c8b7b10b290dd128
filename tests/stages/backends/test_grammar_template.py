import pytest

from stages.backends.grammar_template import (
    Choice,
    Reference,
    Slot,
    Text,
    always_mentioned,
    is_sayable,
    parse_template,
)


def test_every_form_is_parsed() -> None:
    assert parse_template("<so> [try | have] {dish.trick}, (now|<later@dish.kind>).") == (
        Reference("so", None),
        Text(" "),
        Choice(((), (), (Text("try "),), (Text(" have"),))),
        Text(" "),
        Slot("dish", "trick"),
        Text(", "),
        Choice(((Text("now"),), (Reference("later", Slot("dish", "kind")),))),
        Text("."),
    )


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("a | b", "'|' outside of brackets"),
        ("(a | b", "')' is missing"),
        ("[a) b", "unexpected ')' at character 3"),
        ("[(a)) b", "unexpected ')' at character 5"),
        ("a] b", "unexpected ']' at character 2"),
        ("say {dish", "'{' is never closed"),
        ("say {dish name}", "'{dish name}' is not a slot"),
        ("<so what>", "'<so what>' is not a rule"),
    ],
)
def test_broken_templates_are_refused(source: str, problem: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 (the message is compared below)
        parse_template(source)
    assert str(error.value) == problem


RULES = {
    "where": {"any": (parse_template("in {town}"), parse_template("near {town} at {time}"))},
    "tip": {"hot": (parse_template("drink"),), "cold": (parse_template("take {item}"),)},
}


def test_always_mentioned_holds_what_no_expansion_leaves_out() -> None:
    assert always_mentioned(parse_template("{dish} [at {time}] <where>"), RULES) == {"dish", "town"}
    assert always_mentioned(parse_template("<tip@sky>"), RULES) == set()


def test_sayable_needs_one_way_for_every_variant() -> None:
    assert is_sayable(parse_template("<where> [with {friend}]"), RULES, frozenset({"town"}))
    assert not is_sayable(parse_template("<where>"), RULES, frozenset({"time"}))
    assert not is_sayable(parse_template("<tip@sky>"), RULES, frozenset())
