"""The real funasr loader over a folder with a narrow CAM++ of random weights: no network, no download."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soxr
import torch

from schemas.errors import RecipeError
from schemas.recipe import BackendChoice, Setting
from schemas.take import SAMPLE_RATE, Samples
from stages.backends.funasr_speaker import MODEL, FunasrSpeaker, chunks
from stages.backends.registry import load
from tests.stages.backends.campplus_model import WEIGHTS, write_campplus


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_campplus(tmp_path_factory.mktemp("campplus") / "model")


@pytest.fixture(scope="module")
def encoder(folder: Path) -> Iterator[FunasrSpeaker]:
    made = FunasrSpeaker(str(folder))
    made.open()
    yield made
    made.close()


def noise(seconds: float, seed: int = 0) -> Samples:
    return np.random.default_rng(seed).normal(0, 3000, round(seconds * SAMPLE_RATE)).astype(np.int16)


def own_vector(folder: Path, chunk: np.ndarray) -> np.ndarray:
    """The same net over Kaldi's 80 log-mel bands less their mean, without funasr's loader and front end."""
    import kaldi_native_fbank
    from funasr.models.campplus.model import CAMPPlus

    net = CAMPPlus(growth_rate=4, bn_size=2, init_channels=16, memory_efficient=False).eval()
    net.load_state_dict(torch.load(folder / WEIGHTS, weights_only=True))
    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.dither = 0.0
    options.mel_opts.num_bins = 80
    bank = kaldi_native_fbank.OnlineFbank(options)
    bank.accept_waveform(16_000, chunk)
    bank.input_finished()
    frames = torch.from_numpy(np.stack([bank.get_frame(i) for i in range(bank.num_frames_ready)]))
    with torch.inference_mode():
        return net((frames - frames.mean(0))[None])[0].numpy()


def test_vectors_are_the_mean_over_chunks_at_unit_length(encoder: FunasrSpeaker, folder: Path) -> None:
    clip = noise(13.0)
    (vector,) = encoder.embed([clip])
    mean = np.mean([own_vector(folder, chunk) for chunk in chunks(clip)], axis=0)
    assert vector.dtype == np.float32
    np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=1e-5)


def test_clips_are_repeated_to_whole_chunks_and_cut_at_ninety_seconds() -> None:
    clip = noise(4.0)
    (chunk,) = chunks(clip)
    waveform = soxr.resample(clip / np.float32(32768), SAMPLE_RATE, 16_000)
    assert chunk.dtype == np.float32
    np.testing.assert_array_equal(chunk, np.concatenate([waveform, waveform, waveform[:32_000]]))
    assert [len(chunks(noise(seconds))) for seconds in (9.9, 10.0, 10.1, 95.0)] == [1, 1, 2, 9]


def test_an_empty_clip_is_an_error() -> None:
    with pytest.raises(ValueError, match="without samples"):
        chunks(noise(0.0))


def test_the_fingerprint_is_of_the_files_not_of_their_place(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    assert FunasrSpeaker(str(copy)).fingerprint == FunasrSpeaker(str(folder)).fingerprint
    (copy / "config.yaml").write_text("model: CAMPPlus\n")
    assert FunasrSpeaker(str(copy)).fingerprint != FunasrSpeaker(str(folder)).fingerprint
    assert FunasrSpeaker(MODEL, revision="v1").fingerprint != FunasrSpeaker(MODEL, revision="v2").fingerprint


def test_weights_that_the_file_lacks_are_an_error(tmp_path: Path) -> None:
    """funasr itself goes on with random ones."""
    broken = write_campplus(tmp_path / "broken", leave_out="xvector.dense")
    with pytest.raises(RecipeError, match=r"its file lacks \d+ of the net's weights, such as xvector.dense"):
        FunasrSpeaker(str(broken)).open()


def test_a_missing_model_names_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(RecipeError, match=r"'empty' .*modelscope download .* --local_dir DIR.*settings\.model to DIR"):
        FunasrSpeaker("empty").open()


@pytest.mark.parametrize(
    ("name", "settings"),
    [("model", {"model": 5}), ("model", {"model": " "}), ("revision", {"model": MODEL, "revision": True})],
)
def test_a_setting_that_is_no_text_is_named(name: str, settings: dict[str, Setting]) -> None:
    with pytest.raises(RecipeError) as error:
        load("speaker", BackendChoice(name="campplus", settings=settings))
    assert str(error.value) == (f"'settings.{name}' of the back end 'campplus' is not a text: mend it in the recipe.")
