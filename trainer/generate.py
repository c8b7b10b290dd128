"""One reply of the model: prompt in, text and codes out, one position at a time with a key-value cache."""

from collections.abc import Sequence as Listed
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import DynamicCache

from schemas.tokens import AUDIO_STEPS, FIRST_TEXT_STEPS, TEXT_STEPS, Modality, well_formed
from trainer.model import SpokenModel
from trainer.sequences import NO_CODE, Sequence

REPETITION_WINDOW = 5
MAX_POSITIONS = 2_000


@dataclass(frozen=True)
class Decoding:
    """How codes are chosen: at temperature 0 the likeliest, else drawn from the `top_k` likeliest. `text_temperature`
    is that of the joint softmax of text and codebook 0. `repetition_penalty` divides what the last five entries of
    codebook 0 had going for them; 1.1 in the original, which is greedy.
    """

    temperature: float = 0.0
    text_temperature: float = 0.0
    top_k: int = 40
    repetition_penalty: float = 1.1
    seed: int = 0


@dataclass
class Reply:
    """tokens: of the text stream, in order; steps: ids [S, K], delayed; modalities: of each position; ended: whether
    the model closed its message by itself."""

    tokens: list[int] = field(default_factory=list)
    steps: list[list[int]] = field(default_factory=list)
    modalities: list[Modality] = field(default_factory=list)
    ended: bool = False

    @property
    def well_formed(self) -> bool:
        """Whether it ended, and text and audio lie as the interleaving has them."""
        return self.ended and well_formed(self.modalities)


class Generator:
    """Decodes replies. `end` is the token that closes a message."""

    def __init__(self, model: SpokenModel, end: int, decoding: Decoding | None = None) -> None:
        self.model, self.end, self.decoding = model.eval(), end, decoding or Decoding()
        self.layout = model.layout

    @torch.inference_mode()
    def reply(
        self,
        prompt: Sequence,
        text: Listed[int] | None = None,
        lead: int = FIRST_TEXT_STEPS,
        audio: bool = True,
    ) -> Reply:
        """The reply to a prompt, which ends with the head of the assistant's message. With `text` it says just that:
        its tokens take their places of the interleaving, `lead` of them before the first audio; which chunk of them
        is the last, with all that is left, the model says; audio goes on until the model ends it, which it may not do
        where text would be left over. Without `audio`, only text may be chosen. Stops after MAX_POSITIONS, `ended`
        then being false.
        """
        draw = torch.Generator().manual_seed(self.decoding.seed)
        cache, reply = DynamicCache(config=self.model.config.backbone), Reply()
        hidden = self._read(torch.from_numpy(prompt.ids), cache, prompt.speaker)
        while len(reply.modalities) < MAX_POSITIONS:
            first = self._first(hidden, reply, text, lead, audio, draw)
            if first == self.end:
                reply.ended = True
                break
            step = [first] + [NO_CODE] * (self.layout.num_codebooks - 1)
            if self.layout.is_audio(first):
                step = self._step(first, hidden, reply, draw)
                reply.steps.append(step)
                reply.modalities.append("audio")
            else:
                reply.tokens.append(first)
                reply.modalities.append("text")
            hidden = self._read(torch.tensor([step]), cache)
        return reply

    def codes(self, reply: Reply) -> NDArray[np.uint16]:
        """The codes [T, K] of a reply, without delay, tail pads cut off; T may be 0."""
        layout = self.layout
        if not reply.steps:
            return np.zeros((0, layout.num_codebooks), np.uint16)
        steps = np.array(reply.steps)
        whole = layout.codes(steps)
        pads = steps[:, 0] - layout.codebook(0).start >= layout.cardinality
        return whole[: int(pads.argmax())] if pads.any() else whole

    def _read(self, ids: Tensor, cache: DynamicCache, speaker: NDArray[np.float32] | None = None) -> Tensor:
        speakers = None if speaker is None else torch.from_numpy(speaker)[None].to(self.model.device)
        start = cache.get_seq_length()
        positions = torch.arange(start, start + len(ids), device=self.model.device)[None]
        output = self.model(
            ids=ids[None].to(self.model.device), speakers=speakers, position_ids=positions, past_key_values=cache
        )
        hidden: Tensor = output.hidden[0, -1]
        return hidden

    def _first(
        self,
        hidden: Tensor,
        reply: Reply,
        text: Listed[int] | None,
        lead: int,
        audio: bool,
        draw: torch.Generator,
    ) -> int:
        """The next token of the joint stream."""
        logits = self.model.first_logits(hidden).float()
        codes = self.layout.codebook(0)
        if not audio:
            logits[codes.start :] = -torch.inf
        elif text is not None:
            wanted = self._wanted(logits, reply, len(text), lead)
            if wanted == "text":
                return text[len(reply.tokens)]
            if wanted == "end":
                return self.end
            self._only_audio(logits, reply, len(text))
        self._shape(logits, codes.start, reply, 0)
        for step in reply.steps[-REPETITION_WINDOW:]:
            penalty = self.decoding.repetition_penalty
            logits[step[0]] = logits[step[0]] / penalty if logits[step[0]] > 0 else logits[step[0]] * penalty
        return self._choose(logits, self.decoding.text_temperature, draw)

    def _wanted(self, logits: Tensor, reply: Reply, num_text: int, lead: int) -> str:
        """What comes next of a given text: `text`, `audio`, or `end` once the audio has run out."""
        num_steps, frames = len(reply.steps), self._end_of_codes(reply)
        total = None if frames is None else frames + self.layout.num_codebooks - 1
        if len(reply.tokens) == num_text:
            return "end" if num_steps == total else "audio"
        run = 0  # of text tokens since the last audio step
        while run < len(reply.modalities) and reply.modalities[-1 - run] == "text":
            run += 1
        if run == (TEXT_STEPS if num_steps else lead):
            last = self._text_goes_on(logits, num_steps) if total is None else total - num_steps <= AUDIO_STEPS
            return "text" if last else "audio"
        return "text" if run or num_steps % AUDIO_STEPS == 0 else "audio"

    def _text_goes_on(self, logits: Tensor, num_steps: int) -> bool:
        """Whether the model finds a text token likelier than an audio step where a chunk of text is full: then the
        chunk is the last, and the audio, whose end is yet to come, fits into one chunk."""
        if max(num_steps, 1) + self.layout.num_codebooks - 1 > num_steps + AUDIO_STEPS:
            return False
        start = self.layout.codebook(0).start
        return bool(logits[:start].logsumexp(0) > logits[start:].logsumexp(0))

    def _only_audio(self, logits: Tensor, reply: Reply, num_text: int) -> None:
        """Forbid text, and to end the audio in the chunk that is its last while text is left: that must go before the
        last chunk. A single codebook has no pads, so its audio ends where the message does.
        """
        codes, num_steps, rest = self.layout.codebook(0), len(reply.steps), self.layout.num_codebooks - 1
        end = logits[self.end].clone()
        logits[: codes.start] = -torch.inf
        if len(reply.tokens) == num_text:
            if not rest and num_steps:
                logits[self.end] = end
        elif num_steps // AUDIO_STEPS == (num_steps + rest - 1) // AUDIO_STEPS:
            logits[codes.start + self.layout.cardinality] = -torch.inf

    def _step(self, first: int, hidden: Tensor, reply: Reply, draw: torch.Generator) -> list[int]:
        """All codes of an audio step, as the delay allows."""
        logits = self.model.code_logits(hidden).float()
        step = [first]
        for codebook in range(1, self.layout.num_codebooks):
            row = logits[codebook - 1]
            self._shape(row, 0, reply, codebook, first)
            start = self.layout.codebook(codebook).start
            step.append(start + self._choose(row, self.decoding.temperature, draw))
        return step

    def _shape(self, logits: Tensor, start: int, reply: Reply, codebook: int, first: int | None = None) -> None:
        """Forbid what the delay rules out for a codebook whose logits begin at `start`: pads stand first and last."""
        layout, index = self.layout, len(reply.steps)
        first_pad = start + layout.cardinality
        end = self._end_of_codes(reply, first)
        if index < codebook or (end is not None and index >= end + codebook):
            pad = index if index < codebook else index - (end or 0)
            forced = logits[first_pad + pad].clone() if pad < layout.num_codebooks - 1 else None
            logits[start:] = -torch.inf
            if forced is not None:
                logits[first_pad + pad] = forced
        elif codebook > 0 or index == 0 or layout.num_codebooks == 1:
            logits[first_pad:] = -torch.inf
        else:
            logits[first_pad + 1 :] = -torch.inf

    def _end_of_codes(self, reply: Reply, first: int | None = None) -> int | None:
        """The number of frames, known once codebook 0 has its first pad."""
        bound = self.layout.codebook(0).start + self.layout.cardinality
        for index in range(max(0, len(reply.steps) - self.layout.num_codebooks), len(reply.steps)):
            if reply.steps[index][0] >= bound:
                return index
        return len(reply.steps) if first is not None and first >= bound else None

    def _choose(self, logits: Tensor, temperature: float, draw: torch.Generator) -> int:
        if temperature <= 0:
            return int(logits.argmax())
        values, places = logits.topk(min(self.decoding.top_k, len(logits)))
        chosen = torch.multinomial(torch.softmax(values / temperature, -1).cpu(), 1, generator=draw)
        return int(places[int(chosen)])
