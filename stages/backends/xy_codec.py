"""XY-Tokenizer (Gong et al. 2025), the codec of VITA-QinYu and MOSS-TTSD: 8 codebooks of 1024 at 12.5 frames/s.

Its code is no package: it runs from a checkout, with the configuration and the checkpoint that belong to it, which say
its rates: github.com/gyt1145028706/XY-Tokenizer (16 kHz in and out), or the folder XY_Tokenizer of
github.com/OpenMOSS/MOSS-TTSD (16 kHz in, 24 or 32 kHz out by its release; VITA-QinYu's is that of 32). The calls
follow both sources, as they stood in 2025; no weights were at hand to hear what they decode to.
"""

import importlib
import inspect
import sys
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from types import ModuleType
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
from stages.backends.torch_weights import only_weights

PACKAGE = "xy_tokenizer"
DOWNSAMPLING = 1280
"""Samples of a frame where the configuration does not say, as in the checkout's own model."""


class XyCodec:
    """AudioCodec by XY-Tokenizer, one clip at a time, in full precision.

    `checkout` is the folder that holds `xy_tokenizer/model.py`, whose code is run; `config` and `checkpoint` are files.
    The checkpoint is read with torch's `weights_only`, whatever the checkout asks for.
    """

    name = "xy-tokenizer"

    def __init__(self, checkout: str, config: str, checkpoint: str, device: str = "auto") -> None:
        """Raises RecipeError for a setting that is no text."""
        given = {"checkout": checkout, "config": config, "checkpoint": checkpoint, "device": device}
        texts = {name: text_setting(self.name, name, value) for name, value in given.items()}
        self._checkout, self._config, self._checkpoint = (Path(texts[name]).expanduser() for name in list(texts)[:3])
        self._placement = Placement(texts["device"], "float32")  # its features and buffers are
        self._model: Any = None

    @cached_property
    def fingerprint(self) -> str:
        """Digest of code, configuration and checkpoint. Raises RecipeError where one of them is not there."""
        self._check_files()
        return digest_of([*(self._checkout / PACKAGE).rglob("*.py"), self._config, self._checkpoint])

    @property
    def sample_rate(self) -> int:
        """Of the decoded sound. Like the other three, it raises RecipeError where there is no configuration."""
        params = self._params
        return int(params.get("output_sample_rate") or params["sample_rate"])

    @property
    def frame_rate(self) -> float:
        return self._input_rate_hz / self._hop

    @property
    def num_codebooks(self) -> int:
        return int(self._params["quantizer_kwargs"]["num_quantizers"])

    @property
    def cardinality(self) -> int:
        return int(self._params["quantizer_kwargs"]["codebook_size"])

    def open(self) -> None:
        """Raises RecipeError where checkout, configuration and checkpoint are not there or do not fit together."""
        if self._model is not None:
            return
        self._check_files()
        device, _ = self._placement.resolved()
        if device.type == "cpu":
            import torch

            torch.set_num_threads(1)  # sums in another order could change the codes
        try:
            library = imported(self._checkout)
            with only_weights():
                model = library.XY_Tokenizer.load_from_checkpoint(
                    config_path=str(self._config), ckpt_path=str(self._checkpoint)
                )
        except Exception as error:  # whatever another's code raises
            raise RecipeError(self._remedy(f"{type(error).__name__}: {error}".splitlines()[0])) from error
        self._device, self._model = device, model.to(device).eval()

    def close(self) -> None:
        self._model = None

    def encode(self, clips: Sequence[Samples]) -> list[Codes]:
        """int16 [N] at 24 kHz -> codes uint16 [T, 8]. Raises ValueError for an empty clip."""
        return [
            Codes(self._encode_one(clip), self.name, self.sample_rate, self.frame_rate, self.cardinality)
            for clip in clips
        ]

    def decode(self, codes: Sequence[NDArray[np.uint16]]) -> list[Samples]:
        """uint16 [T, 8] -> int16 [N] at `sample_rate`. Raises ValueError for other shapes and codes too large."""
        return [self._decode_one(one) for one in codes]

    def _encode_one(self, clip: Samples) -> NDArray[np.uint16]:
        waveform = whole_frames(clip, self._input_rate_hz, self._hop)
        codes = self._ask("encode", waveform)["codes_list"][0]
        return np.ascontiguousarray(codes.cpu().numpy().T.astype(np.uint16))

    def _decode_one(self, codes: NDArray[np.uint16]) -> Samples:
        check_codes(codes, self.num_codebooks, self.cardinality)
        decoded = self._ask("decode", codes.astype(np.int64).T.copy())["syn_wav_list"][0]
        length = round(len(codes) * self.sample_rate / self.frame_rate)
        return to_samples(fitted(decoded.flatten().float().cpu().numpy(), length))

    def _ask(self, method: str, array: NDArray[Any]) -> Any:
        """Its answer for one clip; it cuts what is long into windows of 30 s that overlap by 10 s."""
        import torch

        if self._model is None:
            raise RuntimeError("the codec is not open: call open() before encode() or decode().")
        function = getattr(self._model, method)
        # One of the two sources is told the device and takes "cuda" otherwise; the other sees it from its input.
        place = {"device": self._device} if "device" in inspect.signature(function).parameters else {}
        with torch.inference_mode():
            return function([torch.from_numpy(array).to(self._device)], overlap_seconds=10, **place)

    @property
    def _input_rate_hz(self) -> int:
        return int(self._params.get("input_sample_rate") or self._params["sample_rate"])

    @property
    def _hop(self) -> int:
        return int(self._params.get("encoder_downsample_rate", DOWNSAMPLING))

    @cached_property
    def _params(self) -> dict[str, Any]:
        """The section of the configuration that shapes the net."""
        import yaml  # type: ignore[import-untyped]

        self._check_files()
        try:
            params: dict[str, Any] = yaml.safe_load(self._config.read_text("utf-8"))["generator_params"]
            rates = "sample_rate" in params or {"input_sample_rate", "output_sample_rate"} <= params.keys()
            if not rates or not {"num_quantizers", "codebook_size"} <= params["quantizer_kwargs"].keys():
                raise KeyError("rates, or the quantizer's sizes")
        except (KeyError, TypeError, ValueError, AttributeError, yaml.YAMLError) as error:
            cause = f"'{self._config}' is not its configuration: {type(error).__name__}: {error}".splitlines()[0]
            raise RecipeError(self._remedy(cause)) from error
        return params

    def _check_files(self) -> None:
        for name, path in (
            ("checkout", self._checkout / PACKAGE / "model.py"),
            ("config", self._config),
            ("checkpoint", self._checkpoint),
        ):
            if not path.is_file():
                raise RecipeError(self._remedy(f"settings.{name}: there is no file '{path}'"))

    def _remedy(self, cause: str) -> str:
        return (
            f"backends.codec: XY-Tokenizer cannot be opened ({cause}). Where there is a network, run `git clone "
            "https://github.com/gyt1145028706/XY-Tokenizer` and `hf download fdugyt/XY_Tokenizer xy_tokenizer.ckpt "
            "--local-dir DIR`, and set backends.codec.settings: checkout to the clone, config to its "
            "config/xy_tokenizer_config.yaml, checkpoint to DIR/xy_tokenizer.ckpt."
        )


def imported(checkout: Path) -> ModuleType:
    """The module `xy_tokenizer.model` of a checkout. Nothing else of its folder can be imported: it is not put on the
    path, where its `utils` or `config` would stand before what others mean by these names."""
    home = str((checkout / PACKAGE).resolve())
    if list(getattr(sys.modules.get(PACKAGE), "__path__", [])) != [home]:
        for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE]:
            del sys.modules[name]
        package = ModuleType(PACKAGE)
        package.__path__ = [home]
        sys.modules[PACKAGE] = package
        importlib.invalidate_caches()
    return importlib.import_module(f"{PACKAGE}.model")
