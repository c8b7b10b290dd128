from schemas.roles import describe, system_message
from schemas.script import Character

MASTER = Character(
    character_id="zh-c00001",
    name="沈青山",
    language="zh",
    age="middle-aged",
    gender="male",
    identity="镖局总镖头",
    personality="豪爽仗义",
    temperament="沉稳",
    timbre="低沉浑厚",
    pace="slow",
    world="wuxia",
    origin="青石镇",
    background="早年丢过一趟镖",
    relation="用户是其徒弟。",
)
FOX = Character(
    character_id="en-c00002",
    name="Rust",
    language="en",
    age="child",
    gender="female",
    identity="a stowaway",
    personality="bold",
    temperament="fiery",
    timbre="clear",
    pace="fast",
    species="fox",
)


def test_the_chinese_description_reads_as_the_format_asks() -> None:
    assert describe(MASTER) == (
        "该角色是一个中年男性，身份是镖局总镖头，性格豪爽仗义，气质沉稳，音色低沉浑厚，语速偏慢。"
        "早年丢过一趟镖。用户是其徒弟。"
    )


def test_the_english_description_names_the_same_in_the_same_order() -> None:
    assert describe(FOX) == (
        "This character is a very young female fox; identity: a stowaway; personality: bold; temperament: fiery; "
        "timbre: clear; speaking pace: fast."
    )


def test_the_system_message_has_the_five_lines_of_the_format() -> None:
    assert system_message(MASTER).split("\n") == [
        "Your Name: 沈青山",
        "Your Origin: 青石镇",
        "Respond in text-audio interleaved manner.",
        "Your Voice Embedding: <|speaker|>.",
        f"Your Role Description: {describe(MASTER)}",
    ]
