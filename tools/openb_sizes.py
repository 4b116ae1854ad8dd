"""Derive the mix of sizes in `data/demand/` from a copy of the openb trace, which is not ours and not kept here.

    python -m tools.openb_sizes path/to/traces data/demand

Processors and memory are rounded to the nearest of a few steps; what is left is counts.
"""

import csv
import sys
from collections import Counter
from pathlib import Path

CPUS = (1, 2, 4, 6, 8, 12, 16, 20, 24, 32, 48, 64, 96, 104, 128)
MEMORY = (2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)  # GiB
RARE = 0.001  # sizes with a smaller share are left out


def nearest(value: float, steps: tuple[int, ...]) -> int:
    """The step that is nearest to a value."""
    return min(steps, key=lambda step: abs(step - value))


def sizes(path: Path) -> list[tuple[int, int, int]]:
    """(processors, GiB, how many such) in a file of the trace, the most frequent first."""
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    counts = Counter(
        (nearest(int(row["cpu_milli"]) / 1000, CPUS), nearest(int(row["memory_mib"]) / 1024, MEMORY)) for row in rows
    )
    kept = [(cpus, gib, number) for (cpus, gib), number in counts.items() if number >= RARE * len(rows)]
    return sorted(kept, key=lambda row: (-row[2], row))


def main(source: str, target: str) -> None:
    """Write the two tables."""
    for file, name in (("openb_pod_list_default.csv", "tasks"), ("openb_node_list_all_node.csv", "nodes")):
        rows = sizes(Path(source) / file)
        path = Path(target) / f"openb_{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = ["cpus,gib,number", *(",".join(map(str, row)) for row in rows)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
