"""Sentences that the tokens of small recognizers are made of."""

TEXTS = [
    "今天天气很好，我们一起去公园吧。",
    "你好，请问你叫什么名字？",
    "我想吃面条，你呢？",
    "good morning, how are you today?",
    "see you tomorrow at the station.",
]
