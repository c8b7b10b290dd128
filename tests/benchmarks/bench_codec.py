"""What the embedded codec costs and keeps, on voices and texts that it was not trained on.

Run it with `python -m tests.benchmarks.bench_codec`.
Pitch is compared by Praat's autocorrelation tracker, which the codec itself does not use (it hears with dio). Gross
error: share of frames voiced in both that are off by more than 20 % (Rabiner et al. 1976); median and rms are over the
others. Phone error rates (PER) are those of the embedded recognizer: phone edits / reference phones.
"""

import time

import numpy as np
import soxr
from numpy.typing import NDArray

from schemas.recipe import BackendChoice
from schemas.take import SAMPLE_RATE, Samples
from stages.backends import registry
from stages.backends.kmeans_codec import KmeansCodec
from trainer.clips import Clip, make_clips

NAMESPACE = "bench codec"
CLIPS = 120
GROSS_RATIO = 1.2
FRAME_S = 0.01
F0_FLOOR_HZ, F0_CEILING_HZ = 60.0, 700.0


def praat_f0(samples: Samples, rate_hz: int) -> NDArray[np.float64]:
    """f0 in Hz every 10 ms, 0 where unvoiced."""
    import parselmouth

    sound = parselmouth.Sound(samples.astype(np.float64) / 32768.0, rate_hz)
    f0_hz: NDArray[np.float64] = sound.to_pitch_ac(
        FRAME_S, pitch_floor=F0_FLOOR_HZ, pitch_ceiling=F0_CEILING_HZ
    ).selected_array["frequency"]
    return f0_hz


def pitch_errors(clips: list[Clip], decoded: list[Samples], rate_hz: int) -> dict[str, float]:
    """Errors over all frames of all clips that are meant to be voiced (whispers are left out)."""
    before, after = [], []
    for clip, samples in zip(clips, decoded, strict=True):
        if clip.line.turn.style == "whisper":
            continue
        heard = [
            praat_f0(clip.samples, SAMPLE_RATE),
            praat_f0(samples[: len(clip.samples) * rate_hz // SAMPLE_RATE], rate_hz),
        ]
        frames = min(map(len, heard))
        before.append(heard[0][:frames])
        after.append(heard[1][:frames])
    wanted, got = np.concatenate(before), np.concatenate(after)
    both = (wanted > 0) & (got > 0)
    cents = np.abs(1200 * np.log2(got[both] / wanted[both]))
    gross = cents > 1200 * np.log2(GROSS_RATIO)
    return {
        "f0 median error, cents": float(np.median(cents[~gross])),
        "f0 rms error, cents": float(np.sqrt(np.mean(cents[~gross] ** 2))),
        "gross pitch error": float(gross.mean()),
        "voicing error": float(np.mean((wanted > 0) != (got > 0))),
    }


def code_usage(codes: list[NDArray[np.uint16]]) -> dict[str, float]:
    """For each codebook, how many of its 1024 codes occur, and the perplexity of their distribution."""
    frames = np.concatenate(codes)
    usage = {}
    for book, column in enumerate(frames.T):
        shares = np.bincount(column, minlength=1024) / len(column)
        entropy = -(shares[shares > 0] * np.log(shares[shares > 0])).sum()
        usage[f"codebook {book}: perplexity"] = float(np.exp(entropy))
        usage[f"codebook {book}: codes seen"] = float((shares > 0).sum())
    return usage


def phone_error_rates(clips: list[Clip], decoded: list[Samples], rate_hz: int) -> dict[str, float]:
    """Phone error rate before and after the codec, for each language, without whispers."""
    ear = registry.load("transcription", BackendChoice(name="phone-ctc"))
    ear.open()
    rates = {}
    for language in ("en", "zh"):
        chosen = [
            index
            for index, clip in enumerate(clips)
            if clip.line.language == language and clip.line.turn.style != "whisper"
        ]
        texts = [clips[index].line.spoken for index in chosen]
        again = [soxr.resample(decoded[index], rate_hz, SAMPLE_RATE)[: len(clips[index].samples)] for index in chosen]
        for label, audio in (("original", [clips[index].samples for index in chosen]), ("decoded", again)):
            hearings = ear.transcribe(audio, texts, [language] * len(texts))
            weights = [len(hearing.reference.split()) for hearing in hearings]
            rates[f"PER {language}, {label}"] = float(
                np.average([hearing.error_rate for hearing in hearings], weights=weights)
            )
        rates[f"PER {language}, increase"] = rates[f"PER {language}, decoded"] - rates[f"PER {language}, original"]
    ear.close()
    return rates


def main() -> None:
    clips = list(make_clips(NAMESPACE, range(CLIPS)))
    seconds = sum(len(clip.samples) for clip in clips) / SAMPLE_RATE
    codec = KmeansCodec()
    codec.open()
    codec.decode([one.values for one in codec.encode([clips[0].samples])])  # imports and caches
    start = time.process_time()
    codes = [one.values for one in codec.encode([clip.samples for clip in clips])]
    encoded = time.process_time()
    decoded = codec.decode(codes)
    figures = {
        "clips": float(len(clips)),
        "seconds": seconds,
        "encode, CPU s per s": (encoded - start) / seconds,
        "decode, CPU s per s": (time.process_time() - encoded) / seconds,
        **pitch_errors(clips, decoded, codec.sample_rate),
        **code_usage(codes),
        **phone_error_rates(clips, decoded, codec.sample_rate),
    }
    for name, value in figures.items():
        print(f"{name:32} {value:10.4g}")


if __name__ == "__main__":
    main()
