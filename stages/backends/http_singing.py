"""Songs from a singing server of one's own, over HTTP: DiffSinger, or whatever sings from a `.ds` score.

The contract. `POST {base_url}/sing`, with `Authorization: Bearer KEY` where the key's variable is set, and the JSON

    {"ds": [SEGMENT],               one `.ds` segment (`score_ds.to_ds`), which begins LEAD_S before the first note
     "language": "en" | "zh",
     "voice": "…",                  the same for all songs of a character, another for each character
     "character": "…",              who sings, in words (`schemas.roles.describe`)
     "emotion": "tender", "intensity": 1 to 3,
     "seed": 0 to 2^31 - 1,         the same request with the same seed should sound the same
     "reference": "…"}              with the setting `send_reference`: how the character speaks, a WAV in base64

The answer is 200 and a WAV (PCM or float, one channel, any rate from 8 kHz), whose first sample is the segment's
beginning and which holds the whole song. 408, 409, 429 and 5xx, time-outs, cut connections and bodies that are no WAV
are asked again, after the pause of `Retry-After` if there is one. Other 4xx, and a WAV that cannot be this song, fail
this song alone. Where nothing else is answered either, not even a single note, the run stops (OutageError).
"""

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from schemas.errors import RecipeError
from schemas.recipe import Service
from schemas.roles import describe
from schemas.score import Note, Score
from schemas.take import SAMPLE_RATE, Line, Samples
from stages.backends.http_attempts import Attempts
from stages.backends.http_client import ServiceClient
from stages.backends.http_key import Key
from stages.backends.http_trouble import EndpointTrouble, judged_status
from stages.backends.protocols import Performance
from stages.backends.score_ds import to_ds
from stages.synthesize_singing import check_song

LEAD_S = 0.5
"""Room before the first note for a breath and its consonants."""

MAX_ANSWER_BYTES = 50_000_000
"""Two minutes of 32-bit floats at 96 kHz; songs last one at most (`song_rules`)."""

UNKNOWN_SIZE = 0xFFFFFFFF
"""What a WAV says of its size that was written while it was sung."""

ABSENT = "Check 'service.base_url' of the back end: requests go to /sing below it"


class HttpSinging:
    """SingingSynthesizer over HTTP (contract: see the module). Where a song fails alone, its exception takes its place.

    The endpoint's model shapes the songs and is not known here: who changes it changes the corpus.
    """

    name = "http"
    fingerprint = "http"

    def __init__(self, send_reference: bool = False, *, service: Service) -> None:
        """Raises RecipeError where no endpoint is named, or `send_reference` is neither true nor false."""
        if service.base_url == Service().base_url:
            raise RecipeError(
                "backends.singing: 'http' sings at an endpoint of your own: name it in "
                "backends.singing.service.base_url."
            )
        if not isinstance(send_reference, bool):
            raise RecipeError("'settings.send_reference' of the back end 'http' is neither true nor false: mend it.")
        self._send_reference = send_reference
        self._service = service
        self._attempts = Attempts(service)
        self._songs = ServiceClient(
            service,
            self._attempts,
            lambda attempts, quota_s: self._attempts.insist(lambda: self._post(_trial()), attempts, quota_s),
            "does not sing a single note",
            "what was performed is kept",
        )
        self._key: Key | None = None
        self._client: Any = None

    def open(self) -> None:
        """Reads the key. Raises RecipeError for one that cannot be a key."""
        if self._client is None:
            from stages.backends.http_transport import BoundedClient

            self._key = Key(self._service)
            self._client = BoundedClient(self._service.timeout_s, MAX_ANSWER_BYTES)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def probe(self) -> None:
        """Have one note sung. Raises OutageError that names endpoint, cause and remedy if it is not."""
        self._songs.probe()

    def sing(self, lines: Sequence[Line]) -> list[Performance | Exception]:
        """Raises OutageError for the whole batch."""
        return self._songs.each(self._sing, lines)

    def _sing(self, line: Line) -> Performance:
        """Raises UnansweredError, and ValueError for what cannot be this song."""
        body = request(line, self._send_reference)
        wav = self._songs.answered(
            lambda attempts, quota_s: self._attempts.insist(lambda: self._post(body), attempts, quota_s)
        )
        samples, rate_hz = read_wav(wav)
        performance = Performance(samples, rate_hz, (), body["ds"][0]["lead_s"])
        check_song(line, performance)
        return performance

    def _post(self, body: dict[str, Any]) -> bytes:
        """The WAV. Raises EndpointTrouble, Refusal, or OutageError where the endpoint would refuse everybody."""
        if self._client is None or self._key is None:
            raise RuntimeError("open() comes before the first song")
        import httpx2

        headers = {"Accept": "audio/wav", "Accept-Encoding": "identity"}
        if self._key.secret:
            headers["Authorization"] = f"Bearer {self._key.secret}"
        failure: Exception
        try:
            response = self._client.post(f"{self._service.base_url.rstrip('/')}/sing", json=body, headers=headers)
            if response.status_code >= 400:
                failure = judged_status(response, self._service, self._key, ABSENT)
            elif is_wav(response.content):
                return bytes(response.content)
            else:
                failure = EndpointTrouble(f"not a WAV: {self._key.quote(response.text[:1_000]) or 'nothing'}")
        except httpx2.TimeoutException:
            failure = EndpointTrouble(f"no whole answer within {self._service.timeout_s:g} s")
        except httpx2.InvalidURL:
            failure = RecipeError("'service.base_url' of the back end is no address: mend it in the recipe.")
        except httpx2.HTTPError as error:
            failure = EndpointTrouble(self._key.quote(f"{type(error).__name__}: {error}"))
        # Raised out here, so that no chain of causes leads back to a text that was not scrubbed.
        raise failure


def request(line: Line, send_reference: bool) -> dict[str, Any]:
    """What is asked for a line. Raises ValueError for one without a song, or without the voice that is to be sent."""
    song, voice = line.turn.song, line.voice
    if song is None:
        raise ValueError(f"{line.take_id} has no song")
    first_s, _ = song.score.times_s(song.score.notes[0])
    body = {
        "ds": [to_ds(song.score, line.language, LEAD_S - first_s)],
        "language": line.language,
        "voice": voice.voice_id,
        "character": describe(line.character),
        "emotion": line.turn.emotion,
        "intensity": line.turn.intensity,
        "seed": line.seed % 2**31,
    }
    if not send_reference:
        return body
    if voice.reference is None:
        raise ValueError(f"{line.take_id}: the voice '{voice.voice_id}' has no reference that could be sent")
    return body | {"reference": base64.b64encode(_wav(voice.reference)).decode()}


def is_wav(body: bytes) -> bool:
    return body[:4] == b"RIFF" and body[8:12] == b"WAVE"


def read_wav(body: bytes) -> tuple[Samples, int]:
    """Samples int16 [N] and their rate in Hz, of a WAV. Raises ValueError for one that is cut off or broken, that has
    several channels, or numbers that are none."""
    import soundfile

    size = int.from_bytes(body[4:8], "little")
    if size != UNKNOWN_SIZE and len(body) < size + 8:
        raise ValueError(f"the WAV is cut off: {len(body)} of {size + 8} bytes")
    try:
        wave, rate_hz = soundfile.read(io.BytesIO(body), dtype="float64", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise ValueError(f"the WAV is broken: {error}") from None
    if wave.shape[1] != 1:
        raise ValueError(f"the WAV has {wave.shape[1]} channels: send one")
    if not np.isfinite(wave).all():
        raise ValueError(f"the WAV holds {int((~np.isfinite(wave)).sum())} samples that are no numbers")
    return np.clip(np.round(wave[:, 0] * 32768), -32768, 32767).astype(np.int16), int(rate_hz)


def _wav(samples: Samples) -> bytes:
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, samples, SAMPLE_RATE, format="WAV", subtype="PCM_16")
    return file.getvalue()


def _trial() -> dict[str, Any]:
    """One note of a second."""
    score = Score(tempo_bpm=60, tonic="C", notes=(Note(midi=60, onset_beats=0, duration_beats=1, syllable="la"),))
    told = {"language": "en", "voice": "trial", "character": "", "emotion": "neutral", "intensity": 1, "seed": 0}
    return {"ds": [to_ds(score, "en", LEAD_S)], **told}
