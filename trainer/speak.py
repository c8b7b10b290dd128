"""`troupe speak`: a trained model reads, answers, plays a role, sings and writes down what it hears."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray

from schemas.errors import RecipeError
from schemas.score import Score, Song
from schemas.take import Samples
from schemas.tokens import END_OF_CONV, IM_END, SPECIALS
from stages.normalize_text import normalize
from trainer.corpus_codec import open_codec
from trainer.generate import LONGEST_UNIT, Decoding, Generator, Reply
from trainer.model import SpokenModel
from trainer.samples import ASR_REQUEST, READING_SYSTEM, TTS_REQUEST, VOICE_LINE, Message, Sample, in_units
from trainer.sequences import SequenceMaker, melody_frames, melody_units
from trainer.text_tokens import load_tokenizer
from trainer.voices import Known, Voices

BUNDLED = Path(__file__).parent / "weights" / "nano"
"""The model that comes with this repository: trained on the corpus of workflows/nano.toml."""
LONGEST_ECHO = 8
"""Frames by which a song may outlast its score."""


@dataclass(frozen=True)
class Spoken:
    """A reply: its text, its sound int16 [N] at `rate_hz` (empty for text alone), its codes [T, K], and how it was
    made."""

    text: str
    samples: Samples
    rate_hz: int
    codes: NDArray[np.uint16]
    reply: Reply


class Speaker:
    """A model with all it needs to speak. Every method takes a `voice` of `voices`; none means the first of its
    kind."""

    def __init__(self, model: SpokenModel, tokenizer: Any, voices: Voices, decoding: Decoding | None = None) -> None:
        self.voices, self.tokenizer = voices, tokenizer
        codec = model.config.codec
        self.maker = SequenceMaker(tokenizer, model.layout, codec["frame_rate"])
        end, end_of_text = tokenizer.convert_tokens_to_ids([IM_END, END_OF_CONV])
        self.generator = Generator(model, end, decoding, end_of_text)
        self.codec = open_codec(codec)

    @classmethod
    def open(cls, folder: str | Path = BUNDLED, decoding: Decoding | None = None) -> "Speaker":
        """A saved model. Raises RecipeError if there is none in the folder."""
        folder = Path(folder)
        if not (folder / "config.json").is_file():
            raise RecipeError(
                f"{folder}: there is no model here: give the folder that `troupe train` wrote with --out."
            )
        model = SpokenModel.from_pretrained(folder, dtype=torch.float32)
        return cls(model, load_tokenizer(folder), Voices.load(folder), decoding)

    def read(self, text: str, voice: Known | None = None) -> Spoken:
        """Read a text aloud, phone by phone (the task `reading`). Raises UnspeakableTextError for what has no sound."""
        voice = voice or self._voice(text)
        spoken = self.read_units(in_units(normalize(text, voice.language), voice.language), voice.speaker)
        return replace(spoken, text=text)

    def sing(self, score: Score, voice: Known) -> Spoken:
        """Sing a score, in its key and tempo (the task `reading` too)."""
        return self.sing_column(score.model_dump(), voice.speaker)

    def tts(self, text: str, speaker: NDArray[np.float32]) -> Spoken:
        """Speak a text that stands in the request alone, as VITA-QinYu's TTS, with a speaker vector [D]."""
        messages = (Message("system", VOICE_LINE), Message("user", TTS_REQUEST + text))
        prompt = self.maker.prompt(Sample("request", "tts", messages, speaker))
        return self.spoken(self.generator.read(prompt, [[self._token(END_OF_CONV)]], [0], longest_end=None))

    def sing_column(self, score: Mapping[str, Any], speaker: NDArray[np.float32]) -> Spoken:
        """Sing a row's score column with a speaker vector [D]."""
        units, frames = zip(*melody_units(score, self.maker.frame_rate), strict=True)
        longest_end = melody_frames(score, self.maker.frame_rate) - frames[-1] + LONGEST_ECHO
        return self.read_units(units, speaker, frames, longest_end)

    def read_units(
        self,
        units: Sequence[str],
        speaker: NDArray[np.float32],
        frames: Sequence[int] | None = None,
        longest_end: int = LONGEST_UNIT,
    ) -> Spoken:
        """Say units of text one after the other with a speaker vector [D]: at their frames, or each when the one before
        is over. The audio ends at last `longest_end` frames after the last begins."""
        prompt = self.maker.prompt(Sample("request", "reading", (Message("system", READING_SYSTEM),), speaker))
        return self.spoken(self.generator.read(prompt, self.maker.unit_tokens(units), frames, longest_end))

    def chat(
        self, text: str | NDArray[np.uint16], voice: Known | None = None, history: tuple[Message, ...] = ()
    ) -> Spoken:
        """Answer what is written, or said (as codes [T, K]), in the model's own words."""
        said = Message("user", text) if isinstance(text, str) else Message("user", codes=text)
        voice = voice or self._voice(text if isinstance(text, str) else "")
        messages = (Message("system", voice.system), *history, said)
        sample = Sample("request", "conversation", messages, voice.speaker)
        return self.spoken(self.generator.reply(self.maker.prompt(sample)))

    def write_down(self, codes: NDArray[np.uint16]) -> str:
        """Recognize speech, given as codes [T, K]."""
        sample = Sample("request", "asr", (Message("user", ASR_REQUEST, codes),))
        reply = self.generator.reply(self.maker.prompt(sample), audio=False)
        return self.spelled(reply)

    def listen(self, samples: Samples) -> NDArray[np.uint16]:
        """int16 [N] at 24 kHz -> codes [T, K] for `chat` and `write_down`."""
        return self.codec.encode([samples])[0].values

    def spoken(self, reply: Reply) -> Spoken:
        """The sound of a reply."""
        codes = self.generator.codes(reply)
        samples = self.codec.decode([codes])[0] if len(codes) else np.zeros(0, np.int16)
        return Spoken(self.spelled(reply), samples, self.codec.sample_rate, codes, reply)

    def _voice(self, text: str) -> Known:
        chinese = any("\u4e00" <= character <= "\u9fff" for character in text)
        return self.voices.first("zh" if chinese else "en")

    def _token(self, name: str) -> int:
        token: int = self.tokenizer.convert_tokens_to_ids(name)
        return token

    def spelled(self, reply: Reply) -> str:
        """The text of a reply, without notes and other special tokens."""
        special = set(self.tokenizer.convert_tokens_to_ids(list(SPECIALS)))
        text: str = self.tokenizer.decode([token for token in reply.tokens if token not in special])
        return text.strip()


def write_wav(path: str | Path, spoken: Spoken) -> None:
    """16-bit WAV. Raises RecipeError where it cannot be written."""
    try:
        soundfile.write(path, spoken.samples, spoken.rate_hz, subtype="PCM_16")
    except (OSError, soundfile.LibsndfileError) as error:
        raise RecipeError(f"{path}: cannot be written ({error}): give a file in a folder that is there.") from error


def decoding_of(temperature: float, seed: int) -> Decoding:
    """Greedy at 0; else codes are drawn, and text stays greedy."""
    return Decoding(temperature=temperature, seed=seed)


def speak(
    folder: Path,
    text: str,
    task: str | None = None,
    role: str | None = None,
    song: str | None = None,
    temperature: float = 0.0,
    seed: int = 0,
) -> Spoken:
    """What `troupe speak` says. Raises RecipeError where the options do not fit together, and for silence."""
    task = task or ("sing" if song else "roleplay" if role else "tts")
    if (task == "sing") != bool(song):
        raise RecipeError("--song NAME goes with --task sing, and singing needs a song: give both or neither.")
    if (task == "roleplay") != bool(role):
        raise RecipeError("--role goes with --task roleplay, and playing a role needs one: give both or neither.")
    if task != "sing" and not text:
        raise RecipeError(f"--task {task}: there is nothing to say: give a text.")
    if task == "sing" and text:
        raise RecipeError(f"--song {song} has its own words: leave out the text '{text}'.")
    speaker = Speaker.open(folder, decoding_of(temperature, seed))
    if song:
        score, voice = song_for(song, speaker.voices)
        spoken = speaker.sing(score, voice)
    elif task == "tts":
        spoken = speaker.read(text)
    else:
        spoken = speaker.chat(text, speaker.voices.role(role) if role else None)
    if not len(spoken.samples):
        raise RecipeError(f"the model answered without a sound ('{spoken.text}'): try another text or --temperature.")
    return spoken


def song_for(name: str, voices: Voices) -> tuple[Score, Known]:
    """A song of the songbook, by its file's name, in a key of the first singer whose voice is wide enough. Raises
    RecipeError for an unknown one."""
    from schemas.script import LANGUAGES
    from schemas.seeds import generator
    from stages.backends.song_variants import for_singer
    from stages.backends.songbook import load_songbook

    books = {language: _by_file(load_songbook(language), language) for language in LANGUAGES}
    for language, book in books.items():
        if name in book:
            singers = [known for known in voices.known if known.language == language]
            singers.sort(key=lambda known: known.kind != "singing")
            for singer in singers:
                try:
                    sung = for_singer(book[name], singer.character, generator(0, "speak", name))
                except ValueError:  # the melody is wider than this voice
                    continue
                return sung.score, singer
            raise RecipeError(f"--song {name}: no voice of the model is wide enough for it.")
    known_names = ", ".join(sorted(name for book in books.values() for name in book))
    raise RecipeError(f"--song {name}: there is no such song; the songbook has: {known_names}.")


def _by_file(book: Mapping[str, Song], language: str) -> dict[str, Song]:
    """A songbook by the names of its files."""
    return {song_id.removeprefix(f"book-{language}-"): song for song_id, song in book.items()}
