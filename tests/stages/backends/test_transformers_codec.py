"""The real transformers loader over folders with tiny codecs of random weights: no network, no download."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr
import torch

from schemas.errors import RecipeError
from schemas.recipe import BackendChoice, Setting
from schemas.take import SAMPLE_RATE, Samples
from stages.backends.registry import load
from tests.stages.backends.codec_models import MODELS, write_codec

FACTS = {
    "mimi": (24_000, 12.5, 8, 32),
    "dac": (44_100, 44_100 / 512, 8, 64),
    "encodec": (24_000, 75.0, 8, 1024),
    "xcodec": (16_000, 50.0, 8, 1024),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {name: write_codec(tmp_path_factory.mktemp("codecs") / name, name) for name in MODELS}


@pytest.fixture(scope="module", params=sorted(MODELS))
def codec(request: pytest.FixtureRequest, folders: dict[str, Path]) -> Iterator[Any]:
    made = choose(request.param, folders[request.param])
    made.open()
    yield made
    made.close()


def choose(name: str, folder: Path | str, **settings: Setting) -> Any:
    return load("codec", BackendChoice(name=name, settings={"model": str(folder)} | settings))


def noise(seconds: float, seed: int = 0) -> Samples:
    return np.random.default_rng(seed).normal(0, 3000, round(seconds * SAMPLE_RATE)).astype(np.int16)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_rates_and_sizes_are_known_before_it_is_opened(name: str, folders: dict[str, Path]) -> None:
    codec = choose(name, folders[name])
    assert (codec.sample_rate, codec.frame_rate, codec.num_codebooks, codec.cardinality) == FACTS[name]


@pytest.mark.parametrize("seconds", [1 / SAMPLE_RATE, 0.1, 1.3, 40.0])
def test_clips_of_any_length_have_whole_frames_and_come_back(codec: Any, seconds: float) -> None:
    (codes,) = codec.encode([noise(seconds)])
    (samples,) = codec.decode([codes.values])
    frames = int(np.ceil(round(seconds * codec.frame_rate, 6)))
    assert (codes.values.dtype, codes.values.shape) == (np.uint16, (frames, codec.num_codebooks))
    assert (codes.codec, codes.sample_rate, codes.frame_rate, codes.cardinality) == (
        codec.name,
        codec.sample_rate,
        codec.frame_rate,
        codec.cardinality,
    )
    assert (samples.dtype, len(samples)) == (np.int16, round(frames * codec.sample_rate / codec.frame_rate))


def test_codes_and_sound_are_those_of_the_model_itself(codec: Any, folders: dict[str, Path]) -> None:
    """The library's own pass from sound to sound, over the same waveform."""
    import transformers

    model = getattr(transformers, codec.library_class).from_pretrained(folders[codec.name])
    clip = noise(20 / codec.frame_rate, seed=3)[:-1]
    waveform = soxr.resample(clip / np.float32(32768), SAMPLE_RATE, codec.sample_rate)
    whole = np.zeros(round(20 * codec.sample_rate / codec.frame_rate), np.float32)
    whole[: len(waveform)] = waveform[: len(whole)]
    wanted = {
        "mimi": {"num_quantizers": 8},
        "dac": {"n_quantizers": 8},
        "encodec": {"bandwidth": 6.0},
        "xcodec": {"bandwidth": 4.0},
    }
    with torch.inference_mode():
        sound = model(torch.from_numpy(whole)[None, None], **wanted[codec.name]).audio_values.flatten().numpy()
    (codes,) = codec.encode([clip])
    assert len(np.unique(codes.values)) > 10
    (samples,) = codec.decode([codes.values])
    assert samples.std() > 30
    np.testing.assert_allclose(samples / 32767, np.clip(sound, -1, 1), atol=1e-4)


def test_codes_are_the_same_after_it_was_closed_and_opened(codec: Any, folders: dict[str, Path]) -> None:
    clips = [noise(0.7, 1), noise(1.3, 2)]
    other = choose(codec.name, folders[codec.name])
    other.open()
    for one, two in zip(codec.encode(clips), reversed(other.encode(clips[::-1])), strict=True):
        np.testing.assert_array_equal(one.values, two.values)


def test_silence_is_coded_like_any_sound(codec: Any) -> None:
    (codes,) = codec.encode([np.zeros(SAMPLE_RATE, np.int16)])
    assert codes.values.shape == (int(np.ceil(codec.frame_rate)), 8)
    assert codec.decode([codes.values])[0].dtype == np.int16


def test_an_empty_clip_is_an_error(codec: Any) -> None:
    with pytest.raises(ValueError, match=r"a clip of shape \(0,\); it must be \[N\] with N > 0"):
        codec.encode([np.zeros(0, np.int16)])


def test_codes_of_another_shape_or_size_are_an_error(codec: Any) -> None:
    with pytest.raises(ValueError, match=r"codes of shape \(4, 7\); it must be \[T, 8\]"):
        codec.decode([np.zeros((4, 7), np.uint16)])
    with pytest.raises(ValueError, match=f"codes must be below {codec.cardinality}"):
        codec.decode([np.full((4, 8), codec.cardinality, np.uint16)])


@pytest.mark.parametrize(("name", "number"), [("mimi", 3), ("dac", 5), ("encodec", 16), ("xcodec", 3)])
def test_fewer_codebooks_are_the_first_of_all(name: str, number: int, folders: dict[str, Path]) -> None:
    few, eight = choose(name, folders[name], num_codebooks=number), choose(name, folders[name])
    few.open()
    eight.open()
    shared = min(number, 8)
    (some,), (others,) = few.encode([noise(0.9)]), eight.encode([noise(0.9)])
    assert some.values.shape[1] == number
    np.testing.assert_array_equal(some.values[:, :shared], others.values[:, :shared])
    assert len(few.decode([some.values])[0]) == len(eight.decode([others.values])[0])


@pytest.mark.parametrize(
    ("name", "number", "choices"),
    [("mimi", 11, "1, 2, 3, 4, 5, 6, 7, 8, 9, 10"), ("encodec", 3, "2, 4, 8, 16, 32"), ("xcodec", 5, "1, 2, 3, 4, 8")],
)
def test_a_number_of_codebooks_that_it_cannot_use_is_named(
    name: str, number: int, choices: str, folders: dict[str, Path]
) -> None:
    with pytest.raises(RecipeError, match=rf"num_codebooks' .* '{name}' is {number}; .* can use: {choices}\."):
        choose(name, folders[name], num_codebooks=number).open()


def test_dac_at_other_rates(tmp_path: Path) -> None:
    """Its strides at 24 kHz are odd, and its own count of frames a second is rounded."""
    write_codec(tmp_path, "dac", sampling_rate=24_000, ratios=(2, 4, 5, 8))
    codec = choose("dac", tmp_path)
    codec.open()
    (codes,) = codec.encode([noise(1.001)])
    assert (codec.frame_rate, codes.values.shape) == (75.0, (76, 8))
    assert len(codec.decode([codes.values])[0]) == 76 * 320


def test_half_precision_gives_sound_too(codec: Any, folders: dict[str, Path]) -> None:
    half = choose(codec.name, folders[codec.name], device="cpu", dtype="bfloat16")
    half.open()
    (codes,) = half.encode([noise(0.5)])
    assert codes.values.shape == codec.encode([noise(0.5)])[0].values.shape
    assert np.any(half.decode([codes.values])[0])


def test_the_fingerprint_is_of_configuration_and_weights(folders: dict[str, Path], tmp_path: Path) -> None:
    copy = shutil.copytree(folders["mimi"], tmp_path / "copy")
    (copy / "README.md").write_text("Mimi")
    assert choose("mimi", copy).fingerprint == choose("mimi", folders["mimi"]).fingerprint
    other = write_codec(tmp_path / "other", "mimi", seed=1)
    assert choose("mimi", other).fingerprint != choose("mimi", copy).fingerprint
    with pytest.raises(RecipeError, match=r"'/nowhere/mimi' as 'mimi' \(there is no such folder\)"):
        assert choose("mimi", "/nowhere/mimi").fingerprint
    named = [choose("mimi", "kyutai/mimi", revision=revision).fingerprint for revision in ("main", "v1")]
    assert named[0] != named[1]


def test_weights_that_are_not_safetensors_are_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    """A file of pickles can run code when it is read."""
    folder = shutil.copytree(folders["mimi"], tmp_path / "pickled")
    weights = folder / "model.safetensors"
    from safetensors.torch import load_file

    torch.save(load_file(weights), folder / "pytorch_model.bin")
    weights.unlink()
    with pytest.raises(RecipeError, match=r"no file named model.safetensors"):
        choose("mimi", folder).open()


def test_weights_that_the_file_lacks_are_an_error(folders: dict[str, Path], tmp_path: Path) -> None:
    """The library itself goes on with random ones."""
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(folders["dac"], tmp_path / "broken")
    weights = load_file(folder / "model.safetensors")
    kept = {name: value for name, value in weights.items() if not name.startswith("decoder.conv2")}
    save_file(kept, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(RecipeError, match=r"its file lacks 2 weights, such as decoder.conv2.bias"):
        choose("dac", folder).open()


def test_a_model_of_another_kind_is_an_error(folders: dict[str, Path]) -> None:
    with pytest.raises(RecipeError, match=r"as 'dac' \(its configuration is that of 'mimi'\)"):
        choose("dac", folders["mimi"]).open()


def test_encodec_with_loudness_beside_its_codes_is_an_error(tmp_path: Path) -> None:
    write_codec(tmp_path, "encodec", normalize=True)
    with pytest.raises(RecipeError, match="codes alone do not hold the sound"):
        choose("encodec", tmp_path).open()


@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_missing_model_names_what_to_do(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    remedy = r"'empty' as .*`hf download .*/.* --local-dir DIR`, and set backends\.codec\.settings\.model to DIR"
    with pytest.raises(RecipeError, match=remedy):
        choose(name, "empty").open()
    with pytest.raises(RecipeError, match=remedy):
        assert choose(name, "empty").frame_rate


def test_a_damaged_configuration_is_named(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(folders["mimi"], tmp_path / "damaged")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"codebook_size": "many"}))
    with pytest.raises(RecipeError, match=r"cannot load the model .* as 'mimi'"):
        choose("mimi", folder).open()


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("model", {"model": 5}),
        ("revision", {"revision": ""}),
        ("device", {"device": 0}),
        ("num_codebooks", {"num_codebooks": True}),
    ],
)
def test_a_setting_of_another_type_is_named(name: str, settings: dict[str, Setting]) -> None:
    with pytest.raises(RecipeError, match=rf"'settings\.{name}' of the back end 'mimi' is not a"):
        choose("mimi", "folder", **settings)
