from dataclasses import replace

import numpy as np
import pytest

from schemas.score import Note, Score, Song, lyric
from schemas.script import Character, Language, Turn
from schemas.seeds import generator
from schemas.take import SAMPLE_RATE, Line, Take, Voice
from stages.backends.espeak_singing import EspeakSinging
from stages.backends.espeak_speech import EspeakSpeech
from stages.backends.song_variants import hummed
from stages.normalize_text import normalize
from stages.received_audio import resampled
from stages.score_singing import ScoreSinging
from trainer.sung_faults import (
    cut_short,
    late,
    phrase_missing,
    plain_sine,
    same_vowel,
    scattered,
    semitone_off,
    short_semitone_off,
    wrong_lyrics,
)

WORDS = {
    "en": "the moon is on the hill and we will sing a-gain to-night".replace("-", "- ").split(),
    "zh": list("月亮照在山坡上我们今晚再唱歌"),
}


def make_line(language: Language = "en", hums: bool = False, lines: int = 2) -> Line:
    """Four bars of 4/4 at 120 bpm: in each, four sixteenths and three beats, a breath every other bar."""
    beats, pitches = [0.25] * 4 + [1.0] * 3, [60, 62, 64, 65, 67, 65, 62]
    notes, onset = [], 0.0
    for index in range(28):
        bar, place = divmod(index, 7)
        syllable = WORDS[language][(index - index // 7) % len(WORDS[language])].rstrip("-")
        slur = place == 6
        breath = index > 0 and place == 0 and bar % (4 // lines) == 0
        notes.append(
            Note(
                midi=pitches[place],
                onset_beats=onset,
                duration_beats=beats[place],
                syllable="" if slur else syllable,
                slur=slur,
                breath=breath,
            )
        )
        onset += beats[place]
    score = Score(tempo_bpm=120, tonic="C", notes=tuple(notes))
    song = Song(song_id="s", title="", origin="generated", source="", licence="CC0-1.0", score=score)
    if hums:
        song = hummed(song, language)
    text = lyric(song.score)
    singer = Character(
        character_id="c1", name="Ann", language=language, age="youth", gender="female", identity="", personality="",
        temperament="", timbre="", pace="normal",
    )  # fmt: skip
    turn = Turn(role="assistant", text=text, intent="sing", song=song)
    voice = Voice("c1", "test", {})
    return Line("d1", 1, 0, 7, "singing", language, turn, normalize(text, language), singer, voice)


def notes_of(line: Line | None) -> tuple[Note, ...]:
    assert line is not None
    assert line.turn.song is not None
    assert line.turn.text == lyric(line.turn.song.score)
    assert line.spoken == normalize(line.turn.text, line.language)
    return line.turn.song.score.notes


def changes(line: Line, other: Line | None) -> list[tuple[int, int]]:
    """Place and semitones of the notes that differ, which differ in pitch only."""
    pairs = list(enumerate(zip(notes_of(line), notes_of(other), strict=True)))
    assert all(one.model_copy(update={"midi": two.midi}) == two for _, (one, two) in pairs)
    return [(i, two.midi - one.midi) for i, (one, two) in pairs if one.midi != two.midi]


def test_one_note_of_every_bar_is_a_semitone_off() -> None:
    line = make_line()
    changed = changes(line, semitone_off(line, generator("a")))
    assert [place // 7 for place, _ in changed] == [0, 1, 2, 3]
    assert {semitones for _, semitones in changed} == {-1, 1}


def test_or_one_short_note_of_every_bar() -> None:
    line = make_line()
    changed = changes(line, short_semitone_off(line, generator("a")))
    assert [place // 7 for place, _ in changed] == [0, 1, 2, 3]
    assert all(place % 7 < 4 for place, _ in changed)
    slow = line.turn.song.score.model_copy(update={"tempo_bpm": 60.0})  # type: ignore[union-attr]
    song = line.turn.song.model_copy(update={"score": slow})  # type: ignore[union-attr]
    assert short_semitone_off(replace(line, turn=line.turn.model_copy(update={"song": song})), generator("a")) is None


def test_all_notes_a_tenth_of_a_second_late() -> None:
    line = make_line()
    moves = [
        two.onset_beats - one.onset_beats
        for one, two in zip(notes_of(line), notes_of(late(line, generator("a"))), strict=True)
    ]
    assert np.array(moves) * 0.5 == pytest.approx(0.1)
    assert [n.midi for n in notes_of(late(line, generator("a")))] == [n.midi for n in notes_of(line)]


def test_onsets_are_scattered_and_the_notes_before_end_with_them() -> None:
    line = make_line()
    before, after = notes_of(line), notes_of(scattered(line, generator("a")))
    moves_s = [0.5 * (two.onset_beats - one.onset_beats) for one, two in zip(before, after, strict=True)]
    assert moves_s[0] == 0.0
    assert {move < 0 for move in moves_s[1:]} == {True, False}
    assert max(map(abs, moves_s)) == pytest.approx(0.08, abs=0.002)
    assert after[-1].end_beats == before[-1].end_beats
    assert [note.midi for note in after] == [note.midi for note in before]


def test_syllables_are_let_go_of_after_half_their_last_note() -> None:
    line = make_line()
    before, after = notes_of(line), notes_of(cut_short(line, generator("a")))
    assert [note.onset_beats for note in after] == [note.onset_beats for note in before]
    held = [note.slur for note in before[1:]] + [False]
    for one, two, goes_on in zip(before, after, held, strict=True):
        assert two.duration_beats == pytest.approx(one.duration_beats * (1 if goes_on else 0.5))


@pytest.mark.parametrize("lines", [1, 2, 4])
def test_a_phrase_is_missing_and_the_others_stay(lines: int) -> None:
    line = make_line(lines=lines)
    kept = notes_of(phrase_missing(line, generator("a")))
    assert set(kept) < set(notes_of(line))
    assert len(kept) == pytest.approx(28 * (1 - 1 / max(2, lines)), abs=1)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_other_words_to_the_same_melody(language: Language) -> None:
    line = make_line(language)
    wrong, vowel = notes_of(wrong_lyrics(line, generator("a"))), notes_of(same_vowel(line, generator("a")))
    for notes in (wrong, vowel):
        assert [(n.midi, n.onset_beats, n.slur) for n in notes] == [
            (n.midi, n.onset_beats, n.slur) for n in notes_of(line)
        ]
    assert sum(one.syllable == two.syllable for one, two in zip(wrong, notes_of(line), strict=True)) < 12
    assert {n.syllable for n in vowel} == {"", "ah" if language == "en" else "啊"}


def test_humming_has_no_words_to_get_wrong() -> None:
    line = make_line("zh", hums=True)
    assert wrong_lyrics(line, generator("a")) is None
    assert same_vowel(line, generator("a")) is None
    assert len(changes(line, semitone_off(line, generator("a")))) == 4


def test_a_sine_has_the_melody_and_one_partial() -> None:
    performance = plain_sine(make_line())
    assert performance.score_start_s == 0.3
    assert len(performance.samples) == round(8.6 * SAMPLE_RATE)
    held = performance.samples[round(0.9 * SAMPLE_RATE) : round(1.2 * SAMPLE_RATE)]  # the fifth note, G4
    spectrum = np.abs(np.fft.rfft(held * np.hanning(len(held)))) ** 2
    assert spectrum.argmax() * SAMPLE_RATE / len(held) == pytest.approx(392, abs=4)
    near = slice(spectrum.argmax() - 3, spectrum.argmax() + 4)
    assert spectrum[near].sum() > 0.999 * spectrum.sum()


def test_the_real_singer_is_heard_right_and_wrong() -> None:
    line = make_line()
    line = replace(line, voice=EspeakSpeech().design(line.character))
    faults = {"semitone": semitone_off, "short": short_semitone_off, "late": late, "phrase": phrase_missing}
    wrong = [fault(line, generator(name)) for name, fault in faults.items()]
    singer = EspeakSinging()
    singer.open()
    performed = singer.sing([line, *(other for other in wrong if other is not None)])
    singer.close()
    takes = [Take(line, resampled(p), p.rate_hz, p.phones, score_start_s=p.score_start_s) for p in performed]
    good, semitone, short, moved, phrase = (take.measures for take in ScoreSinging().process(takes))
    assert good.worst_note_cents < 30
    assert good.wrong_note_share == 0.0
    assert abs(good.onset_shift_s) < 0.01
    assert good.voicing_recall > 0.97
    assert good.voicing_false_alarm < 0.05
    assert semitone.worst_note_cents > 60 or semitone.wrong_note_share >= 4 / 28
    assert short.wrong_note_share >= 3 / 28
    assert moved.onset_shift_s == pytest.approx(0.1, abs=0.01)
    assert phrase.worst_note_cents == 1200.0
    assert phrase.voicing_recall < 0.7
