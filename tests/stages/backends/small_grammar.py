"""A grammar of one topic and one world, small enough to know everything it can say."""

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


ROLEPLAY = """
[rules]
backchannel = ["mm."]
cut_in = ["hold."]
"""

TRAITS = """
personality = [
  { text = "bold", poles = ["+energy"] },
  { text = "gruff", poles = ["-warmth"], ages = ["elderly"] },
]
temperament = [
  { text = "fiery", poles = ["+energy"], ages = ["child"] },
  { text = "kind", poles = ["+warmth", "-energy"] },
  { text = "even" },
]
timbre = [
  { text = "deep", genders = ["male"] },
  { text = "clear", genders = ["female"] },
]
"""

WORLD = """
title = "the harbour"
origins = ["Reed Island"]
[names]
female = ["Mary"]
male = ["Tom"]
[parts.captain]
identities = ["a captain"]
ages = ["elderly"]
backgrounds = ["Lost a ship once"]
me = { elderly = ["this old salt"] }
relations = ["master"]
[parts.fox]
identities = ["a stowaway"]
ages = ["child"]
genders = ["female"]
species = "fox"
names = ["Rust"]
backgrounds = ["Came aboard in a barrel"]
relations = ["friend"]
poles = ["+energy"]
[relations.master]
text = "The user is a new hand"
you = { female = ["girl"], male = ["boy"], "elderly female" = ["grandmother"] }
title = "captain"
[relations.friend]
text = "The user keeps it hidden"
you = "friend"
title = "little one"
[scenes.deck]
setting = "a deck at night"
start = ["call"]
[scenes.hold]
setting = "a dark hold"
start = ["call"]
cast = { part = ["fox"] }
[rules]
oath = { captain = ["by the deep"], fox = ["by my tail"] }
[intents.call]
role = "user"
next = ["answer"]
[intents.call.says]
calm = ["{assistant.title}, <sigh> are you there?"]
[intents.answer]
role = "assistant"
ends = true
does = ["lifts the lamp"]
thinks = ["that {assistant.you} again"]
[intents.answer.says]
calm = ["<oath@assistant.part>, {assistant.you}, {assistant.me} never sleeps. <laugh>"]
"""


def write_world(folder: Path, world: str = WORLD, traits: str = TRAITS) -> str:
    """The grammar with its world "sea"; returns its path."""
    for language in ("en", "zh"):
        (folder / language / "worlds").mkdir(parents=True, exist_ok=True)
        (folder / language / "roleplay.toml").write_text(ROLEPLAY)
        (folder / language / "traits.toml").write_text(traits)
        (folder / language / "worlds" / "sea.toml").write_text(world)
    return write_grammar(folder)


def write_grammar(folder: Path, topic: str = TOPIC, common: str = COMMON) -> str:
    """The grammar as a folder for both languages; returns its path."""
    (folder / "moods.toml").write_text(MOODS)
    for language in ("en", "zh"):
        (folder / language / "topics").mkdir(parents=True, exist_ok=True)
        (folder / language / "common.toml").write_text(common)
        (folder / language / "people.toml").write_text(PEOPLE)
        (folder / language / "topics" / "food.toml").write_text(topic)
    return str(folder)
