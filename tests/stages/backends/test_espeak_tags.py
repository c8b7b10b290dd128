from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from schemas.seeds import generator
from schemas.tags import TAGS, Tag
from schemas.take import SAMPLE_RATE, Line, Samples
from stages.backends.espeak_carrier import Carrier, CarrierPhone
from stages.backends.espeak_speech import EspeakSpeech
from stages.backends.espeak_tags import joined, sound_carrier, trimmed

LineMaker = Callable[..., Line]
Tracker = Callable[[Samples], Any]
SEEDS = range(1, 7)
WORDS = {"en": ("Well, that is a story.", "I believe it."), "zh": ("这真有意思。", "我相信你。")}


def tagged_line(make: LineMaker, tag: Tag, seed: int, language: str = "en", **changes: Any) -> Line:
    first, second = WORDS[language]
    line = make(first + " " * (language == "en") + second, seed=seed, language=language, **changes)
    return replace(line, tagged=f"{first} {tag} {second}")


def sounds(engine: EspeakSpeech, line: Line, tag: Tag) -> list[Samples]:
    performance = engine.synthesize([line])[0]
    spans = [span for span in performance.phones if span.label == tag]
    return [performance.samples[_place(span.start_s) : _place(span.end_s)] for span in spans]


def _place(time_s: float) -> int:
    return round(time_s * SAMPLE_RATE)


def level_db(samples: Samples) -> float:
    return float(10 * np.log10(np.mean((samples / 32768.0) ** 2)))


def syllable_rate_hz(samples: Samples) -> float:
    """Frequency of the strongest modulation of the energy between 2.5 and 12 Hz."""
    power = np.convolve((samples / 32768.0) ** 2, np.ones(480) / 480, mode="same")[::240]
    spectrum = np.abs(np.fft.rfft((power - power.mean()) * np.hanning(len(power)), 2048))
    hz = np.fft.rfftfreq(2048, 0.01)
    inside = (hz > 2.5) & (hz < 12)
    return float(hz[inside][spectrum[inside].argmax()])


def voiced_share(track: Tracker, samples: Samples) -> float:
    return len(track(samples)) * 0.005 * SAMPLE_RATE / len(samples)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("tag", TAGS)
def test_each_tag_is_one_span_among_the_words(
    engine: EspeakSpeech, speech_line: LineMaker, tag: Tag, language: str
) -> None:
    line = tagged_line(speech_line, tag, 1, language)
    phones = engine.synthesize([line])[0].phones
    plain = engine.synthesize([replace(line, tagged="")])[0].phones
    labels = [phone.label for phone in phones]
    assert labels.count(tag) == 1
    assert 0 < labels.index(tag) < len(labels) - 1
    assert [label for label in labels if label not in ("sil", tag)] == [p.label for p in plain if p.label != "sil"]
    assert all(one.end_s == pytest.approx(other.start_s) for one, other in pairwise(phones))


def test_tags_first_last_and_twice(engine: EspeakSpeech, speech_line: LineMaker) -> None:
    line = replace(speech_line("Yes."), tagged="[cough] [sigh] Yes. [laugh] [laugh]")
    shown = [p.label for p in engine.synthesize([line])[0].phones]
    assert [label for label in shown if label != "sil"] == ["[cough]", "[sigh]", "j", "E", "s", "[laugh]", "[laugh]"]


def test_a_laugh_comes_in_syllables_and_falls(engine: EspeakSpeech, speech_line: LineMaker, praat_f0: Tracker) -> None:
    laughs = [sound for seed in SEEDS for sound in sounds(engine, tagged_line(speech_line, "[laugh]", seed), "[laugh]")]
    assert len(laughs) == len(SEEDS)
    assert all(4.0 < syllable_rate_hz(laugh) < 6.2 for laugh in laughs)
    for laugh in laughs:
        f0_hz = praat_f0(laugh)
        assert 0.3 < voiced_share(praat_f0, laugh) < 0.8
        assert np.median(f0_hz[: len(f0_hz) // 3]) > np.median(f0_hz[-len(f0_hz) // 3 :])
    assert len({len(laugh) for laugh in laughs}) == len(SEEDS)


def test_a_laugh_has_the_voice_of_its_character(
    engine: EspeakSpeech, speech_line: LineMaker, praat_f0: Tracker
) -> None:
    for gender, age in (("male", "middle-aged"), ("female", "youth"), ("female", "child")):
        line = tagged_line(speech_line, "[laugh]", 2, gender=gender, age=age)
        laugh_hz = np.median(praat_f0(sounds(engine, line, "[laugh]")[0]))
        assert -2.0 < 12 * np.log2(laugh_hz / line.voice.traits["f0_hz"]) < 9.0


def test_a_sigh_and_a_breath_are_unvoiced_and_go_opposite_ways(
    engine: EspeakSpeech, speech_line: LineMaker, praat_f0: Tracker
) -> None:
    for seed in SEEDS:
        sigh = sounds(engine, tagged_line(speech_line, "[sigh]", seed), "[sigh]")[0]
        breath = sounds(engine, tagged_line(speech_line, "[breath]", seed), "[breath]")[0]
        assert voiced_share(praat_f0, sigh) < 0.05
        assert voiced_share(praat_f0, breath) < 0.05
        parts = np.array_split(sigh, 4)
        assert level_db(parts[1]) > level_db(parts[2]) > level_db(parts[3]) + 3
        assert level_db(np.array_split(breath, 3)[0]) < level_db(np.array_split(breath, 3)[2]) - 3
        assert len(sigh) > 1.4 * len(breath)


def test_a_cough_bursts_and_a_hum_is_a_steady_low_voice(
    engine: EspeakSpeech, speech_line: LineMaker, praat_f0: Tracker
) -> None:
    for seed in SEEDS:
        cough = sounds(engine, tagged_line(speech_line, "[cough]", seed), "[cough]")[0]
        assert level_db(cough[: _place(0.05)]) > level_db(cough) + 2
        hum = sounds(engine, tagged_line(speech_line, "[hum]", seed), "[hum]")[0]
        assert voiced_share(praat_f0, hum) > 0.85
        power = np.abs(np.fft.rfft(hum / 32768.0)) ** 2
        hz = np.fft.rfftfreq(len(hum), 1 / SAMPLE_RATE)
        assert power[hz < 800].sum() > 10 * power[(hz > 800) & (hz < 8000)].sum()


def test_a_whispered_laugh_has_no_voice(engine: EspeakSpeech, speech_line: LineMaker, praat_f0: Tracker) -> None:
    laugh = sounds(engine, tagged_line(speech_line, "[laugh]", 3, style="whisper"), "[laugh]")[0]
    assert voiced_share(praat_f0, laugh) < 0.1


def test_a_sound_has_its_level_against_the_words() -> None:
    carrier = sound_carrier("[cough]", 0.01, 22050, generator(1))
    first, last = carrier.phones[1].start_s, carrier.phones[-2].end_s
    sound = carrier.samples[round(first * 22050) : round(last * 22050)]
    assert 10 * np.log10(np.mean(sound**2) / 0.01) == pytest.approx(1.0, abs=0.1)
    assert {phone.tag for phone in carrier.phones[1:-1]} == {"[cough]"}
    assert carrier.phones[-1].end_s == pytest.approx(len(carrier.samples) / 22050, abs=1e-3)


def test_joining_leaves_no_gap_and_merges_silence() -> None:
    one = Carrier(np.zeros(100), 100, (CarrierPhone("a", 0.1, 0.6), CarrierPhone("sil", 0.6, 1.0)), False)
    other = Carrier(np.zeros(100), 100, (CarrierPhone("sil", 0.0, 0.2), CarrierPhone("b", 0.2, 1.0)), False)
    both = joined([one, other])
    assert [(p.label, p.start_s, p.end_s) for p in both.phones] == [("a", 0.1, 0.6), ("sil", 0.6, 1.2), ("b", 1.2, 2.0)]
    assert len(both.samples) == 200
    short = trimmed(one)
    assert (short.phones, len(short.samples)) == (one.phones[:1], 60)
    again = joined([short, one])
    assert [(p.label, p.end_s) for p in again.phones] == [("a", 0.7), ("a", pytest.approx(1.2)), ("sil", 1.6)]
