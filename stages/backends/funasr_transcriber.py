"""SenseVoiceSmall (An et al. 2024) and Paraformer (Gao et al. 2022) through funasr, at 16 kHz.

SenseVoice is told the clip's language and writes numbers as words; its tags for language, emotion and event are kept
beside the text. Paraformer knows the languages it was trained on and is told none.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from schemas.errors import RecipeError
from schemas.script import Language
from schemas.take import Samples
from stages.backends import funasr_models
from stages.backends.clips_16k import at_16_khz
from stages.backends.codec_clips import text_setting
from stages.backends.protocols import Hearing
from stages.backends.sensevoice_tags import parse_tags
from stages.backends.torch_placement import Placement
from stages.backends.word_errors import compared, units

MODEL = "iic/SenseVoiceSmall"
REVISION = "master"
EARS = ("SenseVoiceSmall", "Paraformer")
"""The nets whose calls are known here; Paraformer's kin (SeACo, BiCif) are Paraformers."""
SHORTEST_S = 0.2
"""Shorter clips are filled up: the front end needs a frame, Paraformer's predictor a few."""


class FunasrTranscriber:
    """Transcriber by a model of funasr. `model` is a local folder, or a name such as MODEL or "paraformer-zh",
    downloaded by funasr when first opened.

    One clip at a time: in a batch a clip is padded to the longest, and what is heard would depend on its neighbours.
    With a `dtype` of half precision the encoder, most of the work, runs under autocast; all weights stay float32.
    """

    name = "funasr"

    def __init__(self, model: str, revision: str = REVISION, device: str = "auto", dtype: str = "auto") -> None:
        """Raises RecipeError for a setting that is no text."""
        given = {"model": model, "revision": revision, "device": device, "dtype": dtype}
        texts = {name: text_setting(self.name, name, value) for name, value in given.items()}
        self._model_name, self._revision = texts["model"], texts["revision"]
        self._placement = Placement(texts["device"], texts["dtype"])
        self._model: Any = None

    @property
    def fingerprint(self) -> str:
        """Digest of the folder's files, or of the name and revision."""
        return funasr_models.fingerprint(self._model_name, self._revision)

    def open(self) -> None:
        """Raises RecipeError where the model cannot be had, is not whole, or is no recognizer."""
        if self._model is not None:
            return
        device, dtype = self._placement.resolved()
        model = funasr_models.load_model(
            self._model_name,
            self._revision,
            str(device),
            lambda cause: RecipeError(self._remedy(cause)),
            frontend_conf={"dither": 0.0},  # else noise is added, of another seed for every clip
        )
        kind = type(model.model).__name__
        if not kind.endswith(EARS):
            raise RecipeError(self._remedy(f"it is a {kind}, not one of: {', '.join(EARS)}"))
        _round_encoder(model.model.encoder, device, dtype)
        self._model = model

    def close(self) -> None:
        self._model = None

    def transcribe(
        self, clips: Sequence[Samples], texts: Sequence[str], languages: Sequence[Language], sung: Sequence[bool] = ()
    ) -> list[Hearing]:
        """Raises ValueError for a clip without samples and for a language without rules to compare texts in."""
        return [self._hear(*each) for each in zip(clips, texts, languages, strict=True)]

    def _hear(self, clip: Samples, text: str, language: Language) -> Hearing:
        units(text, language)  # a language that cannot be compared is refused before it is listened to
        heard = parse_tags(self._ask(clip, language))
        agrees = None if heard.language is None else float(heard.language == language)
        return replace(compared(heard.text, text, language), tags=heard.tags, language_agrees=agrees)

    def _ask(self, clip: Samples, language: Language) -> str:
        """The text with its tags; "" where nothing is heard."""
        import torch

        if self._model is None:
            raise RuntimeError("FunasrTranscriber is not open")
        with torch.inference_mode():
            (answer,) = self._model.generate(
                input=[at_16_khz(clip, SHORTEST_S)], language=language, use_itn=False, batch_size=1
            )
        return str(answer["text"])

    def _remedy(self, cause: str) -> str:
        return (
            f"backends.transcription: funasr cannot use the model '{self._model_name}' ({cause}). Where there is a "
            f"network, run `modelscope download --model {MODEL} --local_dir DIR`, and set "
            "backends.transcription.settings.model to DIR."
        )


def _round_encoder(encoder: Any, device: Any, dtype: Any) -> None:
    """Have an encoder compute in `dtype` and answer in float32: what follows it in funasr knows no other."""
    import torch

    if dtype != torch.float32:
        encoder.forward = torch.autocast(device.type, dtype=dtype)(encoder.forward)
        encoder.register_forward_hook(lambda module, given, answer: (answer[0].float(), *answer[1:]))
