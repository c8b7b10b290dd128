"""Songs that are asked for, from a language model: words for generated melodies, then the talk around the song."""

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.score import Song, lyric
from schemas.script import DialoguePlan, Emotion, Script, Turn, WrittenTurn
from schemas.seeds import generator
from schemas.singing import SungDraft
from stages.backends.openai_chat import ChatClient, Message
from stages.backends.openai_dialogue import rules, script_of
from stages.backends.openai_lyrics import LyricQuestion
from stages.backends.openai_places import Places
from stages.backends.openai_prompts import Prompts, draw_variety
from stages.backends.openai_question import Question
from stages.backends.protocols import Usage, Written
from stages.backends.repertoire import song_of, theme_of
from stages.backends.rules_judge import broken_rule
from stages.backends.song_variants import for_singer, hummed, in_mood, with_syllables

BEFORE: Mapping[int, float] = {1: 0.2, 2: 0.5, 3: 0.1, 4: 0.2}
AFTER: Mapping[int, float] = {1: 0.5, 2: 0.35, 3: 0.15}
"""Turns before and after the song, and how often. Where those before it are odd, the assistant sings at once."""

HUMMED_SHARE = 0.1
MOODS: Mapping[bool, tuple[Emotion, ...]] = {
    True: ("sad", "tender", "neutral", "sad", "tired"),
    False: ("happy", "tender", "neutral", "excited", "sad"),
}
"""Feelings that songs are sung in, by whether their mode is a minor one."""
INTENSITIES = (1, 2, 2, 3)
PAUSE_S = 0.6
"""Silence before the song."""


@dataclass(frozen=True)
class Wish:
    """What is decided before anything is asked for: the turns around the song, and how it is sung."""

    before: int
    after: int
    hummed: bool
    emotion: Emotion
    intensity: int


class SingingWriter:
    """The singer and the song come from the plan, a song of the songbook with its words; everything else that makes
    dialogues differ, from its seed. Words or a dialogue that fail twice fail this dialogue alone."""

    def __init__(self, writer: str, client: ChatClient, prompts: Prompts, places: Places) -> None:
        self._writer = writer
        self._lyrics = LyricQuestion(client, prompts)
        self._dialogue = Question("singing", SungDraft, client, prompts)
        self._variety = prompts.lists("singing/variety")

    def write(self, plan: DialoguePlan) -> Written:
        """Raises ValueError where two answers are of no use, and RecipeError for a song that there is not."""
        home = song_of(plan.scene, plan.language)
        wish = draw_wish(plan.seed, home)
        worded, lyrics_usage = self._worded(plan, home, wish)
        song = as_sung(worded, plan, wish)

        def script(draft: SungDraft) -> Script:
            spoken = [WrittenTurn(**turn.model_dump()) for turn in (*draft.before, *draft.after)]
            talk = script_of(plan, draft.topic, spoken, self._writer, self._drawn(plan)["situation"])
            turns = list(talk.turns)
            turns.insert(len(draft.before), _sung(song, wish))
            return talk.model_copy(update={"turns": tuple(turns)})

        asked = self.messages(plan, song, wish)
        written, usage = self._dialogue.ask(plan.language, asked, plan.seed, script, broken_rule)
        return Written(written, lyrics_usage + usage)

    def messages(self, plan: DialoguePlan, song: Song, wish: Wish) -> list[Message]:
        """What the model is asked to write around the song."""
        return self._dialogue.messages(
            plan.language,
            before=wish.before,
            after=wish.after,
            title=song.title,
            words=lyric(song.score),
            hummed=wish.hummed,
            emotion=wish.emotion,
            intensity=wish.intensity,
            tempo_bpm=song.score.tempo_bpm,
            user=plan.user,
            assistant=plan.assistant,
            **rules(plan.language),
            **self._drawn(plan),
        )

    def _drawn(self, plan: DialoguePlan) -> dict[str, str]:
        return draw_variety(self._variety[plan.language], plan.seed)

    def _worded(self, plan: DialoguePlan, home: Song, wish: Wish) -> tuple[Song, Usage]:
        """The song with the words that are sung: of the model, unless it is hummed or of the songbook."""
        if wish.hummed:
            return hummed(home, plan.language), Usage()
        if not theme_of(plan.scene, plan.language):
            return home, Usage()
        words, usage = self._lyrics.ask(home.score, plan.language, wish.emotion, wish.intensity, plan.seed)
        told = {
            "title": words.title,
            "origin": f"{home.origin}; words by {self._writer}",
            "score": with_syllables(home.score, words.syllables),
        }
        return home.model_copy(update=told), usage


def draw_wish(seed: int, song: Song) -> Wish:
    """Drawn from the plan's seed; the feeling fits the song's mode."""
    random = generator("wish", seed)
    moods = MOODS["minor" in song.score.mode or song.score.mode == "dorian"]
    emotion = moods[int(random.integers(len(moods)))]
    intensity = INTENSITIES[int(random.integers(len(INTENSITIES)))]
    return Wish(
        before=int(random.choice(list(BEFORE), p=list(BEFORE.values()))),
        after=int(random.choice(list(AFTER), p=list(AFTER.values()))),
        hummed=bool(random.random() < HUMMED_SHARE),
        emotion=emotion,
        intensity=1 if emotion == "neutral" else intensity,
    )


def as_sung(song: Song, plan: DialoguePlan, wish: Wish) -> Song:
    """The song in a key of the singer's voice, and at a tempo of the feeling it is sung in."""
    random = generator("song", plan.seed)
    return in_mood(for_singer(song, plan.assistant, random), wish.emotion, wish.intensity, random)


def _sung(song: Song, wish: Wish) -> Turn:
    return Turn(
        role="assistant",
        text=lyric(song.score),
        intent="sing",
        emotion=wish.emotion,
        intensity=wish.intensity,
        pause_before_s=PAUSE_S,
        song=song,
    )
