"""Dialogues are cut by their best takes, from facts alone, and everything left out says why."""

from typing import Any

from schemas.limits import Limits, parse_limits
from schemas.script import Character, DialoguePlan, Script, Turn
from schemas.take import MEASURES
from stages.select_takes import select_takes, select_unperformed

LIMITS = Limits("embedded", parse_limits([{"measure": "gap", "maximum": 1.0, "scale": 1.0}], "test"))


def person(name: str) -> Character:
    words = dict.fromkeys(("name", "identity", "personality", "temperament", "timbre"), name)
    return Character(character_id=name, language="en", age="youth", gender="female", pace="normal", **words)


def script() -> Script:
    plan = DialoguePlan(
        dialogue_id="d", kind="conversation", language="en", split="train", scene="s", user=person("u"),
        assistant=person("a"), seed=1,
    )  # fmt: skip
    turns = (Turn(role="user", text="hi", intent="x"), Turn(role="assistant", text="hello", intent="y"))
    return Script(plan=plan, topic="t", turns=turns, writer="test")


def take(turn: int, attempt: int, gap: float) -> dict[str, Any]:
    return {
        "take_id": f"d-t{turn:02d}-a{attempt}",
        "dialogue_id": "d",
        "turn_index": turn,
        "attempt": attempt,
        "kind": "conversation",
        "language": "en",
        "manner": "plain",
        "measures": dict.fromkeys(MEASURES) | {"gap": gap},
    }


def test_accepted_with_the_best_take_of_every_turn() -> None:
    takes = [take(0, 0, 2.0), take(0, 1, 0.5), take(1, 0, 0.9)]
    selection = select_takes(script(), takes, [], LIMITS)
    assert selection.status == "accepted"
    assert [chosen["take_id"] for chosen in selection.chosen] == ["d-t00-a1", "d-t01-a0"]
    (dropped,) = selection.rejections
    assert (dropped.rejected_by, dropped.reason) == ("JudgeTakes", "gap=2 (limit 1)")


def test_rejected_when_one_turn_has_no_fit_take() -> None:
    selection = select_takes(script(), [take(0, 0, 0.1), take(1, 0, 3.0), take(1, 1, 2.0)], [], LIMITS)
    assert selection.status == "rejected"
    assert selection.reason == "turn 1: gap=2 (limit 1)"
    assert selection.chosen == ()
    assert [(r.rejected_by, r.reason) for r in selection.rejections] == [
        ("dialogue", "turn 1: gap=2 (limit 1)"),
        ("JudgeTakes", "gap=3 (limit 1)"),
        ("JudgeTakes", "gap=2 (limit 1)"),
    ]


def test_a_second_fit_take_is_left_out_for_the_earlier() -> None:
    selection = select_takes(script(), [take(0, 0, 0.1), take(0, 1, 0.1), take(1, 0, 0.1)], [], LIMITS)
    assert [chosen["attempt"] for chosen in selection.chosen] == [0, 0]
    assert [(r.rejected_by, r.reason) for r in selection.rejections] == [
        ("attempt", "another attempt of this turn was kept")
    ]


def test_a_dead_letter_makes_the_dialogue_dead_and_keeps_its_takes_as_rejects() -> None:
    selection = select_takes(script(), [take(0, 0, 0.1)], ["Transcribe on d-t01-a0: RuntimeError: x"], LIMITS)
    assert (selection.status, selection.reason) == ("dead", "Transcribe on d-t01-a0: RuntimeError: x")
    assert [r.rejected_by for r in selection.rejections] == ["dead letter"]


def test_a_script_that_was_never_performed_is_rejected_turn_by_turn() -> None:
    selection = select_unperformed(script(), "near-duplicate", "near-duplicate of c")
    assert selection.status == "rejected"
    assert [(r.turn_index, r.take, r.reason) for r in selection.rejections] == [
        (0, None, "near-duplicate of c"),
        (1, None, "near-duplicate of c"),
    ]
