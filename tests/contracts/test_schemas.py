"""The schemas of records: one for each kind, and the words that they use exist."""

import json
import re
from importlib.resources import files

import pytest

from contracts.acts import RecordKind
from contracts.schemas import schema


@pytest.mark.parametrize("kind", RecordKind)
def test_every_kind_has_its_schema(kind):
    published = schema(kind)
    assert published["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert published["$id"] == f"urn:ridgekey:record:{kind.value}"
    assert published["type"] == "object"
    assert published["title"]
    assert set(published["required"]) <= set(published["properties"])


def test_there_is_no_schema_for_a_kind_that_is_none():
    names = {entry.name for entry in files("contracts.schemas").iterdir() if entry.name.endswith(".json")}
    assert names == {f"{kind.value}.json" for kind in RecordKind}


def test_privacy_settings_speak_of_every_kind():
    choice = schema(RecordKind.PRIVACY_SETTINGS)["properties"]["choices"]["items"]["properties"]
    assert choice["kinds"]["items"]["enum"] == [kind.value for kind in RecordKind]


def nodes(value):
    yield value
    if isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from nodes(item)


@pytest.mark.parametrize("kind", RecordKind)
def test_texts_and_lists_are_bounded_and_patterns_compile(kind):
    """A reader can allocate by the schema."""
    published = json.loads(json.dumps(schema(kind)))
    for node in nodes(published["properties"]):
        if isinstance(node, dict) and node.get("type") == "string":
            assert {"maxLength", "pattern", "format"} & node.keys(), node
        if isinstance(node, dict) and node.get("type") == "array":
            assert "maxItems" in node or node.get("uniqueItems")
        if isinstance(node, dict) and isinstance(node.get("pattern"), str):
            assert re.compile(node["pattern"])
            assert node["pattern"].startswith("^")
            assert node["pattern"].endswith("$")
