"""How well the order of a dialogue's turns holds together, judged by intent links and by when slots are introduced.

The score knows nothing of positions: it asks of each turn only what stands before it.
"""

from collections.abc import Sequence
from itertools import pairwise

from schemas.script import Turn
from stages.backends.grammar_checks import NAMES
from stages.backends.grammar_records import Scene, Topic


def order_score(turns: Sequence[Turn], topic: Topic, scene: Scene) -> float:
    """Mean of the link and the fact score of the turns in this order, 0 to 1; back-channels are passed over."""
    spoken = [turn for turn in turns if turn.overlap != "backchannel"]
    return (link_score(spoken, topic, scene) + fact_score(spoken, topic)) / 2


def link_score(turns: Sequence[Turn], topic: Topic, scene: Scene) -> float:
    """Share of the steps (opening, every reply, ending) for which the grammar declares a link."""
    opening = turns[0].intent in {name for name, _ in scene.start}
    last = topic.intents.get(turns[-1].intent)
    links = sum(_answers(before, after, topic) for before, after in pairwise(turns))
    return (opening + links + (last is not None and last.ends)) / (len(turns) + 1)


def fact_score(turns: Sequence[Turn], topic: Topic) -> float:
    """Share of the uses of slots that are in order; 1 if no slot is used.

    A first mention is in order in a turn whose intent may introduce the slot; a later mention, or a need of an
    intent, is in order once the slot has been mentioned.
    """
    known: set[str] = set()
    in_order = uses = 0
    for turn in turns:
        mentioned = {slot.partition(".")[0] for slot in turn.slots} - NAMES
        intent = topic.intents.get(turn.intent)
        introduces = intent.gives | intent.may if intent else frozenset()
        for slot in mentioned | (intent.needs if intent else frozenset()):
            uses += 1
            in_order += slot in known or (slot in mentioned and slot in introduces)
        known |= mentioned
    return in_order / uses if uses else 1.0


def _answers(before: Turn, after: Turn, topic: Topic) -> bool:
    intent = topic.intents.get(before.intent)
    return intent is not None and after.intent in {name for name, _ in intent.next}
