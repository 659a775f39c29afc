"""Which acts go to the ledger together, and from which relayer. Pure.

There is no clock in it: an act that finds a relayer with room goes at once, alone if nothing else waits. When
the ledger is slower than the kiosks, acts gather while the relayers have no room, and go in full batches.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

BASE_GAS = 30_000
"""Gas of a batch beside its acts: the transaction's own 21,000, and the loop."""


@dataclass(frozen=True, slots=True)
class Item:
    """An act that waits.

    Attributes:
        digest: Which one.
        subject: The person.
        data: Call data.
        gas: What it needs at most if it goes alone, which is more than it needs in a batch.
        alone: It cannot go with others.
        is_act: It is an act of the journal, and no call that the gateway itself has to make.
    """

    digest: bytes
    subject: bytes
    data: bytes
    gas: int
    alone: bool = False
    is_act: bool = True


@dataclass(slots=True)
class Lane:
    """A relayer that may begin something.

    Attributes:
        sender: Its address.
        room: How many more transactions it may have under way.
        gas: How much gas it can still pay for.
    """

    sender: bytes
    room: int
    gas: int


@dataclass(frozen=True, slots=True)
class Load:
    """What goes in one transaction."""

    sender: bytes
    items: tuple[Item, ...]

    @property
    def gas(self) -> int:
        """Gas limit."""
        together = sum(item.gas for item in self.items)
        return together if len(self.items) == 1 else together + BASE_GAS


def pack(
    waiting: Sequence[Item],
    lanes: Sequence[Lane],
    bound: Mapping[bytes, bytes],
    max_batch: int,
    max_gas: int,
) -> list[Load]:
    """Fill the lanes, the emptiest first.

    Acts of one person keep their order: while one is under way, the next goes from the same relayer, whose
    transactions the ledger takes in the order of their nonces, whatever it does with their blocks.

    Args:
        waiting: By arrival.
        lanes: Where there may be room.
        bound: The relayer that has an act of a person under way.
        max_batch: Acts in a batch.
        max_gas: Gas of a batch.

    Returns:
        Loads in the order in which they must be signed.
    """
    left, loads = list(waiting), []
    owner = dict(bound)
    open_lanes = [Lane(lane.sender, lane.room, lane.gas) for lane in lanes]
    while open_lanes and left:
        lane = max(open_lanes, key=lambda lane: lane.room)
        items = _next(left, lane, owner, max_batch, max_gas) if lane.room > 0 else ()
        if not items:
            open_lanes.remove(lane)
            continue
        load = Load(lane.sender, items)
        loads.append(load)
        lane.room -= 1
        lane.gas -= load.gas
        owner.update((item.subject, lane.sender) for item in items)
        taken = {item.digest for item in items}
        left = [item for item in left if item.digest not in taken]
    return loads


def _next(
    waiting: Sequence[Item], lane: Lane, owner: Mapping[bytes, bytes], max_batch: int, max_gas: int
) -> tuple[Item, ...]:
    """What goes next from a lane: the first act that may and can be paid, and what fits beside it."""
    items: list[Item] = []
    gas, passed = BASE_GAS, set[bytes]()
    for item in waiting:
        mine = owner.get(item.subject, lane.sender) == lane.sender and item.subject not in passed
        if mine and not items and (item.alone or max_batch == 1) and item.gas <= lane.gas:
            return (item,)
        limit = lane.gas if not items else min(lane.gas, max_gas)
        if not mine or item.alone or gas + item.gas > limit:
            passed.add(item.subject)
            continue
        items.append(item)
        gas += item.gas
        if len(items) == max_batch:
            break
    return tuple(items)
