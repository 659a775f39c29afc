"""Gas of our contract's acts in steady state: the person's word of 256 nonces is in use already."""

from collections.abc import Mapping, Sequence

from contracts import registry
from contracts.acts import (
    Act,
    Contest,
    Deactivate,
    Deny,
    Entrust,
    Recover,
    Renew,
    Request,
    Rotate,
    Withdraw,
)
from contracts.eip712 import Domain
from hw.bench.crowd.account import Account
from hw.bench.crowd.people import Person, Requester
from hw.bench.gas.evm import CHAIN_ID, DEADLINE, EXPIRY, Evm, RevertedCallError, encode_call

BATCH = 20
ENVIRONMENT = "bench"


class Bench:
    """A registry on an EVM, with people and a requester."""

    def __init__(self, evm: Evm) -> None:
        self._evm = evm
        self._contract, self.deployment = evm.deploy(registry.deployment_code(ENVIRONMENT))
        self._domain = Domain(CHAIN_ID, self._contract, ENVIRONMENT)
        self._requester = Requester("bench gas 1", DEADLINE, EXPIRY)

    def newcomer(self, number: int) -> Person:
        """Somebody who is enrolled and has registered a record."""
        person = _person(number)
        self.send(person, person.enrol())
        self.send(person, person.register(person.octets("commitment", 32)))
        return person

    def asked(self, person: Person) -> tuple[Request, int]:
        """A request for the person's record, and its gas."""
        asked = self._requester.ask(person)
        return asked, self.send(self._requester, asked)

    def send(self, signer: Account, act: Act, asked: Request | None = None) -> int:
        """Gas of an act alone."""
        return self._evm.send(self._contract, self._call(signer, act, asked))

    def batch(self, people: Sequence[Person]) -> float:
        """Gas of each grant where these people grant one request each, in one transaction."""
        asked = [(person, self.asked(person)[0]) for person in people]
        calls = [self._call(person, person.grant(request), request) for person, request in asked]
        name, arguments = registry.batch_arguments(calls)
        gas, answer = self._evm.ask(self._contract, encode_call(registry.ABI, name, *arguments))
        if int.from_bytes(answer, "big") != 2 ** len(people) - 1:
            raise RevertedCallError("the contract refused a grant of the benchmark's batch")
        return gas / len(people)

    def _call(self, signer: Account, act: Act, asked: Request | None) -> bytes:
        signature = signer.sign(act.digest(self._domain))
        name, arguments = registry.call_arguments(act, signature, asked)
        return encode_call(registry.ABI, name, *arguments)


def _person(number: int) -> Person:
    return Person(f"bench gas {number}", DEADLINE)


def measure(evm: Evm) -> Mapping[str, int]:
    """Gas by figure: every act alone, and each of `BATCH` grants in one transaction."""
    bench = Bench(evm)
    person, figures = _person(2), {"gas_deploy": bench.deployment}
    figures["gas_enrol"] = bench.send(person, person.enrol())
    figures["gas_register"] = bench.send(person, person.register(person.octets("commitment", 32)))
    figures |= _consents(bench, person) | _identity(bench, person)
    crowd = [bench.newcomer(number) for number in range(10, 10 + BATCH)]
    figures["gas_batch_distinct"] = round(bench.batch(crowd))
    figures["gas_batch_same"] = round(bench.batch([crowd[0]] * BATCH))
    return figures


def _consents(bench: Bench, person: Person) -> dict[str, int]:
    asked, request = bench.asked(person)
    grant = bench.send(person, person.grant(asked), asked)
    renewal = Renew(person.address, asked.hash_struct(), EXPIRY + 1, person.nonce(), DEADLINE)
    renew = bench.send(person, renewal)
    withdraw = bench.send(person, Withdraw(person.address, asked.hash_struct(), DEADLINE))
    other, _ = bench.asked(person)
    deny = bench.send(person, Deny(person.address, other.hash_struct(), DEADLINE))
    return {
        "gas_request": request,
        "gas_grant": grant,
        "gas_renew": renew,
        "gas_withdraw": withdraw,
        "gas_deny": deny,
    }


def _identity(bench: Bench, person: Person) -> dict[str, int]:
    guardian, heir = Account("bench gas 3"), Account("bench gas 4")
    entrust = Entrust(person.address, guardian.address, person.nonce(), DEADLINE)
    keys = (heir.address, heir.octets("encryption", 32))
    nonce = int.from_bytes(guardian.octets("nonce", 32), "big")
    recover = Recover(person.address, *keys, nonce, DEADLINE)
    rotate = Rotate(person.address, *keys, person.nonce(), DEADLINE)
    return {
        "gas_entrust": bench.send(person, entrust),
        "gas_recover": bench.send(guardian, recover),
        "gas_contest": bench.send(person, Contest(person.address, recover.hash_struct(), DEADLINE)),
        "gas_rotate": bench.send(person, rotate),
        "gas_deactivate": bench.send(heir, Deactivate(person.address, DEADLINE)),
    }
