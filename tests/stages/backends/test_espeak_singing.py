from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import parselmouth
import pytest

from schemas.errors import UnspeakableTextError
from schemas.score import Note, Score, Song, lyric
from schemas.script import Character, Turn
from schemas.take import SAMPLE_RATE, Line, Samples
from stages.backends.espeak_carrier import SILENCE
from stages.backends.espeak_singing import EspeakSinging, singing_delivery
from stages.backends.espeak_voice import design_voice
from stages.backends.protocols import Performance

ENGLISH = "/Gol- den leaves are fal- ling _ . /down on me"
MANDARIN = "/金 色 的 叶 子 _ . /落 下 来"
STEPS = (0, 2, 4, 5, 7, 4, 2, 7, 5, 4, 2, 0)


@pytest.fixture(scope="module")
def singer() -> Iterator[EspeakSinging]:
    engine = EspeakSinging()
    engine.open()
    yield engine
    engine.close()


LineMaker = Callable[..., Line]


@pytest.fixture
def sung_line(make_character: Callable[..., Character]) -> LineMaker:
    """A line to be sung at 120 beats a minute: "/" before a syllable is a breath, "_" a slur, "." a rest."""

    def make(
        text: str = ENGLISH, low: int = 60, beats: float = 1.0, seed: int = 1, hummed: bool = False, **changes: Any
    ) -> Line:
        emotion = {key: changes.pop(key) for key in ("emotion", "intensity") if key in changes}
        notes = [
            Note(
                midi=low + STEPS[place % len(STEPS)],
                onset_beats=place * beats,
                duration_beats=beats,
                slur=token == "_",
                breath=token[0] == "/",
                syllable=token.strip("/_"),
            )
            for place, token in enumerate(text.split())
            if token != "."
        ]
        score = Score(tempo_bpm=120, tonic="C", notes=tuple(notes))
        song = Song(song_id="s", title="", origin="", source="", licence="", score=score, hummed=hummed)
        singer = make_character(**changes)
        turn = Turn(role="assistant", text=lyric(score), intent="sing", song=song, **emotion)
        voice = design_voice(singer)
        return Line("d1", 1, 0, seed, "singing", singer.language, turn, turn.text, singer, voice)

    return make


def cents_off(line: Line, performance: Performance) -> list[Any]:
    """Per note, the cents of Praat's pitch above the score in the note's first half and middle: an ear of its own."""
    assert line.turn.song is not None
    assert performance.score_start_s is not None
    score = line.turn.song.score
    lowest_hz = 440 * 2 ** ((min(note.midi for note in score.notes) - 69) / 12)
    sound = parselmouth.Sound(performance.samples / 32768.0, SAMPLE_RATE)
    pitch = sound.to_pitch_ac(0.005, lowest_hz / 2, pitch_ceiling=1400.0)
    f0_hz, time_s = pitch.selected_array["frequency"], pitch.xs() - performance.score_start_s
    off = []
    for note in score.notes:
        start_s, end_s = score.times_s(note)
        heard = f0_hz[(time_s > start_s + 0.03) & (time_s < start_s + 0.6 * (end_s - start_s))]
        off.append(1200 * np.log2(np.maximum(heard, 1.0) / 440) - 100 * (note.midi - 69))
    return off


@pytest.mark.parametrize(
    ("text", "language", "low", "changes"),
    [
        (ENGLISH, "en", 45, {"gender": "male"}),
        (ENGLISH, "en", 74, {"age": "child"}),
        (MANDARIN, "zh", 57, {"age": "elderly"}),
        (MANDARIN, "zh", 69, {"age": "youth"}),
    ],
)
def test_every_note_is_in_tune(
    singer: EspeakSinging, sung_line: LineMaker, text: str, language: str, low: int, changes: dict[str, str]
) -> None:
    line = sung_line(text, low, language=language, **changes)
    off = cents_off(line, singer.sing([line])[0])
    assert max(abs(np.median(cents)) for cents in off) < 15
    assert np.mean(np.abs(np.concatenate(off)) <= 50) > 0.98


def test_sixteenths_are_in_tune(singer: EspeakSinging, sung_line: LineMaker) -> None:
    line = sung_line(beats=0.25, low=62)
    off = cents_off(line, singer.sing([line])[0])
    assert np.mean([abs(np.median(cents)) < 30 for cents in off]) == 1.0


def test_vowels_begin_on_the_beat_where_the_performance_says_it_lies(
    singer: EspeakSinging, sung_line: LineMaker
) -> None:
    """A stop before each vowel: the sound jumps at the vowel's onset."""
    line = sung_line("/ta ta ta ta . /ta ta", low=64)
    performance = singer.sing([line])[0]
    assert line.turn.song is not None
    assert performance.score_start_s is not None
    score = line.turn.song.score
    hop = SAMPLE_RATE // 500
    sound = performance.samples[: len(performance.samples) // hop * hop].astype(float).reshape(-1, hop)
    loud = np.convolve(np.sqrt(np.mean(sound**2, axis=1)), np.ones(5) / 5, mode="same")
    rise = loud[10:] - loud[:-10]
    for note in score.notes:
        onset_s = performance.score_start_s + score.times_s(note)[0]
        first = round((onset_s - 0.08) * 500) - 5
        assert abs((first + int(np.argmax(rise[first : first + 80])) + 5) / 500 - onset_s) < 0.02


def test_phones_cover_the_take_without_gaps(singer: EspeakSinging, sung_line: LineMaker) -> None:
    for line in (sung_line(), sung_line("/la la", beats=1 / 16), sung_line("/mm mm", hummed=True)):
        performance = singer.sing([line])[0]
        spans = performance.phones
        assert (spans[0].start_s, spans[-1].end_s) == (0.0, len(performance.samples) / performance.rate_hz)
        assert spans[0].label == spans[-1].label == SILENCE
        assert all(one.end_s == pytest.approx(after.start_s, abs=1e-9) for one, after in pairwise(spans))
        assert all(span.start_s <= span.end_s for span in spans)
    assert [span.label for span in spans if span.label not in (SILENCE, "[breath]")] == ["m", "m"]


def test_a_rest_at_the_beginning_is_not_kept(singer: EspeakSinging, sung_line: LineMaker) -> None:
    performance = singer.sing([sung_line(". . . . . . /la la")])[0]
    assert performance.score_start_s is not None
    vowel = next(span for span in performance.phones if span.label == "a")
    assert vowel.start_s == pytest.approx(performance.score_start_s + 3.0, abs=0.03)
    assert 0.3 < vowel.start_s < 1.0


def test_breaths_are_taken_where_the_score_says_so(singer: EspeakSinging, sung_line: LineMaker) -> None:
    with_breaths, without = (singer.sing([sung_line(text)])[0].phones for text in (ENGLISH, ENGLISH.replace("/", "")))
    assert sum(span.label == "[breath]" for span in with_breaths) == 2
    assert not any(span.label == "[breath]" for span in without)


def test_a_line_is_the_same_in_any_company_and_another_attempt_is_another_take(
    singer: EspeakSinging, sung_line: LineMaker
) -> None:
    line, retry, other = sung_line(), sung_line(seed=2), sung_line("/mm mm", hummed=True)
    alone, _, again, another = singer.sing([line, other, line, retry])
    np.testing.assert_array_equal(alone.samples, again.samples)
    assert alone.phones == again.phones
    assert not np.array_equal(alone.samples[:20_000], another.samples[:20_000])
    assert np.mean(np.abs(np.concatenate(cents_off(retry, another))) <= 50) > 0.98


def high_share_db(samples: Samples) -> float:
    power = np.abs(np.fft.rfft(samples / 32768.0)) ** 2
    hz = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)
    return float(10 * np.log10(power[(hz > 1500) & (hz < 5000)].sum() / power[(hz > 80) & (hz < 1500)].sum()))


def test_emotion_shades_the_voice_and_leaves_pitch_and_time(singer: EspeakSinging, sung_line: LineMaker) -> None:
    lines = [sung_line(emotion=emotion, intensity=3) for emotion in ("angry", "sad")]
    angry, sad = singer.sing(lines)
    assert high_share_db(angry.samples) > high_share_db(sad.samples) + 4
    assert abs(len(angry.samples) - len(sad.samples)) < 0.02 * SAMPLE_RATE
    for line, performance in zip(lines, (angry, sad), strict=True):
        assert np.mean(np.abs(np.concatenate(cents_off(line, performance))) <= 50) > 0.97
    assert singing_delivery(sung_line(emotion="tender", intensity=3, age="elderly")).breath < 0.5


def test_what_cannot_be_sung_is_refused(singer: EspeakSinging, sung_line: LineMaker) -> None:
    for text, language, named in (
        ("/la", "zh", "cannot say l"),
        ("/你", "en", "cannot say 你"),
        ("/psst", "en", "psst"),
    ):
        with pytest.raises(UnspeakableTextError, match=named):
            singer.sing([sung_line(text, language=language)])


def test_a_line_without_a_song_and_a_closed_engine_are_errors(
    singer: EspeakSinging, sung_line: LineMaker, speech_line: LineMaker
) -> None:
    with pytest.raises(ValueError, match="d1-t00-a0 has no song"):
        singer.sing([speech_line("Hello.")])
    with pytest.raises(RuntimeError, match="not open"):
        EspeakSinging().sing([sung_line()])


def test_the_fingerprint_is_a_digest(singer: EspeakSinging) -> None:
    assert len(singer.fingerprint) == 64
    assert singer.fingerprint == EspeakSinging().fingerprint
