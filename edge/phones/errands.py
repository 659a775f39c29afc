"""What can be asked of the agent about phones, but for the pairing itself, which takes the sensor."""

from collections.abc import Mapping

from edge.arguments import Arguments
from edge.errands import Errand
from edge.events import JsonObject
from edge.journeys.visit import Desk
from edge.panel import Conversation
from edge.state import phones
from edge.state.phones import Phone


class PhoneErrands:
    """The errands `phones` and `revoke-phone`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def by_name(self) -> Mapping[str, Errand]:
        """The errands, for `edge.errands.Errands`."""
        return {"phones": self._list, "revoke-phone": self._revoke}

    def _list(self, arguments: Arguments, _: Conversation) -> JsonObject:
        arguments.finish()
        here = {guest.key for guest in self._desk.room.guests()}
        known = phones.everything(self._desk.database)
        return {"phones": [self._describe(phone) | {"here": phone.key in here} for phone in known]}

    def _revoke(self, arguments: Arguments, _: Conversation) -> JsonObject:
        name = arguments.text("phone")
        arguments.finish()
        phone = phones.named(self._desk.database, name)
        phones.remove(self._desk.database, phone.key)
        self._desk.room.turn_out(phone.key)
        return self._describe(phone)

    def _describe(self, phone: Phone) -> JsonObject:
        carried = phones.carried_digest(self._desk.database, phone.subject) is not None
        return {
            "phone": phone.name,
            "label": phone.label,
            "subject": phone.subject,
            "paired_at": phone.paired_at,
            "record_on_phone": carried,
        }
