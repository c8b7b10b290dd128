import random
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from schemas.errors import RecipeError
from schemas.tokens import SPEAKER, TokenLayout
from tests.trainer.tiny import dialogues, write_corpus
from trainer.model import IGNORED
from trainer.packing import OPEN_ROWS, SHUFFLED, PackedRows, collate, pack, shuffled, stream
from trainer.samples import TASKS, Message, Sample, samples
from trainer.sequences import Sequence, SequenceMaker


def of_length(length: int, name: str = "s", fill: int = 7) -> Sequence:
    """A sequence of which all but the first position is learned."""
    learned = np.arange(length) > 0
    return Sequence(name, "asr", np.full((length, 4), fill, np.int64), learned, None)


def names(sequences: Iterator[Sequence]) -> list[str]:
    return [sequence.name for sequence in sequences]


def every_sample(prefix: str, skip: tuple[str, ...] = ()) -> Counter[str]:
    made = [sample for row in dialogues(prefix=prefix) for sample in samples(row)]
    return Counter(sample.sample_id for sample in made if sample.task not in skip)


@pytest.fixture
def rows(corpus: str, maker: SequenceMaker) -> PackedRows:
    return PackedRows(corpus, "train", maker, 256, seed=3, epochs=1)


def test_every_sequence_is_in_exactly_one_row_of_enough_room() -> None:
    lengths = np.random.default_rng(0).integers(1, 100, 500)
    made = [of_length(int(length), str(index)) for index, length in enumerate(lengths)]
    packed = list(pack(made, 100))
    assert sorted(int(one.name) for row in packed for one in row) == list(range(500))
    sums = [sum(map(len, row)) for row in packed]
    assert max(sums) <= 100
    assert sum(sums) / (100 * len(packed)) > 0.9


def test_a_sequence_goes_to_the_fullest_row_with_room_for_it() -> None:
    made = [of_length(length, name) for name, length in {"a": 60, "b": 50, "c": 35, "d": 40, "e": 15, "f": 5}.items()]
    assert [names(iter(row)) for row in pack(made, 100)] == [["a", "c", "f"], ["b", "d"], ["e"]]


def test_so_many_rows_are_open_at_a_time_and_the_fullest_is_closed() -> None:
    made = [of_length(60 + index, str(index)) for index in range(OPEN_ROWS + 1)]
    assert names(iter(next(pack(made, 100)))) == [str(OPEN_ROWS - 1)]


def test_a_row_begins_anew_with_each_sequence_and_predicts_no_first_position(maker: SequenceMaker) -> None:
    first, second = of_length(3, fill=7), of_length(2, fill=9)
    second = Sequence("s", "asr", second.ids, np.ones(2, bool), None)
    batch = collate([first, second], maker)
    assert batch["ids"].tolist() == [[[7] * 4] * 3 + [[9] * 4] * 2]
    assert batch["position_ids"].tolist() == [[0, 1, 2, 0, 1]]
    assert batch["segments"] == [3, 2]
    assert batch["labels"].tolist() == [[[IGNORED] * 4, [7] * 4, [7] * 4, [IGNORED] * 4, [9] * 4]]
    assert batch["speakers"] is None
    assert (batch["ids"].dtype, batch["labels"].dtype) == (torch.int64, torch.int64)


def test_where_there_is_no_code_nothing_is_learned(maker: SequenceMaker) -> None:
    reply = Message("assistant", "ab", np.array([[1, 2, 3, 4]], np.uint16))
    batch = collate([maker.sequence(Sample("s", "reading", (reply,)))], maker)
    ids, labels = batch["ids"][0], batch["labels"][0]
    head = len(maker.head("assistant"))
    assert (labels[:head] == IGNORED).all()
    assert torch.equal(labels[head:], torch.where(ids[head:] < 0, IGNORED, ids[head:]))
    assert (labels[head:, 1] != IGNORED).tolist() == [False] * 3 + [True] * 4 + [False] * 2  # a b <eoc> A4 <end> \n


def test_speakers_stand_in_the_order_of_their_places(maker: SequenceMaker) -> None:
    voices = [np.full(6, index, np.float32) for index in range(2)]
    with_voice = [maker.sequence(Sample("s", "tts", (Message("system", SPEAKER),), voice)) for voice in voices]
    unused = maker.sequence(Sample("s", "asr", (Message("user", "a"),), np.full(6, 9, np.float32)))
    batch = collate([with_voice[1], unused, with_voice[0]], maker)
    assert batch["speakers"].tolist() == [[1.0] * 6, [0.0] * 6]


def test_a_place_for_a_speaker_without_a_vector(maker: SequenceMaker) -> None:
    sequence = maker.sequence(Sample("here", "tts", (Message("system", SPEAKER),)))
    with pytest.raises(ValueError, match="here has a place for a speaker vector, and none to put there"):
        collate([sequence], maker)


def test_an_epoch_has_every_sample_once(rows: PackedRows) -> None:
    assert Counter(names(rows.sequences(0))) == every_sample("tr")
    positions = sum(len(sequence) for sequence in rows.sequences(0))
    batches = list(rows)
    assert sum(batch["ids"].shape[1] for batch in batches) == positions
    assert all(sum(batch["segments"]) == batch["ids"].shape[1] <= 256 for batch in batches)
    assert not rows.left_out.counts


def test_the_order_depends_on_seed_and_epoch_alone(corpus: str, maker: SequenceMaker) -> None:
    def order(seed: int, epoch: int) -> list[tuple[str, int]]:
        packed = PackedRows(corpus, "train", maker, 256, seed)
        return [(one.name, len(one)) for one in packed.sequences(epoch)]

    wanted = order(3, 1)
    random.seed(99)
    np.random.seed(99)
    torch.manual_seed(99)
    running = PackedRows(corpus, "train", maker, 256, seed=3)
    list(running.sequences(0))
    assert [(one.name, len(one)) for one in running.sequences(1)] == wanted == order(3, 1)
    assert order(3, 0) != wanted
    assert order(4, 1) != wanted
    assert sorted(name for name, _ in order(4, 0)) == sorted(name for name, _ in wanted)


def test_epochs_follow_one_another_for_ever(corpus: str, maker: SequenceMaker) -> None:
    once = list(PackedRows(corpus, "train", maker, 256, seed=3, epochs=1))
    twice = list(PackedRows(corpus, "train", maker, 256, seed=3, epochs=2))
    endless = list(islice(PackedRows(corpus, "train", maker, 256, seed=3), len(twice) + 1))
    assert len(endless) == len(twice) + 1
    assert all(torch.equal(one["ids"], other["ids"]) for one, other in zip(once, twice, strict=False))
    assert all(torch.equal(one["ids"], other["ids"]) for one, other in zip(twice, endless, strict=False))


def test_a_user_is_heard_in_some_epochs_and_read_in_others(corpus: str, maker: SequenceMaker) -> None:
    rows = PackedRows(corpus, "train", maker, 256, seed=3)
    lengths: dict[str, set[int]] = {}
    for epoch in range(12):
        for sequence in rows.sequences(epoch):
            lengths.setdefault(sequence.name, set()).add(len(sequence))
    assert {name for name, seen in lengths.items() if len(seen) == 2} == {"tr0", "tr1", "tr2"}
    assert max(map(len, lengths.values())) == 2


def test_weights_say_how_often_a_task_is_seen(corpus: str, maker: SequenceMaker) -> None:
    weights = {"tts": 2.0, "asr": 0.5, "reading": 0.0}
    rows = PackedRows(corpus, "train", maker, 256, seed=3, weights=weights)
    seen = [Counter(names(rows.sequences(epoch))) for epoch in range(40)]
    of_tts = {name for name in every_sample("tr") if name.endswith("-tts")}
    assert all({name: count[name] for name in of_tts} == dict.fromkeys(of_tts, 2) for count in seen)
    assert not any(name.endswith("-reading") for count in seen for name in count)
    assert all(count[name] == 1 for count in seen for name in ("tr0", "tr1", "tr2"))
    drawn = [sum(times for name, times in count.items() if name.endswith("-asr")) for count in seen]
    assert all(times == 1 for count in seen for name, times in count.items() if name.endswith("-asr"))
    assert sum(drawn) / (40 * 6) == pytest.approx(0.5, abs=0.1)  # 6 turns an epoch; 240 draws
    assert rows.weights == dict.fromkeys(TASKS, 1.0) | weights


def test_samples_longer_than_a_row_are_counted_and_named(corpus: str, maker: SequenceMaker) -> None:
    everything = {sequence.name: sequence for sequence in PackedRows(corpus, "train", maker, 9999, 3).sequences(0)}
    rows = PackedRows(corpus, "train", maker, 85, seed=3, epochs=1)
    kept = {name for row in pack(rows.sequences(0), 85) for name in names(iter(row))}
    long = {name: sequence for name, sequence in everything.items() if len(sequence) > 85}
    assert long
    assert kept == everything.keys() - long.keys()
    assert rows.left_out.counts == Counter(sequence.task for sequence in long.values())
    assert set(rows.left_out.names) == {f"{name} ({len(one)} positions)" for name, one in long.items()}
    rows.sequences(1)
    assert not rows.left_out.counts


def test_a_split_without_any_sample_short_enough(corpus: str, maker: SequenceMaker) -> None:
    with pytest.raises(RecipeError, match=r"the split 'train' of .*corpus has no sample of at most 5 positions: train"):
        next(iter(PackedRows(corpus, "train", maker, 5, seed=3)))


def test_shards_are_all_read(tmp_path: Path, maker: SequenceMaker) -> None:
    split = write_corpus(tmp_path / "corpus", {"train": dialogues(count=7)}, shards=3)
    assert sorted(row["dialogue_id"] for row in stream(split, "train")) == [f"d{index}" for index in range(7)]
    rows = PackedRows(split, "train", maker, 256, seed=1)
    first = [Counter(names(rows.sequences(epoch))) for epoch in (0, 1)]
    assert first[0] == first[1]
    assert sum(first[0].values()) == 7 * 7


def test_shuffling_keeps_every_item() -> None:
    made = [of_length(1, str(index)) for index in range(2 * SHUFFLED)]
    drawn = [int(name) for name in names(shuffled(made, random.Random(1)))]
    assert sorted(drawn) == list(range(2 * SHUFFLED))
    assert drawn != sorted(drawn)
    again = [int(name) for name in names(shuffled(iter(made), random.Random(1)))]
    assert again == drawn


def test_rows_know_any_layout(corpus: str, letters: object) -> None:
    wrong = SequenceMaker(letters, TokenLayout(len(letters), 4, 16), 12.5)
    with pytest.raises(ValueError, match=r"they must lie in 0\.\.15"):
        next(iter(PackedRows(corpus, "train", wrong, 256, seed=1)))
