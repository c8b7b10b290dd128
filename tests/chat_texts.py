"""What the test endpoint says: answers to whatever is asked for, which depend on the request alone."""

import json
import random
from collections.abc import Callable
from typing import Any

from schemas.script import EMOTIONS
from tests.chat_roles import language_of, play, profile, staging
from tests.chat_songs import lyrics, sung

ENGLISH = """
apple river window letter garden summer yellow candle market silver mother planet coffee button orange winter pocket
basket butter corner dinner engine father finger forest hammer island jacket kitchen ladder lemon meadow mirror monkey
morning needle number paper pencil pepper picture pillow potato rabbit ribbon rocket saddle school shadow shoulder
spider station stone sugar supper table teacher ticket tiger tomato tower valley water village
"""
MANDARIN = """
苹果 河边 窗户 书信 花园 夏天 黄色 蜡烛 市场 银子 母亲 星球 咖啡 纽扣 橙子 冬天 口袋 篮子 黄油 角落
晚饭 火车 父亲 手指 森林 锤子 小岛 外套 厨房 梯子 柠檬 草地 镜子 猴子 早晨 缝针 号码 纸张 铅笔 辣椒
照片 枕头 土豆 兔子 丝带 火箭 马鞍 学校 影子 肩膀 蜘蛛 车站 石头 白糖 点心 桌子 老师 车票 老虎 番茄
高塔 山谷 清水 村庄
"""
WORDS = {"en": ENGLISH.split(), "zh": MANDARIN.split()}
FRAMES = {
    "en": ("tell me about {}, please", "well, I know {}, and I like it", "and what about {}?", "that is {}, I think"),
    "zh": ("跟我说说{}吧", "我知道{}，挺喜欢的", "那{}又怎么样呢", "我想那就是{}"),
}
TURNS = 6
REASON = "the second turn sounds read out"
PLAYED: dict[str, Callable[[str, random.Random, str], dict[str, Any]]] = {
    '"manner"': profile,
    '"arc"': staging,
    '"thought"': play,
    '"lines"': lyrics,
    '"before"': sung,
}
"""Field of an answer -> what answers so, in role-play and singing."""

HUGE = "apple " * 17_000
"""100 kB of text."""


def first_words(body: dict[str, Any]) -> str:
    """The first user message: what a conversation is about, re-asks included."""
    return next((message["content"] for message in body["messages"] if message["role"] == "user"), "")


def content(body: dict[str, Any], fault: str, key: str, score: float) -> str:
    """What the model says to a request; `fault` spoils it."""
    if body["messages"][0]["role"] != "system":
        return "yes"
    answer = _answer(body, score, other_language=fault == "language")
    if fault == "huge":
        answer = _swollen(answer)
    if fault == "schema":
        answer = {"title": "not what was asked", "lines": [], "score": "high"}
    if fault in ("key_in_content", "escaped_key"):
        answer = answer | {"topic": key, "key": key}
    text = json.dumps(answer, ensure_ascii=False)
    if fault == "escaped_key":
        text = text.replace(key, escaped(key), 1)
    if fault == "fence":
        return f"Here it is:\n```json\n{text}\n```"
    return text[: len(text) * 2 // 3] if fault == "truncated" else text


def escaped(key: str) -> str:
    """The same text to a reader of JSON."""
    return key.replace("-", "\\u002D").replace("t", "\\u0074")


def _answer(body: dict[str, Any], score: float, other_language: bool) -> dict[str, Any]:
    """What is asked for is known by a field that the rules name."""
    rules, prompt, seed = body["messages"][0]["content"], first_words(body), body.get("seed", 0)
    if '"score"' in rules:
        return {"score": score, "reason": REASON}
    asked_for = next((answer for field, answer in PLAYED.items() if field in rules), None)
    if asked_for is None:
        return draft(prompt, seed, other_language)
    language = _language(prompt, other_language)
    return asked_for(prompt, random.Random(f"{prompt}/{seed}"), language)


def _swollen(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer with a text that is far too long."""
    for name in ("turns", "before"):
        if name in answer:
            return answer | {name: [turn | {"text": HUGE} for turn in answer[name][:1]]}
    return answer | {next(name for name, value in answer.items() if isinstance(value, str)): HUGE}


def _language(prompt: str, other: bool) -> str:
    language = language_of(prompt)
    return {"en": "zh", "zh": "en"}[language] if other else language


def draft(prompt: str, seed: int, other_language: bool = False) -> dict[str, Any]:
    """A dialogue as the prompt's schema wants it; eight words a turn, drawn from the prompt and the seed."""
    language = _language(prompt, other_language)
    draw = random.Random(f"{prompt}/{seed}")
    return {"topic": "words", "turns": [_turn(index, language, draw) for index in range(TURNS)]}


def _turn(index: int, language: str, draw: random.Random) -> dict[str, Any]:
    words = {"en": " ", "zh": ""}[language].join(draw.sample(WORDS[language], 8))
    return {
        "role": ("user", "assistant")[index % 2],
        "text": FRAMES[language][index % 4].format(words),
        "intent": "tell",
        "emotion": draw.choice(EMOTIONS),
        "intensity": draw.choice((1, 1, 2)),
        "style": "plain",
        "pace": draw.choice(("slow", "normal", "fast")),
        "pause_before_s": draw.choice((0.2, 0.5)),
        "overlap": "none",
    }
