"""One table: (capability, name) -> where the back end lives. To add one, write its file and add its line here."""

from importlib import import_module
from importlib.util import find_spec
from inspect import Parameter, signature
from typing import Any

from schemas.errors import MissingExtraError, RecipeError
from schemas.recipe import BackendChoice, Service

BACKENDS: dict[tuple[str, str], str] = {
    ("script", "grammar"): "stages.backends.grammar_writer:GrammarWriter",
    ("script", "openai"): "stages.backends.openai_writer:OpenAIWriter",
    ("script_judge", "rules"): "stages.backends.rules_judge:RulesJudge",
    ("script_judge", "openai"): "stages.backends.openai_judge:OpenAIJudge",
    ("speech", "espeak-world"): "stages.backends.espeak_speech:EspeakSpeech",
    ("speech", "openai-speech"): "stages.backends.openai_speech:OpenAISpeech",
    ("speech", "cosyvoice"): "stages.backends.cosyvoice_speech:CosyVoiceSpeech",
    ("singing", "espeak-world"): "stages.backends.espeak_singing:EspeakSinging",
    ("singing", "http"): "stages.backends.http_singing:HttpSinging",
    ("transcription", "phone-ctc"): "stages.backends.phone_transcriber:PhoneTranscriber",
    ("transcription", "whisper"): "stages.backends.whisper_transcriber:WhisperTranscriber",
    ("transcription", "funasr"): "stages.backends.funasr_transcriber:FunasrTranscriber",
    ("transcription", "by-language"): "stages.backends.by_language_transcriber:ByLanguageTranscriber",
    ("quality", "dnsmos"): "stages.backends.dnsmos_quality:DnsmosQuality",
    ("speaker", "speaker-net"): "stages.backends.speaker_encoder:SpeakerNetEncoder",
    ("speaker", "campplus"): "stages.backends.funasr_speaker:FunasrSpeaker",
    ("codec", "kmeans-hn"): "stages.backends.kmeans_codec:KmeansCodec",
    ("codec", "mimi"): "stages.backends.transformers_codec:MimiCodec",
    ("codec", "dac"): "stages.backends.transformers_codec:DacCodec",
    ("codec", "encodec"): "stages.backends.transformers_codec:EncodecCodec",
    ("codec", "xcodec"): "stages.backends.transformers_codec:XcodecCodec",
    ("codec", "xy-tokenizer"): "stages.backends.xy_codec:XyCodec",
}

EXTRAS: dict[tuple[str, str], tuple[str, tuple[str, ...]]] = {
    ("script", "openai"): ("openai", ("openai", "httpx2", "jinja2", "tenacity")),
    ("script_judge", "openai"): ("openai", ("openai", "httpx2", "jinja2", "tenacity")),
    ("speech", "openai-speech"): ("http", ("httpx2", "tenacity")),
    ("speech", "cosyvoice"): ("http", ("httpx2", "tenacity")),
    ("singing", "http"): ("http", ("httpx2", "tenacity")),
    ("transcription", "whisper"): ("whisper", ("whisper", "jiwer", "zhconv")),
    ("transcription", "funasr"): ("funasr", ("funasr", "kaldi_native_fbank", "jiwer", "whisper", "zhconv")),
    ("speaker", "campplus"): ("funasr", ("funasr", "kaldi_native_fbank")),
    ("codec", "mimi"): ("codecs", ("transformers",)),
    ("codec", "dac"): ("codecs", ("transformers",)),
    ("codec", "encodec"): ("codecs", ("transformers",)),
    ("codec", "xcodec"): ("codecs", ("transformers",)),
    ("codec", "xy-tokenizer"): ("codecs", ("transformers",)),
}
"""(capability, name) -> the extra of the distribution that brings a back end's packages, and those packages' names."""


def names(capability: str) -> list[str]:
    """The registered back ends of a capability."""
    return [name for kind, name in BACKENDS if kind == capability]


def load(capability: str, choice: BackendChoice) -> Any:
    """The back end, constructed but not opened.

    Raises RecipeError for an unknown name, setting or a service that the back end does not have, and
    MissingExtraError where its packages are not installed.
    """
    name = choice.name
    where = f"backends.{capability}"
    if (capability, name) not in BACKENDS:
        raise RecipeError(f"{where}: there is no back end '{name}'; use one of: {', '.join(names(capability))}.")
    extra, packages = EXTRAS.get((capability, name), ("", ()))
    for package in packages:
        if find_spec(package) is None:
            raise MissingExtraError(
                f"{where}: '{name}' needs the package '{package}', which is not installed: "
                f"pip install 'troupe[{extra}]'."
            )
    module_name, class_name = BACKENDS[capability, name].split(":")
    backend = getattr(import_module(module_name), class_name)
    known = signature(backend).parameters
    settings = [key for key in known if key != "service"]
    for key in choice.settings:
        if key not in settings:
            listed = ", ".join(settings) or "none"
            raise RecipeError(f"{where}.settings: '{name}' has no setting '{key}'; it has: {listed}.")
    for key in settings:
        if known[key].default is Parameter.empty and key not in choice.settings:
            raise RecipeError(f"{where}.settings: '{name}' needs the setting '{key}': add it.")
    if "service" in known:
        return backend(**choice.settings, service=choice.service or Service())
    if choice.service is not None:
        raise RecipeError(f"{where}.service: '{name}' runs in this process and has no service: delete the section.")
    return backend(**choice.settings)
