"""Draws clips before and after the codec, spectrogram and f0: `python -m tests.benchmarks.draw_codec docs/codec`.

One clip of each sort, by voices and with texts that nothing was trained on.
"""

import sys
from pathlib import Path

import numpy as np

from schemas.take import SAMPLE_RATE, Samples
from stages.backends.kmeans_codec import KmeansCodec
from stages.backends.phone_features import log_mel, to_waveform
from tests.benchmarks.bench_codec import FRAME_S, NAMESPACE, praat_f0, round_trip
from trainer.clips import make_clips
from trainer.sung_clips import make_sung_clips

RANGE_DB = 60.0
MOODS = ("excited", "angry", "happy", "surprised")


def clips() -> dict[str, Samples]:
    """A neutral English line, a Mandarin line in a strong mood, and a song."""
    lines = list(make_clips(NAMESPACE, range(40), style="plain"))
    calm = (c for c in lines if c.line.language == "en" and c.line.turn.emotion == "neutral")
    moved = (
        c for c in lines if c.line.language == "zh" and c.line.turn.emotion in MOODS and c.line.turn.intensity == 3
    )
    song = next(iter(make_sung_clips(NAMESPACE, range(1))))
    return {"plain": next(calm).samples, "expressive": next(moved).samples, "song": song.samples}


def draw(before: Samples, after: Samples, path: Path) -> None:
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(3, 1, figsize=(11, 8), sharex=True, layout="constrained")
    seconds = len(before) / SAMPLE_RATE
    loudest = log_mel(to_waveform(before)).max() * 4.343
    for axis, name, samples in zip(axes, ("original", "1 kbit/s"), (before, after), strict=False):
        bands = 4.343 * log_mel(to_waveform(samples)).T
        extent = (0.0, seconds, 0.0, float(len(bands)))
        axis.imshow(bands, "magma", aspect="auto", origin="lower", extent=extent, vmin=loudest - RANGE_DB, vmax=loudest)
        axis.set_ylabel(f"{name}: mel band")
    for name, samples, style in (("original", before, "k-"), ("1 kbit/s", after, "r--")):
        f0_hz = praat_f0(samples)
        axes[2].plot(np.arange(len(f0_hz)) * FRAME_S, np.where(f0_hz > 0, f0_hz, np.nan), style, label=name)
    axes[2].set(xlabel="s", ylabel="f0 in Hz, by Praat", yscale="log")
    axes[2].legend()
    figure.savefig(path, dpi=80)
    pyplot.close(figure)


def main(folder: Path) -> None:
    codec = KmeansCodec()
    codec.open()
    folder.mkdir(parents=True, exist_ok=True)
    for name, samples in clips().items():
        draw(samples, round_trip(codec, samples), folder / f"{name}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
