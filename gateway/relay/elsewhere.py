"""Acts that somebody else has brought to the ledger, looked for there.

Anybody may bring an act to the contract; then it refuses ours, and the act counts all the same. For which
reason it refuses depends on what came after the act: a register act that stands is "wrong signer" once the
person has another key. So the reason decides only where it can be but one.
"""

from contracts.acts import ACT_LIFETIME, Act, ActKind, Request, UsesNonce
from contracts.registry import EVENT_OF, REASONS, event_topic
from gateway.ledger.answers import Log
from gateway.ledger.errors import QuestionError
from gateway.ledger.events import ActEvent, UndecodableEventError, decode
from gateway.ledger.registry import Registry
from gateway.ledger.search import first_block_since, newest

REPEATED = {
    ActKind.REQUEST: "already requested",
    ActKind.DENY: "not requested",
    ActKind.WITHDRAW: "not granted",
    ActKind.RECOVER: "already begun",
    ActKind.CONTEST: "no such recovery",
    ActKind.DEACTIVATE: "deactivated",
}
"""Why the contract refuses an act that has none of the person's nonces and that it has had: what such an act
brings about is never undone, and the contract looks at it first of all."""

MARGIN = 24 * 3600
"""Seconds by which kiosks' clocks may be wrong."""


def find(registry: Registry, act: Act, reason: str, now: float) -> Log | None:
    """The event of an act that the contract refuses, if it has had it.

    Args:
        registry: The contract.
        act: What was refused.
        reason: Why, by the contract's word if the node passes it on.
        now: Unix time.

    Raises:
        TooFarBackError: It may be there, further back than what is looked through.
        LedgerError: The ledger cannot be asked.
    """
    client, head = registry.client, registry.client.newest()
    if not _may_stand(registry, act, reason, head):
        return None
    first, last = registry.first_block, head
    signed = act.deadline - ACT_LIFETIME - MARGIN
    if not isinstance(act, Request) and signed <= now:  # else it lives longer than what a kiosk signs
        first = first_block_since(client, signed, first, head)
    if act.deadline < now:  # the contract has taken none after that
        last = first_block_since(client, act.deadline + 1, first, head) - 1
    about = act.hash_struct() if isinstance(act, Request) else act.subject.rjust(32, b"\0")
    topics = [[event_topic(EVENT_OF[type(act)])], [about]]
    found = newest(client, registry.contract, first, last, topics, lambda log: _if_of(log, act))
    if found is None and client.block_number() < head:  # a node gives the events that it has
        raise QuestionError(f"{client.url} lacks block {head}, which was seen")
    return found


def _may_stand(registry: Registry, act: Act, reason: str, head: int) -> bool:
    if isinstance(act, UsesNonce):
        return registry.is_nonce_used(act.subject, act.nonce, head)
    return reason == REPEATED[act.KIND] or reason not in REASONS  # the node's own words, or none


def _if_of(log: Log, act: Act) -> Log | None:
    try:
        event = decode(log)
    except UndecodableEventError:
        return None
    return log if isinstance(event, ActEvent) and event.act == act else None
