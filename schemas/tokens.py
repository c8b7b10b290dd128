"""Token ids of the interleaved text-audio language model: ordered named ranges, the delay over codebooks, the
interleaving.

Formats are those of VITA-QinYu as its repository implements them (commit a68edd1), for any number and size of
codebooks. Letters: T frames, K codebooks, S = T + K - 1 steps once delayed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from schemas.phones import LABELS

AUDIO_STEPS = 8
TEXT_STEPS = 4
FIRST_TEXT_STEPS = 1
"""The interleaving [1, 8, 4, 8]: one text token, then eight audio steps and four text tokens in turn."""

IM_START, IM_END, END_OF_CONV = "<|im_start|>", "<|im_end|>", "<|end_of_conv|>"
PAD = "<|endoftext|>"
SPEAKER, USER_SPEAKER, AUDIO = "<|speaker|>", "<|user_speaker|>", "<|audio|>"
MARKERS = (SPEAKER, USER_SPEAKER, AUDIO)
"""They stand for a vector or for audio, and are never predicted."""

LOWEST_NOTE, HIGHEST_NOTE = 36, 88
LONGEST_HOLD = 100
NOTES = {midi: f"<|note_{midi}|>" for midi in range(LOWEST_NOTE, HIGHEST_NOTE + 1)}
HOLDS = {frames: f"<|hold_{frames}|>" for frames in range(1, LONGEST_HOLD + 1)}
REST = "<|rest|>"
"""How a melody is written before its syllables: a pitch or a rest, and for how many frames it is held."""

PHONES = {label: f"<|phone_{label}|>" for label in LABELS[1:]}
"""How readings are written where words are not sung: phones and tones of `schemas.phones`."""

SPECIALS = (PAD, IM_START, IM_END, END_OF_CONV, REST, *NOTES.values(), *HOLDS.values(), *PHONES.values())

Modality = Literal["text", "audio"]
Frames = NDArray[np.integer]


@dataclass(frozen=True)
class TokenLayout:
    """Ids in order: `text` (the tokenizer's vocabulary, SPECIALS within), then each codebook's codes and its K pads,
    then MARKERS. Text and codebook 0 lie side by side: one softmax over both chooses the modality at each step.
    """

    text_size: int
    num_codebooks: int
    cardinality: int

    def __post_init__(self) -> None:
        for name in ("text_size", "num_codebooks", "cardinality"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1.")

    @property
    def codebook_size(self) -> int:
        """Codes and pads of one codebook."""
        return self.cardinality + self.num_codebooks

    @property
    def ranges(self) -> dict[str, range]:
        """Every named range, in order and without gaps."""
        named = {"text": range(self.text_size)}
        for codebook in range(self.num_codebooks):
            named[f"audio_{codebook}"] = self.codebook(codebook)
        end = self.codebook(self.num_codebooks - 1).stop
        return named | {"markers": range(end, end + len(MARKERS))}

    @property
    def size(self) -> int:
        """Number of ids."""
        return self.ranges["markers"].stop

    @property
    def first_stream(self) -> range:
        """What the joint softmax chooses from: text and codebook 0."""
        return range(self.codebook(0).stop)

    def codebook(self, index: int) -> range:
        """The ids of one codebook."""
        start = self.text_size + index * self.codebook_size
        return range(start, start + self.codebook_size)

    def marker(self, name: str) -> int:
        """The id of one of MARKERS."""
        return self.ranges["markers"][MARKERS.index(name)]

    def is_audio(self, token: int) -> bool:
        """Whether a token of the first stream begins an audio step."""
        return token in self.codebook(0)

    def name(self, token: int) -> str:
        """The name of an id above the text range, as the original's tokenizer spells it."""
        if token >= (markers := self.ranges["markers"]).start:
            return MARKERS[token - markers.start]
        codebook, code = divmod(token - self.text_size, self.codebook_size)
        if code < self.cardinality:
            return f"<|audio_{codebook}_{code}|>"
        return f"<|audio_{codebook}_{code - self.cardinality}_pad|>"

    def steps(self, codes: Frames) -> NDArray[np.int64]:
        """Codes [T, K] -> ids of the delayed steps [S, K]."""
        starts = [self.codebook(index).start for index in range(self.num_codebooks)]
        return delay(codes, self.cardinality) + np.array(starts, np.int64)

    def codes(self, steps: Frames) -> NDArray[np.uint16]:
        """Ids of delayed steps [S, K] -> codes [T, K]; a pad where a code should be becomes 0, as in the original."""
        starts = [self.codebook(index).start for index in range(self.num_codebooks)]
        return undelay(np.asarray(steps) - np.array(starts), self.cardinality)


def delay(codes: Frames, cardinality: int) -> NDArray[np.int64]:
    """[T, K] -> [T + K - 1, K]: codebook i has i front pads, its T codes, then K - 1 - i tail pads.

    Pads count up from `cardinality` down the column, so that the model sees how far it is. Raises ValueError for no
    frame and for codes that are too large.
    """
    codes = np.asarray(codes, np.int64)
    if codes.ndim != 2 or not codes.size:
        raise ValueError(f"codes have the shape {codes.shape}; they must be [T, K] with at least one frame.")
    if codes.max() >= cardinality or codes.min() < 0:
        raise ValueError(f"codes reach from {codes.min()} to {codes.max()}; they must lie in 0..{cardinality - 1}.")
    num_frames, num_codebooks = codes.shape
    steps = np.empty((num_frames + num_codebooks - 1, num_codebooks), np.int64)
    pads = cardinality + np.arange(num_codebooks - 1)
    for index in range(num_codebooks):
        steps[:, index] = np.concatenate([pads[:index], codes[:, index], pads[index:]])
    return steps


def undelay(steps: Frames, cardinality: int) -> NDArray[np.uint16]:
    """[S, K] -> [S - K + 1, K]; entries >= `cardinality` become 0. Fewer than K steps hold no whole frame: [0, K]."""
    steps = np.asarray(steps)
    num_steps, num_codebooks = steps.shape
    num_frames = max(0, num_steps - num_codebooks + 1)
    codes = np.stack([steps[index : index + num_frames, index] for index in range(num_codebooks)], axis=1)
    return np.where(codes < cardinality, codes, 0).astype(np.uint16)


def interleave(num_text: int, num_steps: int) -> list[tuple[Modality, int]]:
    """The chunks of one turn: text 1, 4, 4, … and audio 8, 8, … by turns; there are as many of each as the shorter
    stream fills, and the rest of the longer one joins its last chunk. A stream that is empty leaves the other whole.
    """
    text = _chunks(num_text, FIRST_TEXT_STEPS, TEXT_STEPS)
    audio = _chunks(num_steps, AUDIO_STEPS, AUDIO_STEPS)
    if not audio:
        return [("text", num_text)] if text else []
    if not text:
        return [("audio", num_steps)]
    count = min(len(text), len(audio))
    laid: list[tuple[Modality, int]] = []
    for words, sound in zip(_joined(text, count), _joined(audio, count), strict=True):
        laid += [("text", words), ("audio", sound)]
    return laid


def well_formed(modalities: Sequence[Modality]) -> bool:
    """Whether the text and audio steps of a turn lie as `interleave` lays so many of each."""
    counts = modalities.count("text"), modalities.count("audio")
    laid = [modality for modality, count in interleave(*counts) for _ in range(count)]
    return list(modalities) == laid


def _chunks(total: int, first: int, other: int) -> list[int]:
    """Sizes of chunks: the first, then others, the last one what is left."""
    sizes: list[int] = []
    while total > 0:
        sizes.append(min(first if not sizes else other, total))
        total -= sizes[-1]
    return sizes


def _joined(chunks: list[int], count: int) -> list[int]:
    return [*chunks[: count - 1], sum(chunks[count - 1 :])]
