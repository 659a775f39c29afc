"""Every `assert` of the contract, read from its source, has a case here that runs into it."""

import re
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files

import pytest

from contracts.acts import ActKind
from contracts.registry import DEACTIVATED, call_arguments
from contracts.signing import ORDER
from tests.contracts.evm import Outcome
from tests.contracts.people import Person
from tests.contracts.world import DEADLINE, OBJECT, RECORD, World

Site = tuple[str, str]
"""A function of the contract, and the reason of an assert in it."""

FUNCTION = re.compile(r"^def (\w+)\(")
ASSERT = re.compile(r'^    assert .*, "([^"]+)"$')


def sites() -> list[Site]:
    """All asserts in the source, in their order."""
    found, function = [], ""
    for line in files("contracts").joinpath("ConsentRegistry.vy").read_text().splitlines():
        if match := FUNCTION.match(line):
            function = match[1]
        elif match := ASSERT.match(line):
            found.append((function, match[1]))
    return found


def again(kind: ActKind) -> Callable[[World], Outcome]:
    """An act that was taken, once more."""

    def provoke(world: World) -> Outcome:
        act = world.ready_for(kind)
        world.done(act)
        return world.submit(act)

    return provoke


def changed(kind: ActKind, **change: object) -> Callable[[World], Outcome]:
    """An act with something else in it, signed so."""
    return lambda world: world.submit(replace(world.ready_for(kind), **change))


def signed(kind: ActKind, alter: Callable[[bytes], bytes]) -> Callable[[World], Outcome]:
    """An act with an altered signature."""

    def provoke(world: World) -> Outcome:
        act = world.ready_for(kind)
        name, arguments = call_arguments(act, world.sign(act), world.asked)
        return world.registry.call(name, *arguments[:-1], alter(arguments[-1]))

    return provoke


def high_s(signature: bytes) -> bytes:
    s = ORDER - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])


def without(before: ActKind, act: str) -> Callable[[World], Outcome]:
    """An act as things stand before another one."""

    def provoke(world: World) -> Outcome:
        world.ready_for(before)
        return world.submit(getattr(world, act)())

    return provoke


def publish_unknown(world: World) -> Outcome:
    return world.registry.call("publish", world.person.address, RECORD, OBJECT)


def publish_other(world: World) -> Outcome:
    world.ready_for(ActKind.REQUEST)
    return world.registry.call("publish", world.person.address, RECORD, OBJECT + b"\0")


def request_unknown(world: World) -> Outcome:
    return world.submit(world.asked)


def grant_short_key(world: World) -> Outcome:
    act = world.ready_for(ActKind.GRANT)
    name, arguments = call_arguments(act, world.sign(act), world.asked)
    return world.registry.call(name, *arguments[:2], bytes(79), *arguments[3:])


def grant_late(world: World) -> Outcome:
    world.ready_for(ActKind.GRANT)
    return world.submit(world.grant(expiry=world.asked.expiry + 1))


def recover_without_guardian(world: World) -> Outcome:
    world.done(world.enrol())
    return world.submit(world.recover())


def recover_twice(world: World) -> Outcome:
    world.done(world.ready_for(ActKind.RECOVER))
    return world.submit(world.recover())


def complete_early(world: World) -> Outcome:
    world.done(world.ready_for(ActKind.RECOVER))
    return world.complete()


def stranger_registers(world: World) -> Outcome:
    return world.submit(world.register())


def ended(world: World) -> Outcome:
    world.done(world.ready_for(ActKind.DEACTIVATE))
    return world.submit(world.register())


def late(world: World) -> Outcome:
    act = world.ready_for(ActKind.REGISTER)
    world.evm.time = DEADLINE + 1
    return world.submit(act)


def by_another(world: World) -> Outcome:
    act = world.ready_for(ActKind.REGISTER)
    return world.submit(act, Person(9).sign_for_ledger(act, world.domain))


CASES: dict[Site, Callable[[World], Outcome]] = {
    ("enrol", "already enrolled"): again(ActKind.ENROL),
    ("register", "empty commitment"): changed(ActKind.REGISTER, commitment=bytes(32)),
    ("publish", "unknown record"): publish_unknown,
    ("publish", "wrong object"): publish_other,
    ("request", "already requested"): again(ActKind.REQUEST),
    ("request", "unknown record"): request_unknown,
    ("request", "past expiry"): changed(ActKind.REQUEST, expiry=0),
    ("grant", "not requested"): again(ActKind.GRANT),
    ("grant", "past expiry"): changed(ActKind.GRANT, expiry=0),
    ("grant", "late expiry"): grant_late,
    ("grant", "wrong sealed key"): grant_short_key,
    ("deny", "not requested"): again(ActKind.DENY),
    ("withdraw", "not granted"): without(ActKind.GRANT, "withdraw"),
    ("renew", "not granted"): without(ActKind.GRANT, "renew"),
    ("renew", "past expiry"): changed(ActKind.RENEW, expiry=0),
    ("recover", "no guardian"): recover_without_guardian,
    ("recover", "already begun"): again(ActKind.RECOVER),
    ("recover", "recovery pending"): recover_twice,
    ("complete", "too early"): complete_early,
    ("_key_of", "not enrolled"): stranger_registers,
    ("_key_of", "deactivated"): ended,
    ("_check_new_key", "no such key"): changed(ActKind.ROTATE, new_key=DEACTIVATED),
    ("_check_pending", "no such recovery"): again(ActKind.CONTEST),
    ("_check_signed", "past deadline"): late,
    ("_check_signed", "wrong signature length"): signed(ActKind.REGISTER, lambda signature: signature[:64]),
    ("_check_signed", "high s"): signed(ActKind.REGISTER, high_s),
    ("_check_signed", "wrong signer"): by_another,
    ("_use_nonce", "used nonce"): again(ActKind.REGISTER),
}


def test_every_assert_has_its_case_and_every_case_its_assert() -> None:
    assert len(sites()) == len(set(sites())) == len(CASES)
    assert set(sites()) == set(CASES)


@pytest.mark.parametrize("site", sites(), ids=" ".join)
def test_an_assert_refuses_with_its_reason(world: World, site: Site) -> None:
    outcome = CASES[site](world)
    assert outcome.reason == site[1]
    assert not outcome.logs
