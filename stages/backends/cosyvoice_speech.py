"""Speech from CosyVoice's own server (FunAudioLLM/CosyVoice, runtime/python/fastapi), one of your own.

A request is a form at `{base_url}/inference_MODE`; the answer is 200 and 16-bit PCM of one channel, without any header,
at the rate of the model's version. The text is the line's spoken form, as in `openai_speech`.

mode             form
"zero_shot"      tts_text, prompt_text, prompt_wav: a clip of the folder `prompts` (`voice_prompts`) is cloned
"cross_lingual"  tts_text, prompt_wav: the same without its words
"instruct2"      tts_text, instruct_text, prompt_wav: told how to speak; a line that is said as anything is goes the way
                 of "zero_shot". Versions 2 and 3
"sft"            tts_text, spk_id: one of `voices`, the speakers of the model ({female = ["中文女", …], male = […]})

`version` is 1 (CosyVoice-300M), 2 (CosyVoice2-0.5B) or 3 (Fun-CosyVoice3-0.5B): it sets the rate, the tags that the
model's tokenizer knows, and where `<|endofprompt|>` stands.
The server takes no seed and draws its own numbers: the same line never sounds the same twice. What was performed is
kept, but a corpus that is built again is another one.

What else happens is in `audio_service`; audio that cannot be the line is asked for again as well.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from schemas.errors import RecipeError
from schemas.recipe import Service
from schemas.script import Character
from schemas.tags import Tag
from schemas.take import Line, Voice
from stages.backends.audio_service import AudioService
from stages.backends.http_trouble import EndpointTrouble
from stages.backends.protocols import Performance
from stages.backends.served_audio import audio_kind, read_pcm
from stages.backends.speech_settings import check_unused, one_of, voices_by_gender, wrong
from stages.backends.spoken_manner import manner
from stages.backends.spoken_pieces import joined, pieces
from stages.backends.voice_prompts import VoicePrompts
from stages.backends.voice_sides import shared_out
from stages.synthesize_speech import check_speech

MODES = ("zero_shot", "cross_lingual", "instruct2", "sft")
MAX_ANSWER_BYTES = 50_000_000
"""Seventeen minutes at 24 kHz; a piece of a text is half a minute long."""

END = "<|endofprompt|>"
ABSENT = "Check 'service.base_url' of the back end: requests go to /inference_zero_shot and the like below it"
TRIAL = "Hello."

SOUNDS: Mapping[Tag, str] = {"[laugh]": "[laughter]", "[breath]": "[breath]"}
MORE_SOUNDS: Mapping[Tag, str] = {**SOUNDS, "[sigh]": "[sigh]", "[cough]": "[cough]", "[hum]": "[mn]"}
"""Special tokens of the model's tokenizer (cosyvoice/tokenizer/tokenizer.py)."""


@dataclass(frozen=True)
class Version:
    """A model's rate, sounds, and what goes before the parts of its prompts (the repository's example.py)."""

    rate_hz: int
    tags: Mapping[Tag, str]
    before_text: str = ""
    before_instruction: str = ""


HELPFUL = "You are a helpful assistant."
VERSIONS: Mapping[int, Version] = {
    1: Version(22_050, SOUNDS),
    2: Version(24_000, MORE_SOUNDS),
    3: Version(24_000, MORE_SOUNDS, f"{HELPFUL}{END}", f"{HELPFUL} "),
}


class CosyVoiceSpeech:
    """SpeechSynthesizer over HTTP (contract: see the module). Where a line fails alone, its exception takes its
    place."""

    name = "cosyvoice"

    def __init__(
        self,
        mode: str = "zero_shot",
        version: int = 2,
        prompts: str = "",
        voices: Mapping[str, Sequence[str]] | None = None,
        *,
        service: Service,
    ) -> None:
        """Raises RecipeError where no endpoint is named, and for a setting that is wrong or of another mode."""
        if service.base_url == Service().base_url:
            raise RecipeError(
                "backends.speech: 'cosyvoice' speaks at an endpoint of your own: name it in "
                "backends.speech.service.base_url."
            )
        if isinstance(version, bool) or version not in VERSIONS:
            raise wrong("version", "1, 2 or 3")
        if (mode, version) == ("instruct2", 1):
            raise wrong("version", "2 or 3, which have the mode 'instruct2'")
        check_unused("prompts" if mode == "sft" else "voices", prompts if mode == "sft" else voices, mode)
        self._mode = one_of("mode", mode, MODES)
        self._version = VERSIONS[version]
        self._voices = voices_by_gender(voices) if mode == "sft" else {}
        self._prompts = None if mode == "sft" else VoicePrompts(prompts)
        self.tags = self._version.tags
        self.fingerprint = self._prompts.fingerprint if self._prompts else self.name
        self._endpoint = AudioService(service, self._try, "does not say a word", ABSENT, MAX_ANSWER_BYTES)

    def open(self) -> None:
        """Reads the key. Raises RecipeError for one that cannot be a key."""
        self._endpoint.open()

    def close(self) -> None:
        self._endpoint.close()

    def probe(self) -> None:
        """Have one word said. Raises OutageError that names endpoint, cause and remedy if it is not."""
        self._endpoint.probe()

    def design(self, character: Character) -> Voice:
        """Which clip or speaker is the character's. Raises RecipeError where there is none."""
        if self._prompts is not None:
            voice = self._prompts.of(character).name
        else:
            voice = shared_out(self._voices[character.gender], character)
        return Voice(f"{self.name}:{voice}", self.name, {})

    def synthesize(self, lines: Sequence[Line]) -> list[Performance | Exception]:
        """Raises OutageError for the whole batch."""
        return self._endpoint.each(self._perform, lines)

    def _perform(self, line: Line) -> Performance:
        """Raises UnansweredError, and ValueError for what cannot be this line."""
        said = [
            self._endpoint.ask(partial(self._send, piece, self._form(line, piece)))
            for piece in pieces(line.tagged or line.spoken, line.language)
        ]
        performance = joined(said)
        check_speech(line.spoken, performance)
        return performance

    def _form(self, line: Line, text: str) -> "Form":
        if self._prompts is None:
            return Form("sft", {"tts_text": text, "spk_id": line.voice.voice_id.removeprefix(f"{self.name}:")})
        prompt = self._prompts.of(line.character)
        told = manner(line.turn, line.language) if self._mode == "instruct2" else ""
        return self._cloned(text, prompt.wav, prompt.text, told)

    def _cloned(self, text: str, wav: bytes, words: str, told: str) -> "Form":
        version = self._version
        if told:
            instruction = f"{version.before_instruction}{told}{END}"
            return Form("instruct2", {"tts_text": text, "instruct_text": instruction}, wav)
        if self._mode == "cross_lingual":
            return Form("cross_lingual", {"tts_text": f"{version.before_text}{text}"}, wav)
        return Form("zero_shot", {"tts_text": text, "prompt_text": f"{version.before_text}{words}"}, wav)

    def _try(self) -> None:
        if self._prompts is None:
            form = Form("sft", {"tts_text": TRIAL, "spk_id": self._voices["female"][0]})
        else:
            prompt = self._prompts.first()
            form = self._cloned(TRIAL, prompt.wav, prompt.text, "")
        self._send(TRIAL, form)

    def _send(self, text: str, form: "Form") -> Performance:
        """One request, and what is said. Raises EndpointTrouble for what cannot be the text."""
        body = self._endpoint.post(f"/inference_{form.kind}", "PCM", _is_pcm, data=form.fields, files=form.files)
        try:
            performance = Performance(read_pcm(body), self._version.rate_hz, ())
            check_speech(text, performance)
        except ValueError as error:
            raise EndpointTrouble(str(error)) from None
        return performance


@dataclass(frozen=True)
class Form:
    """A form, multipart with a clip: its endpoint, its texts, and the clip to clone if there is one."""

    kind: str
    fields: Mapping[str, str]
    wav: bytes | None = None

    @property
    def files(self) -> dict[str, tuple[str, bytes, str]]:
        return {} if self.wav is None else {"prompt_wav": ("prompt.wav", self.wav, "audio/wav")}


def _is_pcm(response: Any) -> bool:
    """Not a page, not an error in JSON, not a file with a header of its own, whose rate would be ignored."""
    kind = response.headers.get("content-type", "")
    return not kind.startswith(("text/", "application/json")) and audio_kind(response.content) != "WAV"
