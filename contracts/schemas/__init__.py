"""What the content of each kind of record looks like: a JSON Schema (draft 2020-12) for each `RecordKind`.

A record is encrypted before it leaves the kiosk: only its person, and whoever it is granted to, can check it.
The schemas are for those who write records and for those who read them.
"""

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from contracts.acts import RecordKind


def schema(kind: RecordKind) -> Mapping[str, Any]:
    """The published schema of a kind of record."""
    text = files(__name__).joinpath(f"{kind.value}.json").read_text(encoding="utf-8")
    published: Mapping[str, Any] = json.loads(text)
    return published
