"""Audio as it comes over a wire: files of WAV, FLAC, MP3 and Ogg with their own rates, and PCM without any header."""

import io

import numpy as np

from schemas.take import SAMPLE_RATE, Samples

UNKNOWN_SIZE = 0x7FFF0000
"""From here on, what a WAV says of its size means nothing: it was written while it was made."""

MAGIC = {b"fLaC": "FLAC", b"OggS": "Ogg", b"ID3": "MP3"}


def is_wav(body: bytes) -> bool:
    return body[:4] == b"RIFF" and body[8:12] == b"WAVE"


def audio_kind(body: bytes) -> str:
    """What kind of file it is ("WAV", "FLAC", "Ogg", "MP3"); "" for what is none of them."""
    if is_wav(body):
        return "WAV"
    if body[:1] == b"\xff" and body[1:2] >= b"\xe0":  # an MP3 frame without tags before it
        return "MP3"
    return next((kind for magic, kind in MAGIC.items() if body.startswith(magic)), "")


def read_audio(body: bytes) -> tuple[Samples, int]:
    """Samples int16 [N] and their rate in Hz, of a file. Raises ValueError for one that is cut off or broken, that has
    several channels, or numbers that are none. An MP3 or Ogg that ends early does not tell."""
    import soundfile

    kind = audio_kind(body) or "audio"
    size = int.from_bytes(body[4:8], "little")
    if kind == "WAV" and size < UNKNOWN_SIZE and len(body) < size + 8:
        raise ValueError(f"the WAV is cut off: {len(body)} of {size + 8} bytes")
    try:
        wave, rate_hz = soundfile.read(io.BytesIO(body), dtype="float64", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise ValueError(f"the {kind} is broken: {error}") from None
    if wave.shape[1] != 1:
        raise ValueError(f"the {kind} has {wave.shape[1]} channels: send one")
    if not np.isfinite(wave).all():
        raise ValueError(f"the {kind} holds {int((~np.isfinite(wave)).sum())} samples that are no numbers")
    return np.clip(np.round(wave[:, 0] * 32768), -32768, 32767).astype(np.int16), int(rate_hz)


def read_pcm(body: bytes) -> Samples:
    """int16 [N] of little-endian samples without a header. Raises ValueError for half a sample at the end."""
    if len(body) % 2:
        raise ValueError(f"the PCM is cut off: {len(body)} bytes are no whole number of 16-bit samples")
    return np.frombuffer(body, "<i2").astype(np.int16)


def wav_bytes(samples: Samples, rate_hz: int = SAMPLE_RATE) -> bytes:
    """A 16-bit WAV of int16 [N]."""
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format="WAV", subtype="PCM_16")
    return file.getvalue()
