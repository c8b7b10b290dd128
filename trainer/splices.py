"""Readings of what nobody said: runs of a few words out of several turns of one voice, one after the other.

A small corpus is learned by heart: the words so far tell the next, and the text is not needed. Here it is.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from trainer.samples import Sample, Timed, is_said, reading, timed_words, voice

LONGEST_RUN = 4
"""Words taken from a turn at a time, at most."""

Turn = Mapping[str, Any]


def splices(row: Mapping[str, Any], generator: random.Random) -> Iterator[Sample]:
    """As many spliced readings as a row of the dialogues table has spoken turns to read, each about as long as the turn
    it stands for. A splice opens as a turn does and, unless one run is all of it, closes as one does."""
    for role in ("user", "assistant"):
        turns = [turn for turn in row["turns"] if turn["role"] == role and is_said(turn)]
        for turn in turns:
            yield splice(turn, turns, row, generator)


def splice(turn: Turn, turns: list[Turn], row: Mapping[str, Any], generator: random.Random) -> Sample:
    """A reading as long as `turn`, of runs out of `turns`, all of one voice of the row."""
    language, frame_rate = row["language"], row["codec"]["frame_rate"]
    wanted = len(timed_words(turn, language))
    codes, units, num_words, frames = [], [], 0, 0
    while num_words < wanted:
        source = generator.choice(turns)
        words = timed_words(source, language)
        length = min(generator.randint(1, LONGEST_RUN), len(words))
        is_last = num_words + length >= wanted
        first = 0 if not num_words else len(words) - length if is_last else generator.randrange(len(words) - length + 1)
        start, end = (cut(words, place, source, frame_rate) for place in (first, first + length))
        codes.append(np.asarray(source["codes"], np.uint16)[start:end])
        shift_s = (frames - start) / frame_rate
        units += [(unit, start_s + shift_s) for word in words[first : first + length] for unit, start_s in word]
        frames, num_words = frames + end - start, num_words + length
    whole = reading(turn, voice(row, turn["role"]), language)
    system, said = whole.messages
    said = replace(said, text="", codes=np.concatenate(codes), units=tuple(units))
    return replace(whole, sample_id=f"{turn['utterance_id']}-spliced", messages=(system, said))


def cut(words: tuple[Timed, ...], place: int, turn: Turn, frame_rate: float) -> int:
    """The frame at which to cut before a word: the turn's own ends before the first and after the last."""
    if place in (0, len(words)):
        return len(turn["codes"]) if place else 0
    return min(int(words[place][0][1] * frame_rate), len(turn["codes"]))
