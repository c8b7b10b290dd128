"""Plans and scripts for the tests of the writing stages."""

from collections.abc import Callable
from functools import cache

from schemas.script import DialoguePlan, Kind, Language, Overlap, Role, Script, Turn
from stages.backends.grammar_cast import role
from stages.backends.grammar_data import scenes
from stages.backends.grammar_people import characters
from stages.backends.grammar_writer import write_script
from stages.backends.repertoire import song_ids

CHARACTERS = 499
"""Of the bundled worlds, in tests of role-play: a prime, so that they do not march in step with the users."""


def plan(index: int, language: Language = "en", scene: str | None = None, seed: int | None = None) -> DialoguePlan:
    places = scenes(language)
    return DialoguePlan(
        dialogue_id=f"d{index}",
        kind="conversation",
        language=language,
        split="train",
        scene=scene or places[index % len(places)],
        user=characters(language, "user", 40)[index % 40],
        assistant=characters(language, "assistant", 12)[index % 12],
        seed=index if seed is None else seed,
    )


def role_plan(index: int, language: Language = "en") -> DialoguePlan:
    """A role-play of one of CHARACTERS, each in turn, in its scenes in turn."""
    played = role(language, index % CHARACTERS)
    return plan(index, language, played.scenes[index // CHARACTERS % len(played.scenes)]).model_copy(
        update={"kind": "roleplay", "assistant": played.character}
    )


@cache
def _songs(language: Language) -> list[str]:
    return song_ids(language, None, recipe_seed=0)


def song_plan(index: int, language: Language = "en") -> DialoguePlan:
    """One of the songs of the bundled repertoire, each in turn."""
    songs = _songs(language)
    return plan(index, language, songs[index % len(songs)]).model_copy(update={"kind": "singing"})


PLANS: dict[Kind, Callable[[int, Language], DialoguePlan]] = {
    "conversation": plan,
    "roleplay": role_plan,
    "singing": song_plan,
}


@cache
def written(count: int, language: Language, kind: Kind = "conversation") -> tuple[Script, ...]:
    """The first `count` dialogues of the bundled grammar."""
    return tuple(write_script(PLANS[kind](index, language)) for index in range(count))


def turn(role: Role, text: str, overlap: Overlap = "none") -> Turn:
    return Turn(role=role, text=text, intent="say", overlap=overlap)


def script(*turns: Turn, language: Language = "en") -> Script:
    return Script(plan=plan(0, language), topic="test", turns=turns, writer="test")
