import random
from typing import Any

import numpy as np
import pytest

from tests.trainer.tiny import row, score, song, turn
from trainer.packing import PackedRows
from trainer.samples import Sample, reading
from trainer.sequences import SequenceMaker
from trainer.splices import LONGEST_RUN, cut, splices

FRAMES = 4
"""Of a word: all are of four letters, and their turns have no phones, so that each sounds as long."""


def words(side: int, name: str, count: int) -> list[str]:
    """Words no dictionary has, so that each is one unit."""
    return [f"zq{name}{'bcdfgh'[place + side]}" for place in range(count)]


def said(name: str, role: str, spoken: list[str], **changes: Any) -> Any:
    """A turn whose codes spell its words, at every frame of them."""
    codes = np.repeat([letters(word) for word in spoken], FRAMES, axis=0).tolist()
    return turn(f"t{name}", role, " ".join(spoken), FRAMES * len(spoken), codes=codes, **changes)


def letters(word: str) -> list[int]:
    return [ord(letter) - ord("a") for letter in word]


TURNS = {
    "a": said("a", "user", words(0, "a", 6)),
    "e": said("e", "assistant", words(1, "e", 3)),
    "i": said("i", "user", words(0, "i", 2)),
    "o": said("o", "assistant", words(1, "o", 5)),
    "u": said("u", "user", words(0, "u", 3), style="whisper"),
}
SUNG = said("y", "user", words(0, "y", 2), song=song(), score=score((60, 0.0, 1.0, "la")))
ROW = row("d", [*TURNS.values(), SUNG])


def texts(sample: Sample) -> list[str]:
    units = sample.messages[-1].units
    assert units is not None
    return [text.strip() for text, _ in units]


def made(seed: int) -> list[Sample]:
    return list(splices(ROW, random.Random(seed)))


@pytest.mark.parametrize("seed", range(20))
def test_every_word_stands_where_its_own_sound_begins(seed: int) -> None:
    for sample in made(seed):
        message = sample.messages[-1]
        assert message.units is not None
        assert message.codes is not None
        assert [round(start_s * 12.5, 6) for _, start_s in message.units] == [
            FRAMES * place for place in range(len(message.units))
        ]
        sounds = np.repeat([letters(text) for text in texts(sample)], FRAMES, axis=0)
        assert (message.codes.dtype, message.codes.tolist()) == (np.uint16, sounds.tolist())


@pytest.mark.parametrize("seed", range(20))
def test_a_splice_has_the_words_of_one_side_alone_and_runs_of_them(seed: int) -> None:
    for sample, name in zip(made(seed), "aieo", strict=True):
        own = [TURNS[other]["spoken"].split() for other in ("ai" if name in "ai" else "eo")]
        found = texts(sample)
        assert set(found) <= {word for spoken in own for word in spoken}
        assert found[0] in [spoken[0] for spoken in own]
        assert found[-1] in [spoken[-1] for spoken in own] or found in [spoken[: len(found)] for spoken in own]
        wanted = len(TURNS[name]["spoken"].split())
        assert wanted <= len(found) < wanted + LONGEST_RUN


def test_it_is_a_reading_in_the_voice_of_its_turn() -> None:
    for sample, name in zip(made(0), "aieo", strict=True):
        vector = np.array(ROW["characters"][TURNS[name]["role"]]["speaker_vector"], np.float32)
        whole = reading(TURNS[name], vector, "en")
        assert (sample.sample_id, sample.task) == (f"t{name}-spliced", "reading")
        assert np.array_equal(sample.speaker, vector)
        assert sample.messages[0] == whole.messages[0]


def test_the_seed_alone_decides() -> None:
    assert [texts(sample) for sample in made(1)] == [texts(sample) for sample in made(1)]
    assert len({tuple(map(tuple, map(texts, made(seed)))) for seed in range(10)}) > 5


def test_a_dialogue_that_nobody_speaks_in_has_none() -> None:
    assert not list(splices(row("d", [SUNG]), random.Random(0)))


def test_a_turn_is_cut_at_its_ends_and_between_words() -> None:
    whole = TURNS["e"] | {"codes": [[1, 2, 3, 4]] * 11}
    timed = tuple(((word, start_s),) for word, start_s in (("a", 0.2), ("b", 0.5), ("c", 9.0)))
    assert [cut(timed, place, whole, 12.5) for place in range(4)] == [0, 6, 11, 11]


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_a_share_of_spoken_readings_is_spliced(share: float, maker: SequenceMaker) -> None:
    rows = PackedRows("nowhere", "train", maker, 256, seed=3, splice=share)
    shares = {sample.sample_id: part for sample, part in rows._of_row(ROW, random.Random(0))}
    for name in "aeio":
        assert (shares[f"t{name}-reading"], shares.get(f"t{name}-spliced", 0.0)) == (1.0 - share, share)
    assert shares["ty-reading"] == shares["ta-tts"] == shares["tu-asr"] == shares["d"] == 1.0
