"""Loaded by amqtt when it is the bench's broker: who may connect."""

from amqtt.plugins.base import BaseAuthPlugin  # type: ignore[import-untyped]  # amqtt ships no types
from amqtt.session import Session  # type: ignore[import-untyped]


class AnyClient(BaseAuthPlugin):  # type: ignore[misc]  # its base is untyped, as above
    """Lets every client in, and keeps what arrives while a lasting session is away (MQTT 3.1.1, 3.1.2.4).

    amqtt's own plugin for clients without a password drops those messages; mosquitto keeps them.
    """

    async def authenticate(self, *, session: Session) -> bool:  # noqa: ARG002
        """Whether the client of `session` may connect."""
        return True
