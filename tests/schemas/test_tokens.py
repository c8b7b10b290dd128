"""Ids, the delay and the interleaving, token for token as the original's dataset code makes them when it is run."""

from itertools import pairwise, product

import numpy as np
import pytest

from schemas.tokens import (
    AUDIO,
    HOLDS,
    MARKERS,
    NOTES,
    PHONES,
    SPEAKER,
    SPECIALS,
    USER_SPEAKER,
    Modality,
    TokenLayout,
    delay,
    interleave,
    undelay,
    well_formed,
)

SHAPES = [(1, 64), (4, 2048), (8, 1024), (9, 64), (9, 2048)]
"""Numbers and sizes of codebooks."""


def drawn(num_frames: int, num_codebooks: int, cardinality: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, cardinality, (num_frames, num_codebooks)).astype(np.uint16)


def test_delay_of_two_frames_in_eight_codebooks() -> None:
    codes = np.array([[10, 11, 12, 13, 14, 15, 16, 17], [20, 21, 22, 23, 24, 25, 26, 27]])
    assert delay(codes, 1024).T.tolist() == [
        [10, 20, 1024, 1025, 1026, 1027, 1028, 1029, 1030],
        [1024, 11, 21, 1025, 1026, 1027, 1028, 1029, 1030],
        [1024, 1025, 12, 22, 1026, 1027, 1028, 1029, 1030],
        [1024, 1025, 1026, 13, 23, 1027, 1028, 1029, 1030],
        [1024, 1025, 1026, 1027, 14, 24, 1028, 1029, 1030],
        [1024, 1025, 1026, 1027, 1028, 15, 25, 1029, 1030],
        [1024, 1025, 1026, 1027, 1028, 1029, 16, 26, 1030],
        [1024, 1025, 1026, 1027, 1028, 1029, 1030, 17, 27],
    ]


def test_delay_of_three_frames_in_two_small_codebooks() -> None:
    assert delay(np.array([[1, 2], [3, 4], [5, 6]]), 64).tolist() == [[1, 64], [3, 2], [5, 4], [64, 6]]


def test_one_codebook_is_not_delayed() -> None:
    assert delay(np.array([[5], [0], [63]]), 64).tolist() == [[5], [0], [63]]
    assert undelay(np.array([[5], [0], [63]]), 64).tolist() == [[5], [0], [63]]


@pytest.mark.parametrize(("num_codebooks", "cardinality"), SHAPES)
def test_delay_comes_back(num_codebooks: int, cardinality: int) -> None:
    for num_frames in (1, 2, 7, 8, 30):
        codes = drawn(num_frames, num_codebooks, cardinality)
        steps = delay(codes, cardinality)
        assert steps.shape == (num_frames + num_codebooks - 1, num_codebooks)
        back = undelay(steps, cardinality)
        assert back.dtype == np.uint16
        assert np.array_equal(back, codes)


@pytest.mark.parametrize(("num_codebooks", "cardinality"), SHAPES)
def test_ids_of_steps_come_back_and_lie_in_their_codebooks(num_codebooks: int, cardinality: int) -> None:
    layout = TokenLayout(300, num_codebooks, cardinality)
    codes = drawn(12, num_codebooks, cardinality)
    steps = layout.steps(codes)
    for index in range(num_codebooks):
        assert set(steps[:, index]) <= set(layout.codebook(index))
    assert np.array_equal(layout.codes(steps), codes)


def test_pads_read_as_zero_and_too_few_steps_as_no_frame() -> None:
    assert undelay(np.array([[7, 64], [64, 65], [9, 8]]), 64).tolist() == [[7, 0], [0, 8]]
    assert undelay(np.full((7, 8), 1024), 1024).shape == (0, 8)
    assert undelay(np.zeros((0, 3), int), 64).shape == (0, 3)


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (np.zeros((0, 4), int), r"codes have the shape \(0, 4\); they must be \[T, K\] with at least one frame\."),
        (np.zeros(4, int), r"codes have the shape \(4,\); they must be \[T, K\]"),
        (np.array([[0, 64]]), r"codes reach from 0 to 64; they must lie in 0\.\.63\."),
        (np.array([[-1, 5]]), r"codes reach from -1 to 5; they must lie in 0\.\.63\."),
    ],
)
def test_codes_that_cannot_be_delayed(codes: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        delay(codes, 64)


@pytest.mark.parametrize(("num_codebooks", "cardinality"), SHAPES)
def test_ranges_stand_in_order_without_gaps(num_codebooks: int, cardinality: int) -> None:
    layout = TokenLayout(1000, num_codebooks, cardinality)
    ranges = list(layout.ranges.values())
    assert list(layout.ranges) == ["text", *(f"audio_{index}" for index in range(num_codebooks)), "markers"]
    assert ranges[0].start == 0
    assert all(one.stop == after.start for one, after in pairwise(ranges))
    assert [len(each) for each in ranges[1:-1]] == [cardinality + num_codebooks] * num_codebooks
    assert layout.size == 1000 + num_codebooks * (cardinality + num_codebooks) + len(MARKERS)
    assert layout.first_stream == range(1000 + cardinality + num_codebooks)
    assert [token for token in range(layout.size) if layout.is_audio(token)] == list(layout.codebook(0))


def test_names_are_those_of_the_original() -> None:
    layout = TokenLayout(151_690, 8, 1024)
    assert len(layout.codebook(0)) == 1032
    assert {token: layout.name(token) for token in (151_690, 151_690 + 1023, 151_690 + 1024, 151_690 + 1031)} == {
        151_690: "<|audio_0_0|>",
        152_713: "<|audio_0_1023|>",
        152_714: "<|audio_0_0_pad|>",
        152_721: "<|audio_0_7_pad|>",
    }
    assert layout.name(151_690 + 1032) == "<|audio_1_0|>"
    assert layout.name(151_690 + 8 * 1032 - 1) == "<|audio_7_7_pad|>"
    assert [layout.name(layout.marker(name)) for name in MARKERS] == [SPEAKER, USER_SPEAKER, AUDIO]
    assert layout.marker(SPEAKER) == 151_690 + 8 * 1032
    every = [layout.name(token) for token in range(151_690, layout.size)]
    assert len(set(every)) == len(every)


@pytest.mark.parametrize("wrong", ["text_size", "num_codebooks", "cardinality"])
def test_a_layout_of_nothing(wrong: str) -> None:
    sizes = {"text_size": 5, "num_codebooks": 8, "cardinality": 64} | {wrong: 0}
    with pytest.raises(ValueError, match=f"{wrong} is 0; it must be at least 1"):
        TokenLayout(**sizes)


def test_special_tokens_are_each_one_and_hold_notes_lengths_and_phones() -> None:
    assert len(set(SPECIALS)) == len(SPECIALS) == 5 + 53 + 100 + len(PHONES)
    assert (PHONES["AE"], PHONES["zh"], PHONES["4"]) == ("<|phone_AE|>", "<|phone_zh|>", "<|phone_4|>")
    assert (NOTES[36], NOTES[88], HOLDS[1], HOLDS[100]) == (
        "<|note_36|>",
        "<|note_88|>",
        "<|hold_1|>",
        "<|hold_100|>",
    )


T, A = "text", "audio"


@pytest.mark.parametrize(
    ("num_text", "num_steps", "laid"),
    [
        (11, 37, [(T, 1), (A, 8), (T, 4), (A, 8), (T, 4), (A, 8), (T, 2), (A, 13)]),  # 10 tokens, 30 frames
        (27, 10, [(T, 1), (A, 8), (T, 26), (A, 2)]),  # 26 tokens, 3 frames
        (1, 8, [(T, 1), (A, 8)]),
        (1, 9, [(T, 1), (A, 9)]),
        (2, 8, [(T, 2), (A, 8)]),
        (5, 16, [(T, 1), (A, 8), (T, 4), (A, 8)]),
        (6, 16, [(T, 1), (A, 8), (T, 5), (A, 8)]),
        (6, 17, [(T, 1), (A, 8), (T, 4), (A, 8), (T, 1), (A, 1)]),
        (0, 5, [(A, 5)]),
        (5, 0, [(T, 5)]),
        (0, 0, []),
    ],
)
def test_interleaving(num_text: int, num_steps: int, laid: list[tuple[Modality, int]]) -> None:
    assert interleave(num_text, num_steps) == laid


def test_interleaving_keeps_every_position() -> None:
    for num_text, num_steps in product(range(30), range(40)):
        laid = interleave(num_text, num_steps)
        assert sum(count for modality, count in laid if modality == T) == num_text
        assert sum(count for modality, count in laid if modality == A) == num_steps
        assert all(one[0] != after[0] for one, after in pairwise(laid))


@pytest.mark.parametrize(
    ("modalities", "sound"),
    [
        ([], True),
        ([T], True),
        ([T] * 9, True),
        ([A] * 9, True),
        ([T, A], True),
        ([T] + [A] * 8, True),
        ([T] + [A] * 8 + [T] * 4 + [A] * 8, True),
        ([T] + [A] * 8 + [T] * 26 + [A] * 2, True),
        ([A, T], False),
        ([T, T, A] + [A] * 8, False),  # nine steps: the second token waits for the second chunk
        ([T] + [A] * 7 + [T] * 4 + [A] * 9, False),
        ([T] + [A] * 8 + [T] * 3 + [A] * 8 + [T] + [A] * 8, False),
        ([T] + [A] * 8 + [T], False),
        ([T] * 2 + [A] * 8, True),
    ],
)
def test_what_is_well_formed(modalities: list[Modality], sound: bool) -> None:
    assert well_formed(modalities) is sound


def test_what_interleave_lays_is_well_formed_and_no_exchange_of_neighbours_is() -> None:
    for num_text, num_steps in [(11, 37), (27, 10), (3, 30)]:
        laid = [modality for modality, count in interleave(num_text, num_steps) for _ in range(count)]
        assert well_formed(laid)
        for place in range(len(laid) - 1):
            changed = [*laid[:place], laid[place + 1], laid[place], *laid[place + 2 :]]
            assert well_formed(changed) is (changed == laid)
