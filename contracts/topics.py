"""MQTT topics: `ridgekey/1/<direction>/<kiosk>`, the kiosk by its key id in hex.

The kiosk stands last, so that a broker's access list can say `ridgekey/1/+/%u`.
"""

import re

from contracts.errors import MalformedError

ROOT = "ridgekey/1"
"""The 1 is the version of the topics and messages; another version would live beside it."""

UP_FILTER = f"{ROOT}/up/+"
"""Kiosk messages of every kiosk, for the gateway."""

STATUS_FILTER = f"{ROOT}/status/+"
"""Whether each kiosk is on line, for the gateway."""

_KIOSK_ID = re.compile(r"[0-9a-f]{16}", re.ASCII)


def up(kiosk_id: str) -> str:
    """From kiosk to gateway: kiosk messages."""
    return _topic("up", kiosk_id)


def down(kiosk_id: str) -> str:
    """From gateway to kiosk: receipts and request notices."""
    return _topic("down", kiosk_id)


def status(kiosk_id: str) -> str:
    """Retained by the broker: `online`, or by the kiosk's last will `offline`."""
    return _topic("status", kiosk_id)


def kiosk_of(topic: str) -> str:
    """The kiosk's id in a topic that a subscription delivered.

    Raises:
        MalformedError: if it is not a topic of ours.
    """
    root, _, kiosk_id = topic.rpartition("/")
    if root.rpartition("/")[0] != ROOT or not _KIOSK_ID.fullmatch(kiosk_id):
        raise MalformedError("a topic is not ridgekey/1/<direction>/<kiosk>")
    return kiosk_id


def _topic(direction: str, kiosk_id: str) -> str:
    if not _KIOSK_ID.fullmatch(kiosk_id):
        raise MalformedError("a kiosk's id is its key id, 16 lower-case hex digits")
    return f"{ROOT}/{direction}/{kiosk_id}"
