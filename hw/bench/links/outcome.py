"""What was measured of a link, as values and as the figures of a JSON file; and back, to go on with a run."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hw.bench.links.faults import FAULTS
from hw.errors import FileTroubleError

AT_ONCE = 500
"""Consents, at most, from which the throughput is measured."""

ONE_OUTAGE = "one outage"
GOAL_SENDS = 1.3
"""Sends per message after one outage."""

GOAL_DRAIN_SECONDS = 180.0
"""From a fault's end to the last receipt: the longest pause between two attempts to connect, and time for
what has gathered meanwhile."""


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Attributes:
        messages: in all, spread over the faults.
        seconds: over which each fault's messages are captured, at least.
        seed: of the faults' moments.
    """

    messages: int
    seconds: float
    seed: int

    @property
    def share(self) -> int:
        """Consents of each fault."""
        return -(-self.messages // len(FAULTS))

    @property
    def at_once(self) -> int:
        """Consents that are captured as fast as they can be, to see how many a second get through."""
        return min(self.share, AT_ONCE)


@dataclass(frozen=True)
class Rest:
    """A link that nothing befalls.

    Attributes:
        per_second: consents from queue to receipt, many captured at once.
        octets_per_message: that crossed the medium for each consent, both ways, receipt included.
        latency: median seconds from queue to receipt, of one alone.
    """

    per_second: float
    octets_per_message: int
    latency: float


@dataclass(frozen=True)
class Phase:
    """What one fault did.

    Attributes:
        fault: its name.
        messages: consents captured.
        lost: of these, not on the ledger, or their kiosk was never told.
        doubled: of these, took effect more than once.
        sends: how often messages were handed to a link.
        most_sends: of one message.
        refused: captures that a kiosk without room refused; the person came again.
        drain_seconds: from the fault's end to the last receipt.
    """

    fault: str
    messages: int
    lost: int
    doubled: int
    sends: int
    most_sends: int
    refused: int
    drain_seconds: float

    @property
    def sends_per_message(self) -> float:
        """1 where nothing was sent twice."""
        return self.sends / max(1, self.messages)


@dataclass
class Result:
    """What one link did, as far as it has been measured.

    Attributes:
        link: its name.
        rest: None until it has been measured.
        phases: by fault.
    """

    link: str
    rest: Rest | None = None
    phases: dict[str, Phase] = field(default_factory=dict)

    @property
    def messages(self) -> int:
        """Consents captured."""
        return sum(phase.messages for phase in self.phases.values())

    @property
    def lost(self) -> int:
        """Of all faults together."""
        return sum(phase.lost for phase in self.phases.values())

    @property
    def doubled(self) -> int:
        """Of all faults together."""
        return sum(phase.doubled for phase in self.phases.values())

    @property
    def is_good(self) -> bool:
        """Whether nothing was lost or doubled, all was there in time, and one outage made no storm."""
        outage = self.phases.get(ONE_OUTAGE)
        calm = outage is None or outage.sends_per_message <= GOAL_SENDS
        in_time = all(phase.drain_seconds <= GOAL_DRAIN_SECONDS for phase in self.phases.values())
        return calm and in_time and not self.lost and not self.doubled

    def figures(self) -> dict[str, Any]:
        """As the benchmark's JSON has them; what was not measured is null.

        `sends_per_message_max` is the mean over a fault's messages, of the fault where it is largest;
        `sends_of_one_message_max` is how often that message was sent that was sent most often.
        """
        phases, rest = self.phases.values(), self.rest
        return {
            "link": self.link,
            "messages": self.messages,
            "lost": self.lost,
            "doubled": self.doubled,
            "sends_per_message_max": max((round(each.sends_per_message, 3) for each in phases), default=None),
            "sends_of_one_message_max": max((each.most_sends for each in phases), default=None),
            "drain_seconds": max((each.drain_seconds for each in phases), default=None),
            "messages_per_second": rest and rest.per_second,
            "bytes_per_message": rest and rest.octets_per_message,
            "latency_seconds_median": rest and rest.latency,
            "faults": [
                asdict(each) | {"sends_per_message": round(each.sends_per_message, 3)} for each in phases
            ],
        }

    @classmethod
    def of(cls, figures: Mapping[str, Any]) -> "Result":
        """The result that these are the figures of."""
        rest = [
            figures[name] for name in ("messages_per_second", "bytes_per_message", "latency_seconds_median")
        ]
        names = Phase.__dataclass_fields__
        phases = [Phase(**{name: each[name] for name in names}) for each in figures["faults"]]
        return cls(
            figures["link"],
            None if None in rest else Rest(*rest),
            {each.fault: each for each in phases},
        )


def read(path: Path, plan: Plan, version: str) -> dict[str, Result]:
    """What a file has of the same plan and version, by link; nothing if there is no file.

    Raises:
        FileTroubleError: it cannot be read, or is of another plan or version.
    """
    try:
        report = json.loads(path.read_text())
        same = report["version"] == version and report["figures"]["plan"] == asdict(plan)
        results = [Result.of(each) for each in report["figures"]["links"]]
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise FileTroubleError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise FileTroubleError(f"{path} holds no figures of bench links; name another file") from error
    if not same:
        raise FileTroubleError(f"{path} is of another version, number or seed; name another file")
    return {each.link: each for each in results}
