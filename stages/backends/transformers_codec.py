"""Neural codecs of the transformers library: Mimi, DAC, EnCodec and X-Codec.

One clip at a time: nets that pad at the edges of a batch would give the same clip other codes beside longer ones. A
clip is filled up to a whole number of frames before it is encoded, so that T = ceil(seconds * frame_rate) of every one.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.errors import RecipeError
from schemas.take import Codes, Samples
from stages.backends.codec_clips import (
    check_codes,
    digest_of,
    fitted,
    text_setting,
    to_samples,
    whole_frames,
)
from stages.backends.torch_placement import Placement

Facts = tuple[int, int, int, Collection[int]]
"""Sample rate in Hz, samples of a frame, codes of a codebook, and the numbers of codebooks that can be used."""


@dataclass(frozen=True)
class Sizes:
    """What a codec's configuration and settings come to; `hop` samples are a frame."""

    sample_rate: int
    hop: int
    num_codebooks: int
    cardinality: int


class TransformersCodec:
    """AudioCodec by a model of transformers; its subclasses are the differences of the vendors.

    `model` is a local folder as `save_pretrained` writes it, or a name on the Hugging Face hub such as `example`, whose
    `revision` is downloaded when first needed. Rates and sizes are read from its configuration, without the weights,
    which are read as safetensors alone. `device` and `dtype` are those of `Placement`.
    """

    name: str
    example: str
    library_class: str

    def __init__(
        self, model: str, revision: str = "main", num_codebooks: int = 8, device: str = "auto", dtype: str = "auto"
    ) -> None:
        """Raises RecipeError for a setting of another type."""
        self._model_name = text_setting(self.name, "model", model)
        self._revision = text_setting(self.name, "revision", revision)
        if isinstance(num_codebooks, bool) or not isinstance(num_codebooks, int):
            raise RecipeError(f"'settings.num_codebooks' of the back end '{self.name}' is not a whole number.")
        self._num_codebooks = num_codebooks
        self._placement = Placement(text_setting(self.name, "device", device), text_setting(self.name, "dtype", dtype))
        self._model: Any = None

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the folder's configuration and weights, or of the name and revision. Raises RecipeError for a path
        that is no folder."""
        folder = Path(self._model_name)
        if not folder.is_dir():
            if folder.is_absolute() or self._model_name.startswith("."):
                raise RecipeError(self._remedy("there is no such folder"))
            return hashlib.sha256(f"{self._model_name}@{self._revision}".encode()).hexdigest()
        return digest_of([*folder.glob("config.json"), *folder.glob("*.safetensors")])

    @property
    def sample_rate(self) -> int:
        """Of the decoded sound. Like the other three, it raises RecipeError where the configuration cannot be had."""
        return self._sizes.sample_rate

    @property
    def frame_rate(self) -> float:
        return self._sizes.sample_rate / self._sizes.hop

    @property
    def num_codebooks(self) -> int:
        return self._sizes.num_codebooks

    @property
    def cardinality(self) -> int:
        return self._sizes.cardinality

    def open(self) -> None:
        """Raises RecipeError where the model cannot be had, is another or is not whole, and for a wrong placement."""
        if self._model is not None:
            return
        import torch
        import transformers

        device, dtype = self._placement.resolved()
        if device.type == "cpu":
            torch.set_num_threads(1)  # sums in another order could change the codes
        self._read_sizes()
        try:
            model, report = getattr(transformers, self.library_class).from_pretrained(
                self._model_name,
                revision=self._revision,
                dtype=dtype,
                use_safetensors=True,
                output_loading_info=True,
            )
        except Exception as error:  # whatever a hub, a file or a configuration raises
            raise RecipeError(self._remedy(f"{type(error).__name__}: {error}".splitlines()[0])) from error
        if missing := sorted(report["missing_keys"]):
            raise RecipeError(self._remedy(f"its file lacks {len(missing)} weights, such as {missing[0]}"))
        self._model = model.to(device).eval()

    def close(self) -> None:
        self._model = None

    def encode(self, clips: Sequence[Samples]) -> list[Codes]:
        """int16 [N] at 24 kHz -> codes uint16 [T, K]. Raises ValueError for an empty clip."""
        return [
            Codes(self._encode_one(clip), self.name, self.sample_rate, self.frame_rate, self.cardinality)
            for clip in clips
        ]

    def decode(self, codes: Sequence[NDArray[np.uint16]]) -> list[Samples]:
        """uint16 [T, K] -> int16 [T * hop] at `sample_rate`. Raises ValueError for other shapes and codes too large."""
        return [self._decode_one(one) for one in codes]

    def _encode_one(self, clip: Samples) -> NDArray[np.uint16]:
        import torch

        model = self._opened()
        waveform = torch.from_numpy(whole_frames(clip, self._sizes.sample_rate, self._sizes.hop))
        with torch.inference_mode():
            codes = self._codes_of(model, waveform.to(model.device, model.dtype)[None, None])
        return np.ascontiguousarray(codes.cpu().numpy().T.astype(np.uint16))

    def _decode_one(self, codes: NDArray[np.uint16]) -> Samples:
        import torch

        check_codes(codes, self.num_codebooks, self.cardinality)
        model = self._opened()
        indices = torch.from_numpy(codes.astype(np.int64).T.copy()).to(model.device)
        with torch.inference_mode():
            waveform = self._sound_of(model, indices[None]).flatten().float().cpu().numpy()
        return to_samples(fitted(waveform, len(codes) * self._sizes.hop))

    @cached_property
    def _sizes(self) -> Sizes:
        return self._read_sizes()

    def _read_sizes(self) -> Sizes:
        """Raises RecipeError for a model that cannot be had, or is another, and a number of codebooks it cannot use."""
        import transformers

        config_class = getattr(transformers, self.library_class).config_class
        try:
            kind = transformers.PreTrainedConfig.get_config_dict(self._model_name, revision=self._revision)[0]
            config = config_class.from_pretrained(self._model_name, revision=self._revision)
        except Exception as error:  # as above
            raise RecipeError(self._remedy(f"{type(error).__name__}: {error}".splitlines()[0])) from error
        if kind.get("model_type") != config_class.model_type:
            raise RecipeError(self._remedy(f"its configuration is that of '{kind.get('model_type')}'"))
        sample_rate, hop, cardinality, choices = self._facts(config)
        if self._num_codebooks not in choices:
            raise RecipeError(
                f"'settings.num_codebooks' of the back end '{self.name}' is {self._num_codebooks}; the model "
                f"'{self._model_name}' can use: {', '.join(map(str, choices))}."
            )
        return Sizes(sample_rate, hop, self._num_codebooks, cardinality)

    def _opened(self) -> Any:
        if self._model is None:
            raise RuntimeError("the codec is not open: call open() before encode() or decode().")
        return self._model

    def _remedy(self, cause: str) -> str:
        return (
            f"backends.codec: transformers cannot load the model '{self._model_name}' as '{self.name}' ({cause}). "
            f"Where there is a network, run `hf download {self.example} --local-dir DIR`, and set "
            f"backends.codec.settings.model to DIR."
        )

    def _facts(self, config: Any) -> Facts:
        """From a configuration of the library. Raises RecipeError for one whose sound is not in its codes alone."""
        raise NotImplementedError

    def _codes_of(self, model: Any, waveform: Any) -> Any:
        """Waveform [1, 1, T * hop] -> codes [K, T]."""
        raise NotImplementedError

    def _sound_of(self, model: Any, codes: Any) -> Any:
        """Codes [1, K, T] -> waveform of any shape, T * hop samples or a few fewer or more."""
        raise NotImplementedError


class MimiCodec(TransformersCodec):
    """Mimi (Kyutai 2024): 24 kHz, 12.5 frames/s, the first 8 of its 32 codebooks of 2048 as Moshi uses them."""

    name, example, library_class = "mimi", "kyutai/mimi", "MimiModel"

    def _facts(self, config: Any) -> Facts:
        choices = range(config.num_semantic_quantizers, config.num_quantizers + 1)
        return config.sampling_rate, config.frame_size, config.codebook_size, choices

    def _codes_of(self, model: Any, waveform: Any) -> Any:
        return model.encode(waveform, num_quantizers=self.num_codebooks).audio_codes[0]

    def _sound_of(self, model: Any, codes: Any) -> Any:
        return model.decode(codes).audio_values


class DacCodec(TransformersCodec):
    """DAC (Descript 2023) at 16, 24 or 44.1 kHz: 50, 75 or 86.1 frames/s, up to 12, 32 or 9 codebooks of 1024."""

    name, example, library_class = "dac", "descript/dac_44khz", "DacModel"

    def _facts(self, config: Any) -> Facts:
        choices = range(1, config.n_codebooks + 1)
        return config.sampling_rate, config.hop_length, config.codebook_size, choices

    def _codes_of(self, model: Any, waveform: Any) -> Any:
        return model.encode(waveform, n_quantizers=self.num_codebooks).audio_codes[0]

    def _sound_of(self, model: Any, codes: Any) -> Any:
        return model.decode(audio_codes=codes).audio_values


class EncodecCodec(TransformersCodec):
    """EnCodec (Meta 2022) at 24 kHz: 75 frames/s, codebooks of 1024. Its bandwidths of 1.5, 3, 6, 12 and 24 kbit/s are
    2, 4, 8, 16 and 32 codebooks. The model at 48 kHz keeps a loudness beside its codes, and cannot be used."""

    name, example, library_class = "encodec", "facebook/encodec_24khz", "EncodecModel"

    def _facts(self, config: Any) -> Facts:
        if config.normalize or config.audio_channels != 1 or config.chunk_length_s is not None:
            raise RecipeError(self._remedy("it is one whose codes alone do not hold the sound, as that at 48 kHz"))
        return config.sampling_rate, config.hop_length, config.codebook_size, _bandwidths(config)

    def _codes_of(self, model: Any, waveform: Any) -> Any:
        return model.encode(waveform, bandwidth=_bandwidths(model.config)[self.num_codebooks]).audio_codes[0, 0]

    def _sound_of(self, model: Any, codes: Any) -> Any:
        return model.decode(codes[None], [None]).audio_values


class XcodecCodec(TransformersCodec):
    """X-Codec (HKUST 2024) at 16 kHz: 50 frames/s, codebooks of 1024 over sound and HuBERT's features. Its bandwidths
    of 0.5, 1, 1.5, 2 and 4 kbit/s are 1, 2, 3, 4 and 8 codebooks."""

    name, example, library_class = "xcodec", "hf-audio/xcodec-hubert-librispeech", "XcodecModel"

    def _facts(self, config: Any) -> Facts:
        return config.sample_rate, config.hop_length, config.codebook_size, _bandwidths(config)

    def _codes_of(self, model: Any, waveform: Any) -> Any:
        return model.encode(waveform, bandwidth=_bandwidths(model.config)[self.num_codebooks]).audio_codes[0]

    def _sound_of(self, model: Any, codes: Any) -> Any:
        return model.decode(codes).audio_values


def _bandwidths(config: Any) -> dict[int, float]:
    """Number of codebooks -> the bandwidth in kbit/s that uses so many, as the library counts them."""
    bits = config.frame_rate * config.codebook_nbits
    return {int(1000 * bandwidth // bits): bandwidth for bandwidth in config.target_bandwidths}
