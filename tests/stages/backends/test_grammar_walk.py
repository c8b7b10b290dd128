from collections import Counter
from pathlib import Path

import pytest

from schemas.seeds import generator
from stages.backends.grammar_data import load_grammar
from stages.backends.grammar_records import Topic
from stages.backends.grammar_walk import draw, draw_facts, draw_walk, shuffled
from tests.stages.backends.small_grammar import TOPIC, write_grammar


def topic_of(folder: Path, source: str = TOPIC) -> Topic:
    return load_grammar("en", write_grammar(folder, source)).topics["food"]


def test_draw_follows_the_weights() -> None:
    random = generator("draw")
    counts = Counter(draw(random, (("a", 3.0), ("b", 1.0))) for _ in range(2000))
    assert counts["a"] / 2000 == pytest.approx(0.75, abs=0.03)
    assert sorted(shuffled(random, (("a", 3.0), ("b", 1.0), ("c", 1.0)))) == ["a", "b", "c"]


def test_facts_meet_the_scene_and_differ_within_a_lexicon(tmp_path: Path) -> None:
    topic = topic_of(tmp_path)
    for seed in range(30):
        facts = draw_facts(generator(seed), topic, topic.scenes["home"])
        assert facts["dish"]["kind"] == "hot"
        assert facts["dish"]["text"] != facts["other"]["text"]


def test_walks_follow_the_links_and_end_where_they_may(tmp_path: Path) -> None:
    topic = topic_of(tmp_path)
    scene = topic.scenes["home"]
    walks = set()
    for seed in range(30):
        random = generator(seed)
        walk = draw_walk(random, topic, scene, draw_facts(random, topic, scene))
        walks.add(tuple(intent.name for intent in walk))
    assert walks == {("ask", "offer"), ("ask", "offer", "refuse", "retreat")}


def test_conditions_on_facts_bar_the_way(tmp_path: Path) -> None:
    topic = topic_of(tmp_path, TOPIC.replace("cuts_in = 1.0", 'when = { "dish.tip" = "stir it" }'))
    scene = topic.scenes["home"]
    for seed in range(30):
        random = generator(seed)
        facts = draw_facts(random, topic, scene)
        if len(draw_walk(random, topic, scene, facts)) == 4:
            assert facts["dish"]["text"] == "soup"


def test_scene_without_a_walk_is_named(tmp_path: Path) -> None:
    topic = topic_of(tmp_path, TOPIC.replace('needs = ["day"]', 'needs = ["day"]\nwhen = { "dish.kind" = "cold" }'))
    scene = topic.scenes["home"]
    with pytest.raises(ValueError, match="scene 'food/home' has no dialogue of any length"):
        draw_walk(generator(1), topic, scene, draw_facts(generator(1), topic, scene))
