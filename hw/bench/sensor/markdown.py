"""The figures of `ridgekey bench sensor` as the tables of a page."""

from typing import Any

from hw.bench.sensor.fault_table import Outcome
from hw.bench.sensor.subject import OURS

SIGNS = {
    Outcome.RIGHT: "right image",
    Outcome.ERROR: "clear error",
    Outcome.WRONG: "**wrong data unnoticed**",
    Outcome.HANG: "**hang**",
}


def tables(content: dict[str, Any]) -> str:
    """The faults and the times, from a benchmark's JSON object."""
    titles = {OURS: f"ridgekey {content['version']}"}
    titles |= {name: figures["version"] for name, figures in content["peers"].items()}
    return f"{_faults(content, titles)}\n\n{_times(content, titles)}\n"


def _faults(content: dict[str, Any], titles: dict[str, str]) -> str:
    rows = [_row(["fault", *titles.values()]), _row(["---"] * (len(titles) + 1))]
    rows += [
        _row([entry["fault"], *(_cell(entry["drivers"].get(name)) for name in titles)])
        for entry in content["figures"]["faults"]
    ]
    return "\n".join(rows)


def _cell(cell: dict[str, Any] | None) -> str:
    if cell is None:
        return ""
    during, after = Outcome(cell["outcome"]), Outcome(cell["after"])
    return SIGNS[during] if after is Outcome.RIGHT else f"{SIGNS[during]}; then {SIGNS[after]}"


def _times(content: dict[str, Any], titles: dict[str, str]) -> str:
    timings = {OURS: content["figures"]["timings"]}
    timings |= {name: figures["timings"] for name, figures in content["peers"].items()}
    head = ["sensor", "baud", "packet", "least possible", "ridgekey", *(f"CPU, {titles[n]}" for n in titles)]
    rows = [_row(head), _row(["---", *["--:"] * (len(head) - 1)])]
    for ours in timings[OURS]:
        same = {name: _find(timings[name], ours) for name in titles}
        cpu = [f"{1000 * timing['cpu_seconds']:.0f} ms" if timing else "" for timing in same.values()]
        times = [f"{ours['minimum_seconds']:.3f} s", f"{ours['seconds']:.3f} s"]
        rows.append(_row([ours["sensor"], str(ours["baud"]), str(ours["packet_size"]), *times, *cpu]))
    return "\n".join(rows)


def _find(timings: list[dict[str, Any]], setting: dict[str, Any]) -> dict[str, Any] | None:
    keys = ("sensor", "baud", "packet_size")
    return next((timing for timing in timings if all(timing[key] == setting[key] for key in keys)), None)


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
