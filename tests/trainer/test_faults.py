import numpy as np
import pytest

from schemas.script import LANGUAGES
from schemas.seeds import generator
from schemas.take import Line, Span
from stages.backends.espeak_speech import EspeakSpeech, carrier_request
from stages.normalize_text import normalize
from trainer.clips import Clip, practice_line
from trainer.faults import CUTS, FAULTS, POLYPHONES, faulty_clips


@pytest.fixture(scope="module")
def lines() -> list[Line]:
    return [practice_line(EspeakSpeech(), "faults test", index, style="plain") for index in range(40)]


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_asks_for_something_else_than_the_text(name: str, lines: list[Line]) -> None:
    fault, languages = FAULTS[name]
    spoken = [line for line in lines if line.language in languages]
    requests = [fault(line, generator(name)) for line in spoken]
    made = [(line, request) for line, request in zip(spoken, requests, strict=True) if request is not None]
    assert len(made) > 5
    assert all(request != carrier_request(line) for line, request in made)


def test_a_wrong_reading_changes_one_polyphone_and_nothing_else(lines: list[Line]) -> None:
    fault, _ = FAULTS["wrong reading of a polyphone"]
    readings = {reading for choices in POLYPHONES.values() for reading in choices}
    for line in (line for line in lines if line.language == "zh"):
        request = fault(line, generator("one"))
        if request is not None:
            pairs = zip(carrier_request(line).text.split(), request.text.split(), strict=True)
            changed = [(right.rstrip(",.?!"), wrong.rstrip(",.?!")) for right, wrong in pairs if right != wrong]
            assert len(changed) == 1
            assert set(changed[0]) <= readings


def test_faulty_clips_keep_the_text_that_should_have_been_said() -> None:
    clips = list(faulty_clips("faults test", "dropped last word", 2))
    assert [clip.line.language for clip in clips] == list(LANGUAGES)
    assert all(clip.line.spoken == normalize(clip.line.turn.text, clip.line.language) for clip in clips)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("20 % cut", [range(180)]),
        ("middle 15 % missing", [range(105), range(135, 240)]),
        ("25 % repeated", [range(150), range(100, 240)]),
    ],
)
def test_cuts_take_their_share_of_the_speech(name: str, kept: list[range], lines: list[Line]) -> None:
    samples = np.arange(240, dtype=np.int16).repeat(100)  # one second; speech from 0.083 to 0.917 s
    phones = (Span("sil", 0.0, 20 / 240), Span("a", 20 / 240, 220 / 240), Span("sil", 220 / 240, 1.0))
    cut = CUTS[name](Clip(lines[0], samples, phones))
    assert cut.samples[::100].tolist() == [value for part in kept for value in part]


def test_a_cut_is_audible_where_it_holds_a_whole_phone(lines: list[Line]) -> None:
    middle = CUTS["middle 15 % missing"]
    samples = np.zeros(24_000, np.int16)
    long = (Span("a", 0.0, 0.5), Span("b", 0.5, 0.55), Span("c", 0.55, 1.0))
    paused = (Span("a", 0.0, 0.45), Span("sil", 0.45, 0.55), Span("c", 0.55, 1.0))

    assert middle.audible(Clip(lines[0], samples, long))
    assert not middle.audible(Clip(lines[0], samples, paused))
