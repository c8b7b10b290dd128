from pathlib import Path

import pytest

from schemas.errors import GrammarError
from stages.backends.grammar_data import load_grammar
from tests.stages.backends.small_grammar import COMMON, TOPIC, write_grammar


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('dish = "dishes"', 'dish = "plates"', "slots.dish: there is no lexicon 'plates'."),
        ('dish = "dishes"', 'user = "dishes"', "slots.user: this name is taken by a character's name."),
        ('"stir it"', '"stir it", a = "x"', None),
        ("{other.tip}", "{other.trick}", "intents.retreat.says.calm: entry 'soup' has no attribute 'trick'."),
        ("<praise@dish.kind>", "<prise>", "intents.offer.says.calm: there is no rule 'prise'."),
        (
            "<praise@dish.kind>",
            "<praise>",
            "intents.offer.says.calm: rule 'praise' is picked by mood and so needs the variant 'any'.",
        ),
        ('hot = ["it warms you"], ', "", "intents.offer.says.calm: rule 'praise' has no variant 'hot'."),
        ('cold = ["it cools you"]', "cold = []", "rules.praise.cold: holds no alternative."),
        ('next = ["offer"]', 'next = ["refuse"]', "intents.ask.next: 'refuse' is not an intent of the other role."),
        ('next = ["refuse"]\nends = true', "", "intents.offer: leads nowhere: give it next intents, or ends = true."),
        ("cuts_in = 1.0", "ends = true", "intents.refuse: only the assistant may end a dialogue."),
        (
            'needs = ["day"]\n',
            "",
            "intents.offer.says.calm: a wording always mentions a slot that is not in needs, gives or may.",
        ),
        (
            "then {other}: {other.tip}.",
            "then [{other}].",
            "intents.retreat.says.calm: a wording can leave out 'other', which the intent gives.",
        ),
        ('start = ["ask"]', 'start = ["offer"]', "scenes.home.start: 'offer' is not a user intent without needs."),
        ('kind = "hot" } }', 'kind = "wet" } }', "scenes.home.where.dish: no entry of the lexicon fits."),
        ('["it cools you"]', '["<praise@dish.kind>"]', "rules.praise: is part of itself."),
    ],
)
def test_mistakes_are_found_before_anything_is_written(tmp_path: Path, old: str, new: str, problem: str | None) -> None:
    assert old in TOPIC
    folder = write_grammar(tmp_path, TOPIC.replace(old, new, 1))
    if problem is None:
        assert load_grammar("en", folder).topics.keys() == {"food"}
        return
    with pytest.raises(GrammarError) as error:
        load_grammar("en", folder)
    assert str(error.value) == f"{tmp_path / 'en' / 'topics' / 'food.toml'}: {problem}"


def test_rules_that_the_writer_needs_must_be_there(tmp_path: Path) -> None:
    folder = write_grammar(tmp_path, common=COMMON.replace("cut_in", "cut"))
    with pytest.raises(GrammarError, match=r"rules\.cut_in: must be a rule with the variant 'any'"):
        load_grammar("en", folder)
