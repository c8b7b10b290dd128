"""A toy learns a few utterances by heart: model, labels, loss and decoding agree with one another."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from schemas.tokens import END_OF_CONV, IM_END
from tests.trainer import tiny
from trainer.generate import Decoding, Generator
from trainer.model import SpokenModel
from trainer.packing import collate
from trainer.samples import CHAT_SYSTEM, READING_SYSTEM, Message, Sample, in_units
from trainer.sequences import Sequence, SequenceMaker


def spread(text: str, frames: int) -> tuple[tuple[str, float], ...]:
    """Phones spread evenly over the sound."""
    said = in_units(text, "en")
    return tuple((unit, frames / 12.5 * place / len(said)) for place, unit in enumerate(said))


def utterances() -> list[Sample]:
    """Four short ones of synthetic codes, each its own text and voice: each as a reply and as a reading."""
    said = {"one two": 12, "three": 9, "four five six": 20, "seven eight": 15}
    voices = np.random.default_rng(0).standard_normal((4, tiny.SPEAKER_SIZE)).astype(np.float32)
    return [
        Sample(
            text,
            "reading" if read else "conversation",
            (
                Message("system", READING_SYSTEM if read else CHAT_SYSTEM),
                Message(
                    "assistant", text, tiny.drawn_codes(frames, text), units=spread(text, frames) if read else None
                ),
            ),
            voice,
        )
        for voice, (text, frames) in zip(voices, said.items(), strict=True)
        for read in (False, True)
    ]


def taught(model: SpokenModel, batch: dict[str, Any], steps: int) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, betas=(0.9, 0.95))
    model.train()
    for _ in range(steps):
        optimizer.zero_grad()
        model(**batch).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    model.eval()


def hits(model: SpokenModel, batch: dict[str, Any]) -> Iterator[bool]:
    """Whether each learned entry is the likeliest of its stream."""
    with torch.no_grad():
        states = model(**{name: value for name, value in batch.items() if name != "labels"}).hidden[0, :-1]
        first, codes = model.first_logits(states).argmax(-1), model.code_logits(states).argmax(-1)
    starts = torch.tensor([model.layout.codebook(index).start for index in range(1, model.layout.num_codebooks)])
    found = torch.cat([first[:, None], codes + starts], dim=1)
    labels = batch["labels"][0, 1:]
    learned = labels >= 0
    yield from (found == labels)[learned].tolist()


def test_a_toy_learns_four_utterances_by_heart(maker: SequenceMaker) -> None:
    torch.manual_seed(0)
    shape = {"hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4, "num_key_value_heads": 2}
    model = SpokenModel(tiny.config(maker.layout, **shape))
    made = utterances()
    sequences: list[Sequence] = [maker.sequence(sample) for sample in made]
    batch = collate(sequences, maker)
    taught(model, batch, steps=250)
    assert np.mean(list(hits(model, batch))) >= 0.99

    tokenizer = maker.tokenizer
    generator = Generator(model, tokenizer.convert_tokens_to_ids(IM_END), Decoding(repetition_penalty=1.0))
    shares = []
    for sample in made:
        system, said = sample.messages
        prompt = maker.prompt(replace(sample, messages=(system,)))
        if said.units is None:
            replies = [generator.reply(prompt)]
            text = [*maker.text_tokens(said.text), tokenizer.convert_tokens_to_ids(END_OF_CONV)]
            assert replies[0].well_formed
        else:
            units, frames = (
                maker.unit_tokens([unit for unit, _ in said.units]),
                [f for _, f in maker._frames(said.units)],
            )
            replies = [generator.read(prompt, units), generator.read(prompt, units, frames)]
            text = [token for unit in units for token in unit]
        for reply in replies:
            assert reply.ended
            assert reply.tokens == text
            codes = generator.codes(reply)
            assert len(codes) == len(said.codes)
            shares.append(np.mean(codes == said.codes))
    assert np.mean(shares) >= 0.95
