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
from schemas.script import DialoguePlan, Script, Turn
from schemas.seeds import generator
from schemas.take import SAMPLE_RATE, Line
from stages.backends import registry
from stages.backends.protocols import Paid
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
        yield _examine(capability, choice if named else choice.model_validate({"name": name}), named)


def _examine(capability: str, choice: Any, chosen: bool) -> Diagnosis:
    def found(state: State, words: str) -> Diagnosis:
        return Diagnosis(capability, choice.name, chosen, state, printable(words))

    started = time.perf_counter()
    try:
        backend = registry.load(capability, choice)
        within(PATIENCE_S, lambda: _try(capability, backend))
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


def _try(capability: str, backend: Any) -> None:
    """Ask a back end one small thing. Raises whatever it raises, and ValueError for no answer."""
    backend.open()
    try:
        if isinstance(backend, Paid):
            backend.probe()
            return
        (answer,) = TRIALS[capability](backend)
        if isinstance(answer, Exception):
            raise answer
    finally:
        backend.close()


def _plan() -> DialoguePlan:
    kinds = {"conversation": KindPlan(dialogues=1, languages={"en": 1.0})}
    return plan_dialogues(Recipe.model_validate({"name": "trial", "kinds": kinds, "splits": {"train": 1.0}}))[0]


def _script() -> Script:
    turns = (
        Turn(role="user", text="Good morning, how are you?", intent="greet"),
        Turn(role="assistant", text="Very well, thank you.", intent="answer"),
    )
    return Script(plan=_plan(), topic="trial", turns=turns, writer="doctor")


def _clip() -> Any:
    """A second of noise: int16 [N] at 24 kHz."""
    return generator("trial").normal(0, 3000, SAMPLE_RATE).astype(np.int16)


def _speak(backend: Any) -> Any:
    script = _script()
    turn, character = script.turns[0], script.plan.user
    spoken = "good morning, how are you?"
    line = Line("trial", 0, 0, 0, "conversation", "en", turn, spoken, character, backend.design(character))
    return backend.synthesize([line])


TRIALS: dict[str, Callable[[Any], Any]] = {
    "script": lambda backend: backend.write([_plan()]),
    "script_judge": lambda backend: backend.judge([_script()]),
    "speech": _speak,
    "transcription": lambda backend: backend.transcribe([_clip()], ["good morning"], ["en"]),
    "quality": lambda backend: backend.score([_clip()]),
    "speaker": lambda backend: backend.embed([_clip()]),
    "codec": lambda backend: backend.encode([_clip()]),
}
"""Capability -> one small request; gives a list of one answer."""
