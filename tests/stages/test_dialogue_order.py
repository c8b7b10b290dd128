import numpy as np
import pytest

from schemas.script import LANGUAGES, Kind, Language, Script, Turn
from schemas.seeds import generator
from stages.backends.grammar_data import load_grammar
from stages.dialogue_order import fact_score, order_score
from tests.stages.scripts import written

KINDS: tuple[Kind, ...] = ("conversation", "roleplay")
"""A song comes after its singer's words or in their place, so that turns of singing do not alternate."""


def spoken(script: Script) -> list[Turn]:
    return [turn for turn in script.turns if turn.overlap != "backchannel"]


def shuffled_within_roles(turns: list[Turn], random: np.random.Generator) -> list[Turn]:
    """Another order in which the roles still alternate."""
    while True:
        users = [turns[2 * int(i)] for i in random.permutation(len(turns) // 2)]
        assistants = [turns[2 * int(i) + 1] for i in random.permutation(len(turns) // 2)]
        order = [turn for pair in zip(users, assistants, strict=True) for turn in pair]
        if order != turns:
            return order


def long_dialogues(language: Language, kind: Kind = "conversation") -> list[Script]:
    """Dialogues of two turns have no other order."""
    return [script for script in written(600, language, kind) if len(spoken(script)) >= 4]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_true_order_ranks_above_a_shuffle(language: Language, kind: Kind) -> None:
    grammar = load_grammar(language, None, kind)
    wins = ties = total = 0
    for script in long_dialogues(language, kind):
        topic, scene = grammar.scene(script.plan.scene)
        turns = spoken(script)
        other = shuffled_within_roles(turns, generator("shuffle", script.dialogue_id))
        true, false = order_score(turns, topic, scene), order_score(other, topic, scene)
        total, wins, ties = total + 1, wins + (true > false), ties + (true == false)
    assert total >= 400
    assert wins >= 0.95 * total, f"{wins} wins and {ties} ties of {total}"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_written_order_is_in_order(language: Language, kind: Kind) -> None:
    grammar = load_grammar(language, None, kind)
    for script in written(600, language, kind):
        topic, scene = grammar.scene(script.plan.scene)
        assert order_score(script.turns, topic, scene) == 1.0


def test_score_does_not_know_positions() -> None:
    """Without intents and slots nothing is left to tell the orders apart."""
    grammar = load_grammar("en")
    for script in long_dialogues("en")[:100]:
        topic, scene = grammar.scene(script.plan.scene)
        blank = [turn.model_copy(update={"intent": "", "slots": {}}) for turn in spoken(script)]
        other = shuffled_within_roles(blank, generator("shuffle", script.dialogue_id))
        assert order_score(blank, topic, scene) == order_score(other, topic, scene) == 0.5


def test_facts_alone_tell_many_orders_apart() -> None:
    grammar = load_grammar("en")
    scripts = long_dialogues("en")
    wins = losses = 0
    for script in scripts:
        topic, _ = grammar.scene(script.plan.scene)
        turns = spoken(script)
        other = shuffled_within_roles(turns, generator("shuffle", script.dialogue_id))
        true, false = fact_score(turns, topic), fact_score(other, topic)
        wins, losses = wins + (true > false), losses + (true < false)
    assert losses == 0
    assert wins >= 0.5 * len(scripts)
