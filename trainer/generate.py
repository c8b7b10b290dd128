"""One reply of the model: prompt in, text and codes out, one position at a time with a key-value cache."""

from collections.abc import Callable
from collections.abc import Sequence as Listed
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import DynamicCache

from schemas.tokens import AUDIO_STEPS, FIRST_TEXT_STEPS, TEXT_STEPS, Modality, well_formed
from trainer.model import SpokenModel
from trainer.sequences import AHEAD, NO_CODE, Sequence

REPETITION_WINDOW = 5
MAX_POSITIONS = 2_000
LONGEST_UNIT = 40
"""Audio steps after which the next unit of a given text is due, or its end, whatever the model prefers."""
OVER = 0.25
"""A unit is over when the chance that it still goes on has fallen so low. Chosen on the validation split of the bundled
model: readings are a quarter too short at the median, .5, and clearest a quarter too long."""


@dataclass(frozen=True)
class Decoding:
    """How codes are chosen: at temperature 0 the likeliest, else drawn from the `top_k` likeliest. `text_temperature`
    is that of the joint softmax of text and codebook 0. `repetition_penalty` divides what the last five entries of
    codebook 0 had going for them; 1.1 in the original, which is greedy. A reading has none: its units keep it going,
    and what is held long does repeat itself.
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
    """Decodes replies. `end` is the token that closes a message, `end_of_text` the one that closes a reply's text: with
    it, replies are laid in chunks as the interleaving has them; without it, as the model will.
    """

    def __init__(
        self, model: SpokenModel, end: int, decoding: Decoding | None = None, end_of_text: int | None = None
    ) -> None:
        self.model, self.end, self.decoding = model.eval(), end, decoding or Decoding()
        self.layout, self.end_of_text = model.layout, end_of_text

    @torch.inference_mode()
    def reply(self, prompt: Sequence, audio: bool = True) -> Reply:
        """The model's own reply to a prompt, which ends with the head of the assistant's message. Without `audio`, only
        text may be chosen. Stops after MAX_POSITIONS, `ended` then being false.
        """
        penalty = self.decoding.repetition_penalty
        return self._run(prompt, lambda logits, reply: self._own(logits, reply, audio, penalty))

    @torch.inference_mode()
    def read(
        self,
        prompt: Sequence,
        units: Listed[Listed[int]],
        frames: Listed[int] | None = None,
        longest_end: int | None = LONGEST_UNIT,
    ) -> Reply:
        """A reply that says the given units of text, all their tokens in order, and nothing else. Each comes AHEAD of
        its frame, or without `frames` when the one before is over by the model's own durations (`_Script`). So does the
        end of the audio, at last `longest_end` steps after the last unit (None: whenever the model will). Stops
        after MAX_POSITIONS.
        """
        script = _Script(units, frames, longest_end)
        return self._run(prompt, lambda logits, reply: self._given(logits, reply, script))

    def _run(self, prompt: Sequence, choose: Callable[[Tensor, Reply], int | None]) -> Reply:
        """Decode a reply. `choose` may decide on a token, and otherwise forbids what it will not have."""
        draw = torch.Generator().manual_seed(self.decoding.seed)
        cache, reply = DynamicCache(config=self.model.config.backbone), Reply()
        hidden = self._read(torch.from_numpy(prompt.ids), cache, prompt.speaker)
        while len(reply.modalities) < MAX_POSITIONS:
            logits = self.model.first_logits(hidden).float()
            chosen = choose(logits, reply)
            first = self._first(logits, reply, draw) if chosen is None else chosen
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

    def _own(self, logits: Tensor, reply: Reply, audio: bool, penalty: float) -> None:
        """A reply of the model's own: anything but what was just said, or text alone."""
        if not audio:
            logits[self.layout.codebook(0).start :] = -torch.inf
        elif self.end_of_text is not None:
            self._lay(logits, reply, self.end_of_text)
        for step in reply.steps[-REPETITION_WINDOW:]:
            logits[step[0]] = logits[step[0]] / penalty if logits[step[0]] > 0 else logits[step[0]] * penalty

    def _lay(self, logits: Tensor, reply: Reply, end_of_text: int) -> None:
        """Forbid what the interleaving does not have next. Audio that is over before its text waits for the rest of the
        text with its last chunk, so it must not be over with a whole one."""
        codes, num_steps, last = self.layout.codebook(0), len(reply.steps), self.layout.num_codebooks - 1
        frames = self._end_of_codes(reply)
        end = float(logits[self.end])
        if reply.tokens[-1:] == [end_of_text]:
            is_over = frames is not None and num_steps == frames + last
            logits[: None if is_over else codes.start] = -torch.inf
            if is_over or (not last and reply.modalities[-1] == "audio"):  # one codebook has no pads
                logits[self.end] = end
        elif self._is_text_due(reply, frames):
            logits[codes.start :] = -torch.inf
            logits[self.end] = -torch.inf
        else:
            logits[: codes.start] = -torch.inf
            if num_steps % AUDIO_STEPS + last <= AUDIO_STEPS:
                logits[codes.start + self.layout.cardinality :] = -torch.inf

    def _is_text_due(self, reply: Reply, frames: int | None) -> bool:
        """Whether text comes next where it is not over."""
        kinds, num_steps = reply.modalities, len(reply.steps)
        if kinds and kinds[-1] == "audio":
            return num_steps % AUDIO_STEPS == 0
        run = next((back for back, kind in enumerate(reversed(kinds)) if kind == "audio"), len(kinds))
        return frames is not None or run < (TEXT_STEPS if num_steps else FIRST_TEXT_STEPS)

    def _given(self, logits: Tensor, reply: Reply, script: "_Script") -> int | None:
        """The next token of a given text, if its time has come; else audio, whose end is the reply's once all is
        said."""
        codes, num_steps = self.layout.codebook(0), len(reply.steps)
        first_pad = codes.start + self.layout.cardinality
        chances = torch.softmax(logits, 0)
        goes_on = chances[codes.start : first_pad].sum()
        ends = chances[: codes.start].sum() if script.left else chances[self.end] + chances[first_pad:].sum()
        script.step(float(ends / (ends + goes_on)))
        token = script.token(num_steps)
        if token is not None:
            return token
        logits[: codes.start] = -torch.inf
        frames = self._end_of_codes(reply)
        if frames is not None:
            return self.end if num_steps == frames + self.layout.num_codebooks - 1 else None
        if not script.left and num_steps and script.has_ended(num_steps):
            return self.end if self.layout.num_codebooks == 1 else first_pad  # one codebook has no pads
        logits[first_pad:] = -torch.inf
        return None

    def _first(self, logits: Tensor, reply: Reply, draw: torch.Generator) -> int:
        """The next token of the joint stream."""
        self._shape(logits, self.layout.codebook(0).start, reply, 0)
        return self._choose(logits, self.decoding.text_temperature, draw)

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


class _Script:
    """A text that is being given, unit by unit.

    How long a unit sounds is a quantile of the model's own durations: it is over when the chance that it still goes on
    has fallen to OVER. So is the audio after the last one. The likeliest choice at each step would wait much longer.
    """

    def __init__(self, units: Listed[Listed[int]], frames: Listed[int] | None, longest_end: int | None) -> None:
        self.longest_end = longest_end
        self.waiting = [list(unit) for unit in units]
        self.frames = None if frames is None else list(frames)
        self.running: list[int] = []
        self.since, self.going_on = 0, 1.0

    @property
    def left(self) -> bool:
        """Whether anything is still to be given."""
        return bool(self.waiting or self.running)

    def has_ended(self, num_steps: int) -> bool:
        """Whether all that is said after the last unit has sounded, after so many audio steps."""
        too_long = self.longest_end is not None and num_steps - self.since >= self.longest_end
        return self.going_on <= OVER or too_long

    def step(self, ends: float) -> None:
        """The model has given the end of what sounds this chance, now."""
        if not self.running:
            self.going_on *= 1.0 - ends

    def token(self, num_steps: int) -> int | None:
        """The next token, if its unit has begun or begins now, after so many audio steps."""
        if not self.running and self.waiting and self._is_time(num_steps):
            self.running, self.since = self.waiting.pop(0), num_steps
            self.going_on = 1.0
        return self.running.pop(0) if self.running else None

    def _is_time(self, num_steps: int) -> bool:
        if self.frames is not None:
            return num_steps >= self.frames[-len(self.waiting)] - AHEAD
        return self.going_on <= OVER or num_steps - self.since >= LONGEST_UNIT
