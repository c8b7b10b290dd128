"""What the test endpoint says: scripts of plain words that depend on the request alone, and verdicts."""

import json
import random
from typing import Any

from schemas.script import EMOTIONS

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
HUGE = "apple " * 17_000
"""100 kB of text."""


def first_words(body: dict[str, Any]) -> str:
    """The first user message: what a conversation is about, re-asks included."""
    return next((message["content"] for message in body["messages"] if message["role"] == "user"), "")


def content(body: dict[str, Any], fault: str, key: str, score: float) -> str:
    """What the model says to a request; `fault` spoils it."""
    if body["messages"][0]["role"] != "system":
        return "yes"
    if '"score"' in body["messages"][0]["content"]:
        answer: dict[str, Any] = {"score": score, "reason": REASON}
    else:
        answer = draft(first_words(body), body.get("seed", 0), other_language=fault == "language")
    if fault == "huge":
        answer = {"topic": "words", "turns": [turn | {"text": HUGE} for turn in answer["turns"][:1]]}
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


def draft(prompt: str, seed: int, other_language: bool = False) -> dict[str, Any]:
    """A dialogue as the prompt's schema wants it; eight words a turn, drawn from the prompt and the seed."""
    language = "zh" if any("一" <= character <= "鿿" for character in prompt) else "en"
    if other_language:
        language = {"en": "zh", "zh": "en"}[language]
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
