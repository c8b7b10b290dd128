import numpy as np
import pytest

from stages.backends.protocols import Performance
from stages.backends.spoken_pieces import LONGEST, PAUSE_MS, joined, pieces

SENTENCE = 'Well, that is what I said: "Never again."'


def tone(seconds: float, rate_hz: int = 24_000, edge_s: float = 0.3, hz: float = 200.0) -> Performance:
    """A tone between two stretches of silence."""
    edge = np.zeros(round(edge_s * rate_hz))
    wave = 8_000 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz)
    return Performance(np.concatenate([edge, wave, edge]).astype(np.int16), rate_hz, ())


def test_a_short_text_stays_whole() -> None:
    assert pieces(f"{SENTENCE}  {SENTENCE}", "en") == [f"{SENTENCE}  {SENTENCE}"]


def test_a_long_text_is_cut_at_the_ends_of_sentences() -> None:
    text = " ".join([SENTENCE] * 25)
    cut = pieces(text, "en")
    assert " ".join(cut) == text
    assert [piece.count("Never") for piece in cut] == [9, 9, 7]
    assert all(piece.startswith("Well") and piece.endswith('again."') and len(piece) <= LONGEST["en"] for piece in cut)


def test_a_long_sentence_is_cut_at_commas_and_at_last_between_words() -> None:
    cut = pieces(", ".join(["one two three"] * 60) + ".", "en")
    assert all(piece.startswith("one") and piece.endswith((",", ".")) for piece in cut)
    words = "seven " * 200
    assert [len(piece.split()) for piece in pieces(words, "en")] == [66, 66, 66, 2]
    assert pieces("a" * 1_000, "en") == ["a" * 1_000]


def test_mandarin_has_no_spaces() -> None:
    text = "“你好！”他说。" * 20 + "这是一个很长的句子，" * 15 + "没有标点的字" * 40 + "。"
    cut = pieces(text, "zh")
    assert "".join(cut) == text
    assert all(len(piece.rstrip("。")) <= LONGEST["zh"] for piece in cut)
    assert cut[0] == "“你好！”他说。" * 15
    assert not any(piece.startswith(("，", "。", "”")) for piece in cut)


def test_marks_alone_are_no_piece() -> None:
    text = "a" * (LONGEST["en"] - 1) + ". ! ? ... " + SENTENCE
    assert pieces(text, "en") == ["a" * (LONGEST["en"] - 1) + ". ! ? ...", SENTENCE]


def test_pieces_are_joined_with_a_pause_in_the_place_of_their_silence() -> None:
    whole = joined([tone(1.0), tone(0.5, hz=300.0)])
    assert (whole.rate_hz, whole.samples.dtype, whole.phones) == (24_000, np.dtype(np.int16), ())
    assert len(whole.samples) / 24_000 == pytest.approx(0.3 + 1.0 + PAUSE_MS / 1000 + 0.5 + 0.3, abs=0.02)
    loud = np.flatnonzero(np.abs(whole.samples.astype(int)) > 500) / 24_000
    gap_s = np.diff(loud).max()
    assert gap_s == pytest.approx(PAUSE_MS / 1000, abs=0.02)
    assert (loud[0], loud[-1]) == (pytest.approx(0.3, abs=0.01), pytest.approx(2.05, abs=0.02))


def test_one_piece_is_left_as_it_is() -> None:
    alone = tone(0.5)
    assert joined([alone]) is alone


def test_the_pieces_of_a_text_have_one_rate() -> None:
    with pytest.raises(ValueError, match=r"the synthesizer gave the pieces of one text at 16000 and 24000 Hz"):
        joined([tone(0.5), tone(0.5, 16_000)])
