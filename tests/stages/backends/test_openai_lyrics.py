import re
from collections.abc import Iterator

import pytest

from schemas.recipe import Service
from schemas.score import Note, Score
from schemas.script import Language
from schemas.singing import Lyrics
from stages.backends.openai_chat import ChatClient
from stages.backends.openai_lyrics import FittingWords, LyricQuestion, MelodyLine, described, fitting
from stages.backends.openai_prompts import Prompts
from tests.chat_server import ChatServer


def melody(*lines: int, beats_per_bar: int = 4, mode: str = "major") -> Score:
    """Lines of so many notes, a bar each or more; a slur ends every line."""
    notes: list[Note] = []
    bar = 0
    for count in lines:
        begin = bar * beats_per_bar
        notes += [
            Note(midi=60, onset_beats=begin + place, duration_beats=1, syllable="la", breath=place == 0)
            for place in range(count)
        ]
        notes.append(Note(midi=62, onset_beats=begin + count, duration_beats=1, slur=True))
        bar += -(-(count + 1) // beats_per_bar)
    return Score.model_validate(
        {"tempo_bpm": 90, "tonic": "C", "mode": mode, "beats_per_bar": beats_per_bar, "notes": tuple(notes)}
    )


@pytest.fixture
def question(server: ChatServer) -> Iterator[LyricQuestion]:
    client, prompts = ChatClient("m", 1.0, 500, Service(base_url=server.url, timeout_s=0.5)), Prompts("writer")
    client.open()
    prompts.open()
    yield LyricQuestion(client, prompts)
    client.close()


def test_a_melody_is_described_line_by_line() -> None:
    lines = described(melody(3, 5), "en", 0)
    assert [(line.syllables, line.beats) for line in lines] == [(3, "DUM da DUM"), (5, "DUM da DUM da DUM")]
    assert described(melody(4, beats_per_bar=3), "en", 0) == [MelodyLine(4, "DUM da da DUM", 0)]


def test_rhyme_schemes_are_drawn_and_english_ones_start_afresh() -> None:
    schemes: dict[Language, set[tuple[int, ...]]] = {"en": set(), "zh": set()}
    for language, found in schemes.items():
        for seed in range(40):
            found.add(tuple(line.rhymes_with for line in described(melody(*[3] * 8), language, seed)))
    assert schemes["en"] == {
        (0, 1, 0, 3, 0, 5, 0, 7), (0, 0, 0, 2, 0, 0, 0, 6), (0, 0, 1, 2, 0, 0, 5, 6), (0, 1, 0, 2, 0, 5, 0, 6)
    }  # fmt: skip
    assert schemes["zh"] == {(0, 1, 0, 2, 4, 5, 0, 6), (0, 0, 0, 2, 0, 4, 0, 6), (0, 1, 2, 3, 4, 5, 6, 7)}


@pytest.mark.parametrize(
    ("language", "asked"),
    [
        ("en", "Line 1: 3 syllables; DUM da DUM\nLine 2: 5 syllables, rhyming with line 1; DUM da DUM da DUM\n"),
        ("zh", "第 1 句：3 个字\n第 2 句：5 个字，与第 1 句押韵\n"),
    ],
)
def test_what_is_asked_and_what_comes_back(
    language: Language, asked: str, server: ChatServer, question: LyricQuestion
) -> None:
    score = melody(3, 5)
    seed = next(seed for seed in range(99) if described(score, language, seed)[1].rhymes_with == 1)
    words, usage = question.ask(score, language, "sad", 2, seed)
    (body,) = server.bodies
    assert asked in body["messages"][1]["content"]
    assert (len(words.syllables), usage.requests) == (8, 1)
    assert words.title
    assert body["response_format"]["json_schema"]["name"] == "lyrics"


def test_words_that_do_not_fit_are_asked_for_once_more_saying_which(
    server: ChatServer, question: LyricQuestion
) -> None:
    server.reply = '{"title": "rain", "lines": ["rain on stones", "rain on stone"]}'
    with pytest.raises(ValueError, match=r"^two answers of m to 'lyrics' cannot be read; the second: line 2 has 3 syl"):
        question.ask(melody(3, 5), "en", "happy", 1, 3)
    told = server.bodies[1]["messages"][3]["content"]
    assert "cannot be sung to the melody: line 2 has 3 syllables, wanted 5: 'rain on stone'" in told


def test_fitting_words() -> None:
    answer = Lyrics(title=" the  ferry ", lines=("The ferry,\n lamp", "goes out."))
    assert fitting(answer, [4, 2], "en") == FittingWords("the ferry", ("the", "fer-", "ry", "lamp", "goes", "out"))
    answer = Lyrics(title="渡口", lines=("渡口灯灭了，", "水声 还没停"))
    assert fitting(answer, [5, 5], "zh") == FittingWords("渡口", tuple("渡口灯灭了水声还没停"))


@pytest.mark.parametrize(
    ("language", "title", "lines", "problem"),
    [
        ("en", "rain", ("rain", "snow", "hail"), "3 lines, wanted 2"),
        ("en", " ", ("rain falls", "snow falls"), "the title is empty"),
        ("en", "a " * 9, ("rain falls", "snow falls"), "the title has 9 words or characters, limit 8"),
        ("en", "rain", ("[hum] falls", "snow melts now"), "line 1 holds '[hum]', which is mark-up; line 2 has 3 syl"),
        ("en", "rain", ("雨落", "snow falls"), "line 1 is not in 'en': '雨落'"),
        ("en", "rain", ("rain falls", "word " * 41), "line 2 has 41 words or characters, limit 40"),
        ("en", "rain", ("it's here's", "as a language model"), "line 2 holds 'language model', which is talk of"),
        ("zh", "雨", ("下雨", "下大雪"), "line 2 has 3 characters, wanted 2: '下大雪'"),
        ("zh", "雨", ("下雨", "二2"), "line 2 holds '2', which is no Chinese character: '二2'"),
        ("zh", "雨", ("下雨", "go"), "line 2 is not in 'zh': 'go'"),
    ],
)
def test_words_that_do_not_fit(language: Language, title: str, lines: tuple[str, ...], problem: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(problem)}"):
        fitting(Lyrics(title=title, lines=lines), [2, 2], language)


def test_a_refrain_is_allowed_and_one_line_all_along_is_not() -> None:
    refrain = Lyrics(title="rain", lines=("Rain falls", "snow falls", "rain falls", "snow falls."))
    assert len(fitting(refrain, [2] * 4, "en").syllables) == 8
    with pytest.raises(ValueError, match=r"^3 of 4 lines repeat others$"):
        fitting(Lyrics(title="rain", lines=("rain falls",) * 4), [2] * 4, "en")
