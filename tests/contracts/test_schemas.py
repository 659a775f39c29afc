"""The schemas of records: one for each kind, their words exist, and documents can be told by them."""

import json
import re
from importlib.resources import files

import pytest
from jsonschema import Draft202012Validator

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


def fits(document, kind):
    """Whether a document is what the schema of its kind describes; its dates are looked at, too."""
    checker = Draft202012Validator.FORMAT_CHECKER
    return Draft202012Validator(schema(kind), format_checker=checker).is_valid(document)


@pytest.mark.parametrize("kind", RecordKind)
def test_a_schema_is_one_and_gives_an_example_of_all_that_it_describes(kind):
    published = schema(kind)
    Draft202012Validator.check_schema(published)
    [example] = published["examples"]
    assert fits(example, kind)
    assert list(example) == list(published["properties"])


@pytest.mark.parametrize("kind", RecordKind)
def test_a_document_of_which_something_is_missing_or_odd_does_not_fit(kind):
    published = schema(kind)
    [example] = published["examples"]
    for name in example:
        assert not fits({**example, name: None}, kind), name
        without = {key: value for key, value in example.items() if key != name}
        assert fits(without, kind) == (name not in published["required"]), name
        if published["properties"][name].get("format") == "date":
            assert not fits({**example, name: "2026-02-30"}, kind), name
    assert fits({**example, "more": "is allowed"}, kind)


@pytest.mark.parametrize("kind", RecordKind)
def test_an_example_fits_no_other_kind(kind):
    [example] = schema(kind)["examples"]
    assert [other for other in RecordKind if fits(example, other)] == [kind]
