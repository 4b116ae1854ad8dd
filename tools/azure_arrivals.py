"""Derive the tables in `data/arrivals/` from a copy of the Azure LLM traces, which are not ours and not kept here.

    python -m tools.azure_arrivals path/to/traces data/arrivals

Requests are counted per second; the tokens generated, which take the time, are kept as 1001 quantiles.
"""

import csv
import sys
from datetime import datetime
from pathlib import Path

STEPS = 1000  # of the quantiles


def columns(path: Path) -> tuple[list[float], list[int]]:
    """Seconds since the first request, and tokens generated."""
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    instants = [datetime.fromisoformat(row["TIMESTAMP"][:26]) for row in rows]  # the seventh digit is lost
    return [(instant - instants[0]).total_seconds() for instant in instants], [
        int(row["GeneratedTokens"]) for row in rows
    ]


def per_second(seconds: list[float]) -> list[int]:
    """How many fell into each second."""
    counts = [0] * (int(seconds[-1]) + 1)
    for second in seconds:
        counts[int(second)] += 1
    return counts


def quantiles(values: list[int]) -> list[int]:
    """The least, the largest, and evenly spaced ones between."""
    ordered = sorted(values)
    return [ordered[(len(ordered) - 1) * step // STEPS] for step in range(STEPS + 1)]


def main(source: str, target: str) -> None:
    """Write two tables for each trace."""
    Path(target).mkdir(parents=True, exist_ok=True)
    for name in ("code", "conv"):
        seconds, tokens = columns(Path(source) / f"AzureLLMInferenceTrace_{name}.csv")
        for what, numbers in (("per_second", per_second(seconds)), ("tokens", quantiles(tokens))):
            path = Path(target) / f"azure_{name}_{what}.csv"
            path.write_text("\n".join([what, *map(str, numbers)]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
