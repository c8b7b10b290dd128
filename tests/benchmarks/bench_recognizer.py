"""How well the embedded ears hear unseen texts, by voices they know and by others.

`python -m tests.benchmarks recognizer`.

A clip is kept when neither its gap nor its worst gap lies above its limit. Both limits stand at one quantile of clean
clips of the namespace "recognizer limits", for each language; once where 95 % of these are kept, and once as wide as
95 % of each of their corruptions can still be caught. What they do is measured on clips of other namespaces.
"""

import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from sklearn.metrics import roc_auc_score

from schemas.phones import ARPABET, FINALS, INITIALS, TONES
from schemas.script import LANGUAGES, Language, Style
from schemas.seeds import generator
from schemas.take import SAMPLE_RATE
from stages.backends.espeak_speech import EspeakSpeech
from stages.backends.phone_transcriber import PhoneTranscriber, compare
from stages.backends.protocols import Hearing
from stages.backends.reference_phones import nearest_readings
from trainer import recognizer
from trainer.clips import CLIPS_A_VOICE, Clip, make_clips, practice_character, practice_line
from trainer.faults import CUTS, FAULTS, faulty_clips
from trainer.sung_clips import make_sung_clips

CLEAN_CLIPS = 240
STYLE_CLIPS = 60
SONGS = 60
FAULTY_CLIPS = 60
KEPT = 0.95
CAUGHT = 0.95
WRONG_PHONES = 0.12
KINDS = (ARPABET, INITIALS, FINALS, TONES)
POLYPHONES = "wrong reading of a polyphone"

Heard = tuple[Clip, Hearing]


@dataclass(frozen=True)
class Limits:
    gap: float
    worst_gap: float

    def keeps(self, hearing: Hearing) -> bool:
        return _number(hearing.gap) <= self.gap and _number(hearing.worst_gap) <= self.worst_gap

    def share_kept(self, heard: Sequence[Heard]) -> float:
        return float(np.mean([self.keeps(hearing) for _, hearing in heard]))


def _number(value: float | None) -> float:
    assert value is not None
    return value


def listen(ears: PhoneTranscriber, clips: Iterable[Clip]) -> list[Heard]:
    return [(clip, hear(ears, clip)) for clip in clips]


def hear(ears: PhoneTranscriber, clip: Clip) -> Hearing:
    sung = clip.line.turn.song is not None
    return ears.transcribe([clip.samples], [clip.line.spoken], [clip.line.language], [sung])[0]


def known_voices(count: int) -> Iterator[Clip]:
    """New texts by voices of the recognizer's training, in moods of all kinds."""
    engine = EspeakSpeech()
    engine.open()
    voices = recognizer.CLIPS // len(LANGUAGES) // CLIPS_A_VOICE
    for index in range(count):
        line = practice_line(engine, "recognizer bench known", index, style="plain")
        known = practice_character(recognizer.NAMESPACE, index // len(LANGUAGES) % voices, line.language)
        line = replace(line, character=known, voice=engine.design(known))
        performance = engine.synthesize([line])[0]
        yield Clip(line, performance.samples, performance.phones)
    engine.close()


def error_rate(hearings: Iterable[Hearing], tones: bool = True) -> float:
    """Phone edits over reference phones of all clips together."""
    from rapidfuzz.distance import Levenshtein

    edits = phones = 0
    for hearing in hearings:
        heard, reference = (
            [phone for phone in text.split() if tones or not phone.isdigit()]
            for text in (hearing.hypothesis, hearing.reference)
        )
        edits += Levenshtein.distance(heard, reference)
        phones += len(reference)
    return edits / phones


def print_error_rates(groups: Mapping[str, Sequence[Heard]]) -> None:
    print("| phone error rate | clips | en | zh | zh without tones |\n|---|---|---|---|---|")
    for name, heard in groups.items():
        own = {language: [h for c, h in heard if c.line.language == language] for language in LANGUAGES}
        rates = error_rate(own["en"]), error_rate(own["zh"]), error_rate(own["zh"], tones=False)
        print(f"| {name} | {len(heard)} | " + " | ".join(f"{rate:.3f}" for rate in rates) + " |", flush=True)


def wrong_phones(ears: PhoneTranscriber, clip: Clip, share: float = WRONG_PHONES) -> Hearing:
    """The clip against its text with so many of the phones exchanged: as if these were said wrongly."""
    random = generator("wrong phones", clip.line.dialogue_id)
    words = ears.words(clip.line.spoken, clip.line.language)
    readings = [list(reading) for reading in nearest_readings(words, hear(ears, clip).hypothesis.split())]
    places = [(word, place) for word, reading in enumerate(readings) for place in range(len(reading))]
    for index in random.choice(len(places), max(1, round(share * len(places))), replace=False):
        word, place = places[index]
        said = readings[word][place]
        others = [phone for kind in KINDS if said in kind for phone in kind if phone != said]
        readings[word][place] = others[int(random.integers(len(others)))]
    posteriors = ears.posteriors(clip.samples)
    return compare(posteriors, [replace(w, readings=(tuple(r),)) for w, r in zip(words, readings, strict=True)])


def corrupted(ears: PhoneTranscriber, clean: Sequence[Heard], namespace: str) -> dict[str, list[Heard]]:
    """The clean clips cut, repeated, with another text, with wrong phones; and clips with faults of the engine."""
    clips = [clip for clip, _ in clean]
    result = {name: listen(ears, map(cut, filter(cut.audible, clips))) for name, cut in CUTS.items()}
    result["12 % of phones wrong"] = [(clip, wrong_phones(ears, clip)) for clip in clips]
    result["wrong text"] = []
    for language in LANGUAGES:
        spoken: list[Clip] = [clip for clip in clips if clip.line.language == language]
        for clip, other in zip(spoken, spoken[1:] + spoken[:1], strict=True):
            result["wrong text"] += listen(ears, [replace(clip, line=replace(clip.line, spoken=other.line.spoken))])
    for name in FAULTS:
        result[name] = listen(ears, faulty_clips(f"{namespace} faults", name, FAULTY_CLIPS))
    return result


def of(language: Language, heard: Sequence[Heard]) -> list[Heard]:
    return [one for one in heard if one[0].line.language == language]


def at_quantile(clean: Sequence[Heard], quantile: float) -> Limits:
    gap, worst = ([_number(getattr(h, name)) for _, h in clean] for name in ("gap", "worst_gap"))
    return Limits(float(np.quantile(gap, quantile)), float(np.quantile(worst, quantile)))


def first_that(clean: Sequence[Heard], will_do: Callable[[Limits], bool], quantiles: Iterable[float]) -> Limits:
    """The limits at the first of the quantiles of clean clips that will do."""
    return next(limits for limits in (at_quantile(clean, quantile) for quantile in quantiles) if will_do(limits))


def fit_limits(clean: Sequence[Heard]) -> Limits:
    """The tightest that keep KEPT of the clean clips."""
    return first_that(clean, lambda limits: limits.share_kept(clean) >= KEPT, np.linspace(KEPT, 1, 101))


def fit_catching(clean: Sequence[Heard], bad: Sequence[Sequence[Heard]]) -> Limits:
    """The widest that catch CAUGHT of every corruption."""

    def catches(limits: Limits) -> bool:
        return all(1 - limits.share_kept(heard) >= CAUGHT for heard in bad if heard)

    return first_that(clean, catches, np.linspace(1, 0, 401))


def print_faults(
    fitting: Sequence[Heard], spoilt: Mapping[str, list[Heard]], clean: Sequence[Heard], bad: Mapping[str, list[Heard]]
) -> None:
    print("\n| fault | language | AUC of gap | AUC of worst gap | caught where 95 % are kept |\n|---|---|---|---|---|")
    limits = {language: fit_limits(of(language, fitting)) for language in LANGUAGES}
    for name, language in ((name, language) for name in bad for language in LANGUAGES if of(language, bad[name])):
        wrong, right = of(language, bad[name]), of(language, clean)
        truth = [0] * len(right) + [1] * len(wrong)
        areas = [roc_auc_score(truth, [_number(getattr(h, m)) for _, h in right + wrong]) for m in ("gap", "worst_gap")]
        caught = 1 - limits[language].share_kept(wrong)
        print(f"| {name} | {language} | {areas[0]:.3f} | {areas[1]:.3f} | {caught:.3f} |")
    for language in LANGUAGES:
        print(
            f"{language}: clean clips kept {limits[language].share_kept(of(language, clean)):.3f}, {limits[language]}"
        )
    for title, without in {"all corruptions": (), "all but polyphones": (POLYPHONES,)}.items():
        for language in LANGUAGES:
            chosen = {name: of(language, heard) for name, heard in spoilt.items() if name not in without}
            wide = fit_catching(of(language, fitting), list(chosen.values()))
            caught = {n: 1 - wide.share_kept(of(language, bad[n])) for n, h in chosen.items() if h}
            least = min(caught, key=lambda name: caught[name])
            kept = wide.share_kept(of(language, clean))
            print(f"{language}, limits that catch 95 % of {title}: clean clips kept {kept:.3f}; ", end="")
            print(f"least caught: {least} {caught[least]:.3f}", flush=True)


def main() -> None:
    warnings.simplefilter("ignore")
    ears = PhoneTranscriber()
    ears.open()
    clips = list(make_clips("recognizer bench", range(CLEAN_CLIPS), style="plain"))
    started = time.process_time()
    clean = listen(ears, clips)
    spent_s = time.process_time() - started
    styles: tuple[Style, ...] = ("whisper", "shout")
    styled = {
        style: listen(ears, make_clips(f"recognizer bench {style}", range(STYLE_CLIPS), style=style))
        for style in styles
    }
    expressive = [one for one in clean if one[0].line.turn.emotion != "neutral"]
    print_error_rates(
        {
            "known voices": listen(ears, known_voices(CLEAN_CLIPS)),
            "other voices": clean,
            "… in a mood": expressive,
            "… in a mood, whispered or shouted": [*expressive, *styled["whisper"], *styled["shout"]],
            **styled,
            "songs of random words": listen(ears, make_sung_clips("recognizer bench", range(SONGS))),
        }
    )
    fitting = listen(ears, make_clips("recognizer limits", range(CLEAN_CLIPS), style="plain"))
    print_faults(
        fitting,
        corrupted(ears, fitting, "recognizer limits"),
        clean,
        corrupted(ears, clean, "recognizer bench"),
    )
    seconds = sum(len(clip.samples) for clip in clips) / SAMPLE_RATE
    print(f"\nreal-time factor: {spent_s / seconds:.4f} (CPU seconds a second of audio, {seconds:.0f} s)")
    ears.close()


if __name__ == "__main__":
    main()
