"""What the test endpoint says when it is asked for role-play: profiles, stagings and dialogues that depend on the
request alone, keep the writer's rules, and differ from each other."""

import random
import re
from typing import Any

from schemas.script import EMOTIONS

ENGLISH = """
lantern anchor kettle saddle ladder candle feather barrel ribbon compass pebble whistle thimble mirror blanket
bucket hammer needle button ledger violin apron garland satchel chimney cradle bellows ferry orchard harvest
thunder pepper cellar orange sparrow meadow heron turnip velvet copper
"""
MANDARIN = """
灯笼 酒坛 马鞍 竹伞 油纸 铜钱 木梳 绣鞋 茶碗 棋子 石桥 渡船 药箱 账本 笛子 斗笠 草鞋 柴刀 井绳 门闩
风筝 鼓楼 枇杷 芦苇 麦子 炊烟 炭火 砚台 书信 棉袄 烛台 瓦罐 山泉 杏花 白鹭 豆腐 蓑衣 戏台 石榴 银针
"""
THINGS = {"en": ENGLISH.split(), "zh": MANDARIN.split()}
LINES = {
    "en": {
        "user": (
            "You said the {} would be behind the {}, and all I found there was a {}.",
            "Suppose I brought you the {} tonight, would you let me keep the {} and the {}?",
            "Listen, nobody saw me take the {}, but the {} by the {} is gone.",
            "My brother swore there's a {} under your {}, and never a {} in sight.",
            "Then it's settled: the {} for you, the {} for me, and not a word about the {}.",
        ),
        "assistant": (
            "A {}, a {}, and still no {} to show for it. Sit down before you fall down.",
            "[sigh] In my day one gave a {} for a {} and threw in the {} for nothing.",
            "I'd sooner part with the {} than hear once more about that {} and its {}.",
            "Ha! [laugh] So the {} was yours. I took it for a {} with a {} on top.",
            "Keep the {}. When the {} is cold, come back, and bring a {} if you've any sense.",
        ),
    },
    "zh": {
        "user": (
            "您说{}就在{}后头，可我翻遍了，只找着一个{}。",
            "要是今晚我把{}带来，{}和{}能不能留给我？",
            "您听我说，没人看见我拿{}，可{}旁边的{}不见了。",
            "我哥一口咬定{}底下藏着{}，哪里见得着什么{}。",
            "那就说定了，{}归您，{}归我，{}的事谁也不提。",
        ),
        "assistant": (
            "又是{}又是{}，到头来连个{}也没捞着，先坐下歇口气吧。",
            "[sigh]想当年，一个{}换一个{}，饶上{}都不要钱。",
            "我宁可把{}送人，也不愿再听你念叨那{}和{}。",
            "哈，[laugh]原来{}是你的，我还当是{}上头搁了个{}呢。",
            "{}你拿着，等{}凉了再来，有心就捎上{}。",
        ),
    },
}
ASIDES = {
    "en": (("there is the {} again", "so it was the {} all along", ""), ("puts down the {}", "leans on the {}", "")),
    "zh": (("怎么又是{}", "原来一直是{}", ""), ("把{}放到一边", "靠着{}坐下", "")),
}
PROFILES = {
    "en": {
        "identity": "the keeper of a {} shop by the {}",
        "personality": "patient, sharp-eyed and too fond of a {}",
        "temperament": "dry calm",
        "timbre": "warm, with a slight rattle",
        "background": "Grew up between a {} and a {}, and never got away. Now wants to see the {} once more.",
        "relation": "The user is a neighbor who once returned the {}.",
        "manner": "Short sentences, with the {} and the {} for comparisons. Knows all about the {}.",
    },
    "zh": {
        "identity": "靠着{}过活的{}铺子主人",
        "personality": "耐心眼尖，就是太看重{}",
        "temperament": "冷淡里透着稳当",
        "timbre": "温厚，略带沙哑",
        "background": "从小守着{}和{}长大，一直没离开过。如今只想再看一眼{}。",
        "relation": "用户是当年送回{}的邻居。",
        "manner": "句子短，爱拿{}和{}打比方，说起{}头头是道。",
    },
}
STAGINGS = {
    "en": {
        "place": "a yard with a {} in the corner and a {} on the wall",
        "time": "an hour before dark, a smell of rain",
        "stake": "The user wants the {}. The other would lose the {} with it.",
        "user_part": "somebody from down the road with a {} to hide",
        "user_calls": "neighbor",
        "character_calls": "child of the road",
    },
    "zh": {
        "place": "院子里，墙角搁着{}，墙上挂着{}",
        "time": "天黑前，像要下雨",
        "stake": "用户想要{}，给出去的话{}也就保不住了。",
        "user_part": "住在路那头的人，怀里藏着{}",
        "user_calls": "街坊",
        "character_calls": "你这孩子",
    },
}
CAUSES = {"en": ("the {} is gone", "the {} turns up", "the {} is given away"), "zh": ("{}没了", "{}找着了", "{}送人了")}


def profile(prompt: str, draw: random.Random, language: str) -> dict[str, Any]:
    """Of the name that the brief gives."""
    name = _found(r"(?:Name: |名字：)(.+)", prompt)
    return {"name": name if language_of(prompt) == language else {"en": "Rowan", "zh": "阿禾"}[language]} | {
        key: _filled(text, draw, language) for key, text in PROFILES[language].items()
    }


def staging(prompt: str, draw: random.Random, language: str) -> dict[str, Any]:
    """With as many steps as fit into the turns."""
    steps = min(3, int(_found(r"(\d+) (?:turns|轮)", prompt)))
    emotions = draw.sample(EMOTIONS, steps)
    causes = [_filled(text, draw, language) for text in CAUSES[language][:steps]]
    arc = [{"emotion": emotion, "cause": cause} for emotion, cause in zip(emotions, causes, strict=True)]
    return {key: _filled(text, draw, language) for key, text in STAGINGS[language].items()} | {"arc": arc}


def play(prompt: str, draw: random.Random, language: str) -> dict[str, Any]:
    """Of the number of turns that is asked for."""
    count = int(_found(r"(\d+) (?:turns|轮)", prompt))
    lines = {role: draw.sample(texts, len(texts)) for role, texts in LINES[language].items()}
    topic = {"en": "old debts", "zh": "一笔旧账"}[language]
    return {"topic": topic, "turns": [_turn(index, lines, draw, language) for index in range(count)]}


def language_of(prompt: str) -> str:
    return "zh" if any("一" <= character <= "鿿" for character in prompt) else "en"


def _turn(index: int, lines: dict[str, list[str]], draw: random.Random, language: str) -> dict[str, Any]:
    role = ("user", "assistant")[index % 2]
    thoughts, actions = ASIDES[language]
    return {
        "role": role,
        "text": _filled(lines[role][index // 2], draw, language),
        "intent": {"en": "bargain", "zh": "讨价"}[language],
        "emotion": draw.choice(EMOTIONS),
        "intensity": draw.choice((1, 1, 2)),
        "style": "plain",
        "pace": draw.choice(("slow", "normal", "fast")),
        "pause_before_s": draw.choice((0.2, 0.5)),
        "overlap": "none",
        "thought": _filled(draw.choice(thoughts), draw, language),
        "action": _filled(draw.choice(actions), draw, language),
    }


def _filled(text: str, draw: random.Random, language: str) -> str:
    return text.format(*draw.sample(THINGS[language], text.count("{}")))


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match is not None, f"the request has no {pattern}"
    return match[1]
