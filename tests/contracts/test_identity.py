"""An identity outlives its key: rotation, recovery that the present key can contest, and a good end."""

from dataclasses import replace

import pytest
from eth_utils import to_canonical_address

from contracts.acts import ActKind, Contest
from contracts.registry import DEACTIVATED, RECOVERY_DELAY, ConsentState
from tests.contracts.evm import NOW, decode_log
from tests.contracts.people import Person
from tests.contracts.world import DEADLINE, EXPIRY, World

NOBODY = bytes(20)


def key_of(world):
    return to_canonical_address(world.registry.view("keyOf", world.person.address))


def recovery_of(world):
    recovery, key, ready = world.registry.view("recoveryOf", world.person.address)
    return recovery, to_canonical_address(key), ready


def guardian_of(world):
    return to_canonical_address(world.registry.view("guardianOf", world.person.address))


def by(person, world, act):
    """Submit an act that somebody signs."""
    return world.submit(act, person.sign_for_ledger(act, world.domain)).reason


def recovered(world):
    world.done(world.ready_for(ActKind.RECOVER))
    world.evm.time = NOW + RECOVERY_DELAY
    assert world.complete().reason is None


def beside(world, person, **others):
    """Another identity in the same registry, which has entrusted its guardian."""
    other = World(person=person, **others)
    other.registry, other.domain = world.registry, world.domain
    other.done(other.enrol())
    other.done(other.entrust())
    return other


def later(act):
    return replace(act, deadline=NOW + 2 * RECOVERY_DELAY)


def test_after_a_rotation_the_new_key_signs_and_the_old_one_does_not(world):
    world.done(world.ready_for(ActKind.ROTATE))
    assert key_of(world) == world.heir.address
    assert by(world.person, world, world.register()) == "wrong signer"
    assert by(world.heir, world, world.register()) is None
    assert by(world.heir, world, world.enrol()) == "already enrolled"


def test_consents_survive_a_rotation_and_the_new_key_can_withdraw_them(world):
    world.done(world.ready_for(ActKind.WITHDRAW) and world.rotate())
    assert world.is_granted()
    assert by(world.person, world, world.withdraw()) == "wrong signer"
    assert by(world.heir, world, world.withdraw()) is None
    assert not world.is_granted()


def test_what_the_old_key_signed_before_a_rotation_is_void(world):
    grant = world.ready_for(ActKind.GRANT)
    world.done(world.rotate())
    assert world.submit(grant).reason == "wrong signer"
    assert world.state() is ConsentState.REQUESTED


@pytest.mark.parametrize("key", [NOBODY, DEACTIVATED])
@pytest.mark.parametrize("kind", [ActKind.ROTATE, ActKind.RECOVER])
def test_a_key_that_cannot_sign_takes_over_from_nobody(world, kind, key):
    act = replace(world.ready_for(kind), new_key=key)
    assert world.submit(act).reason == "no such key"


def test_a_recovery_takes_over_when_its_time_has_come(world):
    recover = world.ready_for(ActKind.RECOVER)
    world.done(recover)
    ready = NOW + RECOVERY_DELAY
    assert recovery_of(world) == (recover.hash_struct(), world.heir.address, ready)
    assert key_of(world) == world.person.address
    world.evm.time = ready - 1
    assert world.complete().reason == "too early"
    world.evm.time = ready
    outcome = world.complete()
    assert [decode_log(log) for log in outcome.logs] == [
        ("Recovered", {"subject": world.person.address, "recovery": recover.hash_struct()})
    ]
    assert key_of(world) == world.heir.address
    assert recovery_of(world) == (bytes(32), NOBODY, 0)
    assert world.complete().reason == "no such recovery"
    assert by(world.heir, world, later(world.register())) is None


def test_until_then_the_present_key_signs(world):
    world.done(world.ready_for(ActKind.RECOVER))
    assert by(world.heir, world, world.register()) == "wrong signer"
    world.done(world.register())


def test_the_present_key_contests_a_recovery_to_its_last_second_and_after(world):
    """Until somebody completes it, it can be contested."""
    contest = later(world.ready_for(ActKind.CONTEST))
    world.evm.time = NOW + RECOVERY_DELAY + 5
    world.done(contest)
    assert recovery_of(world) == (bytes(32), NOBODY, 0)
    assert world.complete().reason == "no such recovery"
    assert key_of(world) == world.person.address


def test_a_contested_recovery_cannot_begin_again_but_another_can(world):
    world.done(world.ready_for(ActKind.CONTEST))
    assert world.submit(world.recovery).reason == "already begun"
    world.done(world.recover())
    world.done(world.contest())


def test_an_objection_to_one_recovery_is_none_to_the_next(world):
    contest = world.ready_for(ActKind.CONTEST)
    world.done(contest)
    world.done(world.recover())
    assert world.submit(contest).reason == "no such recovery"


def test_without_a_recovery_there_is_nothing_to_contest_or_complete(world):
    world.done(world.ready_for(ActKind.ENTRUST))
    for recovery in (bytes(32), b"\x01" * 32):
        contest = Contest(world.person.address, recovery, DEADLINE)
        assert world.submit(contest).reason == "no such recovery"
        assert world.registry.call("complete", world.person.address, recovery).reason == "no such recovery"


def test_only_the_guardian_recovers_and_only_the_present_key_contests(world):
    recover = world.ready_for(ActKind.RECOVER)
    for person in (world.person, world.heir, Person(9)):
        assert by(person, world, recover) == "wrong signer"
    world.done(recover)
    for person in (world.guardian, world.heir):
        assert by(person, world, world.contest()) == "wrong signer"


def test_without_a_guardian_nobody_recovers(world):
    world.done(world.ready_for(ActKind.ENTRUST))
    world.done(replace(world.entrust(), guardian=NOBODY))
    assert guardian_of(world) == NOBODY
    assert world.submit(world.recover()).reason == "no guardian"
    assert world.submit(world.recovery, bytes(64) + b"\x1b").reason == "no guardian"


def test_one_recovery_at_a_time(world):
    world.done(world.ready_for(ActKind.RECOVER))
    assert world.submit(world.recover()).reason == "recovery pending"


def test_a_guardian_who_recovers_again_and_again_can_be_dismissed(world):
    world.done(world.ready_for(ActKind.RECOVER))
    other = Person(8)
    world.done(replace(world.entrust(), guardian=other.address))
    assert guardian_of(world) == other.address
    assert recovery_of(world)[2] == 0
    assert world.submit(world.recover()).reason == "wrong signer"
    assert by(other, world, world.recover()) is None


def test_a_guardian_voids_nothing_that_the_person_has_signed(world):
    """The next nonce of a kiosk is easily foreseen, as it fills its word in order."""
    grant = world.ready_for(ActKind.GRANT)
    world.done(world.entrust())
    world.done(replace(world.recover(), nonce=grant.nonce))
    world.done(grant)


def test_a_first_key_that_signs_no_more_voids_nothing_as_somebodys_guardian(world):
    """Its address is the identifier of the person, who has another key now; whoever has it entrusts it."""
    world.done(world.ready_for(ActKind.ROTATE))
    thief = beside(world, Person(8), guardian=world.person)
    register = world.register()
    thief.done(replace(thief.recover(), nonce=register.nonce))
    assert by(world.heir, world, register) is None


def test_a_recovery_is_good_once_and_for_one_identity_alone(world):
    """Also where the same guardian is named again, and by somebody else."""
    recover = world.ready_for(ActKind.RECOVER)
    signature = world.sign(recover)
    other = beside(world, Person(8))
    assert world.submit(replace(recover, subject=other.person.address), signature).reason == "wrong signer"
    world.done(recover)
    for guardian in (Person(9), world.guardian):
        world.done(replace(world.entrust(), guardian=guardian.address))
        assert world.submit(recover, signature).reason == "already begun"
    other.done(replace(recover, subject=other.person.address))


def test_after_a_recovery_the_guardian_stays_and_the_old_key_is_out(world):
    recovered(world)
    assert guardian_of(world) == world.guardian.address
    for act in (world.register(), world.entrust(), world.rotate(), world.deactivate()):
        assert by(world.person, world, later(act)) == "wrong signer"


def test_an_identity_that_has_ended_signs_nothing_and_its_consents_are_over(world):
    world.done(world.ready_for(ActKind.WITHDRAW) and world.entrust())
    withdraw, renew = world.withdraw(), world.renew()
    assert world.is_granted()
    world.done(world.deactivate())
    assert key_of(world) == DEACTIVATED
    assert not world.is_granted()
    assert not world.registry.view("isValid", world.asked.hash_struct())
    for act in (withdraw, renew, world.register(), world.rotate(), world.entrust(), world.recover()):
        assert world.submit(act).reason == "deactivated"
    assert world.submit(world.enrol()).reason == "already enrolled"


def test_of_an_identity_that_has_ended_nothing_is_asked(world):
    world.done(world.ready_for(ActKind.GRANT) and world.deactivate())
    assert world.submit(world.request()).reason == "deactivated"
    assert world.submit(world.asked).reason == "already requested"


def test_the_end_of_an_identity_ends_its_recovery(world):
    world.done(world.ready_for(ActKind.RECOVER))
    world.done(world.deactivate())
    world.evm.time = NOW + RECOVERY_DELAY
    assert world.complete().reason == "no such recovery"


def test_a_renewal_gives_a_consent_another_end(world):
    world.done(world.ready_for(ActKind.RENEW))
    assert world.registry.view("consentOf", world.asked.hash_struct()) == (
        ConsentState.GRANTED,
        EXPIRY + 1000,
    )
    world.done(world.renew(NOW + 1))
    world.evm.time = NOW + 1
    assert not world.is_granted()
    world.done(world.renew(NOW + 2))
    assert world.is_granted()
    assert world.registry.view("isValid", world.asked.hash_struct())


@pytest.mark.parametrize("expiry", [0, NOW])
def test_a_renewal_is_for_a_time_to_come(world, expiry):
    world.ready_for(ActKind.RENEW)
    assert world.submit(world.renew(expiry)).reason == "past expiry"


@pytest.mark.parametrize("end", ["request", "deny", "withdraw"])
def test_only_a_granted_consent_is_renewed(world, end):
    world.done(world.ready_for(ActKind.WITHDRAW if end == "withdraw" else ActKind.DENY))
    if end == "request":
        world.asked = world.request()
        world.done(world.asked)
    assert world.submit(world.renew()).reason == "not granted"


def test_an_older_renewal_does_not_undo_a_newer(world):
    longer = world.ready_for(ActKind.RENEW)
    world.done(longer)
    world.done(world.renew(NOW + 10))
    assert world.submit(longer).reason == "used nonce"
    assert world.registry.view("consentOf", world.asked.hash_struct())[1] == NOW + 10
