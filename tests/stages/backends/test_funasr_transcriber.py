"""The real funasr loader over folders with small SenseVoice and Paraformer nets of random weights: what they hear is
garbage, how they are asked and what becomes of their answers is not."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from schemas.errors import RecipeError
from schemas.recipe import BackendChoice, Setting
from schemas.take import SAMPLE_RATE, Samples
from stages.backends.clips_16k import at_16_khz
from stages.backends.funasr_transcriber import MODEL, FunasrTranscriber
from stages.backends.registry import load
from tests.stages.backends.campplus_model import write_campplus
from tests.stages.backends.paraformer_model import write_paraformer
from tests.stages.backends.sensevoice_model import write_sensevoice

TEXT = "今天天气很好"


@pytest.fixture(scope="module")
def sensevoice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sensevoice(tmp_path_factory.mktemp("sensevoice") / "model")


@pytest.fixture(scope="module")
def paraformer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_paraformer(tmp_path_factory.mktemp("paraformer") / "model")


@pytest.fixture(scope="module", params=["sensevoice", "paraformer"])
def ears(request: pytest.FixtureRequest) -> Iterator[FunasrTranscriber]:
    made = FunasrTranscriber(str(request.getfixturevalue(request.param)), device="cpu")
    made.open()
    yield made
    made.close()


@pytest.fixture(scope="module")
def sense(sensevoice: Path) -> FunasrTranscriber:
    made = FunasrTranscriber(str(sensevoice), device="cpu")
    made.open()
    return made


def noise(seconds: float, seed: int = 0) -> Samples:
    return np.random.default_rng(seed).normal(0, 3000, round(seconds * SAMPLE_RATE)).astype(np.int16)


def own_text(folder: Path, clip: Samples) -> list[str]:
    """Pieces that the same net gives, by Kaldi's front end, without funasr's loader and without its `inference`."""
    import kaldi_native_fbank
    import sentencepiece

    from tests.stages.backends.sensevoice_model import _net

    tokens = sentencepiece.SentencePieceProcessor(model_file=str(folder / "bpe.model"))
    net = _net([tokens.id_to_piece(place) for place in range(tokens.get_piece_size())])
    net.load_state_dict(torch.load(folder / "model.pt", weights_only=True))
    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.dither = 0.0
    options.frame_opts.window_type = "hamming"
    options.mel_opts.num_bins = 80
    options.energy_floor = 0.0
    bank = kaldi_native_fbank.OnlineFbank(options)
    bank.accept_waveform(16_000, at_16_khz(clip) * 32768)
    bank.input_finished()
    bands = np.stack([bank.get_frame(i) for i in range(bank.num_frames_ready)])
    rows = -(-len(bands) // 6)  # 7 frames of 10 ms every 6, the first and the last filled up
    bands = np.concatenate([bands[:1].repeat(3, 0), bands, bands[-1:].repeat(12, 0)])
    stacked = np.stack([bands[6 * row : 6 * row + 7].reshape(-1) for row in range(rows)])
    features = torch.from_numpy((stacked - 12) * 0.25).float()[None]
    with torch.inference_mode():
        queries = torch.cat([net.embed(torch.LongTensor([[place]])) for place in (3, 1, 2, 15)], dim=1)
        frames, _ = net.encoder(torch.cat([queries, features], dim=1), torch.tensor([rows + 4]))
        best = torch.unique_consecutive(net.ctc.ctc_lo(frames)[0].argmax(-1)).tolist()
    return [tokens.id_to_piece(place) for place in best if place != 0]


def test_sensevoice_hears_what_its_net_says_of_the_clip(sense: FunasrTranscriber, sensevoice: Path) -> None:
    clip = noise(1.4, 5)
    (heard,) = sense.transcribe([clip], [TEXT], ["zh"])
    pieces = own_text(sensevoice, clip)
    assert pieces[:4] == ["<|zh|>", "<|HAPPY|>", "<|Speech|>", "<|woitn|>"]
    text = "".join(piece for piece in pieces if not piece.startswith("<|"))
    assert heard.hypothesis.split() == [c for c in text.lower() if c.isalnum()]
    assert len(heard.hypothesis) > 5


def test_its_tags_are_kept_and_the_language_is_compared(sense: FunasrTranscriber) -> None:
    chinese, english = sense.transcribe([noise(1.0)] * 2, [TEXT, "good morning"], ["zh", "en"])
    assert chinese.tags == ("zh", "HAPPY", "Speech")
    assert chinese.language_agrees == 1.0
    assert "|" not in chinese.hypothesis
    assert chinese.reference == " ".join(TEXT)
    assert english.tags != chinese.tags  # it is told the language
    assert english.language_agrees is None
    assert english.reference == "good morning"


def test_a_language_that_is_heard_but_not_spoken_does_not_agree(
    sense: FunasrTranscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sense, "_ask", lambda clip, language: "<|en|><|SAD|><|Laughter|><|woitn|>ha ha ha")
    (heard,) = sense.transcribe([noise(1.0)], ["哈"], ["zh"])
    assert heard.language_agrees == 0.0
    assert heard.tags == ("en", "SAD", "Laughter")
    assert heard.hypothesis == "h a h a h a"


def test_paraformer_has_no_tags(paraformer: Path) -> None:
    ears = FunasrTranscriber(str(paraformer), device="cpu")
    ears.open()
    (heard,) = ears.transcribe([noise(1.4)], [TEXT], ["zh"])
    assert heard.hypothesis
    assert (heard.tags, heard.language_agrees) == ((), None)


def test_a_hearing_depends_on_its_clip_alone(ears: FunasrTranscriber) -> None:
    """Also without funasr's dither, which is noise of another seed for every clip."""
    clips = [noise(1.1, 0), noise(1.7, 1), noise(2.3, 2), np.zeros(SAMPLE_RATE, np.int16)]
    together = ears.transcribe(clips, [TEXT] * 4, ["zh"] * 4)
    assert len(together) == 4
    assert len({heard.hypothesis for heard in together}) > 2
    assert ears.transcribe(clips[::-1], [TEXT] * 4, ["zh"] * 4) == together[::-1]
    assert ears.transcribe(clips[1:2], [TEXT], ["zh"]) == together[1:2]
    assert ears.transcribe([], [], []) == []


@pytest.mark.parametrize("seconds", [1 / SAMPLE_RATE, 0.01, 0.1, 40.0])
def test_very_short_and_very_long_clips_are_heard(ears: FunasrTranscriber, seconds: float) -> None:
    (heard,) = ears.transcribe([noise(seconds)], [TEXT], ["zh"])
    assert heard.reference == " ".join(TEXT)
    assert heard.error_rate >= 0.5
    assert heard.length_ratio == len(heard.hypothesis.split()) / len(TEXT)


def test_nothing_heard_is_a_rate_of_one(paraformer: Path) -> None:
    """Paraformer's predictor sees no character: funasr answers with no result."""
    ears = FunasrTranscriber(str(paraformer), device="cpu")
    ears.open()
    (heard,) = ears.transcribe([np.zeros(240, np.int16)], [TEXT], ["zh"])
    assert (heard.hypothesis, heard.error_rate, heard.length_ratio) == ("", 1.0, 0.0)


def test_a_clip_without_samples_and_a_language_without_rules_are_errors(ears: FunasrTranscriber) -> None:
    with pytest.raises(ValueError, match="cannot be heard"):
        ears.transcribe([noise(0)], [TEXT], ["zh"])
    with pytest.raises(ValueError, match="no rules to compare texts in 'fr'"):
        ears.transcribe([noise(1)], ["bonjour"], ["fr"])  # type: ignore[list-item]


def test_half_precision_runs_under_autocast(ears: FunasrTranscriber) -> None:
    half = FunasrTranscriber(ears._model_name, device="cpu", dtype="bfloat16")
    half.open()
    (heard,) = half.transcribe([noise(1.5)], [TEXT], ["zh"])
    assert heard.hypothesis
    assert half._model.model.encoder.after_norm.weight.dtype == torch.float32


def test_the_fingerprint_is_of_the_files_not_of_their_place(sensevoice: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(sensevoice, tmp_path / "copy")
    assert FunasrTranscriber(str(copy)).fingerprint == FunasrTranscriber(str(sensevoice)).fingerprint
    (copy / "am.mvn").write_text("another")
    assert FunasrTranscriber(str(copy)).fingerprint != FunasrTranscriber(str(sensevoice)).fingerprint
    assert FunasrTranscriber(MODEL).fingerprint != FunasrTranscriber("paraformer-zh").fingerprint


def test_weights_that_the_file_lacks_are_an_error(tmp_path: Path) -> None:
    """funasr itself goes on with random ones."""
    broken = write_sensevoice(tmp_path / "broken", leave_out="ctc.ctc_lo")
    with pytest.raises(RecipeError, match=r"its file lacks 2 of the net's weights, such as ctc\.ctc_lo\.weight"):
        FunasrTranscriber(str(broken)).open()


def test_what_is_no_recognizer_is_an_error(tmp_path: Path) -> None:
    speaker = write_campplus(tmp_path / "campplus")
    with pytest.raises(RecipeError, match="it is a CAMPPlus, not one of: SenseVoiceSmall, Paraformer"):
        FunasrTranscriber(str(speaker)).open()


def test_a_missing_model_names_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    wanted = rf"backends\.transcription: .*'empty'.*modelscope download --model {MODEL} --local_dir DIR.*model to DIR"
    with pytest.raises(RecipeError, match=wanted):
        FunasrTranscriber("empty").open()


@pytest.mark.parametrize(
    ("name", "settings"), [("model", {"model": 5}), ("dtype", {"model": MODEL, "dtype": 16}), ("device", {"device": 0})]
)
def test_a_setting_that_is_no_text_is_named(name: str, settings: dict[str, Setting]) -> None:
    with pytest.raises(RecipeError, match=rf"'settings\.{name}' of the back end 'funasr' is not a text"):
        load("transcription", BackendChoice(name="funasr", settings={"model": MODEL} | settings))


def test_closed_ears_do_not_hear(sensevoice: Path) -> None:
    with pytest.raises(RuntimeError, match="not open"):
        FunasrTranscriber(str(sensevoice)).transcribe([noise(1)], [TEXT], ["zh"])
