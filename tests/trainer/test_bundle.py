"""The model that comes along: how it is made, and that it reads, answers, plays and sings."""

from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from schemas.score import words
from tests.trainer import tiny
from trainer.bundle import bundle
from trainer.evaluate import Judge, Line
from trainer.model import SpokenModel
from trainer.speak import BUNDLED, Speaker, song_for
from trainer.train import Plan, train

MOST_BYTES = 20e6


def test_a_trained_model_is_halved(tmp_path: Path) -> None:
    corpus = tiny.write_corpus(tmp_path / "c", {split: tiny.dialogues() for split in tiny.SPLITS})
    plan = Plan(corpus, tmp_path / "m", steps=1, positions=256)
    train(plan)
    bundle(plan.out, tmp_path / "b")
    with safe_open(str(tmp_path / "b" / "model.safetensors"), "pt") as weights:
        assert {weights.get_tensor(name).dtype for name in weights.keys()} == {torch.float16}  # noqa: SIM118
    whole, halved = (SpokenModel.from_pretrained(folder, dtype=torch.float32) for folder in (plan.out, tmp_path / "b"))
    for (name, ours), theirs in zip(whole.state_dict().items(), halved.state_dict().values(), strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-3, atol=1e-6), name
    assert sorted(path.name for path in (tmp_path / "b").iterdir()) == [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "training.json",
        "voices.json",
    ]


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge(Speaker.open())


def test_it_is_small() -> None:
    assert sum(path.stat().st_size for path in BUNDLED.iterdir()) <= MOST_BYTES


@pytest.mark.parametrize(
    ("language", "text", "most_wrong"),
    [("en", "Seven tired sailors sang about the silver moon.", 0.75), ("zh", "明天早上我们一起去河边看看。", 0.6)],
)
def test_it_reads_a_sentence_in_a_known_voice(judge: Judge, language: str, text: str, most_wrong: float) -> None:
    voice = judge.speaker.voices.first(language)
    row = {"language": language, "characters": {"assistant": {"speaker_vector": voice.vector}}}
    line = Line(row, {"role": "assistant", "spoken": text, "song": None})
    spoken = judge.speaker.read(text)
    heard = judge._heard([line], [judge._sound(spoken)])
    assert spoken.reply.ended
    assert heard[f"phone error rate, {language}"] <= most_wrong
    assert heard["speaker similarity"] > 0.4


@pytest.mark.parametrize("name", ["row", "molihua"])
def test_it_sings_a_song_in_tune(judge: Judge, name: str) -> None:
    score, voice = song_for(name, judge.speaker.voices)
    row = {"language": voice.language, "characters": {"assistant": {"speaker_vector": voice.vector}}}
    column = score.model_dump() | {"score_start_s": 0.0}
    line = Line(row, {"role": "assistant", "spoken": words(score.notes), "song": {}, "score": column})
    assert judge._sung([line], [judge._sound(judge.speaker.sing(score, voice))])["raw pitch accuracy"] >= 0.4


def test_it_answers_in_text_and_sound(judge: Judge) -> None:
    spoken = judge.speaker.chat("What did you do last weekend?")
    assert spoken.reply.well_formed
    assert spoken.text
    assert len(spoken.samples)
