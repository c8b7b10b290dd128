"""Whisper (Radford et al. 2022) through openai-whisper, at 16 kHz.

Greedy, at temperature 0 and without its fallback to higher ones, told the language, and without the text before: so
that what is heard depends on the clip alone, and a loop stays a loop that `repetition` and `compression_ratio` show.
"""

import hashlib
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from schemas.errors import RecipeError
from schemas.script import Language
from schemas.take import Samples
from stages.backends.clips_16k import at_16_khz
from stages.backends.codec_clips import text_setting
from stages.backends.protocols import Hearing
from stages.backends.torch_placement import Placement
from stages.backends.torch_weights import file_digest, only_weights
from stages.backends.word_errors import compared, units

_log = logging.getLogger(__name__)


class WhisperTranscriber:
    """Transcriber by any size of whisper. `model` is a file of `{"dims", "model_state_dict"}`, or a name such as
    "large-v3", which whisper's own loader downloads when first opened, checked by sha256.

    One clip at a time: a batch would round otherwise, and what is heard would depend on its neighbours. Half precision
    ("float16") is for a GPU alone; whisper has no "bfloat16".
    """

    name = "whisper"

    def __init__(self, model: str, device: str = "auto", dtype: str = "auto") -> None:
        """Raises RecipeError for a setting that is no text."""
        given = {"model": model, "device": device, "dtype": dtype}
        texts = {name: text_setting(self.name, name, value) for name, value in given.items()}
        self._model_name = texts["model"]
        self._file = Path(self._model_name).expanduser()
        self._placement = Placement(texts["device"], texts["dtype"])
        self._model: Any = None

    @property
    def fingerprint(self) -> str:
        """Digest of the file, or of the name, which stands for one file in one version of whisper."""
        if self._file.is_file():
            return file_digest(self._file)
        return hashlib.sha256(self._model_name.encode()).hexdigest()

    def open(self) -> None:
        """Raises RecipeError where the model cannot be had or does not fit the device and dtype."""
        if self._model is not None:
            return
        import torch
        import whisper

        device, dtype = self._placement.resolved()
        self._half = dtype == torch.float16
        if dtype == torch.bfloat16 or (self._half and device.type == "cpu"):
            raise RecipeError(
                f"settings.dtype: whisper does not run in {dtype} on '{device.type}': use 'auto', which is half "
                "precision on a GPU."
            )
        if device.type == "cpu":
            torch.set_num_threads(1)  # sums keep their order
        named = self._model_name in whisper.available_models()
        if named and not self._downloaded().is_file():
            _log.warning("whisper: '%s' is not in %s: downloading it", self._model_name, self._downloaded().parent)
        try:
            with only_weights():
                model = whisper.load_model(self._model_name if named else str(self._file), device)
        except Exception as error:  # whatever a network, a file or torch raises
            raise RecipeError(self._remedy(f"{type(error).__name__}: {error}".splitlines()[0])) from error
        self._model = model.eval()

    def close(self) -> None:
        self._model = None

    def transcribe(
        self, clips: Sequence[Samples], texts: Sequence[str], languages: Sequence[Language], sung: Sequence[bool] = ()
    ) -> list[Hearing]:
        """Raises RecipeError for another language than English where the model hears no other, ValueError for a clip
        without samples and for a language without rules to compare texts in."""
        return [self._hear(*each) for each in zip(clips, texts, languages, strict=True)]

    def _hear(self, clip: Samples, text: str, language: Language) -> Hearing:
        units(text, language)  # a language that cannot be compared is refused before it is listened to
        answer = self._ask(clip, language)
        return replace(compared(answer["text"], text, language), **_confidence(answer["segments"]))

    def _ask(self, clip: Samples, language: Language) -> Mapping[str, Any]:
        import torch

        if self._model is None:
            raise RuntimeError("WhisperTranscriber is not open")
        if language != "en" and not self._model.is_multilingual:
            raise RecipeError(
                f"backends.transcription: the model '{self._model_name}' hears English only, not '{language}': name a "
                "multilingual one, or another back end for this language by 'by-language'."
            )
        with torch.inference_mode():
            answer: Mapping[str, Any] = self._model.transcribe(
                at_16_khz(clip),
                language=language,
                temperature=0.0,
                condition_on_previous_text=False,
                fp16=self._half,
            )
        return answer

    def _downloaded(self) -> Path:
        """Where whisper keeps a model of this name."""
        cache = os.environ.get("XDG_CACHE_HOME", os.path.join(os.path.expanduser("~"), ".cache"))
        return Path(cache) / "whisper" / f"{self._model_name}.pt"

    def _remedy(self, cause: str) -> str:
        return (
            f"backends.transcription: whisper cannot load the model '{self._model_name}' ({cause}). Where there is a "
            "network, run `python -c \"import whisper; whisper.load_model('large-v3')\"`, and set "
            "backends.transcription.settings.model to the .pt file that it leaves in ~/.cache/whisper."
        )


def _confidence(segments: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What whisper thinks of its own segments: the worst ratio and probability of silence, the mean log probability by
    tokens. Nothing where it wrote nothing."""
    tokens = [max(1, len(segment["tokens"])) for segment in segments]
    if not segments:
        return {}
    logs = sum(segment["avg_logprob"] * count for segment, count in zip(segments, tokens, strict=True))
    return {
        "compression_ratio": max(float(segment["compression_ratio"]) for segment in segments),
        "mean_log_probability": float(logs / sum(tokens)),
        "no_speech_probability": max(float(segment["no_speech_prob"]) for segment in segments),
    }
