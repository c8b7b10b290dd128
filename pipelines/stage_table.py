"""Which stage class serves each step, and on which back end of the recipe. Stages are opened once per process."""

import threading
from collections.abc import Iterable, Sequence
from importlib import import_module
from operator import attrgetter
from typing import Any, Protocol

from pipelines.answers import FileAnswers
from pipelines.one_thread import compute_on_one_thread
from pipelines.references import FileReferences
from schemas.errors import RecipeError
from schemas.recipe import Recipe, Service
from schemas.script import Turn
from stages.backends import registry
from stages.backends.protocols import Paid, Served

STAGES: dict[str, tuple[str, str | None]] = {
    "WriteScripts": ("stages.write_scripts", "script"),
    "JudgeScripts": ("stages.judge_scripts", "script_judge"),
    "CastVoices": ("stages.cast_voices", "speech"),
    "SynthesizeSpeech": ("stages.synthesize_speech", "speech"),
    "SynthesizeSinging": ("stages.synthesize_singing", "singing"),
    "Transcribe": ("stages.transcribe", "transcription"),
    "ScorePitch": ("stages.score_pitch", None),
    "ScoreSinging": ("stages.score_singing", None),
    "ScoreQuality": ("stages.score_quality", "quality"),
    "ScoreSpeaker": ("stages.score_speaker", "speaker"),
    "AddSurroundings": ("stages.add_surroundings", None),
    "TokenizeAudio": ("stages.tokenize_audio", "codec"),
}
"""Stage name (class, counter, reject name) -> (module, capability of its back end)."""

SETTINGS: dict[str, dict[str, str]] = {
    "ScorePitch": {"audit_share": "perform.pitch_audit_share"},
    "AddSurroundings": {"share": "perform.surroundings_share", "seed": "seed"},
}
"""Stage fields taken from the recipe: field -> key."""

ONLY_SUNG: dict[str, bool] = {"SynthesizeSpeech": False, "SynthesizeSinging": True, "ScoreSinging": True}
"""Stages that concern sung turns alone, or spoken ones alone; the others concern every turn."""


def concerns(stage_name: str, turn: Turn) -> bool:
    """Whether a stage has anything to do with a turn."""
    return stage_name not in ONLY_SUNG or ONLY_SUNG[stage_name] == (turn.song is not None)


class Stage(Protocol):
    """One verb: owns data, its back end owns the model; one result per record, in order."""

    def open(self) -> None: ...
    def process(self, batch: Sequence[Any], /) -> Iterable[Any]: ...
    def close(self) -> None: ...


def backend_of(capability: str, recipe: Recipe) -> Any:
    """The recipe's back end for a capability, not opened."""
    return registry.load(capability, getattr(recipe.backends, capability))


def check_backend(capability: str, recipe: Recipe) -> None:
    """Raises MissingExtraError or RecipeError for what is wrong with the recipe's back end, before any work: a missing
    extra, an unknown setting, a cost limit on what has no price."""
    service = getattr(recipe.backends, capability).service or Service()
    unpriced = service.usd_per_million_prompt_tokens is None and service.usd_per_million_completion_tokens is None
    paid = isinstance(backend_of(capability, recipe), Paid)
    if paid and unpriced and recipe.run.max_cost_usd is not None:
        raise RecipeError(
            f"run.max_cost_usd: backends.{capability}.service names no price, so its cost cannot be limited: set "
            "usd_per_million_prompt_tokens and usd_per_million_completion_tokens there (0 if it charges nothing)."
        )


class StageSource:
    """Where a step gets its stage: the one that this process has opened for a name and recipe. Models load once,
    however often a graph uses the stage; stages of one capability share their back end."""

    def __init__(self, name: str, recipe: Recipe, work: str, retry_unfit: bool = False) -> None:
        """`retry_unfit`: answers of an endpoint that were of no use are asked for anew, not found again."""
        self.name = name
        self.recipe = recipe
        self.work = work
        self.retry_unfit = retry_unfit
        self.capability = STAGES[name][1]
        recipe_json = recipe.model_dump_json()
        self._stage_key = (name, recipe_json, work)
        self._backend_key = (self.capability or name, recipe_json, work)

    def stage(self) -> Stage:
        """The open stage."""
        with _lock:
            if self._stage_key not in _opened:
                compute_on_one_thread()  # a worker of another runner was not started by our launcher
                stage = self._make()
                stage.open()
                _opened[self._stage_key] = stage
            return _opened[self._stage_key]

    def abandon(self) -> None:
        """Forget the stage and its back end, which hangs: who needs them next opens others."""
        with _lock:
            _backends.pop(self._backend_key, None)
            for name, (_, capability) in STAGES.items():
                if name == self.name or (capability is not None and capability == self.capability):
                    _opened.pop((name, *self._stage_key[1:]), None)

    @property
    def patience_s(self) -> float | None:
        """How long to wait for a batch; None for a back end that bounds its own requests."""
        with _lock:
            return None if isinstance(_backends.get(self._backend_key), Served) else self.recipe.run.stage_timeout_s

    def _make(self) -> Stage:
        settings = {field: attrgetter(key)(self.recipe) for field, key in SETTINGS.get(self.name, {}).items()}
        backends = []
        if self.capability is not None:
            if self._backend_key not in _backends:
                _backends[self._backend_key] = self._make_backend(self.capability)
            backend = _backends[self._backend_key]
            backends.append(backend)
            if self.name == "CastVoices" and isinstance(backend, Served):
                fingerprint = _backends[self._backend_key].fingerprint
                settings["references"] = FileReferences(self.work, self.recipe.backends.speech, fingerprint)
        stage: Stage = getattr(import_module(STAGES[self.name][0]), self.name)(*backends, **settings)
        return stage

    def _make_backend(self, capability: str) -> Any:
        backend = backend_of(capability, self.recipe)
        if isinstance(backend, Paid):
            if self.work not in _answers:
                _answers[self.work] = FileAnswers(self.work, self.recipe.run.max_cost_usd, self.retry_unfit)
            backend.use(_answers[self.work])
        return backend


_opened: dict[tuple[str, str, str], Stage] = {}
_backends: dict[tuple[str, str, str], Any] = {}
_answers: dict[str, FileAnswers] = {}
"""Work folder -> what was paid for there: one purse a process, whichever back ends spend from it."""
_lock = threading.Lock()


def close_stages() -> None:
    """Close what this process has opened (helper processes, sessions)."""
    with _lock:
        while _opened:
            _opened.popitem()[1].close()
        _backends.clear()
        _answers.clear()
