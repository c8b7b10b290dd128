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
from collections.abc import Sequence
from typing import Any

from schemas.errors import RecipeError
from schemas.recipe import Service
from schemas.roles import describe
from schemas.score import Note, Score
from schemas.take import Line
from stages.backends.audio_service import AudioService
from stages.backends.protocols import Performance
from stages.backends.score_ds import to_ds
from stages.backends.served_audio import is_wav, read_audio, wav_bytes
from stages.synthesize_singing import check_song

LEAD_S = 0.5
"""Room before the first note for a breath and its consonants."""

MAX_ANSWER_BYTES = 50_000_000
"""Two minutes of 32-bit floats at 96 kHz; songs last one at most (`song_rules`)."""

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
        self._endpoint = AudioService(
            service, lambda: self._post(_trial()), "does not sing a single note", ABSENT, MAX_ANSWER_BYTES
        )

    def open(self) -> None:
        """Reads the key. Raises RecipeError for one that cannot be a key."""
        self._endpoint.open()

    def close(self) -> None:
        self._endpoint.close()

    def probe(self) -> None:
        """Have one note sung. Raises OutageError that names endpoint, cause and remedy if it is not."""
        self._endpoint.probe()

    def sing(self, lines: Sequence[Line]) -> list[Performance | Exception]:
        """Raises OutageError for the whole batch."""
        return self._endpoint.each(self._sing, lines)

    def _sing(self, line: Line) -> Performance:
        """Raises UnansweredError, and ValueError for what cannot be this song."""
        body = request(line, self._send_reference)
        samples, rate_hz = read_audio(self._endpoint.ask(lambda: self._post(body)))
        performance = Performance(samples, rate_hz, (), body["ds"][0]["lead_s"])
        check_song(line, performance)
        return performance

    def _post(self, body: dict[str, Any]) -> bytes:
        return self._endpoint.post("/sing", "a WAV", lambda response: is_wav(response.content), json=body)


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
    return body | {"reference": base64.b64encode(wav_bytes(voice.reference)).decode()}


def _trial() -> dict[str, Any]:
    """One note of a second."""
    score = Score(tempo_bpm=60, tonic="C", notes=(Note(midi=60, onset_beats=0, duration_beats=1, syllable="la"),))
    told = {"language": "en", "voice": "trial", "character": "", "emotion": "neutral", "intensity": 1, "seed": 0}
    return {"ds": [to_ds(score, "en", LEAD_S)], **told}
