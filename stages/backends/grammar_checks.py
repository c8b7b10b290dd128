"""Checks of a loaded topic: every name exists, every turn can be said, every slot is introduced before it is used."""

from collections.abc import Iterator
from pathlib import Path

from schemas.errors import GrammarError
from stages.backends.grammar_records import Entry, Intent, Topic
from stages.backends.grammar_template import (
    ANY,
    Reference,
    Slot,
    Template,
    always_mentioned,
    is_sayable,
    nodes_within,
)

NAMES = frozenset({"user", "assistant"})
"""Slots that are always known: the names of the two characters."""

SONG = "song"
"""Where there are songs, the slot that is always known: the one to be sung."""


def _known(topic: Topic) -> frozenset[str]:
    """The slots that may be mentioned from the first turn on."""
    return NAMES | ({SONG} & topic.slots.keys())


def check_topic(path: Path, topic: Topic) -> None:
    """Raises GrammarError that names the file, the key and what is wrong."""
    for key, problem in _problems(topic):
        raise GrammarError(f"{path}: {key}: {problem}.")


def _problems(topic: Topic) -> Iterator[tuple[str, str]]:
    yield from _slot_problems(topic)
    yield from _rule_problems(topic)
    for intent in topic.intents.values():
        yield from _intent_problems(topic, intent)
    for scene in topic.scenes.values():
        yield from _scene_problems(topic, scene.name)


def _rule_problems(topic: Topic) -> Iterator[tuple[str, str]]:
    for name in ("backchannel", "cut_in"):
        if ANY not in topic.rules.get(name, {}):
            yield f"rules.{name}", f"must be a rule with the variant '{ANY}'"
    for name, rule in topic.rules.items():
        for variant, alternatives in rule.items():
            key = f"rules.{name}.{variant}"
            if not alternatives:
                yield key, "holds no alternative"
            for template in alternatives:
                yield from _template_problems(topic, key, template)
    for name in topic.rules:
        if name in _rules_within(topic, name, set()):
            yield f"rules.{name}", "is part of itself"


def _rules_within(topic: Topic, name: str, found: set[str]) -> set[str]:
    """All rules that an expansion of the rule may reach."""
    for alternatives in topic.rules[name].values():
        for template in alternatives:
            for node in nodes_within(template):
                if isinstance(node, Reference) and node.rule not in found:
                    found.add(node.rule)
                    _rules_within(topic, node.rule, found)
    return found


def _slot_problems(topic: Topic) -> Iterator[tuple[str, str]]:
    for slot, lexicon in topic.slots.items():
        if slot in NAMES:
            yield f"slots.{slot}", "this name is taken by a character's name"
        if lexicon not in topic.lexicon:
            yield f"slots.{slot}", f"there is no lexicon '{lexicon}'"
        elif any("text" not in entry for entry in topic.lexicon[lexicon]):
            yield f"lexicon.{lexicon}", "an entry has no text"


def _template_problems(topic: Topic, key: str, template: Template) -> Iterator[tuple[str, str]]:
    for node in nodes_within(template):
        if isinstance(node, Slot):
            yield from _attribute_problems(topic, key, node)
        elif isinstance(node, Reference):
            if node.rule not in topic.rules:
                yield key, f"there is no rule '{node.rule}'"
                continue
            variants = set(topic.rules[node.rule])
            if node.key is None and ANY not in variants:
                yield key, f"rule '{node.rule}' is picked by mood and so needs the variant '{ANY}'"
            elif node.key is None and (unknown := variants - {ANY} - topic.moods):
                yield (
                    key,
                    f"rule '{node.rule}' is picked by mood, and '{min(unknown)}' is none: write <{node.rule}@SLOT>",
                )
            elif node.key is not None:
                yield from _attribute_problems(topic, key, node.key)
                values = {v for e in _entries(topic, node.key) for v in e[node.key.attribute]}
                if ANY not in variants and values - variants:
                    yield key, f"rule '{node.rule}' has no variant '{min(values - variants)}'"


def _entries(topic: Topic, slot: Slot) -> tuple[Entry, ...]:
    return topic.assistant if slot.name == "assistant" else topic.lexicon[topic.slots[slot.name]]


def _attribute_problems(topic: Topic, key: str, slot: Slot) -> Iterator[tuple[str, str]]:
    if slot.name == "user" or (slot.name == "assistant" and not topic.assistant):
        if slot.attribute != "text":
            yield key, f"'{slot.name}' has no attributes"
    elif slot.name not in topic.slots and slot.name not in NAMES:
        yield key, f"there is no slot '{slot.name}'"
    else:
        for entry in _entries(topic, slot):
            if slot.attribute not in entry:
                yield key, f"entry '{entry['text'][0]}' has no attribute '{slot.attribute}'"
                return


def _intent_problems(topic: Topic, intent: Intent) -> Iterator[tuple[str, str]]:
    key = f"intents.{intent.name}"
    for slot in sorted(intent.needs | intent.gives | intent.may):
        if slot not in topic.slots:
            yield key, f"there is no slot '{slot}'"
    for slot, attribute in intent.when:
        yield from _attribute_problems(topic, f"{key}.when", Slot(slot, attribute))
    for name, _ in intent.next:
        if name not in topic.intents or topic.intents[name].role == intent.role:
            yield f"{key}.next", f"'{name}' is not an intent of the other role"
    if not intent.next and not intent.ends:
        yield key, "leads nowhere: give it next intents, or ends = true"
    if intent.ends and intent.role == "user":
        yield key, "only the assistant may end a dialogue"
    for mood, templates in intent.says.items():
        for template in templates:
            yield from _wording_problems(topic, intent, f"{key}.says.{mood}", template)
    yield from _beside_problems(topic, intent, key)
    yield from _singing_problems(topic, intent, key)


def _beside_problems(topic: Topic, intent: Intent, key: str) -> Iterator[tuple[str, str]]:
    if intent.role == "user" and (intent.does or intent.thinks):
        yield key, "only the assistant's intents have 'does' and 'thinks'"
    for where, templates in (("does", intent.does), ("thinks", intent.thinks)):
        for template in templates:
            yield from _template_problems(topic, f"{key}.{where}", template)
            if not is_sayable(template, topic.rules, intent.needs | intent.gives | _known(topic)):
                yield f"{key}.{where}", "mentions a slot that is not in needs or gives"


def _singing_problems(topic: Topic, intent: Intent, key: str) -> Iterator[tuple[str, str]]:
    if intent.sings is None:
        return
    if SONG not in topic.slots:
        yield f"{key}.sings", "only the topic of singing has songs"
    if intent.role == "user":
        yield f"{key}.sings", "only the assistant sings"
    if intent.gives:
        yield f"{key}.gives", "what is said before a song may be left out, so it introduces nothing"
    for slot in intent.sings:
        if slot not in topic.slots:
            yield f"{key}.sings", f"there is no slot '{slot}'"


def _wording_problems(topic: Topic, intent: Intent, key: str, template: Template) -> Iterator[tuple[str, str]]:
    # Callers stop at the first problem, so what follows may rely on every rule being there.
    yield from _template_problems(topic, key, template)
    if not is_sayable(template, topic.rules, intent.needs | intent.gives | intent.may | _known(topic)):
        yield key, "a wording always mentions a slot that is not in needs, gives or may"
    if missing := intent.gives - always_mentioned(template, topic.rules):
        yield key, f"a wording can leave out '{min(missing)}', which the intent gives"


def _scene_problems(topic: Topic, name: str) -> Iterator[tuple[str, str]]:
    scene, key = topic.scenes[name], f"scenes.{name}"
    for start, _ in scene.start:
        if start not in topic.intents or topic.intents[start].role != "user" or topic.intents[start].needs:
            yield f"{key}.start", f"'{start}' is not a user intent without needs"
    for attribute, values in scene.cast.items():
        if not any(values & set(entry.get(attribute, ())) for entry in topic.assistant):
            yield f"{key}.cast.{attribute}", "no character of the world fits"
    for slot, conditions in scene.where.items():
        if slot not in topic.slots:
            yield f"{key}.where", f"there is no slot '{slot}'"
            continue
        entries = topic.lexicon[topic.slots[slot]]
        if not any(all(v & set(e.get(a, ())) for a, v in conditions.items()) for e in entries):
            yield f"{key}.where.{slot}", "no entry of the lexicon fits"
