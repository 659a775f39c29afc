"""Recoveries: who can contest one is told, and its end is brought about when it is due."""

import time

import pytest

from contracts.messages import PendingRecovery
from contracts.registry import DEACTIVATED, RECOVERY_DELAY
from gateway.ledger.registry import Registry
from gateway.ledger.signatures import with_recovery_id
from tests.gateway.actors import Person
from tests.gateway.bench import Bench, Ground
from tests.gateway.recovering import Watch


@pytest.fixture
def watch(bench: Bench) -> Watch:
    return Watch(bench)


def people() -> tuple[Person, Person, Person]:
    return Person(), Person(), Person()


def test_the_kiosk_is_told_of_a_recovery_and_of_its_end(watch: Watch) -> None:
    person, guardian, heir = people()
    act = watch.begun(person, guardian, heir)
    ((kiosk, notice),) = watch.look()
    assert kiosk == watch.bench.kiosk.id
    assert (notice.subject, notice.key) == (person.address, person.address)
    assert notice.recovery == PendingRecovery(act.hash_struct(), heir.address, notice.recovery.ready)
    assert abs(notice.recovery.ready - time.time() - RECOVERY_DELAY) < 60
    assert watch.look() == []
    watch.bench.receive(person, person.contest(act))
    watch.bench.relay.advance()
    ((_, notice),) = watch.look()
    assert (notice.key, notice.recovery) == (person.address, None)
    assert watch.look() == []
    assert watch.bench.journal.facts("recovery of ") == []


def test_a_recovery_that_somebody_else_brought_is_told_too(watch: Watch, ground: Ground) -> None:
    person, guardian, heir = people()
    for signer, act in ((person, person.enrol()), (person, person.entrust(guardian))):
        watch.bench.receive(signer, act)
        watch.bench.relay.advance()
    registry, act = Registry(watch.bench.client, ground.domain.contract), person.recover(heir)
    signature = with_recovery_id(
        act.digest(ground.domain), guardian.sign(act, ground.domain), guardian.address
    )
    registry.submit(ground.relayer, registry.encode_act(act, signature))
    ((_, notice),) = watch.look()
    assert notice.recovery is not None
    assert notice.recovery.id == act.hash_struct()


def test_of_people_who_were_never_here_nobody_is_told(
    watch: Watch, ground: Ground, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = Watch(Bench(ground, tmp_path_factory.mktemp("elsewhere")))
    elsewhere.begun(*people())
    assert len(elsewhere.look()) == 1
    assert watch.look() == []
    assert watch.bench.journal.facts("recovery of ") == []
    elsewhere.bench.journal.close()


def test_after_a_crash_nothing_is_missed(watch: Watch) -> None:
    watch.begun(*people())
    watch.bench.crash()
    watch.build()
    assert len(watch.look()) == 1
    watch.bench.crash()
    watch.build()
    assert watch.look() == []


def test_a_kiosk_that_appears_hears_how_things_stand(watch: Watch) -> None:
    person, guardian, heir = people()
    watch.begun(person, guardian, heir)
    watch.look()
    watch.heard.clear()
    watch.recoveries.appeared(b"a stranger")
    watch.recoveries.turn()
    assert watch.heard == []
    watch.recoveries.appeared(watch.bench.kiosk.kid)
    watch.recoveries.turn()
    ((kiosk, notice),) = watch.heard
    assert (kiosk, notice.subject) == (watch.bench.kiosk.id, person.address)
    assert notice.recovery is not None


def test_the_end_of_an_identity_ends_its_recovery(watch: Watch) -> None:
    person, guardian, heir = people()
    watch.begun(person, guardian, heir)
    watch.look()
    watch.bench.receive(person, person.deactivate())
    watch.bench.relay.advance()
    ((_, notice),) = watch.look()
    assert (notice.key, notice.recovery) == (DEACTIVATED, None)


def test_nothing_is_completed_before_its_time(watch: Watch) -> None:
    watch.begun(*people())
    watch.look()
    sent = len(watch.bench.network.sent)
    watch.bench.relay.advance()
    assert len(watch.bench.network.sent) == sent


def test_a_call_that_the_contract_refuses_is_not_made(watch: Watch) -> None:
    """Whoever believes in a recovery that is due, and is wrong, spends nothing."""
    person, guardian, heir = people()
    act = watch.begun(person, guardian, heir)
    sent = len(watch.bench.network.sent)
    watch.bench.relay.signing.want(
        watch.bench.registry.encode("complete", (person.address, act.hash_struct()))
    )
    watch.bench.relay.advance()
    assert len(watch.bench.network.sent) == sent
    assert watch.bench.registry.recovery_of(person.address) is not None
