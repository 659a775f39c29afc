"""How a requester shows the gateway who it is, without a session and without a challenge.

The header of a request to read is

    Authorization: Ridgekey key=<33 bytes hex>, time=<Unix seconds>, signature=<64 bytes hex>

where the signature is the requester's, by the key that signed its consent request, over the EIP-712 digest of
`Read(string path,uint64 time)` in the domain of the contract. `path` is path and query as sent. The domain
ties it to one deployment, the type's name keeps it apart from every act, the path to one object and request,
the time to a minute. Who copies the header can within that minute read the same ciphertext, which opens with
the requester's own key only.
"""

import re
import time

from cryptography.hazmat.primitives.asymmetric import ec

from contracts.eip712 import Domain, typed_digest, word
from contracts.keccak import keccak256
from contracts.signing import address_of, compressed, sign, verify
from gateway.errors import GatewayError

LIFETIME = 60
"""Seconds between a header's time and the gateway's clock, either way: room for clocks that differ."""
READ_TYPE_HASH = keccak256(b"Read(string path,uint64 time)")
_HEADER = re.compile(r"Ridgekey key=([0-9a-f]{66}), time=([0-9]{1,12}), signature=([0-9a-f]{128})", re.ASCII)


class AccessError(GatewayError):
    """A header that doesn't prove who asks."""


def read_digest(domain: Domain, path: str, at: int) -> bytes:
    """The 32 bytes that a requester signs in order to read `path` at the Unix time `at`."""
    return typed_digest(domain, keccak256(READ_TYPE_HASH + keccak256(path.encode()) + word(at)))


def prove(private_key: ec.EllipticCurvePrivateKey, domain: Domain, path: str) -> str:
    """The `Authorization` header for reading `path` now."""
    at = int(time.time())
    signature = sign(private_key, read_digest(domain, path, at))
    return (
        f"Ridgekey key={compressed(private_key.public_key()).hex()}, time={at}, signature={signature.hex()}"
    )


def reader_of(header: str, domain: Domain, path: str, now: float) -> bytes:
    """The address of the requester who signed an `Authorization` header for `path`.

    Raises:
        AccessError: The header has another form, is too old or too new, or its signature doesn't hold.
    """
    match = _HEADER.fullmatch(header)
    if match is None:
        raise AccessError("the request is not signed; reading takes an Authorization header of the requester")
    public_key, at, signature = bytes.fromhex(match[1]), int(match[2]), bytes.fromhex(match[3])
    if abs(now - at) > LIFETIME:
        raise AccessError(
            f"the signature's time is {abs(now - at):.0f} s off the gateway's clock; set the clock"
        )
    if not verify(public_key, read_digest(domain, path, at), signature):
        raise AccessError("the signature of the request to read does not hold for this path and contract")
    return address_of(public_key)
