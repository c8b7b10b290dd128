"""The offline grammar: how varied its dialogues are, how well they keep their order, and how fast they are written."""

import time
from collections.abc import Callable

from schemas.script import LANGUAGES, Language, Turn
from schemas.seeds import generator
from stages.backends.grammar_data import load_grammar
from stages.backends.grammar_records import Scene, Topic
from stages.backends.grammar_writer import write_script
from stages.dialogue_order import fact_score, order_score
from tests.prompts.test_grammars import DIALOGUES, skeletons, twins
from tests.stages.scripts import plan
from tests.stages.test_dialogue_order import long_dialogues, shuffled_within_roles, spoken


def dialogues_per_second(language: Language) -> float:
    grammar = load_grammar(language)
    plans = [plan(index, language) for index in range(DIALOGUES)]
    start_s = time.process_time()
    for one in plans:
        write_script(grammar, one)
    return DIALOGUES / (time.process_time() - start_s)


def order_kept(language: Language, score: Callable[[list[Turn], Topic, Scene], float]) -> float:
    """Share of dialogues whose true order has a higher score than a shuffle within roles."""
    grammar, wins = load_grammar(language), 0
    dialogues = long_dialogues(language)
    for script in dialogues:
        topic, scene = grammar.scene(script.plan.scene)
        turns = spoken(script)
        other = shuffled_within_roles(turns, generator("shuffle", script.dialogue_id))
        wins += score(turns, topic, scene) > score(other, topic, scene)
    return wins / len(dialogues)


def facts_alone(turns: list[Turn], topic: Topic, scene: Scene) -> float:
    return fact_score(turns, topic)


def main() -> None:
    print(f"Grammar: {DIALOGUES} dialogues a language\n\n| figure | en | zh |\n|---|---|---|")
    counted = {language: skeletons(language) for language in LANGUAGES}
    rows = {
        "turns": [f"{counted[x].total()}" for x in LANGUAGES],
        "distinct turn skeletons": [f"{len(counted[x])}" for x in LANGUAGES],
        "commonest skeleton": [f"{counted[x].most_common(1)[0][1] / counted[x].total():.2%}" for x in LANGUAGES],
        "near-duplicates": [f"{twins(x) / DIALOGUES:.2%}" for x in LANGUAGES],
        "true order above a shuffle": [f"{order_kept(x, order_score):.1%}" for x in LANGUAGES],
        "the same, from shared facts alone": [f"{order_kept(x, facts_alone):.1%}" for x in LANGUAGES],
        "dialogues written per CPU second": [f"{dialogues_per_second(x):.0f}" for x in LANGUAGES],
    }
    for label, values in rows.items():
        print(f"| {label} | {' | '.join(values)} |")
