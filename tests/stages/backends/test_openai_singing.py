import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipelines.answers import FileAnswers
from schemas.errors import RecipeError
from schemas.score import Score, Song, lyric
from schemas.script import DialoguePlan, Language, Script, Turn
from stages.backends.grammar_people import characters
from stages.backends.openai_singing import AFTER, BEFORE, PAUSE_S, draw_wish
from stages.backends.protocols import Usage, Written
from stages.backends.repertoire import song_of
from stages.backends.rules_judge import broken_rule
from stages.backends.song_variants import VOICES
from stages.backends.songbook import load_songbook
from tests.chat_faults import CONTENT, TRANSPORT
from tests.chat_server import ChatServer
from tests.stages.backends.opened_writer import opened, scripts

PRICES = {"usd_per_million_prompt_tokens": 1.0, "usd_per_million_completion_tokens": 1.0}
MADE: tuple[Language, ...] = ("en", "zh")
FORMS = {"lyrics", "sungdraft"}


def plan(index: int, language: Language = "en", scene: str = "") -> DialoguePlan:
    """The plan of one dialogue, with a generated song of its own or with the one that is named."""
    return DialoguePlan(
        dialogue_id=f"s{language}{index}",
        kind="singing",
        language=language,
        split="train",
        scene=scene or f"made-{language}-{index:06d}",
        user=characters(language, "user", 40)[index % 40],
        assistant=characters(language, "assistant", 12)[index % 12],
        seed=1_000 + index,
    )


def is_hummed(asked: DialoguePlan) -> bool:
    return draw_wish(asked.seed, song_of(asked.scene, asked.language)).hummed


WORDED = {language: next(n for n in range(99) if not is_hummed(plan(n, language))) for language in MADE}
HUMMED = {language: next(n for n in range(99) if is_hummed(plan(n, language))) for language in MADE}
"""Numbers of plans whose songs have words, and have none."""
PLANS = [
    *(plan(index, language) for index in range(4) for language in MADE),
    *(plan(HUMMED[language], language) for language in MADE),
    *(plan(30, language, min(load_songbook(language))) for language in MADE),
]


def forms(server: ChatServer) -> list[str]:
    return [body["response_format"]["json_schema"]["name"] for body in server.bodies]


def sung(script: Script) -> tuple[int, Turn, Song]:
    """The one song of a script, its turn, and where it stands."""
    (found,) = [(index, turn, turn.song) for index, turn in enumerate(script.turns) if turn.song is not None]
    return found


@pytest.fixture(scope="module")
def faultless() -> list[Script]:
    """The scripts of PLANS where nothing goes wrong."""
    with ChatServer() as running:
        return scripts(opened(running).write(PLANS))


@pytest.mark.parametrize("language", MADE)
def test_a_generated_song_takes_words_and_a_dialogue(language: Language, server: ChatServer) -> None:
    asked = plan(WORDED[language], language)
    home, wish = song_of(asked.scene, language), draw_wish(asked.seed, song_of(asked.scene, language))
    (result,) = opened(server).write([asked])
    assert isinstance(result, Written)
    assert forms(server) == ["lyrics", "sungdraft"]
    assert result.usage.requests == 2
    made = result.script
    assert (made.plan, made.writer, broken_rule(made)) == (asked, "openai/m", None)
    place, turn, song = sung(made)
    assert (place, len(made.turns)) == (wish.before, wish.before + 1 + wish.after)
    assert turn == Turn(
        role="assistant", text=lyric(song.score), intent="sing", emotion=wish.emotion, intensity=wish.intensity,
        pause_before_s=PAUSE_S, song=song,
    )  # fmt: skip
    assert song.model_dump(exclude={"score", "title", "origin"}) == home.model_dump(
        exclude={"score", "title", "origin"}
    )
    assert song.origin == "generated; words by openai/m"
    assert turn.text != lyric(home.score)
    words, talk = (body["messages"][1]["content"] for body in server.bodies)
    for part in (f": {song.title}\n", f": {turn.text}\n", asked.user.identity, asked.assistant.identity, made.setting):
        assert part.replace(": ", "：" if language == "zh" else ": ", 1) in talk
    assert len(re.findall(r"^(?:Line|第) \d+", words, re.MULTILINE)) == len(home.score.lines)


def melody(score: Score) -> list[tuple[float, ...]]:
    """The notes from the first on, whatever the key."""
    first = score.notes[0].midi
    return [(note.midi - first, note.onset_beats, note.duration_beats, note.slur, note.breath) for note in score.notes]


def test_songs_keep_their_melody_and_lie_in_the_singers_voice(faultless: list[Script]) -> None:
    assert [script.plan for script in faultless] == PLANS
    assert [broken_rule(script) for script in faultless] == [None] * len(PLANS)
    for script in faultless:
        _, _, song = sung(script)
        home = song_of(script.plan.scene, script.plan.language).score
        assert melody(song.score) == melody(home)
        low, high = VOICES[script.assistant.age, script.assistant.gender]
        assert {low <= note.midi <= high for note in song.score.notes} == {True}
    changed = [sung(script)[2].score.tempo_bpm != song_of(script.plan.scene, script.plan.language).score.tempo_bpm
               for script in faultless]  # fmt: skip
    assert sum(changed) > len(changed) / 2


@pytest.mark.parametrize("language", MADE)
def test_a_hummed_song_and_one_of_the_songbook_need_no_words(language: Language, server: ChatServer) -> None:
    hums, book = plan(HUMMED[language], language), plan(30, language, min(load_songbook(language)))
    assert not is_hummed(book)
    hummed, known = scripts(opened(server, concurrency=1).write([hums, book]))
    assert forms(server) == ["sungdraft"] * 2
    assert sung(hummed)[1].manner == "hummed"
    assert "hummed, without words" in (asked := server.bodies[0]["messages"][1]["content"]) or "没有歌词" in asked
    _, turn, song = sung(known)
    home = song_of(book.scene, language)
    assert turn.text == lyric(home.score)
    assert (song.title, song.origin, song.source) == (home.title, home.origin, home.source)


def test_wishes_are_drawn_from_the_seed() -> None:
    home = song_of("made-en-000001", "en")
    wishes = [draw_wish(seed, home) for seed in range(2_000)]
    assert wishes[:9] == [draw_wish(seed, home) for seed in range(9)]
    for shares, counted in ((BEFORE, Counter(w.before for w in wishes)), (AFTER, Counter(w.after for w in wishes))):
        assert {n: count / 2_000 for n, count in counted.items()} == pytest.approx(shares, abs=0.04)
    assert sum(wish.hummed for wish in wishes) / 2_000 == pytest.approx(0.1, abs=0.02)
    assert len({(wish.emotion, wish.intensity) for wish in wishes}) == 4 * 3 + 1


@pytest.mark.parametrize("seed", [1, 2])
def test_with_a_fifth_of_all_requests_failing_the_scripts_and_the_books_are_the_same(
    seed: int, faultless: list[Script], tmp_path: Path
) -> None:
    with ChatServer(faults=0.2, seed=seed) as faulty:
        faulty.stall_s = 0.6
        results = opened(faulty, FileAnswers(str(tmp_path), None), **PRICES).write(PLANS)
        assert scripts(results) == faultless
        assert faulty.counts.total() > faulty.counts["requests"]
        usage = sum((result.usage for result in results if isinstance(result, Written)), Usage())
        assert usage.requests == sum(faulty.answered.values()) == len(list(tmp_path.glob("answers/*/*.json")))
        assert usage.usd == pytest.approx(faulty.usd)
        asked = faulty.counts["requests"]
        assert scripts(opened(faulty, FileAnswers(str(tmp_path), None), **PRICES).write(PLANS)) == faultless
        assert faulty.counts["requests"] == asked


@pytest.mark.parametrize("fault", [TRANSPORT[0], *CONTENT])
@pytest.mark.parametrize("step", range(2), ids=sorted(FORMS))
def test_every_fault_of_every_step_is_mended(fault: str, step: int, server: ChatServer) -> None:
    asked = plan(WORDED["en"])
    (sound,) = scripts(opened(server).write([asked]))
    server.faults.forced = [*[""] * step, fault]
    assert scripts(opened(server).write([asked])) == [sound]
    assert server.counts["requests"] == (4 if fault == "fence" else 5)


@pytest.mark.parametrize("step", range(2), ids=["lyrics", "singing"])
def test_two_answers_that_cannot_be_read_fail_this_dialogue_alone(step: int, server: ChatServer) -> None:
    server.faults.forced = [*[""] * step, "schema", "truncated"]
    broken, sound = opened(server, concurrency=1).write([plan(WORDED["en"]), plan(WORDED["zh"], "zh")])
    assert isinstance(broken, ValueError)
    name = ("lyrics", "singing")[step]
    assert str(broken).startswith(f"two answers of m to '{name}' cannot be read; the second: ")
    assert isinstance(sound, Written)


def spoken(role: str, text: str) -> dict[str, Any]:
    return {
        "role": role, "text": text, "intent": "talk", "emotion": "happy", "intensity": 1, "pace": "normal",
        "pause_before_s": 0.3,
    }  # fmt: skip


def test_a_rule_that_a_dialogue_breaks_twice_is_left_to_the_judge(server: ChatServer) -> None:
    hums = plan(HUMMED["en"])
    wrong = [spoken("user", "Hum it for me, would you?"), spoken("user", "Please, just the tune.")]
    server.reply = json.dumps({"topic": "a tune", "before": wrong, "after": [spoken("user", "Oh, how sweet.")]})
    (made,) = scripts(opened(server).write([hums]))
    assert broken_rule(made) == "roles: turn 1 is the user's, wanted the assistant's"
    assert "roles: turn 1 is the user's" in server.bodies[1]["messages"][3]["content"]
    assert [(turn.role, turn.style, turn.overlap, turn.song is not None) for turn in made.turns] == [
        ("user", "plain", "none", False), ("user", "plain", "none", False), ("assistant", "plain", "none", True),
        ("user", "plain", "none", False),
    ]  # fmt: skip


def test_a_song_that_there_is_not_fails_all(server: ChatServer) -> None:
    with pytest.raises(RecipeError, match="there is no song 'book-en-nothing'"):
        opened(server).write([plan(0, "en", "book-en-nothing")])


def test_an_endpoint_without_schemas_is_told_by_the_prompts(server: ChatServer) -> None:
    (sound,) = scripts(opened(server).write([plan(WORDED["zh"], "zh")]))
    server.formats = 2
    assert scripts(opened(server).write([plan(WORDED["zh"], "zh")])) == [sound]
