"""Training runs of a few steps on a tiny corpus: from nothing, from checkpoints, broken off and gone on with."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import PreTrainedTokenizerBase, Qwen3Config, Qwen3ForCausalLM

from schemas.errors import RecipeError
from tests import fakes
from tests.trainer import tiny
from trainer import train as training
from trainer.model import SIZES, SpokenModel
from trainer.samples import TASKS
from trainer.text_tokens import load_tokenizer
from trainer.train import STAGES, Plan, arguments, first_row, freeze, texts, train
from trainer.voices import Voices


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A size that trains in no time; tokenizers of bytes."""
    monkeypatch.setitem(SIZES, "tiny", tiny.BACKBONE)
    monkeypatch.setattr(training, "train_tokenizer", lambda _: tiny.letters())
    fakes.install(monkeypatch)


@pytest.fixture
def plan(corpus: str, tmp_path: Path) -> Plan:
    return Plan(corpus, tmp_path / "model", "tiny", steps=6, positions=256, log_every=2)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return SpokenModel.from_pretrained(folder).state_dict()


def differing(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> set[str]:
    assert one.keys() == other.keys()
    return {name for name in one if not torch.equal(one[name], other[name])}


def test_what_a_run_leaves_in_its_folder(plan: Plan) -> None:
    record = train(replace(plan, weights={"tts": 2.0}))
    assert json.loads((plan.out / "training.json").read_text("utf-8")) == record
    assert {name: record[name] for name in ("stage", "size", "steps", "positions_per_step", "seed")} == {
        "stage": "scratch",
        "size": "tiny",
        "steps": 6,
        "positions_per_step": 256,
        "seed": 1,
    }
    assert record["weights"] == dict.fromkeys(TASKS, 1.0) | {"tts": 2.0}
    assert record["left out of the last epoch"] == {"counts": {}, "first": []}
    model = SpokenModel.from_pretrained(plan.out)
    assert model.config.codec == tiny.CODEC
    assert (model.config.speaker_size, model.config.num_codebooks, model.config.cardinality) == (6, 4, 32)
    assert load_tokenizer(plan.out).get_vocab() == tiny.letters().get_vocab()
    assert model.config.text_size == len(tiny.letters())
    assert Voices.load(plan.out) == Voices.of_corpus(plan.corpus)


def test_every_stream_is_reported(plan: Plan) -> None:
    log = [entry for entry in train(plan)["log"] if "loss" in entry]
    assert [entry["step"] for entry in log] == [2, 4, 6]
    for entry in log:
        streams = [entry[f"loss_stream_{index}"] for index in range(4)]
        assert all(np.isfinite(streams))
        assert entry["loss"] == pytest.approx(streams[0] + np.mean(streams[1:]), abs=2e-3)


def test_samples_longer_than_a_row_are_in_the_record(plan: Plan) -> None:
    left_out = train(replace(plan, positions=100, steps=20))["left out of the last epoch"]
    assert left_out["counts"]
    assert len(left_out["first"]) == sum(left_out["counts"].values())
    assert all(name.endswith(" positions)") for name in left_out["first"])


def test_two_runs_of_one_seed_are_equal_and_of_another_are_not(plan: Plan, tmp_path: Path) -> None:
    runs = [replace(plan, out=tmp_path / name, seed=seed, steps=3) for name, seed in (("a", 1), ("b", 1), ("c", 2))]
    logs = [[entry["loss"] for entry in train(run)["log"] if "loss" in entry] for run in runs]
    assert logs[0] == logs[1]
    assert not differing(weights(runs[0].out), weights(runs[1].out))
    assert "embeddings.weight" in differing(weights(runs[0].out), weights(runs[2].out))


class PoweredOff(Exception):
    pass


def test_a_run_that_was_broken_off_goes_on_to_the_same_weights(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = replace(plan, steps=10, seed=5)  # more than an epoch: 21 samples are about 6 rows
    train(replace(plan, out=tmp_path / "undisturbed"))
    calls = iter(range(100))
    whole = training.StreamTrainer.compute_loss

    def dies(*args: Any, **others: Any) -> Any:
        if next(calls) == 7:
            raise PoweredOff
        return whole(*args, **others)

    with monkeypatch.context() as patch:
        patch.setattr(training.StreamTrainer, "compute_loss", dies)
        with pytest.raises(PoweredOff):
            train(plan)
    assert not (plan.out / "model.safetensors").exists()
    record = train(replace(plan, resume=True))
    assert record["steps"] == 10
    assert not differing(weights(plan.out), weights(tmp_path / "undisturbed"))


def test_nothing_to_go_on_with(plan: Plan) -> None:
    with pytest.raises(RecipeError, match=r"--resume: there is no checkpoint in .*model: train without it first"):
        train(replace(plan, resume=True))


def test_a_stage_knows_its_rates_and_a_plan_may_differ(plan: Plan) -> None:
    assert {name: (stage.learning_rate, stage.steps) for name, stage in STAGES.items()} == {
        "0": (1e-3, 2_000),
        "1": (6e-5, 8_000),
        "2": (5e-5, 12_000),
        "finetune": (5e-5, 12_000),
        "scratch": (1e-3, 4_000),
    }
    own = arguments(replace(plan, steps=None), STAGES["1"])
    assert (own.max_steps, own.learning_rate, own.warmup_steps) == (8_000, 6e-5, 240)
    assert (own.adam_beta1, own.adam_beta2, own.max_grad_norm) == (0.9, 0.95, 1.0)
    assert own.lr_scheduler_type == "cosine"
    given = arguments(replace(plan, steps=100, learning_rate=0.5, accumulate=3), STAGES["1"])
    assert (given.max_steps, given.learning_rate, given.warmup_steps) == (100, 0.5, 3)
    assert given.gradient_accumulation_steps == 3


def test_freezing_by_prefix(layout: Any) -> None:
    model = tiny.model(layout)
    freeze(model, STAGES["0"].trained)
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert trained == {"embeddings.weight", *(name for name in dict(model.named_parameters()) if "speaker." in name)}
    freeze(model, ())
    assert all(parameter.requires_grad for parameter in model.parameters())


@pytest.fixture
def checkpoint(letters: PreTrainedTokenizerBase, tmp_path: Path) -> Path:
    """A tiny random Qwen3 with its tokenizer, whose vocabulary has fewer rows than the table of embeddings."""
    torch.manual_seed(7)
    config = Qwen3Config(
        **tiny.BACKBONE,
        num_key_value_heads=1,
        head_dim=16,
        vocab_size=len(letters) + 36,
        pad_token_id=3,
        tie_word_embeddings=True,
    )
    Qwen3ForCausalLM(config).save_pretrained(tmp_path / "qwen")
    letters.save_pretrained(tmp_path / "qwen")
    return tmp_path / "qwen"


def theirs(folder: Path) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """The backbone without its embeddings, and those."""
    read = Qwen3ForCausalLM.from_pretrained(folder).model.state_dict()
    rows = read.pop("embed_tokens.weight")
    return {f"backbone.{name}": value for name, value in read.items()}, rows


def test_a_qwen3_checkpoint_gives_backbone_and_text_rows(plan: Plan, checkpoint: Path) -> None:
    model, tokenizer = training.start(replace(plan, size=str(checkpoint)))
    backbone, rows = theirs(checkpoint)
    ours = model.state_dict()
    assert all(torch.equal(ours[name], value) for name, value in backbone.items())
    text = model.layout.text_size
    assert text == len(tokenizer) == len(tiny.letters())
    assert torch.equal(model.embeddings.weight[:text], rows[:text])
    assert model.head.weight is model.embeddings.weight
    drawn = model.embeddings.weight[text:]
    assert drawn.std().item() == pytest.approx(rows.std().item(), rel=0.1)
    assert not torch.equal(drawn[:36], rows[text:])
    assert len(model.backbone.embed_tokens.weight) == 1  # ours are the only ones


def test_a_qwen3_checkpoint_with_a_head_of_its_own(plan: Plan, checkpoint: Path) -> None:
    config = Qwen3Config.from_pretrained(checkpoint)
    config.tie_word_embeddings = False
    untied = Qwen3ForCausalLM(config)
    untied.save_pretrained(checkpoint)
    model, _ = training.start(replace(plan, size=str(checkpoint)))
    text = model.layout.text_size
    assert torch.equal(model.head.weight[:text], untied.lm_head.weight[:text])
    assert torch.equal(model.embeddings.weight[:text], untied.model.embed_tokens.weight[:text])


def test_stage_0_leaves_the_backbone_untouched_and_later_ones_do_not(plan: Plan, checkpoint: Path) -> None:
    train(replace(plan, size=str(checkpoint), stage="0", steps=2))
    backbone, rows = theirs(checkpoint)
    after = weights(plan.out)
    assert all(torch.equal(after[name], value) for name, value in backbone.items())
    assert not torch.equal(after["embeddings.weight"][: len(tiny.letters())], rows[: len(tiny.letters())])
    train(replace(plan, size=str(plan.out), stage="1", steps=2, out=plan.out.parent / "later"))
    later = weights(plan.out.parent / "later")
    assert {name for name in backbone if not torch.equal(later[name], after[name])} == set(backbone)


def test_a_model_of_ours_is_begun_with_as_it_is(plan: Plan) -> None:
    train(replace(plan, steps=1))
    model, tokenizer = training.start(replace(plan, size=str(plan.out)))
    assert not differing(model.state_dict(), weights(plan.out))
    assert len(tokenizer) == model.layout.text_size


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"revision": "other"},
            r"was trained on codes of fake \(revision fake-1\), the corpus has those of fake \(oth",
        ),
        (
            {"name": "xy"},
            r"was trained on codes of fake \(name fake\), the corpus has those of xy \(xy\): train on a c",
        ),
        ({"cardinality": 64}, r"fake \(cardinality 32\), the corpus has those of fake \(64\)"),
    ],
)
def test_a_corpus_of_another_codec(plan: Plan, tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    train(replace(plan, steps=1))
    rows = [row | {"codec": tiny.CODEC | changes} for row in tiny.dialogues()]
    other = tiny.write_corpus(tmp_path / "other", {"train": rows})
    with pytest.raises(RecipeError, match=message):
        train(replace(plan, corpus=other, size=str(plan.out), out=tmp_path / "more"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stage": "3"}, "--stage 3: there is no such stage; use one of: 0, 1, 2, finetune, scratch"),
        ({"size": "huge"}, r"--size huge: give one of nano, mini, small, tiny, or the folder of a model or checkpoint"),
        ({"weights": {"sing": 1.0}}, "--weights sing: there is no such task; use one of: tts, asr, reading, conv"),
        ({"corpus": "nowhere"}, "nowhere: there is no corpus here: give the folder that `troupe build` wrote"),
    ],
)
def test_what_cannot_be_trained(plan: Plan, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        train(replace(plan, **changes))


def test_a_corpus_that_does_not_name_its_codec(tmp_path: Path) -> None:
    rows = [row | {"codec": None} for row in tiny.dialogues()]
    with pytest.raises(RecipeError, match="its rows do not name their codec; build it anew"):
        first_row(tiny.write_corpus(tmp_path / "old", {"train": rows}))


def test_the_tokenizer_hears_every_message_and_turn(tmp_path: Path) -> None:
    rows = tiny.dialogues(count=1)
    system = rows[0]["messages"][0]["content"]
    found = list(texts(tiny.write_corpus(tmp_path / "corpus", {"train": rows})))
    assert found == [system, "hi 0", "oh hello", "hi 0", "oh hello"]


def test_a_voice_is_heard_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    codec = tiny.CODEC | {"num_codebooks": 8, "cardinality": 1024}
    turns = [tiny.turn("u", "user", "hi", codec=codec), tiny.turn("a", "assistant", "oh", codec=codec)]
    splits = {split: [tiny.row("d", turns, codec=codec)] for split in ("train", "validation")}
    corpus = tiny.write_corpus(tmp_path / "corpus", splits, num_codebooks=8)
    monkeypatch.setattr("trainer.generate.MAX_POSITIONS", 30)
    plan = Plan(corpus, tmp_path / "model", "tiny", steps=4, positions=256, samples_every=2)
    train(plan)
    assert sorted(path.name for path in (plan.out / "samples").iterdir()) == ["step-000002.wav", "step-000004.wav"]
    silent = train(replace(plan, out=tmp_path / "silent", samples_every=0))
    assert not differing(weights(plan.out), weights(tmp_path / "silent"))
    assert silent["steps"] == 4


def test_a_corpus_of_other_speaker_vectors(plan: Plan, tmp_path: Path) -> None:
    train(replace(plan, steps=1))
    rows = tiny.dialogues()
    for row in rows:
        for character in row["characters"].values():
            character["speaker_vector"] = character["speaker_vector"][:5]
    other = tiny.write_corpus(tmp_path / "other", {"train": rows})
    with pytest.raises(RecipeError, match=r"takes speaker vectors of 6 numbers, the corpus has 5: train on a corpus"):
        train(replace(plan, corpus=other, size=str(plan.out), out=tmp_path / "more"))
