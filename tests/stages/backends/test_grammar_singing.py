"""Dialogues of singing: what is asked for is what is sung."""

from itertools import pairwise
from pathlib import Path

import pytest

from schemas.errors import GrammarError
from schemas.score import lyric
from schemas.script import LANGUAGES, Language, Script, Turn
from stages.backends.grammar_data import load_grammar
from stages.backends.grammar_singing import Way
from stages.backends.grammar_writer import write_script
from stages.backends.repertoire import song_of, theme_of
from tests.stages.backends.small_grammar import write_grammar
from tests.stages.scripts import song_plan, written

SINGING = """
[scenes.home]
setting = "a kitchen"
start = ["ask"]
[slots]
feel = "feels"
[lexicon]
feels = [{ text = "sadly", emotion = "sad", intensity = "2", shift = "-2", tempo = "0.8" }]
[intents.ask]
role = "user"
gives = ["feel"]
next = ["sing"]
[intents.ask.says]
calm = ["{assistant}, sing {song} {feel}."]
[intents.sing]
role = "assistant"
needs = ["feel"]
sings = ["feel"]
ends = true
[intents.sing.says]
calm = ["{feel}, then."]
"""


def small(folder: Path, singing: str = SINGING) -> str:
    path = write_grammar(folder)
    for language in LANGUAGES:
        (folder / language / "singing.toml").write_text(singing)
    return path


def test_full_dialogue_of_a_small_grammar(tmp_path: Path) -> None:
    plan = song_plan(40)
    script = write_script(plan, small(tmp_path))
    home = song_of(plan.scene, "en")
    ask, answer, sung = script.turns
    assert (script.topic, script.setting) == (home.title, "a kitchen")
    assert ask.text == f"{plan.assistant.name}, sing {home.title} sadly."
    assert (answer.text, answer.song) == ("Sadly, then.", None)
    assert sung.song is not None
    assert sung == Turn(
        role="assistant",
        text=lyric(home.score),
        intent="sing",
        emotion="sad",
        intensity=2,
        pause_before_s=sung.pause_before_s,
        song=sung.song,
    )
    steps = {a.midi - b.midi for a, b in zip(sung.song.score.notes, home.score.notes, strict=True)}
    assert len(steps) == 1
    assert 0.62 * home.score.tempo_bpm <= sung.song.score.tempo_bpm <= 0.72 * home.score.tempo_bpm  # sad, and slower


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('"sad"', '"blue"', "lexicon.feels.emotion: 'blue': Input should be 'neutral', 'happy'"),
        ('"-2"', '"-9"', "lexicon.feels.shift: '-9': Input should be greater than or equal to -5."),
        ('sings = ["feel"]', 'sings = ["mood"]', "intents.sing.sings: there is no slot 'mood'."),
        ('gives = ["feel"]', 'gives = ["feel"]\nsings = []', "intents.ask.sings: only the assistant sings."),
        ("ends = true", "ends = true\ncuts_in = 0.5", "intents.sing.cuts_in: nobody is interrupted in singing."),
        ('needs = ["feel"]', 'gives = ["feel"]', "intents.sing.gives: what is said before a song may be left out"),
        ("calm = [", "hushed = [", "intents.ask.says: there is no mood 'hushed' in moods.toml."),  # it is whispered
    ],
)
def test_mistakes_in_the_file_name_file_and_key(tmp_path: Path, old: str, new: str, problem: str) -> None:
    folder = small(tmp_path, SINGING.replace(old, new, 1))
    with pytest.raises(GrammarError) as error:
        load_grammar("en", folder, "singing")
    assert str(error.value).startswith(f"{tmp_path / 'en' / 'singing.toml'}: {problem}")


def test_other_topics_have_no_songs(tmp_path: Path) -> None:
    folder = write_grammar(tmp_path, SINGING.replace("{song} ", ""))
    with pytest.raises(GrammarError, match=r"intents.sing.sings: only the topic of singing has songs\."):
        load_grammar("en", folder)


def test_a_grammar_without_singing_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(GrammarError, match=r"singing\.toml is not there, and singing needs it for 'zh'"):
        load_grammar("zh", write_grammar(tmp_path), "singing")


def test_a_way_keeps_what_is_not_asked_for() -> None:
    hummed = Way().changed({"text": "hum", "hum": "yes", "emotion": "tender"})
    assert hummed.changed({"shift": "-2"}) == Way(emotion="tender", hum=True, shift=-2)


def test_a_song_that_suits_no_scene_is_named(tmp_path: Path) -> None:
    where = 'start = ["ask"]\nwhere = { song = { theme = "sea" } }'
    plan = song_plan(40).model_copy(update={"scene": "book-en-amazing-grace"})
    with pytest.raises(GrammarError, match=r"suits song 'book-en-amazing-grace' of theme '': name the theme"):
        write_script(plan, small(tmp_path, SINGING.replace('start = ["ask"]', where)))


@pytest.mark.parametrize("language", LANGUAGES)
def test_songs_suit_their_scenes(language: Language) -> None:
    topic = load_grammar(language, None, "singing").topics["singing"]
    (songs,) = topic.lexicon["songs"]
    for theme in songs["theme"]:
        suited = [s for s in topic.scenes.values() if theme in s.where.get("song", {}).get("theme", {theme})]
        assert len(suited) >= 2
    scripts = written(200, language, "singing")
    by_setting = {scene.setting: scene for scene in topic.scenes.values()}
    assert {script.setting for script in scripts} == set(by_setting)
    for script in scripts:
        theme = theme_of(script.plan.scene, language)
        assert theme in by_setting[script.setting].where.get("song", {}).get("theme", {theme})
        if script.setting == topic.scenes["bedtime"].setting:
            assert {turn.emotion for turn in script.turns if turn.song} <= {"neutral", "tender", "tired"}


def sung_after(scripts: tuple[Script, ...], intent: str) -> list[tuple[Turn, Turn, list[Turn]]]:
    """(request, song that follows, songs before) for every request of an intent."""
    found = []
    for script in scripts:
        for index, asked in enumerate(script.turns):
            if asked.intent == intent and asked.role == "user":
                later = next((turn for turn in script.turns[index:] if turn.song), None)
                if later is not None:
                    found.append((asked, later, [turn for turn in script.turns[:index] if turn.song]))
    assert found
    return found


def first_pitch(sung: Turn) -> int:
    assert sung.song is not None
    return sung.song.score.notes[0].midi


@pytest.mark.parametrize("language", LANGUAGES)
def test_songs_are_sung_as_they_were_asked_for(language: Language) -> None:
    scripts = written(200, language, "singing")
    topic = load_grammar(language, None, "singing").topics["singing"]
    feelings = {how: entry["emotion"][0] for entry in topic.lexicon["feels"] for how in (*entry["how"], *entry["kind"])}
    for asked, sung, _ in sung_after(scripts, "ask_name_feel"):
        assert sung.song is not None
        assert sung.song.title.partition(" (")[0] in asked.text
        assert sung.emotion == next(feelings[said] for slot, said in asked.slots.items() if slot.startswith("feel"))
    for asked, sung, before in sung_after(scripts, "ask_key"):
        low = asked.slots["key"] in ("a little lower", "低一点")
        assert (first_pitch(sung) < first_pitch(before[-1])) is low
    for asked, sung, before in sung_after(scripts, "ask_speed"):
        assert sung.song is not None
        assert before[-1].song is not None
        change = sung.song.score.tempo_bpm / before[-1].song.score.tempo_bpm
        assert change <= 0.94 if asked.slots["speed"] in ("a bit slower", "慢一点") else change >= 1.06
    for asked, sung, before in sung_after(scripts, "ask_again_feel"):
        assert sung.emotion == next(feelings[said] for slot, said in asked.slots.items() if slot.startswith("feel_two"))
        assert sung.text == before[-1].text
    for _, sung, before in sung_after(scripts, "ask_hum_now"):
        assert sung.manner == "hummed"
        assert sung.emotion == before[-1].emotion
    assert {sung.manner for _, sung, _ in sung_after(scripts, "ask_hum")} == {"hummed"}
    for _, sung, before in sung_after(scripts, "ask_words"):
        assert (before[-1].manner, sung.manner) == ("hummed", "sung")
    for _, sung, before in sung_after(scripts, "ask_verse"):
        assert sung.text != before[-1].text


@pytest.mark.parametrize("language", LANGUAGES)
def test_dialogues_have_two_to_six_turns_besides_their_songs_and_no_murmurs(language: Language) -> None:
    scripts = written(200, language, "singing")
    assert {sum(turn.song is None for turn in script.turns) for script in scripts} == {2, 3, 4, 5, 6}
    assert {sum(turn.song is not None for turn in script.turns) for script in scripts} == {1, 2}
    assert {(turn.overlap, turn.style) for script in scripts for turn in script.turns} == {("none", "plain")}
    at_once = [a.role == "user" for script in scripts for a, b in pairwise(script.turns) if b.song]
    assert 0.1 <= sum(at_once) / len(at_once) <= 0.3
