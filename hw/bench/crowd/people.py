"""People whose keys are simply there, as the finger is another benchmark's matter, and who asks them."""

from itertools import count

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from contracts.acts import Deny, Enrol, Grant, RecordKind, Register, Request, Withdraw
from contracts.envelope import encrypt
from contracts.purpose import Purpose
from contracts.struct import SEALED_KEY_LENGTH
from hw.bench.crowd.account import Account

KIND = RecordKind.IDENTITY_DOCUMENT.identifier
PURPOSE = "To measure a gateway"
RECORD = b"the record of nobody"


class Person(Account):
    """A subject with one record, who fills words of nonces one after the other, as a kiosk does.

    Args:
        name: makes the keys.
        deadline: Unix time of every act.
    """

    def __init__(self, name: str, deadline: int) -> None:
        super().__init__(name)
        self.deadline = deadline
        self.record = self.octets("record", 32)
        self._nonces = count(int.from_bytes(self.octets("word", 31), "big") << 8)

    def nonce(self) -> int:
        """The next of this person's nonces."""
        return next(self._nonces)

    @property
    def encryption_key(self) -> bytes:
        """Public X25519 key, 32 bytes."""
        return (
            X25519PrivateKey.from_private_bytes(self.octets("encryption", 32)).public_key().public_bytes_raw()
        )

    def enrol(self) -> Enrol:
        """The person joins."""
        return Enrol(self.address, self.encryption_key, self.nonce(), self.deadline)

    def document(self) -> bytes:
        """The person's one record, as an encrypted object."""
        return encrypt(RECORD, self.record, KIND, self.encryption_key).encode()

    def register(self, commitment: bytes) -> Register:
        """The record comes to the ledger, as the commitment to its object."""
        return Register(self.address, self.record, KIND, commitment, self.nonce(), self.deadline)

    def grant(self, asked: Request) -> Grant:
        """Yes to a request, for as long as was asked; the sealed key is noise of the right length."""
        sealed = self.octets("sealed", SEALED_KEY_LENGTH)
        return Grant(
            self.address,
            asked.hash_struct(),
            asked.purpose,
            asked.expiry,
            sealed,
            self.nonce(),
            self.deadline,
        )

    def deny(self, asked: Request) -> Deny:
        """No to a request."""
        return Deny(self.address, asked.hash_struct(), self.deadline)

    def withdraw(self, asked: Request) -> Withdraw:
        """No more."""
        return Withdraw(self.address, asked.hash_struct(), self.deadline)


class Requester(Account):
    """Somebody who asks people for their records.

    Args:
        name: makes the keys.
        deadline: Unix time of every request.
        expiry: Unix time until which consents are asked for.
    """

    def __init__(self, name: str, deadline: int, expiry: int) -> None:
        super().__init__(name)
        self.purpose = Purpose(PURPOSE, self.octets("salt", 16))
        self._deadline, self._expiry = deadline, expiry
        self._numbers = count(1)

    def ask(self, person: Person) -> Request:
        """A further request for a person's record."""
        return Request(
            self.address,
            person.address,
            person.record,
            self.purpose.commitment(),
            self.octets("encryption", 32),
            self._expiry,
            int.from_bytes(self.octets(f"nonce {next(self._numbers)}", 32), "big"),
            self._deadline,
        )
