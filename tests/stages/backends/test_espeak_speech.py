from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise, product
from math import log2
from typing import Any

import numpy as np
import pyloudnorm
import pytest

from schemas.errors import UnspeakableTextError
from schemas.script import EMOTIONS
from schemas.tags import TAGS
from schemas.take import SAMPLE_RATE, Line, Samples
from stages.backends.espeak_speech import (
    BASE_RATE_WPM,
    MOST_HASTE,
    EspeakSpeech,
    carrier_request,
    delivery_of,
    render,
)
from stages.backends.espeak_text import mandarin_text

LineMaker = Callable[..., Line]
Tracker = Callable[[Samples], Any]

ENGLISH = "My brother bought a small red car last week."
MANDARIN = "我弟弟上个星期买了一辆红色的小汽车。"
SHORT_LINES = {
    "en": ("Nobody told me about the dinner.", "We can meet at the station."),
    "zh": ("没有人告诉我吃饭的事。", "我们可以在车站见面。"),
}


def speak(engine: EspeakSpeech, line: Line) -> Samples:
    return engine.synthesize([line])[0].samples


def high_share_db(samples: Samples) -> float:
    """Energy of 1-5 kHz over that of 80-1000 Hz: the spectral slope as an ear would measure it."""
    power = np.abs(np.fft.rfft(samples / 32768.0)) ** 2
    hz = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)
    return float(10 * np.log10(power[(hz > 1000) & (hz < 5000)].sum() / power[(hz > 80) & (hz < 1000)].sum()))


def heard(samples: Samples, f0_hz: Any) -> dict[str, float]:
    """Level and range of f0 in semitones, duration in s, slope and loudness in dB, none from the engine's own books."""
    return {
        "level_st": 12 * log2(np.median(f0_hz)),
        "range_st": 12 * log2(np.percentile(f0_hz, 95) / np.percentile(f0_hz, 5)),
        "rate": -len(samples) / SAMPLE_RATE,
        "slope_db": high_share_db(samples),
        "loudness_db": pyloudnorm.Meter(SAMPLE_RATE).integrated_loudness(samples / 32768.0),
    }


@pytest.mark.parametrize(("spoken", "language"), [(ENGLISH, "en"), (MANDARIN, "zh")])
def test_a_line_sounds_the_same_in_any_company(
    engine: EspeakSpeech, speech_line: LineMaker, spoken: str, language: str
) -> None:
    line = speech_line(spoken, language=language)
    others = [speech_line("你好。", language="zh"), speech_line("Good morning!", emotion="happy")]
    fresh = EspeakSpeech()
    fresh.open()
    alone = fresh.synthesize([line])[0]
    fresh.close()
    for batch in ([*others, line], [line, *others], [others[0], line, others[1]]):
        performance = engine.synthesize(batch)[batch.index(line)]
        np.testing.assert_array_equal(performance.samples, alone.samples)
        assert performance.phones == alone.phones
    assert alone.rate_hz == SAMPLE_RATE
    assert alone.samples.dtype == np.int16


def test_another_attempt_is_another_take(engine: EspeakSpeech, speech_line: LineMaker, praat_f0: Tracker) -> None:
    first, second = (speak(engine, speech_line(ENGLISH, seed=seed)) for seed in (1, 2))
    assert len(first) != len(second)
    assert 0.9 < len(first) / len(second) < 1.1
    assert 0.02 < abs(12 * log2(np.median(praat_f0(first)) / np.median(praat_f0(second)))) < 2.0


def test_phones_cover_the_take_and_lie_where_they_sound(engine: EspeakSpeech, speech_line: LineMaker) -> None:
    performance = engine.synthesize([speech_line("Six cats, six dogs.")])[0]
    phones = performance.phones
    labels = [phone.label for phone in phones]
    assert labels == [
        "sil",
        *["s", "I", "k", "s", "k", "a", "t", "s", "sil", "s", "I", "k", "s", "d", "0", "g", "z"],
        "sil",
    ]
    assert phones[0].start_s == 0.0
    assert phones[-1].end_s == len(performance.samples) / SAMPLE_RATE
    for phone, after in pairwise(phones):
        assert phone.start_s < phone.end_s == after.start_s
    samples = performance.samples / 32768.0
    for phone in phones:
        part = samples[round(phone.start_s * SAMPLE_RATE) : round(phone.end_s * SAMPLE_RATE)]
        if phone.label == "s":
            assert np.mean(np.diff(np.sign(part)) != 0) > 0.2, phone  # hiss: many zero crossings
        elif phone.label in "Ia0":
            assert np.mean(np.diff(np.sign(part)) != 0) < 0.2, phone
        elif phone.label == "sil":
            middle = part[len(part) // 3 : -len(part) // 3]
            assert np.sqrt(np.mean(middle**2)) < 0.005, phone


@pytest.mark.parametrize("changes", [{}, {"style": "shout"}, {"emotion": "angry", "intensity": 3}, {"language": "zh"}])
def test_loudness_edges_and_peaks(engine: EspeakSpeech, speech_line: LineMaker, changes: dict[str, Any]) -> None:
    line = speech_line(MANDARIN if changes.get("language") == "zh" else ENGLISH, **changes)
    samples = speak(engine, line)
    assert np.abs(samples.astype(int)).max() <= 0.9 * 32767
    if not {"style", "emotion"} & set(changes):
        loudness = pyloudnorm.Meter(SAMPLE_RATE).integrated_loudness(samples / 32768.0)
        assert loudness == pytest.approx(-23.0, abs=1.3)  # three deviations of chance
    loud = np.flatnonzero(np.abs(samples.astype(int)) > 300)
    assert 0.15 < loud[0] / SAMPLE_RATE < 0.4
    assert 0.15 < (len(samples) - loud[-1]) / SAMPLE_RATE < 0.4


@pytest.mark.parametrize("spoken", ["Oh.", "Mm-hm.", "No!"])
def test_the_shortest_lines_are_loud_enough(engine: EspeakSpeech, speech_line: LineMaker, spoken: str) -> None:
    samples = speak(engine, speech_line(spoken))
    assert 0.5 < len(samples) / SAMPLE_RATE < 1.5
    assert 3000 < np.abs(samples.astype(int)).max() < 30000


def test_the_voice_lies_where_it_was_designed(engine: EspeakSpeech, speech_line: LineMaker, praat_f0: Tracker) -> None:
    for gender, age in (("male", "elderly"), ("female", "youth"), ("female", "child")):
        line = speech_line(ENGLISH, gender=gender, age=age)
        measured_hz = float(np.median(praat_f0(speak(engine, line))))
        assert abs(12 * log2(measured_hz / line.voice.traits["f0_hz"])) < 1.5, (gender, age)


DIRECTIONS = {
    # Signs against neutral, Juslin & Laukka 2003 and Scherer 2003 (see tables/delivery.toml).
    "happy": {"level_st": 1, "range_st": 1, "rate": 1, "slope_db": 1, "loudness_db": 1},
    "excited": {"level_st": 1, "range_st": 1, "rate": 1, "slope_db": 1, "loudness_db": 1},
    "sad": {"level_st": -1, "range_st": -1, "rate": -1, "slope_db": -1, "loudness_db": -1},
    "angry": {"level_st": 1, "range_st": 1, "rate": 1, "slope_db": 1, "loudness_db": 1},
    "fearful": {"level_st": 1, "range_st": -1, "rate": 1},
    "surprised": {"level_st": 1, "range_st": 1},
    "tender": {"level_st": -1, "range_st": -1, "rate": -1, "slope_db": -1, "loudness_db": -1},
    "contemptuous": {"level_st": -1, "rate": -1},
    "tired": {"level_st": -1, "range_st": -1, "rate": -1, "slope_db": -1, "loudness_db": -1},
}


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("emotion", EMOTIONS[1:])
def test_emotions_go_their_way_and_further_with_intensity(
    engine: EspeakSpeech, speech_line: LineMaker, praat_f0: Tracker, emotion: str, language: str
) -> None:
    takes: dict[int, list[dict[str, float]]] = {0: [], 1: [], 2: [], 3: []}
    for spoken, intensity in product(SHORT_LINES[language], takes):
        how = {"emotion": emotion, "intensity": intensity} if intensity else {}
        samples = speak(engine, speech_line(spoken, language=language, gender="male", **how))
        takes[intensity].append(heard(samples, praat_f0(samples)))
    for name, sign in DIRECTIONS[emotion].items():
        means = [sign * np.mean([measures[name] for measures in takes[intensity]]) for intensity in takes]
        # Two lines are too few for the steps of f0 range, the least steady measure (bench_expression has many).
        steps = np.subtract(means[1:], means[0]) if name == "range_st" else np.diff(means)
        assert (steps > 0).all(), (name, means)


@pytest.mark.parametrize(("spoken", "language"), [(ENGLISH, "en"), (MANDARIN, "zh")])
def test_pace_changes_the_duration(engine: EspeakSpeech, speech_line: LineMaker, spoken: str, language: str) -> None:
    slow, normal, fast = (
        len(speak(engine, speech_line(spoken, language=language, turn_pace=pace)))
        for pace in ("slow", "normal", "fast")
    )
    assert slow / normal > 1.12
    assert fast / normal < 0.9


def test_a_whisper_has_no_voice_and_a_shout_has_more(
    engine: EspeakSpeech, speech_line: LineMaker, praat_f0: Tracker
) -> None:
    plain, whisper, shout = (speak(engine, speech_line(ENGLISH, style=s)) for s in ("plain", "whisper", "shout"))
    voiced = [len(praat_f0(samples)) / len(samples) for samples in (plain, whisper)]
    assert voiced[1] < 0.15 * voiced[0]
    raised, level = heard(shout, praat_f0(shout)), heard(plain, praat_f0(plain))
    assert raised["level_st"] > level["level_st"] + 4
    assert raised["slope_db"] > level["slope_db"] + 2
    assert raised["loudness_db"] > level["loudness_db"] + 1.5


@pytest.mark.parametrize(
    ("words", "language", "marks"), [("You bought a red car", "en", ".?"), ("他买了一辆小汽车", "zh", "。？")]
)
def test_questions_rise_and_statements_fall(
    engine: EspeakSpeech, speech_line: LineMaker, praat_f0: Tracker, words: str, language: str, marks: str
) -> None:
    endings_st = []
    for mark in marks:
        f0_hz = praat_f0(speak(engine, speech_line(words + mark, language=language)))
        endings_st.append(12 * log2(np.median(f0_hz[-10:]) / np.median(f0_hz)))
    statement, question = endings_st
    assert question > statement + 2
    if language == "en":
        assert question > 1
        assert statement < -1


def test_a_test_can_say_something_wrong_on_purpose(engine: EspeakSpeech, speech_line: LineMaker) -> None:
    line = speech_line("我们银行见。", language="zh")
    request = carrier_request(line)
    assert request.text == "wo3 men5 yin2 hang2 jian4."
    wrong = replace(request, text=mandarin_text(("wo3", "men5", "yin2", "xing2", "jian4", ".")))
    labels = [span.label for span in render(line, engine.speak(wrong)).phones]
    assert labels == ["sil", "w", "o", "m", "@", "n", "j", "i", "n", "S;", "i", "N", "tS;", "iE", "n", "sil"]


def test_what_cannot_be_said_is_an_error(engine: EspeakSpeech, speech_line: LineMaker) -> None:
    with pytest.raises(UnspeakableTextError, match="a Mandarin voice cannot say O in: OK吧"):
        engine.synthesize([speech_line("OK吧", language="zh")])


def test_the_fingerprint_is_stable(engine: EspeakSpeech) -> None:
    assert engine.fingerprint == EspeakSpeech().fingerprint
    assert len(engine.fingerprint) == 64
    assert EspeakSpeech.name == "espeak-world"


def test_haste_never_outruns_the_ear(engine: EspeakSpeech, speech_line: LineMaker) -> None:
    hurried = {"emotion": "excited", "turn_pace": "fast", "age": "youth", "pace": "fast"}
    rates = [
        carrier_request(speech_line(ENGLISH, intensity=intensity, **hurried)).rate_wpm / BASE_RATE_WPM["en"]
        for intensity in (1, 2, 3)
    ]
    assert rates[0] < rates[1] < rates[2] < MOST_HASTE


def test_mandarin_is_as_quick_as_people(engine: EspeakSpeech, speech_line: LineMaker) -> None:
    seconds = [
        len(speak(engine, speech_line(MANDARIN, language="zh", character_id=f"zh-c{n:05d}"))) / SAMPLE_RATE - 0.4
        for n in range(4)
    ]
    assert 4.0 < 17 / float(np.mean(seconds)) < 5.5  # syllables a second


def test_a_text_is_taken_alike_in_all_takes(engine: EspeakSpeech, speech_line: LineMaker) -> None:
    first, second = (delivery_of(speech_line(ENGLISH, seed=seed)) for seed in (1, 2))
    other = delivery_of(speech_line("We can meet at the station.", seed=1))
    assert first.arch_st == second.arch_st != other.arch_st
    assert first.level_st != second.level_st


def test_all_tags_are_performed_as_they_are_written() -> None:
    assert EspeakSpeech.tags == {tag: tag for tag in TAGS}
