"""What the test endpoint says when it is asked for songs: words of the wanted lengths, and the talk around a song. They
depend on the request alone, keep the writer's rules, and differ from each other."""

import random
import re
from typing import Any

from schemas.script import EMOTIONS
from tests.chat_roles import THINGS

ONE_SYLLABLE = """
moon rain road stone light wind sea hill bell star fire snow gate boat lamp wheel rope cup spoon leaf branch stream
cloud bridge field shore sand salt bread wine song dream night day dawn dusk year week door wall roof floor
"""
TWO_SYLLABLES = "window river garden candle market mother winter pocket hammer kitchen mirror paper ribbon shadow table"
SHORT, LONG = ONE_SYLLABLE.split(), TWO_SYLLABLES.split()
HAN = "山水云月风雨花鸟灯船桥路夜星河树雪春秋日草叶光影岸海沙石火土门窗墙屋檐井田稻麦茶酒琴歌笛鼓钟影梦"
TALK = {
    "en": {
        "user": (
            "Would you do the one with the {} in it, while I look for my {}?",
            "I've had a {} and a {} on my mind since this morning, sing me out of it.",
            "That {} got me, I don't mind telling you, and I only came in for the {}.",
            "My sister kept a {} beside her {} and hummed exactly that.",
        ),
        "assistant": (
            "For a {} and a {}, any time.",
            "Put the {} down first, and leave the {} where it is.",
            "Then keep the {}, and let the {} wait until tomorrow.",
            "Somebody ought to write down about the {} and the {}.",
        ),
    },
    "zh": {
        "user": (
            "唱那首有{}的吧，我正好找{}呢。",
            "一早起来满脑子都是{}和{}，给我唱一首换换。",
            "听到{}那儿我鼻子一酸，本来只是来拿{}的。",
            "我姐当年守着{}和{}，哼的就是这个调。",
        ),
        "assistant": (
            "冲着{}和{}，随时都行。",
            "先把{}放下，{}就搁那儿别动。",
            "那{}你收好，{}明天再说。",
            "{}和{}的事，真该有人记下来。",
        ),
    },
}


def lyrics(prompt: str, draw: random.Random, language: str) -> dict[str, Any]:
    """As many lines, of as many syllables, as the prompt gives."""
    counts = [int(count) for count in re.findall(r"^(?:Line|第) \d+ ?(?:句)?[:：] ?(\d+) ", prompt, re.MULTILINE)]
    assert counts, "the request gives no lines"
    lines = [_line(count, draw, language) for count in counts]
    title = f"the {draw.choice(LONG)} song" if language == "en" else "".join(draw.sample(HAN, 4))
    return {"title": title, "lines": lines}


def _line(count: int, draw: random.Random, language: str) -> str:
    if language == "zh":
        return "".join(draw.sample(HAN, count))
    words: list[str] = []
    while count:
        words.append(draw.choice(LONG if count > 1 and draw.random() < 0.4 else SHORT))
        count -= 2 if words[-1] in LONG else 1
    return " ".join(words).capitalize()


def sung(prompt: str, draw: random.Random, language: str) -> dict[str, Any]:
    """Of the numbers of turns that are asked for."""
    before, after = _asked(prompt)
    lines = {role: draw.sample(texts, len(texts)) for role, texts in TALK[language].items()}

    def turns(count: int) -> list[dict[str, Any]]:
        return [_turn(("user", "assistant")[index % 2], lines, draw, language) for index in range(count)]

    topic = {"en": "a song", "zh": "一首歌"}[language]
    return {"topic": topic, "before": turns(before), "after": turns(after)}


def _asked(prompt: str) -> tuple[int, int]:
    english = re.search(r"Write (\d+) turns? before the song and (\d+) after", prompt)
    found = english or re.search(r"写唱之前的 (\d+) 轮和唱之后的 (\d+) 轮", prompt)
    assert found is not None, "the request does not say how many turns"
    return int(found[1]), int(found[2])


def _turn(role: str, lines: dict[str, list[str]], draw: random.Random, language: str) -> dict[str, Any]:
    return {
        "role": role,
        "text": lines[role].pop().format(*draw.sample(THINGS[language], 2)),
        "intent": {"en": "talk", "zh": "说话"}[language],
        "emotion": draw.choice(EMOTIONS),
        "intensity": draw.choice((1, 1, 2)),
        "pace": draw.choice(("slow", "normal", "fast")),
        "pause_before_s": draw.choice((0.2, 0.5, 1.2)),
    }
