"""What is asked of the model and what comes back, with random weights and a codec that counts."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from schemas.errors import RecipeError, UnspeakableTextError
from schemas.score import Note, Score
from schemas.script import Character
from schemas.tokens import END_OF_CONV, HOLDS, IM_START, NOTES, SPEAKER, TokenLayout
from tests import fakes
from tests.trainer import tiny
from trainer import speak as speaking
from trainer.generate import Decoding, Generator, Reply
from trainer.samples import ASR_REQUEST, CHAT_SYSTEM, READING_SYSTEM, TTS_REQUEST, VOICE_LINE, Message
from trainer.sequences import Sequence
from trainer.speak import LONGEST_ECHO, Speaker, decoding_of, speak, write_wav
from trainer.voices import Known, Voices

CODEC = tiny.CODEC | {"num_codebooks": 8, "cardinality": 1024}
DRAGON = f"{CHAT_SYSTEM}\nYour Role Description: a dragon"


def known(name: str, language: str = "en", kind: str = "conversation", system: str = CHAT_SYSTEM) -> Known:
    traits = tiny.person(name)
    fields = {field: traits[field] for field in Character.model_fields if field in traits}
    return Known(kind, name, system, Character(language=language, **fields), traits["speaker_vector"])


VOICES = Voices((known("Smok", kind="roleplay", system=DRAGON), known("Ann"), known("Li", "zh", "singing")))


class Asked(Generator):
    """Notes what it is asked; a reply of `frames` frames that says its given text."""

    def __init__(self, real: Generator) -> None:
        super().__init__(real.model, real.end, real.decoding)
        self.prompts: list[Sequence] = []
        self.given: list[Any] = []
        self.frames, self.says = 5, list[int]()

    def reply(self, prompt: Sequence, audio: bool = True) -> Reply:
        return self._noted(prompt, audio, self.says)

    def read(self, prompt: Sequence, units: Any, frames: Any = None, longest_end: int | None = 40) -> Reply:
        self.longest_end = longest_end
        return self._noted(prompt, (units, frames), [token for unit in units for token in unit])

    def _noted(self, prompt: Sequence, given: Any, says: list[int]) -> Reply:
        self.prompts.append(prompt)
        self.given.append(given)
        codes = tiny.drawn_codes(self.frames, "reply", CODEC)
        steps = self.layout.steps(codes).tolist() if self.frames and given is not False else []
        return Reply(tokens=list(says), steps=steps, ended=True)


@pytest.fixture
def folder(letters: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A model on disk, of random weights."""
    fakes.install(monkeypatch)
    made = tiny.model(TokenLayout(len(letters), 8, 1024))
    made.config.codec = CODEC
    made.save_pretrained(tmp_path / "model")
    letters.save_pretrained(tmp_path / "model")
    VOICES.save(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def speaker(folder: Path) -> Speaker:
    opened = Speaker.open(folder)
    opened.generator = Asked(opened.generator)
    return opened


def asked(speaker: Speaker) -> str:
    """The last prompt in words; heard audio as A."""
    layout, words = speaker.maker.layout, ""
    generator: Any = speaker.generator
    for token in generator.prompts[-1].ids[:, 0].tolist():
        if layout.is_audio(token):
            words += "A"
        else:
            words += layout.name(token) if token >= layout.text_size else speaker.tokenizer.decode([token])
    return words


def written(*messages: tuple[str, str]) -> str:
    return "".join(f"{IM_START}{role}\n{text}<|im_end|>\n" for role, text in messages) + f"{IM_START}assistant\n"


def given(speaker: Speaker) -> Any:
    """The units that were to be said, and their frames; None for a reply of the model's own, with or without audio."""
    generator: Any = speaker.generator
    if isinstance(generator.given[-1], bool):
        return None
    units, frames = generator.given[-1]
    return [speaker.tokenizer.decode(unit) for unit in units], frames


def voice_asked(speaker: Speaker) -> list[float]:
    generator: Any = speaker.generator
    return generator.prompts[-1].speaker.tolist()


HELLO = [f"<|phone_{phone}|>" for phone in ("HH", "AH", "L")]


def test_reading_binds_the_text_beside_its_sound(speaker: Speaker) -> None:
    spoken = speaker.read("Hello.")
    assert asked(speaker) == written(("system", READING_SYSTEM))
    assert given(speaker) == ([*HELLO, f"<|phone_OW|>.{END_OF_CONV}"], None)
    assert voice_asked(speaker) == VOICES.known[1].speaker.tolist()
    assert (spoken.text, spoken.rate_hz, spoken.codes.shape) == ("Hello.", 16_000, (5, 8))
    assert np.array_equal(spoken.codes, tiny.drawn_codes(5, "reply", CODEC))
    assert spoken.samples.tolist() == [1] * 5 * 1280  # the codec that counts decodes to ones


def test_chinese_is_read_by_a_chinese_voice(speaker: Speaker) -> None:
    speaker.read("你好。")
    assert voice_asked(speaker) == VOICES.known[2].speaker.tolist()
    units = ["<|phone_n|>", "<|phone_i|><|phone_2|>", "<|phone_h|>", f"<|phone_ao|><|phone_3|>。{END_OF_CONV}"]
    assert given(speaker) == (units, None)


def test_a_text_is_read_phone_by_phone_as_it_is_said(speaker: Speaker) -> None:
    assert speaker.read("I have 3 zqrks.", VOICES.known[0]).text == "I have 3 zqrks."
    units, frames = given(speaker)
    assert (units[-4:], frames) == (["<|phone_TH|>", "<|phone_R|>", "<|phone_IY|>", f" zqrks.{END_OF_CONV}"], None)
    assert voice_asked(speaker) == VOICES.known[0].speaker.tolist()


@pytest.mark.parametrize("text", ["...", "한국어", f"say {SPEAKER}"])
def test_what_has_no_sound_is_refused(speaker: Speaker, text: str) -> None:
    with pytest.raises(UnspeakableTextError):
        speaker.read(text)


def test_a_speaker_mark_in_what_is_asked_is_text(speaker: Speaker) -> None:
    mark = speaker.maker.layout.marker(SPEAKER)
    generator: Any = speaker.generator
    speaker.chat(f"Who is {SPEAKER}?")
    speaker.tts(SPEAKER, VOICES.known[1].speaker)
    speaker.read_units([SPEAKER], VOICES.known[1].speaker)
    assert [(prompt.ids[:, 0] == mark).sum() for prompt in generator.prompts] == [1, 1, 1]
    assert given(speaker) == ([SPEAKER + END_OF_CONV], None)
    assert mark not in generator.given[-1][0][0]


def test_units_are_read_at_their_frames(speaker: Speaker) -> None:
    speaker.read_units([" a", " b"], VOICES.known[0].speaker, [3, 9])
    assert given(speaker) == ([" a", f" b{END_OF_CONV}"], [3, 9])
    assert asked(speaker) == written(("system", READING_SYSTEM))


def test_tts_has_its_text_in_the_request(speaker: Speaker) -> None:
    speaker.tts("Hello.", VOICES.known[1].speaker)
    assert asked(speaker) == written(("system", VOICE_LINE), ("user", f"{TTS_REQUEST}Hello."))
    assert given(speaker) == ([END_OF_CONV], [0])
    assert voice_asked(speaker) == VOICES.known[1].speaker.tolist()


def test_a_chat_is_answered_in_the_models_own_words(speaker: Speaker) -> None:
    speaker.generator.says = speaker.maker.text_tokens(f" Yes. {END_OF_CONV}")
    assert speaker.chat("Who are you?").text == "Yes."
    assert asked(speaker) == written(("system", CHAT_SYSTEM), ("user", "Who are you?"))
    assert given(speaker) is None


def test_a_role_answers_what_was_said_with_all_that_went_before(speaker: Speaker) -> None:
    before = (Message("user", "Hi"), Message("assistant", "Hm?"))
    speaker.chat(tiny.drawn_codes(3, "said", CODEC), VOICES.known[0], before)
    wanted = written(("system", DRAGON), ("user", "Hi"), ("assistant", "Hm?"), ("user", "A" * 10))
    assert asked(speaker) == wanted
    assert SPEAKER in wanted


SONG = Score(tempo_bpm=75, tonic="C", notes=(Note(midi=60, onset_beats=0, duration_beats=1, syllable="la"),))


def test_singing_reads_a_melody(speaker: Speaker) -> None:
    spoken = speaker.sing(SONG, VOICES.known[2])
    assert asked(speaker) == written(("system", READING_SYSTEM))
    assert given(speaker) == ([f"{NOTES[60]}{HOLDS[10]}la {END_OF_CONV}"], (0,))
    assert spoken.text == "la"
    assert voice_asked(speaker) == VOICES.known[2].speaker.tolist()


def test_a_column_is_sung_from_where_its_song_begins(speaker: Speaker) -> None:
    speaker.sing_column(SONG.model_dump() | {"score_start_s": 0.4}, VOICES.known[0].speaker)
    assert given(speaker) == ([f"<|rest|>{HOLDS[5]}", f"{NOTES[60]}{HOLDS[10]}la {END_OF_CONV}"], (0, 5))
    generator: Any = speaker.generator
    assert generator.longest_end == 10 + LONGEST_ECHO  # it may outlast its last note so much


def test_writing_down_may_say_text_alone(speaker: Speaker) -> None:
    generator: Any = speaker.generator
    generator.says = speaker.maker.text_tokens("hello ")
    assert speaker.write_down(tiny.drawn_codes(3, "heard", CODEC)) == "hello"
    assert asked(speaker) == written(("user", ASR_REQUEST + "A" * 10))
    assert generator.given[-1] is False
    assert generator.prompts[-1].speaker is None


def test_listening_gives_codes(speaker: Speaker) -> None:
    codes = speaker.listen(np.zeros(24_000, np.int16))
    assert (codes.dtype, codes.shape) == (np.uint16, (13, 8))


def test_random_weights_say_the_text_they_are_given(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.generate.MAX_POSITIONS", 60)
    spoken = Speaker.open(folder, Decoding(1.0, 1.0)).read("Hello.")
    assert spoken.text == "Hello."
    assert len(spoken.samples) == 1280 * len(spoken.codes) > 0


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="there is no model here: give the folder that `troupe train` wrote"):
        Speaker.open(tmp_path)


def test_codes_of_other_weights(folder: Path, letters: Any) -> None:
    made = speaking.SpokenModel.from_pretrained(folder)
    made.config.codec = CODEC | {"revision": "fake-2"}
    with pytest.raises(
        RecipeError, match="speaks codes of fake with weights fake-2, but the weights here are fake-1: use"
    ):
        Speaker(made, letters, VOICES)
    made.config.codec = CODEC | {"name": "xy"}
    with pytest.raises(RecipeError, match=r"backends\.codec: there is no back end 'xy'"):
        Speaker(made, letters, VOICES)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"text": "a", "task": "sing"}, "--song NAME goes with --task sing, and singing needs a song"),
        ({"text": "a", "task": "tts", "song": "row"}, "--song NAME goes with --task sing"),
        ({"text": "a", "task": "roleplay"}, "--role goes with --task roleplay, and playing a role needs one"),
        ({"text": "a", "task": "chat", "role": "Smok"}, "--role goes with --task roleplay"),
        ({"text": ""}, "--task tts: there is nothing to say: give a text"),
        ({"text": "", "role": "Smok"}, "--task roleplay: there is nothing to say"),
        ({"text": "a", "role": "a loud pirate"}, "the model knows no such character"),
        ({"text": "a", "song": "row"}, "--song row has its own words: leave out the text 'a'"),
        ({"text": "", "song": "nosong"}, "--song nosong: there is no such song; the songbook has: amazing-grace, "),
    ],
)
def test_options_that_do_not_fit_together(folder: Path, given: dict[str, str], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        speak(folder, **given)


@pytest.fixture
def opened(speaker: Speaker, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What models were opened with; they are all the one that notes what it is asked."""
    decodings: list[Any] = []

    def opens(_: Path, decoding: Decoding) -> Speaker:
        decodings.append(decoding)
        return speaker

    monkeypatch.setattr(Speaker, "open", opens)
    return decodings


def test_a_task_is_guessed_from_what_is_asked(opened: list[Any], speaker: Speaker, folder: Path) -> None:
    speak(folder, "Hello.", temperature=0.7, seed=3)
    assert given(speaker) == ([*HELLO, f"<|phone_OW|>.{END_OF_CONV}"], None)
    assert opened == [Decoding(temperature=0.7, seed=3)] == [decoding_of(0.7, 3)]
    speak(folder, "Hello.", task="chat")
    assert (given(speaker), asked(speaker)) == (None, written(("system", CHAT_SYSTEM), ("user", "Hello.")))
    speak(folder, "Hello.", role="smok")
    assert asked(speaker) == written(("system", DRAGON), ("user", "Hello."))
    speak(folder, "", song="row")
    assert asked(speaker) == written(("system", READING_SYSTEM))
    assert given(speaker)[0][0].startswith("<|note_")


def test_an_answer_without_a_sound(opened: list[Any], speaker: Speaker, folder: Path) -> None:
    speaker.generator.frames = 0
    speaker.generator.says = speaker.maker.text_tokens("mute")
    with pytest.raises(RecipeError, match=r"the model answered without a sound \('mute'\): try another text"):
        speak(folder, "Hello.", task="chat")


def test_a_file_is_what_was_spoken(speaker: Speaker, tmp_path: Path) -> None:
    spoken = speaker.read("Hello.")
    write_wav(tmp_path / "hello.wav", spoken)
    samples, rate = soundfile.read(tmp_path / "hello.wav", dtype="int16")
    assert (rate, soundfile.info(tmp_path / "hello.wav").subtype) == (16_000, "PCM_16")
    assert np.array_equal(samples, spoken.samples)
