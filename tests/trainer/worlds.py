"""Models that need no training: of random weights, or that say what they are told."""

from collections.abc import Sequence as Listed
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from schemas.tokens import END_OF_CONV, IM_END, TokenLayout
from tests.trainer.tiny import model
from trainer.generate import Decoding, Generator, Reply
from trainer.model import SpokenModel
from trainer.samples import CHAT_SYSTEM, Message, Sample
from trainer.sequences import Sequence, SequenceMaker

VOICE = np.array([1.0, -0.5, 0.3, 2.0, -1.0, 0.1], np.float32)


@dataclass
class World:
    """A model of random weights with all it needs."""

    model: SpokenModel
    maker: SequenceMaker
    end: int

    def prompt(self, request: str = "hi") -> Sequence:
        messages = (Message("system", CHAT_SYSTEM), Message("user", request))
        return self.maker.prompt(Sample("r", "conversation", messages, VOICE))

    def chatter(self) -> None:
        """Let audio be about as likely as text, which has many more tokens."""
        with torch.no_grad():
            self.model.head.weight[self.model.layout.text_size : self.model.layout.first_stream.stop] *= 1.5

    def text(self, words: str) -> list[int]:
        return [*self.maker.text_tokens(words), self.maker.tokenizer.convert_tokens_to_ids(END_OF_CONV)]

    def units(self, *words: str) -> list[list[int]]:
        return self.maker.unit_tokens(words)

    def generator(self, decoding: Decoding) -> Generator:
        return Generator(self.model, self.end, decoding)

    def reply(self, decoding: Decoding, audio: bool = True) -> Reply:
        return self.generator(decoding).reply(self.prompt(), audio)

    def read(self, decoding: Decoding, *words: str, frames: Listed[int] | None = None) -> Reply:
        return self.generator(decoding).read(self.prompt(), self.units(*words), frames)


def world(letters: Any, num_codebooks: int = 4, seed: int = 0, spread: float = 0.3) -> World:
    layout = TokenLayout(len(letters), num_codebooks, 32)
    made = model(layout, seed, spread, num_hidden_layers=1)
    return World(made, SequenceMaker(letters, layout, 12.5), letters.convert_tokens_to_ids(IM_END))


class Scripted(SpokenModel):
    """At its n-th audio step script[n] is by far the likeliest of the first stream, the last of it from then on, and a
    code comes second. After as many audio steps as `prefers_text` has, text is likelier yet where it may be said."""

    script: list[int]
    spoken: int
    prefers_text: set[int]

    def first_logits(self, hidden: torch.Tensor) -> torch.Tensor:
        logits = torch.zeros(self.layout.first_stream.stop)
        logits[self.layout.codebook(0).start + 5] = 1.0
        logits[self.script[min(self.spoken, len(self.script) - 1)]] = 19.0
        if self.spoken in self.prefers_text:
            logits[5] = 99.0
        return logits

    def code_logits(self, hidden: torch.Tensor) -> torch.Tensor:
        self.spoken += 1
        return super().code_logits(hidden)


def scripted(letters: Any, script: list[int], num_codebooks: int = 8) -> World:
    made = world(letters, num_codebooks)
    made.model.__class__ = Scripted
    made.model.script, made.model.spoken, made.model.prefers_text = script, 0, set()
    return made


def end_of_audio(letters: Any, layout: TokenLayout) -> int:
    """What ends the audio: the first pad, or the message where there are no pads."""
    end: int = letters.convert_tokens_to_ids(IM_END)
    return end if layout.num_codebooks == 1 else layout.codebook(0).start + layout.cardinality
