"""One table: (capability, name) -> where the back end lives. To add one, write its file and add its line here."""

from importlib import import_module
from inspect import signature
from typing import Any

from schemas.errors import MissingExtraError, RecipeError

BACKENDS: dict[tuple[str, str], str] = {
    ("script", "grammar"): "stages.backends.grammar_writer:GrammarWriter",
    ("speech", "espeak-world"): "stages.backends.espeak_speech:EspeakSpeech",
    ("transcription", "phone-ctc"): "stages.backends.phone_transcriber:PhoneTranscriber",
    ("quality", "dnsmos"): "stages.backends.dnsmos_quality:DnsmosQuality",
    ("codec", "kmeans-hn"): "stages.backends.kmeans_codec:KmeansCodec",
}

EXTRAS: dict[tuple[str, str], str] = {}
"""Which extra of the distribution brings a back end's packages, for those outside the base install."""


def names(capability: str) -> list[str]:
    """The registered back ends of a capability."""
    return [name for kind, name in BACKENDS if kind == capability]


def load(capability: str, name: str, **settings: Any) -> Any:
    """The back end, constructed but not opened.

    Raises RecipeError for an unknown name or setting and MissingExtraError where its package is not installed.
    """
    if (capability, name) not in BACKENDS:
        listed = ", ".join(names(capability))
        raise RecipeError(f"backends.{capability}: there is no back end '{name}'; use one of: {listed}.")
    module_name, class_name = BACKENDS[capability, name].split(":")
    try:
        backend = getattr(import_module(module_name), class_name)
        known = list(signature(backend).parameters)
        for key in settings:
            if key not in known:
                listed = ", ".join(known) or "none"
                raise RecipeError(f"backends.{capability}.settings: '{name}' has no setting '{key}'; it has: {listed}.")
        return backend(**settings)
    except ModuleNotFoundError as error:
        extra = EXTRAS.get((capability, name))
        remedy = f"pip install 'troupe[{extra}]'" if extra else f"pip install {error.name}"
        raise MissingExtraError(
            f"backends.{capability}: '{name}' needs the package '{error.name}', which is not installed: {remedy}."
        ) from error
