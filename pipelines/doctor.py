"""`troupe doctor`: every back end of the registry: installed? configured? does it answer? With the remedy where not."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from pipelines.patience import within
from schemas.errors import MissingExtraError, RecipeError, TroupeError
from schemas.printable import printable
from schemas.recipe import Backends, KindPlan, Recipe
from schemas.score import Note, Score, Song, lyric
from schemas.script import DialoguePlan, Script, Turn
from schemas.seeds import generator
from schemas.take import SAMPLE_RATE, Line, Voice
from stages.backends import registry
from stages.backends.protocols import Served
from stages.plan_dialogues import plan_dialogues

State = Literal["answers", "not installed", "not configured", "broken"]
PATIENCE_S = 180.0
"""Loading a large model takes its time."""


@dataclass(frozen=True)
class Diagnosis:
    """How one back end does: `words` say what it answered, or what to do."""

    capability: str
    name: str
    chosen: bool
    state: State
    words: str

    def __str__(self) -> str:
        mark = "*" if self.chosen else " "
        return f"{mark} {self.capability:14} {self.name:14} {self.state:15} {self.words}"


def examine(recipe: Recipe | None) -> Iterator[Diagnosis]:
    """A diagnosis of each registered back end, as the recipe sets it up if it names it, else with its defaults."""
    chosen = recipe.backends if recipe else Backends()
    for capability, name in registry.BACKENDS:
        choice = getattr(chosen, capability)
        named = choice.name == name
        if named:
            yield _examine(capability, choice, recipe, named)
        else:
            yield _examine(capability, choice.model_validate({"name": name}), None, named)


def _examine(capability: str, choice: Any, recipe: Recipe | None, chosen: bool) -> Diagnosis:
    def found(state: State, words: str) -> Diagnosis:
        return Diagnosis(capability, choice.name, chosen, state, printable(words))

    started = time.perf_counter()
    try:
        backend = registry.load(capability, choice)
        within(PATIENCE_S, lambda: _try(capability, backend, recipe))
    except MissingExtraError as error:
        return found("not installed", str(error))
    except RecipeError as error:
        return found("not configured", str(error))
    except TroupeError as error:
        return found("broken", str(error))
    except TimeoutError as error:
        return found("broken", f"{error}: it hangs; look at what it loads or asks.")
    except Exception as error:
        return found(
            "broken", f"{type(error).__name__}: {error}. Is it installed whole? Try: pip install troupe again."
        )
    return found("answers", f"in {time.perf_counter() - started:.1f} s")


def _try(capability: str, backend: Any, recipe: Recipe | None) -> None:
    """Ask a back end one small thing, or one of each kind. Raises whatever it raises, and ValueError for no answer."""
    plans = _plans(recipe if capability in PLANNED else None)
    backend.open()
    try:
        if isinstance(backend, Served):
            backend.probe()
            return
        for _, answer in zip(plans, TRIALS[capability](backend, plans), strict=True):
            if isinstance(answer, Exception):
                raise answer
    finally:
        backend.close()


def _plans(recipe: Recipe | None) -> list[DialoguePlan]:
    """A dialogue of each kind of the recipe, with its grammar; of no recipe, a conversation.

    Raises GrammarError where the grammar has nothing for a kind.
    """
    if recipe is None:
        recipe = Recipe(name="trial", kinds={"conversation": KindPlan(dialogues=1)})
    kinds = {kind: KindPlan(dialogues=1, languages={min(plan.languages): 1.0}) for kind, plan in recipe.kinds.items()}
    return plan_dialogues(recipe.model_copy(update={"kinds": kinds, "splits": {"train": 1.0}}))


def _script(plan: DialoguePlan) -> Script:
    turns = (
        Turn(role="user", text="Good morning, how are you?", intent="greet"),
        Turn(role="assistant", text="Very well, thank you.", intent="answer"),
    )
    return Script(plan=plan, topic="trial", turns=turns, writer="doctor")


def _clip() -> Any:
    """A second of noise: int16 [N] at 24 kHz."""
    return generator("trial").normal(0, 3000, SAMPLE_RATE).astype(np.int16)


def _speak(backend: Any, plans: list[DialoguePlan]) -> Any:
    script = _script(plans[0])
    turn, character = script.turns[0], script.plan.user
    spoken = "good morning, how are you?"
    line = Line("trial", 0, 0, 0, "conversation", "en", turn, spoken, character, backend.design(character))
    return backend.synthesize([line])


def _sing(backend: Any, plans: list[DialoguePlan]) -> Any:
    """Two notes, in the voice of any assistant."""
    la = [Note(midi=60 + 2 * place, onset_beats=place, duration_beats=1, syllable="la") for place in range(2)]
    score = Score(tempo_bpm=90, tonic="C", notes=tuple(la))
    song = Song(song_id="trial", title="trial", origin="trial", source="trial", licence="CC0-1.0", score=score)
    turn = Turn(role="assistant", text=lyric(score), intent="sing", song=song)
    singer = plans[0].assistant
    voice = Voice("trial", "trial", {})
    return backend.sing([Line("trial", 0, 0, 0, "singing", "en", turn, "la la", singer, voice)])


PLANNED = ("script", "script_judge")
"""Capabilities that are tried on dialogues as the recipe plans them; the others on a conversation, or on a clip."""

TRIALS: dict[str, Callable[[Any, list[DialoguePlan]], Any]] = {
    "script": lambda backend, plans: backend.write(plans),
    "script_judge": lambda backend, plans: backend.judge([_script(plan) for plan in plans]),
    "speech": _speak,
    "singing": _sing,
    "transcription": lambda backend, _: backend.transcribe([_clip()], ["good morning"], ["en"]),
    "quality": lambda backend, _: backend.score([_clip()]),
    "speaker": lambda backend, _: backend.embed([_clip()]),
    "codec": lambda backend, _: backend.encode([_clip()]),
}
"""Capability -> one small request; gives a list of one answer, or of one a plan."""
