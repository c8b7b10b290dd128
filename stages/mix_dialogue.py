"""The two sides of a dialogue beside each other: a stereo WAV, the assistant left, the user right."""

import io
import math
import warnings
from collections.abc import Sequence

from schemas.script import Role
from schemas.take import SAMPLE_RATE, Samples


def mix_dialogue(turns: Sequence[tuple[Role, float, Samples]]) -> bytes:
    """A WAV at 24 kHz of turns: role, start in seconds (to the millisecond), and int16 [N]. It ends with the last of
    them, rounded up to a millisecond; turns of one side that overlap are added, and clip at full scale."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydub looks for ffmpeg, which WAV does not need
        from pydub import AudioSegment
    end_s = max(start_s + len(samples) / SAMPLE_RATE for _, start_s, samples in turns)
    length_ms = math.ceil(round(1000 * end_s, 6))
    sides = {role: AudioSegment.silent(length_ms, frame_rate=SAMPLE_RATE) for role in ("assistant", "user")}
    for role, start_s, samples in turns:
        voice = AudioSegment(samples.tobytes(), sample_width=2, frame_rate=SAMPLE_RATE, channels=1)
        sides[role] = sides[role].overlay(voice, position=round(1000 * start_s))
    both = AudioSegment.from_mono_audiosegments(sides["assistant"], sides["user"])
    return bytes(both.export(io.BytesIO(), format="wav").getvalue())
