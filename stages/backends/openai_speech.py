"""Speech from any endpoint of OpenAI's `POST {base_url}/audio/speech`: OpenAI's own, and what vLLM-Omni serves.

The request is JSON: `model`, `input`, `response_format`, `instructions`, and what the mode and the settings add.
`input` is the line's spoken form: words instead of digits and signs, with the case and punctuation of the text. It is
what the ears compare with, and leaves no engine a choice how to read "3/4". A long one is cut at the ends of sentences
and joined (`spoken_pieces`).

mode       the voice of a character
"named"    one of the endpoint's `voices`, shared out by gender and id; `instructions` say who speaks, and how
"design"   is designed once from its description (`design_model`, task_type "VoiceDesign"): this is its reference. All
           its lines are cloned from that (`model`, task_type "Base", `ref_audio`, `ref_text`)
"clone"    is cloned from one of the clips of the folder `prompts` (`voice_prompts`)

`languages` names en and zh as the endpoint wants them in `language`; `speeds` gives paces a `speed` of their own;
`tags` says how the model wants the tags written that it can perform; without `instruct` nobody is told how to speak
(tts-1). `extra_body` is added to every request, for what an endpoint takes besides.
With `send_seed`, and always in the mode "design", requests have a `seed`: the same one should sound the same, so that
processes agree on a voice. An endpoint that ignores seeds gives each process, and each rebuild, another voice.
With a `batch` of more than 1, so many lines go into one request (`openai_speech_batch`), where nothing needs a seed;
what does not come of it is asked for alone.

The answer is 200 and a WAV, FLAC, MP3 or Ogg of one channel, at any rate from 8 kHz. What else happens is in
`audio_service`; audio that cannot be the line (silence, half of it, numbers that are none) is asked for again as well.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from schemas.recipe import Service
from schemas.script import Character
from schemas.take import Line, Samples, Voice
from stages.backends.audio_service import AudioService
from stages.backends.http_client import COMMON_TROUBLE
from stages.backends.http_trouble import EndpointTrouble, UnansweredError
from stages.backends.openai_speech_batch import send_batch
from stages.backends.openai_speech_body import Likeness, clone_body, design_body, named_body, trial_body
from stages.backends.openai_speech_settings import SpeechSettings
from stages.backends.protocols import Performance
from stages.backends.served_audio import audio_kind, read_audio, wav_bytes
from stages.backends.spoken_pieces import joined, pieces
from stages.backends.voice_prompts import VoicePrompts
from stages.backends.voice_sides import shared_out
from stages.cast_voices import REFERENCE_TEXT
from stages.received_audio import resampled
from stages.synthesize_speech import check_speech

MAX_ANSWER_BYTES = 50_000_000
"""Four minutes of 32-bit floats at 48 kHz; a piece of a text is half a minute long."""

ABSENT = "Check 'settings.model' and 'service.base_url' of the back end, which ends in /v1"


class OpenAISpeech:
    """SpeechSynthesizer over HTTP (contract: see the module). Where a line fails alone, its exception takes its place.

    The endpoint's model shapes the speech and is known by name alone: who changes it changes the corpus.
    """

    name = "openai-speech"

    def __init__(
        self,
        model: str,
        mode: str = "named",
        voices: Mapping[str, Sequence[str]] | None = None,
        design_model: str = "",
        prompts: str = "",
        response_format: str = "wav",
        languages: Mapping[str, str] | None = None,
        speeds: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
        instruct: bool = True,
        send_seed: bool = False,
        batch: int = 1,
        extra_body: Mapping[str, Any] | None = None,
        *,
        service: Service,
    ) -> None:
        """Raises RecipeError for a setting that is wrong, or belongs to another mode."""
        given = {name: value for name, value in locals().items() if name not in ("self", "service")}
        self._settings = SpeechSettings.checked(given)
        self._prompts = VoicePrompts(prompts) if mode == "clone" else None
        self.tags = self._settings.tags
        self.fingerprint = self._prompts.fingerprint if self._prompts else self.name
        self._speaker = _endpoint(service, self._try_speaker, self._settings.batch)
        self._designer = self._speaker
        if service.design_base_url is not None:
            elsewhere = service.model_copy(update={"base_url": service.design_base_url})
            self._designer = _endpoint(elsewhere, self._try_designer)
        self._trial_voice: Likeness | None = None

    def open(self) -> None:
        """Reads the key. Raises RecipeError for one that cannot be a key."""
        self._speaker.open()
        self._designer.open()

    def close(self) -> None:
        self._speaker.close()
        self._designer.close()

    def probe(self) -> None:
        """Have one word said. Raises OutageError that names endpoint, cause and remedy if it is not."""
        if self._designer is not self._speaker:
            self._designer.probe()
        self._speaker.probe()

    def design(self, character: Character) -> Voice:
        """Which of the voices to share out, or the character's own. Raises RecipeError where there is none to clone."""
        if self._settings.mode == "named":
            voice = shared_out(self._settings.voices[character.gender], character)
        else:
            voice = self._prompts.of(character).name if self._prompts else character.character_id
        return Voice(f"{self.name}:{voice}", self.name, {})

    def synthesize(self, lines: Sequence[Line]) -> list[Performance | Exception]:
        """Raises OutageError for the whole batch."""
        if self._settings.batch > 1:
            return self._in_batches(lines)
        results: dict[int, Performance | Exception] = {}
        for first, endpoint in ((True, self._designer), (False, self._speaker)):
            mine = [place for place, line in enumerate(lines) if self._is_new(line) == first]
            results |= zip(mine, endpoint.each(self._perform, [lines[place] for place in mine]), strict=True)
        return [results[place] for place in range(len(lines))]

    def _in_batches(self, lines: Sequence[Line]) -> list[Performance | Exception]:
        size = self._settings.batch
        groups = [lines[first : first + size] for first in range(0, len(lines), size)]
        results = self._speaker.each(self._perform_all, groups)
        made = (
            [group] * len(of) if isinstance(group, Exception) else group
            for of, group in zip(groups, results, strict=True)
        )
        return [result for group in made for result in group]

    def _perform_all(self, lines: Sequence[Line]) -> list[Performance | Exception]:
        """Failures in the places of their lines. Raises OutageError for all."""
        short = [place for place, line in enumerate(lines) if len(_texts(line)) == 1]
        bodies = [self._body(lines[place]) | {"input": _texts(lines[place])[0]} for place in short]
        together: dict[int, Performance | None] = {}
        with suppress(UnansweredError):  # of what was refused together, each is well alone, or is told why it is not
            if short:
                said = self._speaker.ask(partial(send_batch, self._speaker, bodies))
                together = dict(zip(short, said, strict=True))
        return [together.get(place) or self._alone(line) for place, line in enumerate(lines)]

    def _alone(self, line: Line) -> Performance | Exception:
        try:
            return self._perform(line)
        except COMMON_TROUBLE:
            raise
        except Exception as error:
            return error

    def _is_new(self, line: Line) -> bool:
        """Whether the line's voice is to be designed by it."""
        return self._settings.mode == "design" and line.voice.reference is None

    def _perform(self, line: Line) -> Performance:
        """Raises UnansweredError, and ValueError for what cannot be this line."""
        endpoint = self._designer if self._is_new(line) else self._speaker
        body = self._body(line)
        said = [endpoint.ask(partial(_send, endpoint, body | {"input": piece})) for piece in _texts(line)]
        performance = joined(said)
        check_speech(line.spoken, performance)
        return performance

    def _body(self, line: Line) -> dict[str, Any]:
        """All but the `input`."""
        if self._settings.mode == "named":
            return named_body(self._settings, line, line.voice.voice_id.removeprefix(f"{self.name}:"))
        if self._prompts is not None:
            prompt = self._prompts.of(line.character)
            return clone_body(self._settings, line, Likeness(prompt.wav, prompt.text))
        if line.voice.reference is None:
            return design_body(self._settings, line)
        self._trial_voice = heard = _likeness(line.voice.reference, REFERENCE_TEXT[line.character.language])
        return clone_body(self._settings, line, heard)

    def _try_designer(self) -> None:
        body = trial_body(self._settings)
        self._trial_voice = _likeness(resampled(_send(self._designer, body)), body["input"])

    def _try_speaker(self) -> None:
        if self._settings.mode == "design" and (self._trial_voice is None or self._designer is self._speaker):
            self._try_designer()
        first = self._prompts.first() if self._prompts else None
        likeness = Likeness(first.wav, first.text) if first else self._trial_voice
        body = trial_body(self._settings, likeness)
        if self._settings.batch == 1:
            _send(self._speaker, body)
        elif send_batch(self._speaker, [body]) == [None]:
            raise EndpointTrouble("a batch of one word without the word")


def _endpoint(service: Service, trial: Any, batch: int = 1) -> AudioService:
    return AudioService(service, trial, "does not say a word", ABSENT, MAX_ANSWER_BYTES * batch)


def _texts(line: Line) -> list[str]:
    return pieces(line.tagged or line.spoken, line.language)


def _likeness(reference: Samples, text: str) -> Likeness:
    return Likeness(wav_bytes(reference), text)


def _send(endpoint: AudioService, body: dict[str, Any]) -> Performance:
    """One request, and what is said. Raises EndpointTrouble for what cannot be its `input`."""
    audio = endpoint.post("/audio/speech", "audio", lambda response: bool(audio_kind(response.content)), json=body)
    try:
        performance = Performance(*read_audio(audio), ())
        check_speech(body["input"], performance)
    except ValueError as error:
        raise EndpointTrouble(str(error)) from None
    return performance
