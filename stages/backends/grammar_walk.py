"""The plan of a dialogue: which facts it is about, and which intents follow each other."""

from collections.abc import Mapping, Sequence

import numpy as np

from stages.backends.grammar_records import Entry, Intent, Scene, Topic, Weights

Facts = dict[str, dict[str, str]]
"""Slot -> attribute -> value, drawn once per dialogue."""


def draw(random: np.random.Generator, weights: Weights) -> str:
    """One name, by weight."""
    point = random.random() * sum(weight for _, weight in weights)
    for name, weight in weights:
        point -= weight
        if point < 0:
            return name
    return weights[-1][0]


def shuffled(random: np.random.Generator, weights: Weights) -> list[str]:
    """All names, heavier ones tending to the front: repeated weighted draws without replacement."""
    left, order = list(weights), []
    while left:
        order.append(draw(random, tuple(left)))
        left = [pair for pair in left if pair[0] != order[-1]]
    return order


def draw_facts(random: np.random.Generator, topic: Topic, scene: Scene) -> Facts:
    """An entry for every slot; slots of one lexicon get different entries while there are any left."""
    facts: Facts = {}
    taken: dict[str, set[str]] = {}
    # Slots with conditions choose first, so that another slot of the lexicon does not take their only entry.
    for slot in sorted(topic.slots, key=lambda name: name not in scene.where):
        lexicon = topic.slots[slot]
        fitting = [e for e in topic.lexicon[lexicon] if _fits(e, scene.where.get(slot, {}))]
        free = [entry for entry in fitting if entry["text"][0] not in taken.get(lexicon, ())] or fitting
        entry = free[int(random.random() * len(free))]
        taken.setdefault(lexicon, set()).add(entry["text"][0])
        facts[slot] = {name: _one(random, values) for name, values in entry.items()}
    return facts


def _one(random: np.random.Generator, values: Sequence[str]) -> str:
    return values[0] if len(values) == 1 else values[int(random.random() * len(values))]


def _fits(entry: Entry, conditions: Mapping[str, frozenset[str]]) -> bool:
    return all(not allowed.isdisjoint(entry.get(name, ())) for name, allowed in conditions.items())


def draw_walk(random: np.random.Generator, topic: Topic, scene: Scene, facts: Facts) -> list[Intent]:
    """Intents from an opening of the scene to an assistant's intent that may end the dialogue.

    The number of turns is drawn from the topic's lengths; where the grammar has no walk of that length for these
    facts, another number is taken. No intent occurs twice. Raises ValueError where the scene has no walk of any length.
    """
    for turns in shuffled(random, topic.lengths):
        walk = _extend(random, topic, facts, [], scene.start, int(turns))
        if walk is not None:
            return walk
    raise ValueError(f"scene '{topic.name}/{scene.name}' has no dialogue of any length for the facts {facts}")


def _extend(
    random: np.random.Generator, topic: Topic, facts: Facts, walk: list[Intent], choices: Weights, turns: int
) -> list[Intent] | None:
    """The walk continued to exactly `turns` intents, depth first, or None."""
    known = {slot for intent in walk for slot in intent.gives}
    for name in shuffled(random, choices):
        intent = topic.intents[name]
        if intent in walk or not intent.needs <= known or not _holds(intent, facts):
            continue
        longer = [*walk, intent]
        if len(longer) == turns:
            if intent.ends:
                return longer
            continue
        if (found := _extend(random, topic, facts, longer, intent.next, turns)) is not None:
            return found
    return None


def _holds(intent: Intent, facts: Facts) -> bool:
    return all(facts[slot][attribute] in allowed for (slot, attribute), allowed in intent.when.items())
