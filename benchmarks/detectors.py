"""Failure detectors: how fast they are compared, and what came out. `python -m benchmarks.detectors [runs]` prints it all.

The peer is the same SWIM with every member a core of the engine, event by event: what a run of ten members costs there.
"""

import sys
from time import process_time

from swarmlab.check.accrual import down_mean, down_quantile
from swarmlab.check.detectors import DETECTORS, Conditions, Swim, compare, summaries
from swarmlab.check.verdicts import judge_verdict, k_of_n

from .gossip import Company
from .measure import Figure, seconds

RUNS = 1000
FAIR = Conditions(loss=0.02, pause=5, pause_every=300)
WEATHERS = {
    "calm": Conditions(),
    "2 % loss": Conditions(loss=0.02),
    "10 % loss": Conditions(loss=0.1),
    "20 % loss": Conditions(loss=0.2),
    "pauses of 5 s, every 60 s": Conditions(pause=5, pause_every=60),
    "2 % loss, pauses of 5 s, every 300 s": FAIR,
}
KNOBS = ("heartbeat", "phi", "Lifeguard")  # what a lesson draws while a hand is on a knob
PAUSES = ((2, 0.1), (4, 1), (8, 1), (8, 8), (16, 1), (16, 16), (32, 1))  # s stuck, s not


def side_by_side(runs: int) -> None:
    formula = ", ".join(f"{down_quantile(share):.1f}" for share in (0.05, 0.5, 0.95))
    print(f"A crash, ten members, {runs} runs. Heartbeats by formula: mean {down_mean():.2f}, 5/50/95 % = {formula} s")
    for name, conditions in WEATHERS.items():
        print(f"\n  {name:38} mean    5 %   50 %   95 %   missed   false alarms per hour")
        for row in summaries(compare(runs, conditions), conditions):
            marks = f"{row.mean:8.2f} {row.p5:6.2f} {row.median:6.2f} {row.p95:6.2f} {row.missed:8.1%}"
            print(f"    {row.detector:32} {marks} {row.per_hour:12.1f}")


def lifeguard(runs: int) -> None:
    print(
        f"\nSlow members, false alarms about the well ones (Lifeguard's paper: 50 to 100 times fewer), {runs} runs of 120 s"
    )
    rules, whole = {"plain": Swim(lifeguard=False), "Lifeguard": Swim()}, [0, 0]
    for slow in (1, 4, 8):
        for pause, every in PAUSES:
            more = {"slow": slow, "pause": pause, "pause_every": every, "regular": True, "crash": False}
            here = Conditions(members=30, seconds=120, **more)
            rows = compare(runs, here, rules)
            plain, guarded = (sum(row.of_well for row in rows if row.detector == name) for name in rules)
            whole = [whole[0] + plain, whole[1] + guarded]
            print(
                f"  {slow} of 30 slow, stuck {pause:g} s of {pause + every:g} {plain:8} {guarded:6}   {times(plain, guarded)}"
            )
    print(f"  together{'':22} {whole[0]:8} {whole[1]:6}   {times(*whole)}")


def times(plain: int, guarded: int) -> str:
    return f"{plain / guarded:.0f} times fewer" if guarded else "none left"


def verdicts() -> None:
    print("\nVerdicts on probes, 5 % lost, 20 lives of 6 h: s to notice (mean, 95 %), missed, false alarms per day")
    for row in judge_verdict(None).scores:
        print(f"  {row.name:24} {row.mean:8.1f} {row.p95:8.1f} {row.missed:4} {row.per_day:8.1f}")


def engine_run(members: int = 10, length: float = 60) -> float:
    """CPU seconds of one run of the engine's own gossip."""
    start = process_time()
    company = Company(members)
    company.run_for(length / 2)
    company.machines[-1].crash()
    company.run_for(length / 2)
    return process_time() - start


def figures() -> list[Figure]:
    compare(2)  # the imports
    spent = seconds(lambda: compare(RUNS, FAIR), 3)
    swimming = seconds(lambda: compare(RUNS, FAIR, {"Lifeguard": DETECTORS["Lifeguard"]}), 3) / RUNS
    peer = engine_run()
    chosen = {name: DETECTORS[name] for name in KNOBS}
    knob = seconds(lambda: compare(20, FAIR._replace(seconds=36), chosen), 5) * 1000
    judged = seconds(lambda: judge_verdict(k_of_n(4, 6)), 3) * 1000
    told = f"a run of SWIM event by event: {peer * 1000:.1f} ms; here {peer / swimming:.0f} times faster"
    return [
        Figure("1 000 runs of six detectors", spent, "CPU s", 5, 2.5, False, told),
        Figure("a knob of detectors, 20 runs of three", knob, "CPU ms", 200, 100, False, ""),
        Figure("a verdict on probes, judged", judged, "CPU ms", 500, 300, False, ""),
    ]


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    side_by_side(runs)
    lifeguard(max(1, runs // 50))
    verdicts()
    for figure in figures():
        print(f"\n{figure.name}: {figure.value:.2f} {figure.unit} ({figure.verdict}) {figure.peer}", end="")
    print()


if __name__ == "__main__":
    main()
