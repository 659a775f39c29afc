"""Two gateways on one broker and one ledger, one killed in mid-stream: every act once, and answered."""

from collections.abc import Iterator

import pytest

from contracts.messages import ReceiptStatus
from tests.gateway.actors import Person
from tests.gateway.pair import PATIENCE, Pair, deliver, running_pair

ACTS = 24


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with running_pair(tmp_path_factory.mktemp("pair")) as pair:
        yield pair


def test_one_dies_and_nothing_is_lost_or_doubled_or_refused(pair: Pair) -> None:
    people = [Person() for _ in range(ACTS)]
    acts = [(person, person.enrol()) for person in people]
    receipts = deliver(pair, acts, kill_after=4)
    assert {receipt.status for receipt in receipts} == {ReceiptStatus.FINAL}, [r.reason for r in receipts]
    assert pair.effects() == ACTS

    # The dead one comes back with its journal, and half of a stream that is over; each kiosk asks once more.
    pair.gateways[0].start()
    again = deliver(pair, acts)
    assert {receipt.status for receipt in again} == {ReceiptStatus.FINAL}, [r.reason for r in again]
    assert pair.effects() == ACTS
    places = {receipt.digest: (receipt.transaction, receipt.block) for receipt in receipts}
    assert {receipt.digest: (receipt.transaction, receipt.block) for receipt in again} == places


def test_both_do_their_share(pair: Pair) -> None:
    people = [Person() for _ in range(8)]
    before = len(pair.logs())
    deliver(pair, [(person, person.enrol()) for person in people])
    senders = {
        pair.registry.client.request("eth_getTransactionByHash", f"0x{log.transaction.hex()}")["from"]
        for log in pair.logs()[before:]
    }
    assert len(senders) == 2


def test_an_act_that_both_get_at_once_is_final_at_both_and_counts_once(pair: Pair) -> None:
    """The contract takes it from the one; the other finds it there and says the same."""
    people, before, domain = [Person() for _ in range(8)], pair.effects(), pair.gateways[0].domain
    waiting = {}
    for person in people:
        act = person.enrol()
        message = person.message(act, domain).sign(pair.kiosk.identity.key)
        waiting[act.digest(domain)] = 2
        for _ in range(2):  # they take turns
            pair.kiosk.publish(message)
    while any(waiting.values()):
        receipt = pair.kiosk.receipts.get(timeout=PATIENCE)
        if receipt.digest in waiting:
            assert receipt.status is ReceiptStatus.FINAL, receipt.reason
            waiting[receipt.digest] -= 1
    assert pair.effects() == before + len(people)
