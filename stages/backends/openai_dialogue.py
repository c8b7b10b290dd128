"""What all dialogues of a language model share: what it is told of the rules, and how its answer becomes a script."""

from collections.abc import Sequence
from typing import Any

from schemas.script import (
    EMOTIONS,
    PACES,
    STYLES,
    Character,
    DialoguePlan,
    Language,
    PlayedTurn,
    Script,
    Turn,
    WrittenTurn,
)
from schemas.seeds import generator
from schemas.tags import TAGS
from stages.backends.rules_judge import MAX_ASIDE_UNITS, MAX_INTENT, MAX_TOPIC, MAX_UNITS

ASKED_SHARE = 0.75
"""Longest text that is asked for, as a share of what the rules allow: language models count badly."""


def rules(language: Language) -> dict[str, Any]:
    """What the templates say of emotions, styles, paces and lengths."""
    return {
        "emotions": EMOTIONS,
        "styles": STYLES,
        "paces": PACES,
        "tags": TAGS,
        "max_units": asked(MAX_UNITS[language]),
        "max_aside_units": asked(MAX_ASIDE_UNITS[language]),
    }


def asked(limit: int) -> int:
    """Words or characters that are asked for where the rules allow `limit`."""
    return round(limit * ASKED_SHARE)


def turns_asked(plan: DialoguePlan, fewest: int, most: int) -> int:
    """Turns of the dialogue, back-channels apart: drawn evenly from the plan's seed."""
    return int(generator("turns", plan.seed).integers(fewest, most + 1))


def script_of(
    plan: DialoguePlan,
    topic: str,
    turns: Sequence[WrittenTurn],
    writer: str,
    setting: str,
    profile: Character | None = None,
) -> Script:
    """The script, its texts on one line each and its labels cut to what the rules allow."""
    tidy = tuple(_turn(written) for written in turns)
    label = one_line(topic)[:MAX_TOPIC]
    return Script(plan=plan, topic=label, setting=setting, turns=tidy, writer=writer, profile=profile)


def _turn(written: WrittenTurn) -> Turn:
    tidy = {
        "text": one_line(written.text),
        "intent": one_line(written.intent)[:MAX_INTENT],
        "pause_before_s": written.pause_before_s if written.overlap == "none" else 0.0,
    }
    if isinstance(written, PlayedTurn):
        tidy |= {"thought": one_line(written.thought), "action": one_line(written.action)}
    return Turn(**(written.model_dump() | tidy))


def one_line(text: str) -> str:
    return " ".join(text.split())
