"""What the operator decides about the relay: how much at once, for how much money, and how fast for whom."""

from dataclasses import dataclass
from typing import Any

from contracts.errors import ContractError
from contracts.hexes import from_hex
from contracts.registry import MAX_BATCH
from gateway.errors import GatewayError
from gateway.rates import Rate

GWEI = 10**9
"""Wei in a gwei; fees are counted in wei per gas, money in gwei."""


class PolicyError(GatewayError):
    """The configuration's table `relay` says something that cannot be followed."""

    exit_code = 78


@dataclass(frozen=True)
class Policy:
    """The relay's settings; the defaults suit one gateway with some dozens of kiosks.

    Attributes:
        confirmations: Blocks, its own included, that make a transaction final. One block is final on a
            ledger of one node.
        max_batch: Acts in one transaction at most; 1 sends each alone.
        max_pending: Transactions of one relayer that may be under way at once; geth's pool keeps 64 of an
            account, and guarantees 16 when it is full.
        batch_gas: Gas of a batch at most: a fraction of a block, so that it finds room in the next.
        fee_cap: Wei per gas that are never exceeded. Above it, acts wait until fees fall.
        bump_after: Seconds without a block after which a transaction offers more.
        forgotten_after: Seconds after which a transaction that is in no block is looked for in the pool.
        spending: Gwei that each relayer may spend in 24 hours; None for no limit.
        kiosk: How often each kiosk may bring an act; None for no limit.
        person: How often each person's acts, once verified, are taken to the ledger; None for no limit.
        requests: How often requesters may ask, all together; None for no limit.
        retired: Relayers that finish what they have under way and begin nothing.
    """

    confirmations: int = 1
    max_batch: int = MAX_BATCH
    max_pending: int = 48
    batch_gas: int = 6_000_000
    fee_cap: int = 500 * GWEI
    bump_after: int = 60
    forgotten_after: int = 10
    spending: int | None = None
    kiosk: Rate | None = None
    person: Rate | None = None
    requests: Rate | None = None
    retired: frozenset[bytes] = frozenset()

    @property
    def spending_on_requests(self) -> int | None:
        """Gwei that each relayer may have spent in 24 hours and still pay for a request.

        Anybody can make it pay for those; the other half is left to what persons sign.
        """
        return None if self.spending is None else self.spending // 2


BURST_MINUTES = 5
"""Minutes' worth of acts that may come at once: what a kiosk has gathered while it was offline."""

NUMBERS = {
    "max_batch": (MAX_BATCH, 1, MAX_BATCH),
    "max_pending": (48, 1, 64),
    "batch_gas": (6_000_000, 1_000_000, 100_000_000),
    "fee_cap_gwei": (500, 1, 10**6),
    "bump_after": (60, 1, 86_400),
    "daily_gwei": (10**9, 0, 10**12),
    "kiosk_per_minute": (120, 0, 10**6),
    "person_per_minute": (30, 0, 10**6),
    "requests_per_minute": (60, 0, 10**6),
}
"""Settings that are numbers: what is taken if nothing is said, the least and the most."""

KNOWN = {*NUMBERS, "retired"}


def parse_policy(table: object, is_external: bool) -> Policy:
    """Check the table `[relay]`.

    Args:
        table: As TOML gives it.
        is_external: The ledger is not the embedded one, so that its money is worth something.

    Raises:
        PolicyError: A setting is unknown or ill-formed.
    """
    if not isinstance(table, dict):
        raise PolicyError("'relay' must be a table: [relay] with lines like max_batch = 32")
    unknown = sorted(table.keys() - KNOWN)
    if unknown:
        raise PolicyError(f"unknown setting 'relay.{unknown[0]}'; known are {', '.join(sorted(KNOWN))}")
    number = {name: _number(table, name) for name in NUMBERS}
    if "daily_gwei" not in table and not is_external:
        number["daily_gwei"] = 0
    return Policy(
        max_batch=number["max_batch"],
        max_pending=number["max_pending"],
        batch_gas=number["batch_gas"],
        fee_cap=number["fee_cap_gwei"] * GWEI,
        bump_after=number["bump_after"],
        spending=number["daily_gwei"] or None,
        kiosk=_rate(number["kiosk_per_minute"]),
        person=_rate(number["person_per_minute"]),
        requests=_rate(number["requests_per_minute"]),
        retired=_retired(table.get("retired", [])),
    )


def _rate(per_minute: int) -> Rate | None:
    return Rate(per_minute, BURST_MINUTES * per_minute) if per_minute else None


def _number(table: dict[str, Any], name: str) -> int:
    usual, least, most = NUMBERS[name]
    value = table.get(name, usual)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise PolicyError(f"'relay.{name}' must be a whole number from {least} to {most}")
    return value


def _retired(value: object) -> frozenset[bytes]:
    if not isinstance(value, list):
        raise PolicyError("'relay.retired' must be a list of addresses")
    try:
        return frozenset(from_hex(str(address), 20) for address in value)
    except ContractError as error:
        raise PolicyError(f"'relay.retired': {error}") from None
