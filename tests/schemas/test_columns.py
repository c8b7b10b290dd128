"""The Arrow columns carry what `datasets` needs, and codes of any number of codebooks."""

import json

import pyarrow as pa
import pytest
from datasets import Features

from schemas.columns import LATER_MEASURES, TABLES, arrow_schema, earlier_features, table_features


@pytest.mark.parametrize("table", TABLES)
def test_features_survive_the_arrow_schema(table: str) -> None:
    features = table_features(table, 8)
    schema = arrow_schema(features, {"codec": {"name": "x"}})
    assert Features.from_arrow_schema(schema) == features
    assert json.loads(schema.metadata[b"troupe"]) == {"codec": {"name": "x"}}


def test_audio_is_stored_as_bytes_and_codes_as_uint16() -> None:
    schema = arrow_schema(table_features("utterances", 4))
    assert schema.field("audio").type == pa.struct({"bytes": pa.binary(), "path": pa.string()})
    assert schema.field("codes").type == pa.list_(pa.list_(pa.uint16(), 4))
    assert table_features("utterances", 4)["audio"].decode is False


def test_rejects_are_utterances_with_a_reason() -> None:
    extra = set(table_features("rejects", 8)) - set(table_features("utterances", 8))
    assert extra == {"rejected_by", "reason"}


def test_the_first_corpora_lack_what_recognizers_say_besides_words() -> None:
    now, before = table_features("rejects", 8), earlier_features("rejects", 8)
    assert set(now) - set(before) == {"heard_tags"}
    assert set(now["measures"]) - set(before["measures"]) == set(LATER_MEASURES)
    assert earlier_features("dialogues", 8) == table_features("dialogues", 8)
