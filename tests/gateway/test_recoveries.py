"""Recoveries: who can contest one is told, and its end is brought about when it is due."""

import contextlib
import json
import time
from itertools import count
from typing import Any

import pytest

from contracts.messages import PendingRecovery
from contracts.registry import DEACTIVATED, RECOVERY_DELAY
from gateway.journal import Journal
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
    watch.heard.clear()
    watch.recoveries.appeared(watch.bench.kiosk.kid)  # which was away
    watch.recoveries.turn()
    assert [again.recovery for _, again in watch.heard] == [notice.recovery]


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


class Killed(BaseException):
    """What stands for SIGKILL: nothing catches it, and what the journal had not written is not there."""


KILLS = [
    ("remember", "before"), ("remember", "after"), ("fact", "before"), ("kiosks_of", "after"),
    ("facts", "after"), ("revise", "before"),
]  # fmt: skip


@pytest.mark.parametrize("at", range(3))
@pytest.mark.parametrize(("step", "moment"), KILLS)
def test_killed_amid_a_look_no_notice_is_lost(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, step: str, moment: str, at: int
) -> None:
    person, guardian, heir = people()
    watch.begun(person, guardian, heir)
    real, calls = getattr(Journal, step), count()

    def kill(*arguments: Any, **named: Any) -> Any:
        is_due = next(calls) == at
        if is_due and moment == "before":
            raise Killed
        answer = real(*arguments, **named)
        if is_due:
            raise Killed
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(Journal, step, kill)
        with contextlib.suppress(Killed):
            watch.look()
    heard = [notice.subject for _, notice in watch.heard]
    watch.bench.crash()
    watch.build()
    heard += [notice.subject for _, notice in watch.look()]
    assert person.address in heard
    assert watch.look() == []


def test_a_hiccup_amid_a_look_delays_the_notice_and_no_other(watch: Watch) -> None:
    first, second = people(), people()
    for each in (first, second):
        watch.begun(*each)
    victim, other = first[0], second[0]

    def hiccup(parameters: list[object]) -> object:
        about_victim = victim.address.hex() in json.dumps(parameters)
        return {"code": -32603, "message": "internal error"} if about_victim else ...

    watch.bench.network.answers["eth_call"] = hiccup
    ((_, notice),) = watch.look()
    assert notice.subject == other.address
    watch.bench.network.answers.clear()
    ((_, notice),) = watch.look()
    assert notice.subject == victim.address
    assert watch.look() == []


def test_a_hiccup_amid_a_greeting_delays_the_notice_and_not_the_look(watch: Watch) -> None:
    person, guardian, heir = people()
    watch.begun(person, guardian, heir)
    watch.look()
    watch.heard.clear()
    watch.bench.network.answers["eth_call"] = lambda _: {"code": -32603, "message": "internal error"}
    watch.recoveries.appeared(watch.bench.kiosk.kid)
    watch.recoveries.turn()
    assert watch.heard == []
    watch.bench.network.answers.clear()
    ((_, notice),) = watch.look()
    assert notice.subject == person.address
    assert watch.look() == []


def test_news_that_came_while_older_news_was_told_are_told_too(watch: Watch) -> None:
    """Another gateway on the journal reads of the end of a recovery while this one tells of its begin."""
    person, guardian, heir = people()
    act = watch.begun(person, guardian, heir)
    tell, journal = watch.recoveries._tell, watch.bench.journal

    def contested_meanwhile(subject: bytes, kiosks: list[bytes]) -> None:
        tell(subject, kiosks)
        watch.recoveries._tell = tell
        watch.bench.receive(person, person.contest(act))
        watch.bench.relay.advance()
        watch.recoveries._read()

    watch.recoveries._tell = contested_meanwhile
    ((_, first),) = watch.look()
    ((_, second),) = watch.look()
    assert (first.recovery is None, second.recovery is None) == (False, True)
    assert journal.facts("recovery of ") == []


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
