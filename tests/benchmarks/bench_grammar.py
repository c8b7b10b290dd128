"""The offline grammar: how varied its dialogues are, how well they keep their order, and how fast they are written."""

import time
from collections.abc import Callable

from schemas.script import KINDS, LANGUAGES, Kind, Language, Turn
from schemas.seeds import generator
from stages.backends.grammar_cast import cast
from stages.backends.grammar_data import load_grammar
from stages.backends.grammar_records import Scene, Topic
from stages.backends.grammar_writer import write_script
from stages.dialogue_order import fact_score, order_score
from tests.prompts.test_grammars import COUNTS, DIALOGUES, skeletons, twins
from tests.stages.scripts import PLANS
from tests.stages.test_dialogue_order import KINDS as ORDERED_KINDS
from tests.stages.test_dialogue_order import long_dialogues, shuffled_within_roles, spoken


def dialogues_per_second(language: Language, kind: Kind) -> float:
    plans = [PLANS[kind](index, language) for index in range(DIALOGUES)]
    start_s = time.process_time()
    for one in plans:
        write_script(one)
    return DIALOGUES / (time.process_time() - start_s)


def order_kept(language: Language, kind: Kind, score: Callable[[list[Turn], Topic, Scene], float]) -> float:
    """Share of dialogues whose true order has a higher score than a shuffle within roles."""
    grammar, wins = load_grammar(language, None, kind), 0
    dialogues = long_dialogues(language, kind)
    for script in dialogues:
        topic, scene = grammar.scene(script.plan.scene)
        turns = spoken(script)
        other = shuffled_within_roles(turns, generator("shuffle", script.dialogue_id))
        wins += score(turns, topic, scene) > score(other, topic, scene)
    return wins / len(dialogues)


def facts_alone(turns: list[Turn], topic: Topic, scene: Scene) -> float:
    return fact_score(turns, topic)


def commonest(language: Language, kind: Kind) -> str:
    counted = skeletons(language, kind)
    return f"{counted.most_common(1)[0][1] / counted.total():.2%}"


CHARACTERS_MADE = 6_000
FIGURES: dict[str, Callable[[Language, Kind], str]] = {
    "turns": lambda language, kind: f"{skeletons(language, kind).total()}",
    "distinct turn skeletons": lambda language, kind: f"{len(skeletons(language, kind))}",
    "commonest skeleton": commonest,
    "near-duplicates": lambda language, kind: f"{twins(language, kind) / COUNTS[kind]:.2%}",
    "dialogues written per CPU second": lambda language, kind: f"{dialogues_per_second(language, kind):.0f}",
}
ORDER_FIGURES: dict[str, Callable[[Language, Kind], str]] = {
    "true order above a shuffle": lambda language, kind: f"{order_kept(language, kind, order_score):.1%}",
    "the same, from shared facts alone": lambda language, kind: f"{order_kept(language, kind, facts_alone):.1%}",
}


def main() -> None:
    for kind in KINDS:
        print(f"Grammar, {kind}: {COUNTS[kind]} dialogues a language\n\n| figure | en | zh |\n|---|---|---|")
        for label, figure in (FIGURES | (ORDER_FIGURES if kind in ORDERED_KINDS else {})).items():
            print(f"| {label} | {' | '.join(figure(language, kind) for language in LANGUAGES)} |")
        print()
    for language in LANGUAGES:
        made = [one.character.model_dump(exclude={"character_id"}) for one in cast(language, CHARACTERS_MADE)]
        print(f"characters, {language}: {len({tuple(one.values()) for one in made})} distinct of {CHARACTERS_MADE}")
