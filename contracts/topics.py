"""MQTT topics: `ridgekey/1/<direction>/<kiosk>`, the kiosk by its key id in hex.

The kiosk stands last, so that a broker's access list can say `ridgekey/1/+/%u`.
"""

import re

from contracts.errors import MalformedError

ROOT = "ridgekey/1"
"""The 1 is the version of the topics and messages; another version would live beside it."""

UP_FILTER = f"{ROOT}/up/+"
"""Kiosk messages of every kiosk, for the gateway."""

SHARED_UP_FILTER = f"$share/ridgekey/{UP_FILTER}"
"""The same, shared out among several gateways: each message goes to one of them."""

STATUS_FILTER, HEALTH_FILTER, REPORT_FILTER = (f"{ROOT}/{what}/+" for what in ("status", "health", "report"))
"""Whether each kiosk is on line, how it is, and what it answers: for every gateway."""

_KIOSK_ID = re.compile(r"[0-9a-f]{16}", re.ASCII)


def up(kiosk_id: str) -> str:
    """From kiosk to gateway: kiosk messages."""
    return _topic("up", kiosk_id)


def down(kiosk_id: str) -> str:
    """From gateway to kiosk: receipts, request notices, commands, configurations, certificates."""
    return _topic("down", kiosk_id)


def status(kiosk_id: str) -> str:
    """Retained by the broker: the kiosk's birth, or its death by its last will (`Presence`)."""
    return _topic("status", kiosk_id)


def health(kiosk_id: str) -> str:
    """Retained by the broker: how the kiosk was when it last said so (`Health`)."""
    return _topic("health", kiosk_id)


def report(kiosk_id: str) -> str:
    """From kiosk to gateway: outcomes of commands, configurations in force, requests for certificates."""
    return _topic("report", kiosk_id)


def kiosk_of(topic: str) -> str:
    """The kiosk's id in a topic that a subscription delivered.

    Raises:
        MalformedError: if it is not a topic of ours.
    """
    root, _, kiosk_id = topic.rpartition("/")
    if root.rpartition("/")[0] != ROOT or not _KIOSK_ID.fullmatch(kiosk_id):
        raise MalformedError("a topic is not ridgekey/1/<direction>/<kiosk>")
    return kiosk_id


def word_of(topic: str) -> str:
    """The word in a topic of ours that says what is published there: `up`, `status`, `health`, `report`."""
    return topic.rpartition("/")[0].rpartition("/")[2]


def _topic(direction: str, kiosk_id: str) -> str:
    if not _KIOSK_ID.fullmatch(kiosk_id):
        raise MalformedError("a kiosk's id is its key id, 16 lower-case hex digits")
    return f"{ROOT}/{direction}/{kiosk_id}"
