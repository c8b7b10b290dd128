"""How well the embedded ears hear unseen voices and texts: `python -m tests.benchmarks.bench_recognizer`.

Limits are fitted on one namespace of clean clips and measured on another. A clip is kept when neither its gap nor its
worst gap lies above its limit; both limits stand at the one quantile at which 95 % of the clean clips are kept.
"""

import time
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from sklearn.metrics import roc_auc_score

from schemas.script import LANGUAGES, Style
from schemas.take import SAMPLE_RATE
from stages.backends.phone_transcriber import PhoneTranscriber
from stages.backends.protocols import Hearing
from trainer.clips import Clip, make_clips
from trainer.faults import CUTS, FAULTS, faulty_clips

CLEAN_CLIPS = 240
STYLE_CLIPS = 60
FAULTY_CLIPS = 60
KEPT = 0.95


@dataclass(frozen=True)
class Limits:
    gap: float
    worst_gap: float

    def keeps(self, hearing: Hearing) -> bool:
        return _number(hearing.gap) <= self.gap and _number(hearing.worst_gap) <= self.worst_gap


def _number(value: float | None) -> float:
    assert value is not None
    return value


def listen(ears: PhoneTranscriber, clips: Iterable[Clip]) -> list[tuple[Clip, Hearing]]:
    return [(clip, ears.transcribe([clip.samples], [clip.line.spoken], [clip.line.language])[0]) for clip in clips]


def fit_limits(hearings: Sequence[Hearing]) -> Limits:
    """The tightest pair of equal quantiles that keeps KEPT of the hearings."""
    gaps, worst = ([_number(getattr(h, name)) for h in hearings] for name in ("gap", "worst_gap"))
    for quantile in np.linspace(KEPT, 1, 101):
        limits = Limits(float(np.quantile(gaps, quantile)), float(np.quantile(worst, quantile)))
        if np.mean([limits.keeps(hearing) for hearing in hearings]) >= KEPT:
            return limits
    raise AssertionError("the highest quantile keeps everything")


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


def print_error_rates(heard: Sequence[tuple[Clip, Hearing]]) -> None:
    print("| phone error rate | " + " | ".join(("plain", "whisper", "shout")) + " |\n|---|---|---|---|")
    styles: tuple[Style, ...] = ("plain", "whisper", "shout")
    for name, language, tones in (("English", "en", True), ("Mandarin", "zh", True), ("… without tones", "zh", False)):
        rates = [
            error_rate([h for c, h in heard if c.line.language == language and c.line.turn.style == style], tones)
            for style in styles
        ]
        print(f"| {name} | " + " | ".join(f"{rate:.3f}" for rate in rates) + " |")


def print_faults(
    limits: Limits, clean: Sequence[tuple[Clip, Hearing]], faulty: dict[str, list[tuple[Clip, Hearing]]]
) -> None:
    print(f"\nlimits: gap {limits.gap:.3f}, worst gap {limits.worst_gap:.3f}")
    print(f"clean clips kept: {np.mean([limits.keeps(h) for _, h in clean]):.3f}\n")
    print("| fault | language | AUC of gap | AUC of worst gap | caught |\n|---|---|---|---|---|")
    for name, heard in faulty.items():
        for language in LANGUAGES:
            bad = [hearing for clip, hearing in heard if clip.line.language == language]
            if not bad:
                continue
            good = [hearing for clip, hearing in clean if clip.line.language == language]
            truth = [0] * len(good) + [1] * len(bad)
            areas = [roc_auc_score(truth, [_number(getattr(h, m)) for h in good + bad]) for m in ("gap", "worst_gap")]
            caught = np.mean([not limits.keeps(hearing) for hearing in bad])
            print(f"| {name} | {language} | {areas[0]:.3f} | {areas[1]:.3f} | {caught:.3f} |")


def damaged(clips: Sequence[Clip]) -> dict[str, list[Clip]]:
    """The clean clips cut, and with the text of the next clip of their language."""
    result = {name: [cut(clip) for clip in clips] for name, cut in CUTS.items()}
    result["wrong text"] = []
    for language in LANGUAGES:
        spoken: list[Clip] = [clip for clip in clips if clip.line.language == language]
        for clip, other in zip(spoken, spoken[1:] + spoken[:1], strict=True):
            line = replace(clip.line, spoken=other.line.spoken)
            result["wrong text"].append(replace(clip, line=line))
    return result


def main() -> None:
    warnings.simplefilter("ignore")
    ears = PhoneTranscriber()
    ears.open()
    fitting = listen(ears, make_clips("recognizer limits", range(CLEAN_CLIPS), style="plain"))
    limits = fit_limits([hearing for _, hearing in fitting])
    clips = list(make_clips("recognizer bench", range(CLEAN_CLIPS), style="plain"))
    started = time.process_time()
    clean = listen(ears, clips)
    spent_s = time.process_time() - started
    styled = [
        *listen(ears, make_clips("recognizer bench whisper", range(STYLE_CLIPS), style="whisper")),
        *listen(ears, make_clips("recognizer bench shout", range(STYLE_CLIPS), style="shout")),
    ]
    print_error_rates(clean + styled)
    faulty = {name: listen(ears, cut) for name, cut in damaged(clips).items()}
    for name in FAULTS:
        faulty[name] = listen(ears, faulty_clips("recognizer bench faults", name, FAULTY_CLIPS))
    print_faults(limits, clean, faulty)
    seconds = sum(len(clip.samples) for clip in clips) / SAMPLE_RATE
    print(f"\nreal-time factor: {spent_s / seconds:.4f} (CPU seconds a second of audio, {seconds:.0f} s)")
    ears.close()


if __name__ == "__main__":
    main()
