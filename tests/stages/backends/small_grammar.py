"""A grammar of one topic, small enough to know everything it can say."""

from pathlib import Path

MOODS = """
calm = { emotion = "neutral", intensity = [1], style = ["plain"], pace = ["normal"] }
hushed = { emotion = "fearful", intensity = [2], style = ["whisper"], pace = ["slow"] }
"""

COMMON = """
[rules]
backchannel = { any = ["mm."], hushed = ["oh."] }
cut_in = ["wait."]
[slots]
day = "days"
[lexicon]
days = ["Monday", "Friday"]
"""

PEOPLE = """
ages = ["youth", "elderly"]
[names]
female = ["Ann", "Eve", "Ida"]
male = ["Bob", "Tom", "Jim"]
[user.identities]
youth = ["a student"]
elderly = ["a gardener"]
[assistant.identities]
youth = ["a helper"]
elderly = ["a storyteller"]
[traits]
personality = ["dry"]
temperament = ["sanguine"]
pace = ["slow"]
[traits.timbre]
female = ["bright"]
male = ["dark"]
"""

TOPIC = """
[scenes.home]
setting = "a kitchen"
start = ["ask"]
where = { dish = { kind = "hot" } }
[slots]
dish = "dishes"
other = "dishes"
[lexicon]
dishes = [
  { text = "soup", kind = "hot", tip = "stir it" },
  { text = "tea", kind = "hot", tip = "let it rest" },
  { text = "ice", kind = "cold", tip = "wait" },
]
[rules]
praise = { hot = ["it warms you"], cold = ["it cools you"] }
[intents.ask]
role = "user"
gives = ["day"]
next = ["offer"]
[intents.ask.says]
hushed = ["{assistant}, what do we eat on {day}?"]
[intents.offer]
role = "assistant"
needs = ["day"]
gives = ["dish"]
next = ["refuse"]
ends = true
[intents.offer.says]
calm = ["on {day}? {dish}, {user}. <praise@dish.kind>."]
[intents.refuse]
role = "user"
needs = ["dish"]
next = ["retreat"]
cuts_in = 1.0
[intents.refuse.says]
calm = ["not {dish}."]
[intents.retreat]
role = "assistant"
needs = ["dish"]
gives = ["other"]
ends = true
[intents.retreat.says]
calm = ["then {other}: {other.tip}."]
"""


def write_grammar(folder: Path, topic: str = TOPIC, common: str = COMMON) -> str:
    """The grammar as a folder for both languages; returns its path."""
    (folder / "moods.toml").write_text(MOODS)
    for language in ("en", "zh"):
        (folder / language / "topics").mkdir(parents=True, exist_ok=True)
        (folder / language / "common.toml").write_text(common)
        (folder / language / "people.toml").write_text(PEOPLE)
        (folder / language / "topics" / "food.toml").write_text(topic)
    return str(folder)
