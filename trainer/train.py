"""`troupe train`: a spoken language model from a corpus, by Hugging Face's Trainer."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import Trainer, TrainerCallback, TrainingArguments, set_seed
from transformers.trainer_utils import get_last_checkpoint

from schemas.errors import RecipeError
from schemas.tokens import TokenLayout
from trainer.corpus_codec import codec_of
from trainer.model import SIZES, SpokenConfig, SpokenModel, sized
from trainer.packing import PackedRows, stream
from trainer.samples import TASKS
from trainer.sequences import SequenceMaker
from trainer.text_tokens import load_tokenizer, train_tokenizer
from trainer.voices import Voices

FRACTION_WARMUP = 0.03


@dataclass(frozen=True)
class Stage:
    """What is trained, how fast, for how many steps. `trained` are prefixes of parameter names; none means all."""

    learning_rate: float
    steps: int
    trained: tuple[str, ...] = ()


STAGES: dict[str, Stage] = {
    "0": Stage(1e-3, 2_000, ("embeddings.", "head.", "speaker.")),
    "1": Stage(6e-5, 8_000),
    "2": Stage(5e-5, 12_000),
    "finetune": Stage(5e-5, 12_000),
    "scratch": Stage(1e-3, 4_000),
}
"""0, 1, 2 and finetune as VITA-QinYu trains them from a language model: first what joins speech to it (ours hears
codes, so that is the embeddings and the head), then everything. `scratch` is ours, for small models that begin with
nothing."""


@dataclass(frozen=True)
class Plan:
    """What `troupe train` was asked for; None means the stage's own."""

    corpus: str
    out: Path
    size: str = "nano"
    stage: str = "scratch"
    steps: int | None = None
    learning_rate: float | None = None
    positions: int = 2048
    accumulate: int = 1
    seed: int = 1
    bf16: bool = False
    code_dropout: float = 0.0
    splice: float = 0.0
    weights: Mapping[str, float] = field(default_factory=dict)
    samples_every: int = 0
    resume: bool = False
    log_every: int = 50


def train(plan: Plan) -> dict[str, Any]:
    """Train, and save model, tokenizer and voices to `plan.out`; the training record, which is also in training.json.

    Raises RecipeError for a corpus, size or stage that is not one, and where there is nothing to resume.
    """
    check(plan)
    set_seed(plan.seed)
    stage = STAGES[plan.stage]
    model, tokenizer = start(plan)
    model.config.code_dropout = plan.code_dropout
    maker = SequenceMaker(tokenizer, model.layout, model.config.codec["frame_rate"])
    rows = PackedRows(plan.corpus, "train", maker, plan.positions, plan.seed, plan.weights, splice=plan.splice)
    freeze(model, stage.trained)
    voices = Voices.of_corpus(plan.corpus)
    trainer = StreamTrainer(
        model=model, args=arguments(plan, stage), train_dataset=rows, data_collator=lambda batch: batch[0]
    )
    if plan.samples_every:
        trainer.add_callback(Listener(plan, tokenizer, voices))
    trainer.train(resume_from_checkpoint=plan.resume or None)
    trainer.save_model(str(plan.out))
    tokenizer.save_pretrained(plan.out)
    voices.save(plan.out)
    record = {
        "stage": plan.stage,
        "size": plan.size,
        "steps": trainer.state.global_step,
        "positions_per_step": plan.positions * plan.accumulate,
        "code_dropout": plan.code_dropout,
        "splice": plan.splice,
        "weights": rows.weights,
        "seed": plan.seed,
        "left out of the last epoch": {"counts": dict(rows.left_out.counts), "first": rows.left_out.names},
        "log": trainer.state.log_history,
    }
    (plan.out / "training.json").write_text(json.dumps(record, indent=1), "utf-8")
    return record


def check(plan: Plan) -> None:
    """Raises RecipeError for a stage or task that is not one, and where there is nothing to resume."""
    if plan.stage not in STAGES:
        raise RecipeError(f"--stage {plan.stage}: there is no such stage; use one of: {', '.join(STAGES)}.")
    for task in plan.weights:
        if task not in TASKS:
            raise RecipeError(f"--weights {task}: there is no such task; use one of: {', '.join(TASKS)}.")
    if plan.resume and not (plan.out.is_dir() and get_last_checkpoint(str(plan.out))):
        raise RecipeError(f"--resume: there is no checkpoint in {plan.out}: train without it first.")


def arguments(plan: Plan, stage: Stage) -> TrainingArguments:
    """AdamW (0.9, 0.95), norms cut at 1, 3 % warm-up, then a cosine, as the original."""
    steps = plan.steps or stage.steps
    return TrainingArguments(
        output_dir=str(plan.out),
        max_steps=steps,
        learning_rate=plan.learning_rate or stage.learning_rate,
        adam_beta1=0.9,
        adam_beta2=0.95,
        weight_decay=0.1,
        max_grad_norm=1.0,
        warmup_steps=round(FRACTION_WARMUP * steps),
        lr_scheduler_type="cosine",
        per_device_train_batch_size=1,
        gradient_accumulation_steps=plan.accumulate,
        bf16=plan.bf16,
        use_cpu=not torch.cuda.is_available(),
        seed=plan.seed,
        logging_steps=plan.log_every,
        save_steps=max(1, steps // 10),
        save_total_limit=2,
        report_to=["tensorboard"],
        remove_unused_columns=False,
        dataloader_pin_memory=False,
        accelerator_config={"dispatch_batches": False, "split_batches": False},
    )


def start(plan: Plan) -> tuple[SpokenModel, Any]:
    """The model and tokenizer to begin with: a named size, a model of ours, or a Qwen3 checkpoint in a folder."""
    first = first_row(plan.corpus)
    codec = codec_of(plan.corpus, first)
    if plan.size in SIZES:
        tokenizer = train_tokenizer(texts(plan.corpus))
        return SpokenModel(sized(plan.size, layout_of(len(tokenizer), codec), speaker_size(first), codec)), tokenizer
    folder = Path(plan.size)
    if not (folder / "config.json").is_file():
        raise RecipeError(
            f"--size {plan.size}: give one of {', '.join(SIZES)}, or the folder of a model or checkpoint."
        )
    tokenizer = load_tokenizer(folder)
    if json.loads((folder / "config.json").read_text("utf-8"))["model_type"] == SpokenConfig.model_type:
        model = SpokenModel.from_pretrained(folder, dtype=torch.float32)
        check_codec(model.config.codec, codec, folder)
        if model.config.speaker_size != speaker_size(first):
            raise RecipeError(
                f"{folder} takes speaker vectors of {model.config.speaker_size} numbers, the corpus has "
                f"{speaker_size(first)}: train on a corpus of the same speaker back end, or begin with a new model."
            )
        return model, tokenizer
    return from_qwen3(folder, tokenizer, layout_of(len(tokenizer), codec), speaker_size(first), codec), tokenizer


def from_qwen3(
    folder: Path, tokenizer: Any, layout: TokenLayout, speaker_width: int, codec: dict[str, Any]
) -> SpokenModel:
    """The backbone and the text embeddings of a Qwen3 checkpoint; audio embeddings begin as draws from the same
    spread."""
    from transformers import Qwen3ForCausalLM

    language_model = Qwen3ForCausalLM.from_pretrained(folder, dtype=torch.float32)
    own_embeddings = {"vocab_size": 1, "pad_token_id": None}  # the backbone's stay unused: see `SpokenModel.embed`
    backbone = language_model.config.to_dict() | {"use_cache": False} | own_embeddings
    config = SpokenConfig(
        backbone,
        layout.text_size,
        layout.num_codebooks,
        layout.cardinality,
        speaker_size=speaker_width,
        codec=codec,
        tie_word_embeddings=language_model.config.tie_word_embeddings,
    )
    model = SpokenModel(config)
    unused = {"embed_tokens.weight": model.backbone.embed_tokens.weight}
    model.backbone.load_state_dict(language_model.model.state_dict() | unused, strict=True)
    sides = [(model.embeddings.weight, language_model.model.embed_tokens.weight)]
    if not config.tie_word_embeddings:
        sides.append((model.head.weight, language_model.lm_head.weight))
    with torch.no_grad():
        for ours, theirs in sides:
            known = min(layout.text_size, len(theirs))
            ours.normal_(0.0, float(theirs.std()))
            ours[:known] = theirs[:known]
    return model


def freeze(model: SpokenModel, trained: tuple[str, ...]) -> None:
    """Train only parameters with these prefixes; all, if there are none."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not trained or name.startswith(trained))


def first_row(corpus: str) -> dict[str, Any]:
    """Any row of the train split. Raises RecipeError where there is no corpus or it names no codec."""
    if not (Path(corpus) / "dialogues").is_dir():
        raise RecipeError(f"{corpus}: there is no corpus here: give the folder that `troupe build` wrote with --out.")
    row: dict[str, Any] = next(iter(stream(corpus, "train")))
    if not row.get("codec"):
        raise RecipeError(f"{corpus}: its rows do not name their codec; build it anew with this version.")
    return row


def layout_of(text_size: int, codec: Mapping[str, Any]) -> TokenLayout:
    """The layout for a vocabulary and a row's codec."""
    return TokenLayout(text_size, codec["num_codebooks"], codec["cardinality"])


def speaker_size(row: Mapping[str, Any]) -> int:
    """Width of the speaker vectors of a corpus."""
    return len(row["characters"]["assistant"]["speaker_vector"])


def check_codec(known: Mapping[str, Any], codec: Mapping[str, Any], folder: Path) -> None:
    """Raises RecipeError if a model speaks the codes of another codec than the corpus holds."""
    for name in ("name", "revision", "num_codebooks", "cardinality"):
        if known.get(name) != codec[name]:
            raise RecipeError(
                f"{folder} was trained on codes of {known.get('name')} ({name} {known.get(name)}), the corpus has "
                f"those of {codec['name']} ({codec[name]}): train on a corpus of that codec, or begin with a new model."
            )


def texts(corpus: str) -> Iterator[str]:
    """What the tokenizer is trained on: every message and description of the train split."""
    for row in stream(corpus, "train"):
        for message in row["messages"]:
            yield message["content"]
        for turn in row["turns"]:
            yield turn["text"]


class StreamTrainer(Trainer):
    """Trainer that reports the loss of every stream."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.model_accepts_loss_kwargs = False
        self._streams: list[Tensor] = []

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **others: Any) -> Any:
        output = model(**inputs)
        self._streams.append(output.losses)
        return (output.loss, output) if return_outputs else output.loss

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        if self._streams and "loss" in logs:
            means = torch.stack(self._streams).nanmean(0).tolist()
            logs |= {f"loss_stream_{index}": round(value, 4) for index, value in enumerate(means)}
            self._streams.clear()
        super().log(logs, *args, **kwargs)


class Listener(TrainerCallback):
    """Speaks a sentence of the validation split now and then, as samples/step-000500.wav."""

    def __init__(self, plan: Plan, tokenizer: Any, voices: Voices) -> None:
        self.plan, self.tokenizer, self.voices = plan, tokenizer, voices
        row = next(iter(stream(plan.corpus, "validation")))
        self.text = next(turn["text"] for turn in row["turns"] if turn["song"] is None)

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **others: Any) -> None:
        """Speak, if it is time."""
        if state.global_step % self.plan.samples_every or not state.is_world_process_zero:
            return
        from trainer.speak import Speaker, write_wav

        training = model.training
        spoken = Speaker(model, self.tokenizer, self.voices).read(self.text)
        folder = self.plan.out / "samples"
        folder.mkdir(parents=True, exist_ok=True)
        if len(spoken.samples):
            write_wav(folder / f"step-{state.global_step:06d}.wav", spoken)
        model.train(training)
