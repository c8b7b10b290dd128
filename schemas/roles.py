"""A character in words: the role description and the system message of VITA-QinYu's role-play samples.

The format is that of its public data loader (VITA-MLLM/VITA-QinYu): five lines, the third and fourth fixed, and a
description that names age, gender, identity, personality, temperament, timbre and pace, in this order. What else is
known of a character (background, relation to the user) follows as further sentences.
"""

from schemas.script import Age, Character, Gender, Pace

SYSTEM_MESSAGE = (
    "Your Name: {name}\nYour Origin: {origin}\nRespond in text-audio interleaved manner.\n"
    "Your Voice Embedding: <|speaker|>.\nYour Role Description: {description}"
)

_AGES_ZH: dict[Age, str] = {"child": "儿童", "youth": "青年", "middle-aged": "中年", "elderly": "老年"}
_GENDERS_ZH: dict[Gender, str] = {"female": "女性", "male": "男性"}
_PACES_ZH: dict[Pace, str] = {"slow": "偏慢", "normal": "适中", "fast": "偏快"}
_PERSONS_EN: dict[tuple[Age, Gender], str] = {
    ("child", "female"): "a girl",
    ("child", "male"): "a boy",
    ("youth", "female"): "a young woman",
    ("youth", "male"): "a young man",
    ("middle-aged", "female"): "a middle-aged woman",
    ("middle-aged", "male"): "a middle-aged man",
    ("elderly", "female"): "an elderly woman",
    ("elderly", "male"): "an elderly man",
}
_AGES_EN: dict[Age, str] = {"child": "a very young", "youth": "a young", "middle-aged": "a grown", "elderly": "an old"}


def describe(character: Character) -> str:
    """The role description, in the character's language."""
    return _describe_zh(character) if character.language == "zh" else _describe_en(character)


def system_message(character: Character) -> str:
    """What a role-play dialogue opens with; `<|speaker|>` is where the trainer puts the character's voice vector."""
    return SYSTEM_MESSAGE.format(name=character.name, origin=character.origin, description=describe(character))


def _describe_zh(who: Character) -> str:
    person = f"{_AGES_ZH[who.age]}{_GENDERS_ZH[who.gender]}{who.species}"
    told = (
        f"该角色是一个{person}，身份是{who.identity}，性格{who.personality}，气质{who.temperament}，"
        f"音色{who.timbre}，语速{_PACES_ZH[who.pace]}。"
    )
    return told + "".join(f"{more.rstrip('。')}。" for more in (who.background, who.relation) if more)


def _describe_en(who: Character) -> str:
    person = f"{_AGES_EN[who.age]} {who.gender} {who.species}" if who.species else _PERSONS_EN[who.age, who.gender]
    told = (
        f"This character is {person}; identity: {who.identity}; personality: {who.personality}; "
        f"temperament: {who.temperament}; timbre: {who.timbre}; speaking pace: {who.pace}."
    )
    return told + "".join(f" {more.rstrip('.')}." for more in (who.background, who.relation) if more)
