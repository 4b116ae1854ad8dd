"""The time without a leader: what was published beside ours. `python -m benchmarks.elections [trials]` prints it all.

Published are the Raft paper's figure 16 (a real LAN of five servers, of which two of the remaining four had a log that
could win; read off the figure within 1 ms up to 1 s) and the simulations and formulas of Ongaro's dissertation, ch. 9.
"""

import sys
from math import inf, sqrt
from statistics import mean

from swarmlab.check.elections import SWARM, Case, case, expected_time, quantile, split_vote, summary, trials
from swarmlab.viz import ink
from swarmlab.viz.dots import draw_dots

from .measure import Figure, seconds

TRIALS = 2_000
WORK = 1_000_000  # events for one row at most: hopeless time-outs need many terms for each run

# Dissertation §9.4: five servers, 30 to 40 ms one way, time-outs of 300 to 600 ms that begin at the crash, no disk.
WAN = {"low": 300, "high": 600, "latency": 30, "jitter": 10}
WAN_PUBLISHED = {0: (None, 410, None), 1: (475, 423, 1500), 2: (650, 469, 3000)}  # failed: mean, median, 99.9 % below
WAN_RANKED = {0: 471, 1: 502, 2: 599}  # failed: median, when all logs differ and the best ones have failed

# Raft figure 16: heartbeats at half of the shortest time-out, a crash at a random point between two. The mix of wire
# and disk behind its 15 ms is not told; 2.3 ms one way and votes that wait 11 ms for a disk come nearest to the curves.
LAN = {"latency": 2.3, "disk": 0.011, "logs": (2, 2, 2, 1, 1), "crash": "random"}
FIGURE_16 = {  # ms: median, nine of ten, worst of 1000 (of 100 for 150-150)
    (150, 150): (41_000, 85_000, 530_000),
    (150, 151): (1201, 3141, 8258),
    (150, 155): (288, 611, 2149),
    (150, 175): (141, 292, 611),
    (150, 200): (147, 194, 514),
    (150, 300): (172, 245, 605),
    (12, 24): (30, 53, 152),
    (25, 50): (43, 74, 277),
    (50, 100): (67, 96, 254),
    (100, 200): (120, 166, 336),
}

# Dissertation §9.3: five servers, latency as a part of the range of time-outs; the share of first votes that are split.
SPLIT_PUBLISHED = {(4, 0.01): "0.06", (4, 0.1): "5.2", (4, 0.2): "18.1"}


def wide_area(count: int) -> None:
    print("\nOver a wide area (dissertation §9.4), ms           mean      formula       median       99.9 % below")
    for failed, (average, median, most) in WAN_PUBLISHED.items():
        times = in_ms(count, case(**WAN, failed=failed))
        formula = expected_time(300, 600, 35, alive=5 - failed)
        numbers = [beside(mean(times), average), f"{formula:.0f}".center(12), beside(quantile(times, 0.5), median)]
        print(f"  {failed} failed{'':38}", *numbers, beside(quantile(times, 0.999), most))
    for failed, median in WAN_RANKED.items():
        times = in_ms(count, case(**WAN, failed=failed, logs=(5, 4, 3, 2, 1)))
        print(f"  {failed} failed, all logs differ, the best one lost", " " * 13, beside(quantile(times, 0.5), median))


def local_area(count: int) -> None:
    print("\nOn a LAN (Raft figure 16), ms       half within   9 of 10 within        worst    runs")
    for (low, high), published in FIGURE_16.items():
        limit = 10 if low == high else 60  # seconds: nobody waits a minute for what never comes
        found = trials(100 if low == high else count, case(low, high, **LAN, limit=limit), work=WORK)
        ours = summary(found)
        pairs = zip((ours.median, ours.p90, ours.worst), published, strict=True)
        name = f"  {low}-{high}" + f", given up after {limit} s" * (low == high)
        print(f"{name:30}", *(beside(*pair) for pair in pairs), f"{ours.runs:8}")


def split_votes(count: int) -> None:
    print("\nFirst votes that are split, %          formula   simulated   standard errors apart   published")
    for servers, alive in ((3, 3), (3, 2), (5, 5), (5, 4), (5, 3), (9, 5)):
        for part in (0.01, 0.05, 0.1, 0.2):
            chance = split_vote(servers, alive, part)
            share = repeated(count, case(300, 600, 300 * part, servers=servers, failed=servers - alive))
            apart = (share - chance) / sqrt(chance * (1 - chance) / count)
            published = SPLIT_PUBLISHED.get((alive, part), "") if servers == 5 else ""
            name = f"  {alive} of {servers}, latency {part} of the range"
            print(f"{name:38}{chance * 100:8.3f} {share * 100:11.3f} {apart:15.1f} {published:>17}")
    for alive, published in ((4, "about 16"), (3, "nearly 40")):
        share = repeated(count, case(300, 600, 30, 30, failed=5 - alive))
        print(f"  {alive} of 5, latency from 0.1 to 0.2 {share * 100:24.3f} {published:>33}")


def pre_vote(count: int) -> None:
    """The dissertation (§9.6) says only that it does not significantly harm."""
    print("\nAsking before a campaign (dissertation §9.6), ms    without        with        more    one round trip")
    near = {"low": 150, "high": 300}
    cases = {
        "150-300, 0.5 ms one way": near | {"latency": 0.5},
        "150-300, 15 ms one way": near | {"latency": 15},
        "wide area, 1 failed": WAN | {"failed": 1},
        "wide area, 2 failed": WAN | {"failed": 2},
    }
    for name, settings in cases.items():
        plain, careful = (mean(in_ms(count, case(**settings, pre_vote=ask))) for ask in (False, True))
        trip = 2 * settings["latency"] + settings.get("jitter", 0)
        print(f"  {name:46} {plain:10.1f} {careful:11.1f} {careful - plain:11.1f} {trip:12.0f}")


def swarm(count: int) -> None:
    print(
        "\nSwarm's ticks (time-outs of 10 to 19 s), s      shortest   mean   half within   9 of 10   worst   more terms"
    )
    for servers in (3, 5, 7):
        found = trials(count, SWARM._replace(servers=servers))
        ours, least = summary(found), min(one.time or 0 for one in found) / 1e6
        numbers = [ours.mean, ours.median, ours.p90, ours.worst]
        print(
            f"  {servers} managers{'':35} {least:8.2f}", *(f"{n / 1000:8.2f}" for n in numbers), f"{ours.repeated:8.1%}"
        )


def in_ms(count: int, chosen: Case) -> list[float]:
    """The times of so many runs, the shortest first."""
    return sorted(inf if one.time is None else one.time / 1000 for one in trials(count, chosen))


def repeated(count: int, chosen: Case) -> float:
    return summary(trials(count, chosen)).repeated


def beside(ours: float, published: float | None) -> str:
    """Ours, and in brackets what was published."""
    first = "never" if ours == inf else f"{ours:.0f}"
    return f"{first:>6} ({'' if published is None else published:>5})".rjust(15)


# ── for `make bench` ─────────────────────────────────────────────────────────────────────────────────────────────


def figures() -> list[Figure]:
    """How fast a curve is, and how far off the published mean."""
    chosen = case(150, 300, latency=15)
    curve = seconds(lambda: trials(200, chosen), 5) * 1000
    redraw = seconds(lambda: ink.png(ink.figure_of(draw_dots(trials(200, chosen)))), 5) * 1000
    ours = mean(in_ms(TRIALS, case(**WAN)))
    return [
        Figure("200 elections of five servers", curve, "CPU ms", 300, 150, False, ""),
        Figure("the same, and drawn", redraw, "CPU ms", 300, 200, False, ""),
        Figure(
            "mean without a leader, WAN", abs(ours / 475 - 1) * 100, "% off", 5, 3, False, f"475 ms; ours {ours:.0f}"
        ),
    ]


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else TRIALS
    print(f"Time without a leader: ours, and in brackets what was published. {count} runs a row.")
    for table in (wide_area, local_area, split_votes, pre_vote, swarm):
        table(count)


if __name__ == "__main__":
    main()
