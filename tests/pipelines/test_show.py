"""The row and the sound that a build ends with."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from pipelines.show import cut_short, first_dialogues, stereo, write_listening
from pipelines.take_chunks import flac


def tone(hz: float) -> bytes:
    return flac((8000 * np.sin(2 * np.pi * hz * np.arange(24_000) / 24_000)).astype(np.int16))


def test_each_side_sounds_on_its_channel_at_its_time() -> None:
    turns = [
        {"utterance_id": "q", "role": "user", "start_s": 0.0, "duration_s": 1.0},
        {"utterance_id": "a", "role": "assistant", "start_s": 1.5, "duration_s": 1.0},
    ]
    samples, rate = soundfile.read(io.BytesIO(stereo(turns, {"q": tone(200), "a": tone(300)})), dtype="int16")
    assert rate == 24_000
    assert samples.shape == (60_000, 2)
    left, right = np.abs(samples[:, 0]), np.abs(samples[:, 1])
    assert (left[:36_000].max(), right[24_000:].max()) == (0, 0)
    assert left[36_100:].max() == pytest.approx(8000, abs=2)
    assert right[:24_000].max() == pytest.approx(8000, abs=2)


def test_one_dialogue_of_each_language_is_written(build: Callable[..., Any], tmp_path: Path) -> None:
    out = str(tmp_path / "corpus")
    manifest = build()
    paths = write_listening(out, manifest)
    assert [Path(path).name[:15] for path in paths] == ["conversation-en", "conversation-zh"]
    for path, row in zip(paths, first_dialogues(out, manifest).values(), strict=True):
        assert soundfile.info(path).duration == pytest.approx(row["duration_s"], abs=1e-3)


def test_a_row_is_cut_short_enough_to_read(build: Callable[..., Any], tmp_path: Path) -> None:
    row = first_dialogues(str(tmp_path / "corpus"), build())["conversation en"]
    shown = cut_short(row)
    assert shown["turns"][-1] == "... 2 turns"
    assert shown["turns"][0]["codes"] == "[[0, 1, 2, 3, 4, 5, 6, 7]] ... 19 frames"
    assert len(row["turns"][0]["codes"]) == 19
