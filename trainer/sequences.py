"""A sample as a sequence of positions: ids of all streams, what is learned, and where the speaker vector goes.

P positions, K codebooks. A text position has its token in stream 0 and NO_CODE in the others; an audio position has one
id a codebook.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from schemas.tokens import (
    END_OF_CONV,
    HOLDS,
    IM_END,
    IM_START,
    LONGEST_HOLD,
    NOTES,
    REST,
    SPEAKER,
    TokenLayout,
    interleave,
)
from trainer.samples import Message, Sample

NO_CODE = -1
AHEAD = 2
"""Frames by which a unit of a reading stands before its sound: a mouth gets ready for what comes."""


@dataclass(frozen=True)
class Sequence:
    """ids int64 [P, K]; learned bool [P]: whether a position is to be predicted; speaker float32 [D] or None."""

    name: str
    task: str
    ids: NDArray[np.int64]
    learned: NDArray[np.bool_]
    speaker: NDArray[np.float32] | None

    def __len__(self) -> int:
        return len(self.ids)


class SequenceMaker:
    """Turns samples into sequences, for one tokenizer and layout."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, layout: TokenLayout, frame_rate: float) -> None:
        self.tokenizer, self.layout, self.frame_rate = tokenizer, layout, frame_rate

    def sequence(self, sample: Sample) -> Sequence:
        """The whole sample. Learned is what the assistant says, up to `<|im_end|>` and its newline."""
        parts, learned = [], []
        for message in sample.messages:
            head, body = self.head(message.role), self.body(message)
            parts += [head, body]
            learned += [np.zeros(len(head), bool), np.full(len(body), message.role == "assistant")]
        return Sequence(sample.sample_id, sample.task, np.concatenate(parts), np.concatenate(learned), sample.speaker)

    def prompt(self, sample: Sample) -> Sequence:
        """The sample, and the head of the assistant's reply to it."""
        parts = [part for message in sample.messages for part in (self.head(message.role), self.body(message))]
        ids = np.concatenate([*parts, self.head("assistant")])
        return Sequence(sample.sample_id, sample.task, ids, np.zeros(len(ids), bool), sample.speaker)

    def head(self, role: str) -> NDArray[np.int64]:
        """What opens a message."""
        return self._text(f"{IM_START}{role}\n")

    def body(self, message: Message) -> NDArray[np.int64]:
        """What a message says, and its end."""
        end = self._text(f"{IM_END}\n")
        if message.role == "assistant" and message.codes is not None:
            laid = self._interleaved(message) if message.units is None else self._read(message)
            return np.concatenate([laid, end])
        text = self._voiced(message.text) if message.role == "system" else self._text(message.text)
        if message.codes is not None:
            return np.concatenate([text, self.layout.steps(message.codes), end])
        return np.concatenate([text, end])

    def text_tokens(self, text: str, score: Mapping[str, Any] | None = None) -> list[int]:
        """The tokens of a text in the first stream; of a melody with its words, if it is sung."""
        written = text if score is None else melody(score, self.frame_rate)
        tokens: list[int] = self.tokenizer.encode(written, add_special_tokens=False)
        return tokens

    def _interleaved(self, message: Message) -> NDArray[np.int64]:
        """Text and audio of a reply in turns; the text stream ends with END_OF_CONV."""
        assert message.codes is not None
        text = self._column([*self.text_tokens(message.text, message.score), self._token(END_OF_CONV)])
        audio = self.layout.steps(message.codes)
        streams, places, parts = {"text": text, "audio": audio}, {"text": 0, "audio": 0}, []
        for modality, count in interleave(len(text), len(audio)):
            place = places[modality]
            parts.append(streams[modality][place : place + count])
            places[modality] += count
        return np.concatenate(parts)

    def _read(self, message: Message) -> NDArray[np.int64]:
        """A reading: the tokens of each unit before the steps from AHEAD frames before its start; END_OF_CONV is one of
        the last unit's."""
        assert message.codes is not None
        assert message.units is not None
        audio, parts, reached = self.layout.steps(message.codes), [], 0
        starts = melody_units(message.score, self.frame_rate) if message.score else self._frames(message.units)
        for tokens, (_, frame) in zip(self.unit_tokens([text for text, _ in starts]), starts, strict=True):
            place = min(max(reached, frame - AHEAD), len(message.codes) - 1)
            parts += [audio[reached:place], self._column(tokens)]
            reached = place
        return np.concatenate([*parts, audio[reached:]])

    def unit_tokens(self, units: Iterable[str]) -> list[list[int]]:
        """The tokens of each unit of a reading, END_OF_CONV with the last."""
        tokens = [self.text_tokens(unit) for unit in units]
        tokens[-1].append(self._token(END_OF_CONV))
        return tokens

    def _frames(self, units: Iterable[tuple[str, float]]) -> list[tuple[str, int]]:
        return [(unit, int(start_s * self.frame_rate)) for unit, start_s in units]

    def _text(self, text: str) -> NDArray[np.int64]:
        """Text as positions."""
        return self._column(self.text_tokens(text))

    def _voiced(self, text: str) -> NDArray[np.int64]:
        """The text of a system message as positions; SPEAKER in it is the place of the speaker vector. In what anyone
        else says it is text."""
        before, mark, after = text.partition(SPEAKER)
        tokens = self.text_tokens(before)
        if mark:
            tokens = [*tokens, self.layout.marker(SPEAKER), *self.text_tokens(after)]
        return self._column(tokens)

    def _column(self, tokens: list[int]) -> NDArray[np.int64]:
        ids = np.full((len(tokens), self.layout.num_codebooks), NO_CODE, np.int64)
        ids[:, 0] = tokens
        return ids

    def _token(self, name: str) -> int:
        token: int = self.tokenizer.convert_tokens_to_ids(name)
        return token


def melody(score: Mapping[str, Any], frame_rate: float) -> str:
    """A score (a row's column) in note, hold and rest tokens with its syllables."""
    return "".join(unit for unit, _ in melody_units(score, frame_rate))


def melody_units(score: Mapping[str, Any], frame_rate: float) -> list[tuple[str, int]]:
    """Every note and rest of a score, each with the frame it begins at; times are rounded to frames, and errors of
    rounding do not add up. The first rest is what is heard before the song.
    """
    frames_per_beat = 60.0 / score["tempo_bpm"] * frame_rate
    units, reached = [], 0
    lead = (score.get("score_start_s") or 0.0) * frame_rate
    for note in score["notes"]:
        start = round(lead + note["onset_beats"] * frames_per_beat)
        end = round(lead + (note["onset_beats"] + note["duration_beats"]) * frames_per_beat)
        if start > reached:
            units.append((REST + _held(start - reached), reached))
            reached = start
        length = max(1, end - reached)
        units.append((NOTES[note["midi"]] + _held(length) + _spelled(note["syllable"] or ""), reached))
        reached += length
    return units


def melody_frames(score: Mapping[str, Any], frame_rate: float) -> int:
    """The frame at which the last note of a score ends."""
    lead = (score.get("score_start_s") or 0.0) * frame_rate
    last = score["notes"][-1]
    return round(lead + (last["onset_beats"] + last["duration_beats"]) * 60.0 / score["tempo_bpm"] * frame_rate)


def _spelled(syllable: str) -> str:
    """A syllable in running text: a space ends an English word, whose notes may go on (a slur has no syllable)."""
    if not syllable or not syllable.isascii():
        return syllable
    return syllable[:-1] if syllable.endswith("-") else f"{syllable} "


def _held(frames: int) -> str:
    """A number of frames in hold tokens: one, or several for what is longer than the longest."""
    longest, rest = divmod(frames, LONGEST_HOLD)
    return HOLDS[LONGEST_HOLD] * longest + (HOLDS[rest] if rest else "")
