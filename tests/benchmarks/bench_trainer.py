"""The trainer: its speed beside a bare language model of its size, and how soon it knows fifty utterances by heart.

`python -m tests.benchmarks.bench_trainer speed` prints ratios of runs made in turn on the same machine.
`heart [CORPUS]` trains nano (default: the folder TROUPE_BENCH_CORPUS, else `corpus`, which `make demo` builds).
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import Qwen3Config, Qwen3ForCausalLM

from schemas.tokens import IM_END, TokenLayout
from trainer.generate import Decoding, Generator
from trainer.model import SpokenModel, sized
from trainer.packing import collate, pack, stream
from trainer.samples import Sample, reading, voice
from trainer.sequences import NO_CODE, SequenceMaker
from trainer.text_tokens import train_tokenizer
from trainer.train import first_row, layout_of, speaker_size, texts

POSITIONS = 512
ROUNDS = 4
TEXT_SIZE = 1182
CODEC = {"num_codebooks": 8, "cardinality": 1024}
UTTERANCES = 50
MINUTES = 15.0
STEPS_A_LOOK = 100
KNOWN, SPOKEN = 0.999, 0.95
"""Training stops at so large a share of entries foretold and of codes reproduced."""

Step = Callable[[], Tensor]


def spoken_step(model: SpokenModel) -> Step:
    """Loss of one row in which every position is learned: seven of ten are audio, as in speech."""
    random, layout = np.random.default_rng(0), model.layout
    ids = np.full((POSITIONS, layout.num_codebooks), NO_CODE)
    ids[:, 0] = random.integers(0, layout.text_size, POSITIONS)
    audio = random.uniform(size=POSITIONS) < 0.7
    starts = [layout.codebook(index).start for index in range(layout.num_codebooks)]
    ids[audio] = random.integers(0, layout.cardinality, (int(audio.sum()), layout.num_codebooks)) + starts
    rows = torch.from_numpy(ids)[None]
    labels = torch.where(rows < 0, -100, rows)
    places = torch.arange(POSITIONS)[None]
    return lambda: model(ids=rows, labels=labels, position_ids=places, segments=[POSITIONS]).loss


def bare_step(model: Qwen3ForCausalLM) -> Step:
    """Loss of one row of as many tokens, all learned: each softmax is over all ids at once."""
    ids = torch.from_numpy(np.random.default_rng(0).integers(0, model.config.vocab_size, (1, POSITIONS)))
    return lambda: model(input_ids=ids, labels=ids).loss


def trained(model: nn.Module, step: Step, bf16: bool) -> Callable[[], float]:
    """CPU seconds of one training step."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)

    def timed() -> float:
        start_s = time.process_time()
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            loss = step()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return time.process_time() - start_s

    timed()
    return timed


def report_speed(size: str = "nano") -> None:
    """Positions a second of both, in turn. The vocabulary of the bare one is our first stream and seven codebooks; ours
    computes the head of those seven at positions of audio alone, where they are learned."""
    layout = TokenLayout(TEXT_SIZE, **CODEC)
    for bf16 in (False, True):
        torch.manual_seed(0)
        ours = SpokenModel(sized(size, layout, 128, {}))
        shape = ours.config.backbone.to_dict() | {"vocab_size": layout.codebook(7).stop, "tie_word_embeddings": True}
        bare = Qwen3ForCausalLM(Qwen3Config(**shape))
        steps = [trained(ours, spoken_step(ours), bf16), trained(bare, bare_step(bare), bf16)]
        seconds = np.array([[step() for step in steps] for _ in range(ROUNDS)])
        rates = POSITIONS / np.median(seconds, axis=0)
        print(
            f"{size}, {'bf16' if bf16 else 'fp32'}, {POSITIONS} positions: {rates[0]:.0f} a CPU second, "
            f"bare Qwen3 {rates[1]:.0f}, ratio {rates[0] / rates[1]:.2f}",
            flush=True,
        )


def readings(corpus: str) -> Iterator[Sample]:
    """Spoken turns of the train split, each to be read aloud in its voice."""
    for row in stream(corpus, "train"):
        for turn in row["turns"]:
            if turn["song"] is None and turn["style"] == "plain":
                yield reading(turn, voice(row, turn["role"]), row["language"])


def foretold(model: SpokenModel, batches: list[dict[str, Any]]) -> float:
    """Share of learned entries, of all streams, that are the likeliest given all before them."""
    hits, count = 0, 0
    starts = torch.tensor([model.layout.codebook(index).start for index in range(1, model.layout.num_codebooks)])
    with torch.inference_mode():
        for batch in batches:
            labels = batch["labels"][:, 1:]
            hidden = model(**{name: value for name, value in batch.items() if name != "labels"}).hidden[:, :-1]
            first = model.first_logits(hidden).argmax(-1, keepdim=True)
            found = torch.cat([first, model.code_logits(hidden).argmax(-1) + starts], dim=-1)
            learned = labels >= 0
            hits, count = hits + int((found == labels)[learned].sum()), count + int(learned.sum())
    return hits / count


def reproduced(model: SpokenModel, maker: SequenceMaker, samples: list[Sample]) -> float:
    """Share of codes that greedy reading says at their frame; when each word comes is the model's too."""
    generator = Generator(model, maker.tokenizer.convert_tokens_to_ids(IM_END), Decoding(repetition_penalty=1.0))
    hits, count = 0, 0
    for sample in samples:
        *before, said = sample.messages
        prompt = maker.prompt(Sample(sample.sample_id, sample.task, tuple(before), sample.speaker))
        assert said.codes is not None
        assert said.units is not None
        units = maker.unit_tokens([word for word, _ in said.units])
        got = generator.codes(generator.read(prompt, units))
        shared = min(len(got), len(said.codes))
        hits, count = hits + int((got[:shared] == said.codes[:shared]).sum()), count + said.codes.size
    return hits / count


def report_heart(corpus: str) -> None:
    """Accuracy by CPU minutes of nano that learns nothing but fifty utterances."""
    torch.manual_seed(0)
    first = first_row(corpus)
    tokenizer = train_tokenizer(texts(corpus))
    codec = dict(first["codec"])
    model = SpokenModel(sized("nano", layout_of(len(tokenizer), codec), speaker_size(first), codec))
    maker = SequenceMaker(tokenizer, model.layout, codec["frame_rate"])
    samples = list(islice(readings(corpus), UTTERANCES))
    batches = [collate(row, maker) for row in pack(map(maker.sequence, samples), 2048)]
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95))
    print(f"{len(samples)} utterances, {sum(batch['ids'].shape[1] for batch in batches)} positions")
    step, spent_s = 0, 0.0
    while spent_s < 60 * MINUTES:
        start_s = time.process_time()
        model.train()
        for _ in range(STEPS_A_LOOK):
            optimizer.zero_grad()
            model(**batches[step % len(batches)]).loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            step += 1
        spent_s += time.process_time() - start_s
        model.eval()
        known = foretold(model, batches)
        spoken = reproduced(model, maker, samples)
        print(
            f"{spent_s / 60:5.1f} CPU minutes, {step} steps: {known:.4f} foretold, {spoken:.3f} reproduced", flush=True
        )
        if known >= KNOWN and spoken >= SPOKEN:
            break


def main(arguments: tuple[str, ...] = ("speed", "heart")) -> None:
    if "speed" in arguments:
        report_speed()
    if "heart" in arguments:
        corpora = [argument for argument in arguments if argument not in ("speed", "heart")]
        corpus = corpora[0] if corpora else os.environ.get("TROUPE_BENCH_CORPUS", "corpus")
        if (Path(corpus) / "dialogues").is_dir():
            report_heart(corpus)
        else:
            print(f"{corpus}: there is no corpus here to learn by heart; name one, or build it with `make demo`")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(tuple(sys.argv[1:]) or ("speed", "heart"))
