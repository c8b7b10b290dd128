"""Sequences packed into rows for training: no padding, in an order that the seed alone decides; nothing silently left
out."""

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import load_dataset
from torch import Tensor
from torch.utils.data import IterableDataset

from schemas.errors import RecipeError
from schemas.tokens import SPEAKER
from trainer.model import IGNORED
from trainer.samples import TASKS, Sample, samples
from trainer.sequences import Sequence, SequenceMaker
from trainer.splices import splices

SHUFFLED = 512
"""Sequences held in memory and drawn from at random; and dialogues, before that."""
HEARD = 0.5
"""Share of chats whose user is heard; of the others, the user's words are read."""
OPEN_ROWS = 8
"""Rows being filled at a time: a sequence goes to the fullest one that still has room for it."""


@dataclass
class LeftOut:
    """Samples longer than a row: how many by task, and the names of the first ones."""

    counts: Counter[str] = field(default_factory=Counter)
    names: list[str] = field(default_factory=list)

    def add(self, sequence: Sequence) -> None:
        """Count one, and name it if there are few."""
        self.counts[sequence.task] += 1
        if len(self.names) < 20:
            self.names.append(f"{sequence.name} ({len(sequence)} positions)")


class PackedRows(IterableDataset):
    """Rows of at most `positions` positions, for ever: one epoch after the other, each in another order.

    `weights` says how often an epoch has a sample of a task: 2 twice, 0.5 every other one. Of spoken readings a share
    of `splice` is spliced (see trainer/splices.py). Samples longer than a row are counted and named in `left_out`,
    for the epoch that runs. Raises RecipeError where all of them are.
    """

    def __init__(
        self,
        corpus: str | Path,
        split: str,
        maker: SequenceMaker,
        positions: int,
        seed: int,
        weights: Mapping[str, float] | None = None,
        epochs: int | None = None,
        splice: float = 0.0,
    ) -> None:
        self.corpus, self.split, self.maker = str(corpus), split, maker
        self.positions, self.seed, self.epochs = positions, seed, epochs
        self.splice = splice
        self.weights = {task: 1.0 for task in TASKS} | dict(weights or {})
        self.left_out = LeftOut()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        epoch = 0
        while self.epochs is None or epoch < self.epochs:
            rows = 0
            for packed in pack(self.sequences(epoch), self.positions):
                rows += 1
                yield collate(packed, self.maker)
            if not rows:
                raise RecipeError(
                    f"the split '{self.split}' of {self.corpus} has no sample of at most {self.positions} "
                    "positions: train on another corpus, or with more positions."
                )
            epoch += 1

    def sequences(self, epoch: int) -> Iterator[Sequence]:
        """All that one epoch has, shuffled."""
        self.left_out = LeftOut()
        generator = random.Random(f"{self.seed} {epoch}")
        dialogues = stream(self.corpus, self.split).shuffle(seed=self.seed + epoch, buffer_size=SHUFFLED)
        return self._fitting(shuffled(self._drawn(dialogues, generator), generator))

    def _drawn(self, dialogues: Iterable[Mapping[str, Any]], generator: random.Random) -> Iterator[Sequence]:
        for row in dialogues:
            for sample, share in self._of_row(row, generator):
                weight = self.weights[sample.task] * share
                copies = int(weight) + (generator.random() < weight % 1)
                if copies:
                    sequence = self.maker.sequence(sample)
                    yield from [sequence] * copies

    def _of_row(self, row: Mapping[str, Any], generator: random.Random) -> Iterator[tuple[Sample, float]]:
        """What a row teaches, and the share of it that is wanted."""
        for sample in samples(row, heard=generator.random() < HEARD):
            yield sample, 1.0 - self.splice if sample.messages[-1].units else 1.0
        if self.splice:
            for sample in splices(row, generator):
                yield sample, self.splice

    def _fitting(self, sequences: Iterable[Sequence]) -> Iterator[Sequence]:
        for sequence in sequences:
            if len(sequence) > self.positions:
                self.left_out.add(sequence)
            else:
                yield sequence


def stream(corpus: str | Path, split: str) -> Any:
    """The dialogues of a split, read shard by shard."""
    return load_dataset(str(corpus), "dialogues", split=split, streaming=True)


def shuffled(items: Iterable[Sequence], generator: random.Random) -> Iterator[Sequence]:
    """Items in another order, holding SHUFFLED of them."""
    held: list[Sequence] = []
    for item in items:
        if len(held) < SHUFFLED:
            held.append(item)
            continue
        place = generator.randrange(SHUFFLED)
        yield held[place]
        held[place] = item
    generator.shuffle(held)
    yield from held


def pack(sequences: Iterable[Sequence], positions: int) -> Iterator[list[Sequence]]:
    """Groups of sequences of at most `positions` positions together; every sequence is in exactly one."""
    rows: list[list[Sequence]] = []
    room: list[int] = []
    for sequence in sequences:
        fitting = [index for index, left in enumerate(room) if left >= len(sequence)]
        if fitting:
            index = min(fitting, key=room.__getitem__)
        else:
            if len(rows) == OPEN_ROWS:
                fullest = room.index(min(room))
                room.pop(fullest)
                yield rows.pop(fullest)
            rows.append([])
            room.append(positions)
            index = len(rows) - 1
        rows[index].append(sequence)
        room[index] -= len(sequence)
    yield from rows


def collate(sequences: list[Sequence], maker: SequenceMaker) -> dict[str, Any]:
    """One training batch of one row: ids and labels [1, P, K], position_ids [1, P] that begin anew with each sequence,
    the lengths of its segments, and speakers [N, D].
    """
    ids = np.concatenate([sequence.ids for sequence in sequences])
    learned = np.concatenate([sequence.learned for sequence in sequences])
    labels = np.where(learned[:, None] & (ids >= 0), ids, IGNORED)
    lengths = [len(sequence) for sequence in sequences]
    starts = np.cumsum([0, *lengths[:-1]])
    labels[starts] = IGNORED  # the first position of a sequence is not predicted from the one before it
    speakers = [sequence.speaker for sequence in sequences if holds_speaker(sequence, maker)]
    return {
        "ids": torch.from_numpy(ids)[None],
        "labels": torch.from_numpy(labels)[None],
        "position_ids": torch.from_numpy(np.concatenate([np.arange(length) for length in lengths]))[None],
        "segments": lengths,
        "speakers": _stacked(speakers),
    }


def holds_speaker(sequence: Sequence, maker: SequenceMaker) -> bool:
    """Whether a sequence has a place for a speaker vector. Raises ValueError if it has one and no vector."""
    has = bool((sequence.ids[:, 0] == maker.layout.marker(SPEAKER)).any())
    if has and sequence.speaker is None:
        raise ValueError(f"{sequence.name} has a place for a speaker vector, and none to put there.")
    return has


def _stacked(speakers: list[Any]) -> Tensor | None:
    return torch.from_numpy(np.stack(speakers)) if speakers else None
