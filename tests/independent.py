"""The numbers of a launch's report made from its exported history alone, without any of loginq's code.

`python tests/independent.py night.csv`: what `loginq queue history night.csv` wrote, read as a studio's analyst would.
"""

import csv
import json
import sys
from pathlib import Path
from typing import Any


def numbers(file: Path) -> dict[str, Any]:
    """The same names and values as in `loginq report --json`."""
    with file.open(encoding="utf-8-sig", newline="") as sheet:
        rows = list(csv.DictReader(sheet))
    last, counted = rows[-1], [row for row in rows if row["counted_to"]]

    def summed(name: str) -> float:
        return sum(float(row[name]) for row in counted)

    waits, errors = _bins(counted, "waits"), _bins(counted, "told_errors")
    worst = max((float(row["longest_wait_seconds"]) for row in counted), default=0)
    known, told = sum(waits.values()), summed("told")
    places = int(last["tail"]) - int(last["holes"]) - int(last["synthetic"])
    line = max(rows, key=lambda row: int(row["waiting"]))
    game = max(rows, key=lambda row: int(row["in_game"]))
    return {
        "players": {
            "came": places,
            "waited_over_10s": sum(count for start, count in waits.items() if start >= 10),
            "got_in": int(last["in_game"]) + int(last["departed"]),
            "still_waiting": int(last["waiting"]),
            "no_shows": int(last["no_shows"]),
            "holes": int(last["holes"]),
            "left": int(last["departed"]),
        },
        "longest_line": {"players": int(line["waiting"]), "at": line["at"]},
        "most_in_game": {"players": int(game["in_game"]), "at": game["at"]},
        "wait_seconds": {
            **{f"p{share}": min(worst, _percentile(waits, share)) for share in (50, 90, 99)},
            "worst": worst,
            "known": known,
        },
        "eta": {
            "told": told,
            "told_share": round(told / known, 4),
            "error_share": round(summed("told_error_seconds") / summed("told_waited_seconds"), 4),
            "late_share": round(summed("told_late") / told, 4),
            "error_seconds": {f"p{share}": _percentile(errors, share) for share in (50, 90)},
        },
        "order": {
            "overtaken": summed("overtaken"),
            "overtaken_share": round(summed("overtaken") / known, 4),
            "overtaken_by_over_2s": summed("overtaken_by_over_2s"),
            "overtaken_by_over_2s_share": round(summed("overtaken_by_over_2s") / known, 4),
            "longest_overtaking_seconds": max(float(row["longest_overtaking_seconds"]) for row in counted),
        },
    }


def _bins(rows: list[dict[str, str]], name: str) -> dict[float, int]:
    """How many are in each bin, by its beginning in seconds."""
    found: dict[float, int] = {}
    for row in rows:
        for start, count in json.loads(row[name]):
            found[start] = found.get(start, 0) + count
    return dict(sorted(found.items()))


def _percentile(bins: dict[float, int], percent: int) -> float:
    """The middle of the bin that holds it, in seconds: the first is 1 s wide, others a twentieth of their start."""
    rank, seen = max(1, -(-sum(bins.values()) * percent // 100)), 0
    for start, count in bins.items():
        seen += count
        if seen >= rank:
            end = round(start * 1_000) * 21 // 20 if start else 1_000
            return (round(start * 1_000) + end) // 2 / 1_000
    raise ValueError("nobody waited")


if __name__ == "__main__":
    print(json.dumps(numbers(Path(sys.argv[1])), indent=2))  # noqa: T201
