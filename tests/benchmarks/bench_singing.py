"""How well the embedded singer sings, and what the gate catches: `python -m tests.benchmarks singing`.

Songs of the songbook and generated ones, sung by characters of all ages and genders in three keys each, under seeds
that nothing was tuned or calibrated on. Pitch and onsets are those of the gate, which knows neither the engine nor its
f0; only the kind of consonant before a vowel is read from the engine's phones. Takes are judged by the limits of the
embedded profile, as in `perform`.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial

import numpy as np

from schemas.limits import Limits, load_limits
from schemas.score import HIGHEST_MIDI, LOWEST_MIDI, Song, lyric
from schemas.script import LANGUAGES, MANNERS, Language, Turn
from schemas.seeds import derive_seed, generator
from schemas.take import Line, SungNote, Take
from stages.backends.dnsmos_quality import DnsmosQuality
from stages.backends.espeak_singing import EspeakSinging
from stages.backends.espeak_speech import EspeakSpeech
from stages.backends.phone_transcriber import PhoneTranscriber
from stages.backends.protocols import Hearing, Performance
from stages.backends.repertoire import song_ids, song_of
from stages.backends.singer_syllables import SONORANTS
from stages.backends.song_variants import for_singer, hummed, transposed
from stages.backends.speaker_encoder import SpeakerNetEncoder
from stages.cast_voices import heard_once
from stages.judge import judge_line
from stages.normalize_text import normalize
from stages.received_audio import resampled
from stages.score_quality import ScoreQuality
from stages.score_singing import ScoreSinging
from stages.score_speaker import ScoreSpeaker
from stages.sung_pitch import UNHEARD_CENTS
from stages.transcribe import Transcribe
from tests.benchmarks.bench_expression import bench_character
from tests.benchmarks.bench_recognizer import error_rate
from tests.benchmarks.bench_speech import children_cpu_s
from trainer.sung_faults import FAULTS, plain_sine

NAMESPACE = "bench singing"
SONGS = 8
"""Of each language, spread evenly over REPERTOIRE songs, of which those of the songbook come first."""
REPERTOIRE = 40
KEYS = (-3, 0, 3)
WIDE_KEYS = (-12, 12)
"""Semitones from a key that lies well for the singer."""
NEAR_S = 0.02
"""The engine's vowel that begins so near a note is the note's."""

Change = Callable[[Song, Language], Song]


def as_written(song: Song, language: Language) -> Song:
    return song


class Stand:
    """The singer, the speech engine that designs voices, and all ears, opened once."""

    def __init__(self) -> None:
        self.singer, self.speech = EspeakSinging(), EspeakSpeech()
        ears = Transcribe(PhoneTranscriber()), ScoreQuality(DnsmosQuality()), ScoreSpeaker(SpeakerNetEncoder())
        self.ears = (*ears, ScoreSinging())
        self.voice = cache(partial(heard_once, self.speech))

    def open(self) -> None:
        for part in (self.singer, self.speech, *self.ears):
            part.open()

    def close(self) -> None:
        for part in (self.singer, self.speech, *self.ears):
            part.close()

    def line(self, language: Language, index: int, change: Change = as_written) -> Line:
        """A song of the bench, changed, in a key of its singer's."""
        ids = song_ids(language, REPERTOIRE, derive_seed(NAMESPACE))
        song_id = ids[round(index * (len(ids) - 1) / (SONGS - 1))]
        character = bench_character(NAMESPACE, index, language)
        song = for_singer(song_of(song_id, language), character, generator(NAMESPACE, song_id))
        song = change(song, language)
        text = lyric(song.score)
        turn = Turn(role="assistant", text=text, intent="sing", song=song)
        name, seed = f"{NAMESPACE} {song_id}", derive_seed(NAMESPACE, song_id, song.score.model_dump_json())
        spoken = normalize(text, language)
        return Line(name, 1, 0, seed, "singing", language, turn, spoken, character, self.voice(character))

    def lines(self, change: Change = as_written) -> list[Line]:
        return [self.line(language, index, change) for language in LANGUAGES for index in range(SONGS)]

    def sung(self, lines: Sequence[Line]) -> list[Take]:
        return self.heard(zip(lines, self.singer.sing(lines), strict=True))

    def heard(self, performed: Iterable[tuple[Line, Performance]]) -> list[Take]:
        """The takes as the pipeline's ears hear them; each is judged as its line."""
        takes = takes_of(performed)
        for ear in self.ears:
            takes = list(ear.process(takes))
        return takes


def in_key(semitones: int) -> Change:
    """The song so many semitones up, as far as a score may go."""

    def moved(song: Song, language: Language) -> Song:
        pitches = [note.midi for note in song.score.notes]
        room = max(LOWEST_MIDI - min(pitches), min(HIGHEST_MIDI - max(pitches), semitones))
        return song.model_copy(update={"score": transposed(song.score, room)})

    return moved


def twice_as_fast(song: Song, language: Language) -> Song:
    return song.model_copy(update={"score": song.score.model_copy(update={"tempo_bpm": 2 * song.score.tempo_bpm})})


def takes_of(performed: Iterable[tuple[Line, Performance]]) -> list[Take]:
    """Each performance as a take of its line, whatever was sung."""
    return [Take(line, resampled(p), p.rate_hz, p.phones, score_start_s=p.score_start_s) for line, p in performed]


def length_s(takes: Sequence[Take]) -> float:
    return sum(take.duration_s for take in takes)


def column(takes: Sequence[Take], measure: str) -> list[float]:
    return [getattr(take.measures, measure) for take in takes]


def row(name: str, *figures: float, form: str = "8.3f") -> None:
    print(f"{name:56}" + "".join(f"{figure:{form}}" for figure in figures), flush=True)


def note_errors_cents(takes: Sequence[Take]) -> list[float]:
    errors = (note.pitch_error_cents for take in takes for note in take.notes)
    return [UNHEARD_CENTS if error is None else abs(error) for error in errors]


def follows_sonorant(take: Take, note: SungNote) -> bool:
    """Whether the engine has a sonorant before the vowel of a note."""
    places = [i for i, phone in enumerate(take.phones) if abs(phone.start_s - note.start_s) < NEAR_S]
    return bool(places) and places[0] > 0 and take.phones[places[0] - 1].label in SONORANTS


def report_pitch(takes: Sequence[Take]) -> None:
    accuracy, chroma = column(takes, "raw_pitch_accuracy"), column(takes, "raw_chroma_accuracy")
    row("raw pitch accuracy, median / worst take", np.median(accuracy), min(accuracy))
    row(
        "raw chroma - raw pitch accuracy, mean / worst",
        np.mean(chroma) - np.mean(accuracy),
        max(np.subtract(chroma, accuracy)),
    )
    row(
        "note-centre error, median / 95th percentile, cents",
        *np.percentile(note_errors_cents(takes), (50, 95)),
        form="8.1f",
    )
    for name in ("voicing_recall", "voicing_false_alarm", "f0_rmse_cents", "worst_note_cents", "wrong_note_share"):
        row(
            f"{name}, mean / min / max",
            np.mean(column(takes, name)),
            min(column(takes, name)),
            max(column(takes, name)),
        )


def report_onsets(takes: Sequence[Take]) -> None:
    groups: dict[bool, list[float | None]] = {False: [], True: []}
    for take in takes:
        for note in take.notes:
            if not note.slur:
                groups[follows_sonorant(take, note)].append(note.onset_error_s)
    for sonorant, errors in groups.items():
        heard_ms = np.array([1000 * error for error in errors if error is not None])
        name = f"vowel onset after {'sonorants' if sonorant else 'obstruents and none'}, ms"
        row(f"{name}: median / 95th percentile", *np.percentile(np.abs(heard_ms), (50, 95)), form="8.1f")
        row(
            "  signed median / share heard / onsets",
            np.median(heard_ms),
            len(heard_ms) / len(errors),
            len(errors),
            form="8.2f",
        )


def report_words(takes: Sequence[Take]) -> None:
    for language in LANGUAGES:
        own = [take for take in takes if take.line.language == language]
        rate = error_rate([Hearing(take.hypothesis, take.reference, 0.0, 0.0) for take in own], tones=False)
        row(f"phone error rate without tones, {language}", rate)
        row(
            f"gap / worst gap / DNSMOS OVRL, medians, {language}",
            *(np.median(column(own, m)) for m in ("gap", "worst_gap", "dnsmos_ovrl")),
        )


def report_verdicts(name: str, takes: Sequence[Take], limits: Limits, rejected: bool = False) -> None:
    """Share of the takes that are accepted, or rejected, at the first attempt, and the limits they miss; by manner."""
    for manner in MANNERS:
        verdicts = [judge_line(t.line, t.measures, limits) for t in takes if t.line.turn.manner == manner]
        if verdicts:
            missed = Counter(miss.measure for verdict in verdicts for miss in verdict.misses)
            share = np.mean([verdict.accepted != rejected for verdict in verdicts])
            row(f"{name}, {manner}: {'caught' if rejected else 'accepted'}, of takes", share, len(verdicts))
            print("  " + ", ".join(f"{measure} {count}" for measure, count in missed.most_common()))


def report_faults(stand: Stand, lines: Sequence[Line], limits: Limits) -> None:
    """Share of each fault that the gate rejects, by manner."""
    for name, fault in FAULTS.items():
        wrong = [(line, fault(line, generator(name, line.dialogue_id))) for line in lines]
        sung = [(line, stand.singer.sing([other])[0]) for line, other in wrong if other is not None]
        report_verdicts(name, stand.heard(sung), limits, rejected=True)
    sines = stand.heard((line, plain_sine(line)) for line in lines)
    report_verdicts("a plain sine", sines, limits, rejected=True)


def report_cost(stand: Stand, lines: Sequence[Line]) -> None:
    """CPU seconds per second of song on one core: the singer with its helper, and the gate."""
    children_s, singer = children_cpu_s(), EspeakSinging()
    singer.open()
    singer.sing(lines[:1])
    start_s = time.process_time()
    performed = singer.sing(lines)
    own_s = time.process_time() - start_s
    singer.close()  # the helper's time is known once it has ended
    spent_s = own_s + children_cpu_s() - children_s
    takes = takes_of(zip(lines, performed, strict=True))
    start_s = time.process_time()
    ScoreSinging().process(takes)
    row("real-time factor of the singer, one core", spent_s / length_s(takes), form="8.4f")
    row("real-time factor of the gate, one core", (time.process_time() - start_s) / length_s(takes), form="8.4f")


def main() -> None:
    stand, limits = Stand(), load_limits("embedded")
    stand.open()
    takes = [take for key in KEYS for take in stand.sung(stand.lines(in_key(key)))]
    print(f"{SONGS} songs in each of {len(LANGUAGES)} languages and {len(KEYS)} keys, {length_s(takes):.0f} s")
    report_pitch(takes)
    report_onsets(takes)
    report_words(takes)
    changes = {f"{key:+d} semitones": in_key(key) for key in WIDE_KEYS} | {"tempo x 2": twice_as_fast}
    for name, change in changes.items():
        lines = stand.lines(change)
        scored = ScoreSinging().process(takes_of(zip(lines, stand.singer.sing(lines), strict=True)))
        accuracy = column(scored, "raw_pitch_accuracy")
        row(f"raw pitch accuracy, {name}, median / worst take", np.median(accuracy), min(accuracy))
    lines, humming = stand.lines(), stand.lines(hummed)
    report_verdicts("first attempt", [*takes, *stand.sung(humming)], limits)
    report_faults(stand, [*lines, *humming], limits)
    report_cost(stand, lines[:4])
    stand.close()


if __name__ == "__main__":
    main()
