"""Which stage class serves each step, and on which back end of the recipe. Stages are opened once per process."""

import threading
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any, Protocol

from schemas.recipe import Recipe
from stages.backends import registry

STAGES: dict[str, tuple[str, str | None]] = {
    "WriteScripts": ("stages.write_scripts", "script"),
    "CastVoices": ("stages.cast_voices", "speech"),
    "SynthesizeSpeech": ("stages.synthesize_speech", "speech"),
    "Transcribe": ("stages.transcribe", "transcription"),
    "ScorePitch": ("stages.score_pitch", None),
    "ScoreQuality": ("stages.score_quality", "quality"),
    "TokenizeAudio": ("stages.tokenize_audio", "codec"),
}
"""Stage name (class, counter, reject name) -> (module, capability of its back end)."""

SETTINGS: dict[str, dict[str, str]] = {"ScorePitch": {"audit_share": "pitch_audit_share"}}
"""Stage fields taken from the recipe's `perform` section: field -> key."""


class Stage(Protocol):
    """One verb: owns data, its back end owns the model; one result per record, in order."""

    def open(self) -> None: ...
    def process(self, batch: Sequence[Any], /) -> Iterable[Any]: ...
    def close(self) -> None: ...


def backend_of(capability: str, recipe: Recipe) -> Any:
    """The recipe's back end for a capability, not opened."""
    choice = getattr(recipe.backends, capability)
    return registry.load(capability, choice.name, **choice.settings)


_opened: dict[tuple[str, str], Stage] = {}
_backends: dict[tuple[str, str], Any] = {}
_lock = threading.Lock()


def _make_stage(name: str, recipe: Recipe) -> Stage:
    """The stage as the recipe sets it up, not opened; stages of one capability share their back end."""
    module, capability = STAGES[name]
    settings = {field: getattr(recipe.perform, key) for field, key in SETTINGS.get(name, {}).items()}
    backends = []
    if capability is not None:
        key = (capability, getattr(recipe.backends, capability).model_dump_json())
        if key not in _backends:
            _backends[key] = backend_of(capability, recipe)
        backends.append(_backends[key])
    stage: Stage = getattr(import_module(module), name)(*backends, **settings)
    return stage


def opened_stage(name: str, recipe: Recipe) -> Stage:
    """The process's one open stage of this name and recipe: models load once, however often a graph uses the stage."""
    key = (name, recipe.model_dump_json())
    with _lock:
        if key not in _opened:
            stage = _make_stage(name, recipe)
            stage.open()
            _opened[key] = stage
        return _opened[key]


def close_stages() -> None:
    """Close what this process has opened (helper processes, sessions)."""
    with _lock:
        while _opened:
            _opened.popitem()[1].close()
        _backends.clear()
