"""The outage bar: from a fault to the moment when it no longer matters, in four instants."""

from collections.abc import Sequence

INSTANTS = ("noticed", "decided", "healed")
OF_A_TASK = (
    "ApplicationTurned",
    "ContainerExited",
    "ContainerRemoved",
    "TaskProgressed",
    "Commanded",
)  # faults that hit one task, no machine
OVER = ("complete", "shutdown", "failed", "rejected", "remove", "orphaned")


def rack_row(rows: dict, numbers: Sequence[int], of: str = "") -> dict:
    """The row for faults that belong together, as of a rack: it is healed when the last of them is."""
    each = [outage_row(rows, number, of) for number in numbers]
    found = {"machine": ", ".join(row["machine"] for row in each), "of": each[0]["of"]}
    found["fault"] = min(row["fault"] for row in each)
    for name in INSTANTS:
        came = [row[name] for row in each if row[name] is not None]
        all_of = max if name == "healed" else min
        found[name] = all_of(came) if came and (name != "healed" or len(came) == _to_heal(each)) else None
    return found


def _to_heal(each: list[dict]) -> int:
    """How many of these outages had something to heal: one that nobody had to decide about has not."""
    return sum(row["decided"] is not None or row["healed"] is not None for row in each)


def outage_row(rows: dict, number: int, of: str = "") -> dict:
    """The row of `outage` for the fault with this number, from the rows of `frames`."""
    time, source, _, fact, _ = rows["facts"][number]
    if fact in OF_A_TASK:
        return _task_outage(rows, number, source, time)
    before = [row for row in rows["truth"] if row[1] < number]
    led = _led_before(before)
    victim = led if source == "world" else source
    kind = of or ("leader" if victim == led else "work")
    find = _leader_outage if kind == "leader" else _work_outage
    noticed, decided, healed = find(rows, number, victim, before)
    return {"machine": victim, "of": kind, "fault": time, "noticed": noticed, "decided": decided, "healed": healed}


def _led_before(rows: list) -> str:
    """Who was the last to become leader, and still was."""
    roles: dict[str, str] = {}
    leader = ""
    for _, _, machine, key, value in rows:
        if key == "role":
            roles[machine] = value
            leader = machine if value == "leader" else leader
    return leader if roles.get(leader) == "leader" else ""


def _leader_outage(rows: dict, number: int, victim: str, before: list) -> tuple:
    roles = [row for row in rows["truth"] if row[1] > number and row[3] == "role" and row[2] != victim]
    noticed = next((row[0] for row in roles if row[4] in ("precandidate", "candidate")), None)
    chosen = next((row for row in roles if row[4] == "leader"), None)
    if chosen is None:
        return noticed, None, None
    known = max((index for time, _, index in rows["applied"] if time < chosen[0]), default=0)
    writes = (t for t, machine, index in rows["applied"] if machine == chosen[2] and t >= chosen[0] and index > known)
    return noticed, chosen[0], next(writes, None)


def _work_outage(rows: dict, number: int, victim: str, before: list) -> tuple:
    lost = running_slots(before, victim)
    after = [row for row in rows["log"] if row[1] > number]
    stored = [row[0] for row in after if row[3] == "node" and row[5] and _is_down(row[5], victim)]
    missed = [
        row[0] for row in rows["truth"] if row[1] > number and row[3] == f"missed/{victim}" and row[4] is not None
    ]
    known = {row[4] for row in rows["log"] if row[1] < number}
    tasks = [row for row in after if row[3] == "task" and row[5] and row[4] not in known]
    decided = [row[0] for row in tasks if (row[5]["name"].rpartition(".")[0], row[5]["slot"]) in lost]
    healed = [_runs_again(rows, number, slot, task) for slot, task in lost.items()]
    back = [time for time in healed if time is not None]
    return (
        min(stored + missed, default=None),
        min(decided, default=None),
        max(back) if back and len(back) == len(lost) else None,
    )


def _task_outage(rows: dict, number: int, machine: str, time: int) -> dict:
    """One task whose container was removed, killed, fell ill, or failed by itself: when the manager knew, decided, and it ran again."""
    found = {"machine": machine, "of": "task", "fault": time, "noticed": None, "decided": None, "healed": None}
    ended = (row for row in rows["truth"] if row[1] >= number and row[2] == machine and row[3].startswith("run/"))
    ill = (row[3][5:] for row in rows["truth"] if row[1] == number and row[3].startswith("mood/"))
    key = next(ill, "") or next((row[3][4:] for row in ended if not row[4] or row[4]["state"] in OVER), "")
    stored = [row for row in rows["log"] if row[3] == "task" and row[4] == key and row[5]]
    if not stored:
        return found
    name, slot = stored[0][5]["name"], stored[0][5]["slot"]
    known = {row[4] for row in rows["log"] if row[1] < number}
    after = [row for row in rows["log"] if row[1] > number and row[3] == "task" and row[5]]
    found["title"] = f"task {name if slot else name.rpartition('.')[0]}\non {machine}"
    found["noticed"] = next((row[0] for row in after if row[4] == key and row[5]["state"] in OVER), None)
    new = next((row for row in after if row[4] not in known and row[5]["name"] == name), None)
    if new is not None:
        found["decided"] = new[0]
        runs = (row for row in rows["truth"] if row[3] == f"run/{new[4]}" and row[4])
        found["healed"] = next((row[0] for row in runs if row[4]["state"] == "running"), None)
    return found


def running_slots(before: list, victim: str) -> dict[tuple, str]:
    """(service, slot) → task of the numbered slots that ran on the machine."""
    runs = {row[3]: row[4] for row in before if row[2] == victim and row[3].startswith("run/")}
    return {
        (r["service"], r["slot"]): key[4:] for key, r in runs.items() if r and r["state"] == "running" and r["slot"]
    }


def _is_down(node: dict, victim: str) -> bool:
    return node["machine"] == victim and node["state"] == "down"


def _runs_again(rows: dict, number: int, slot: tuple, task: str) -> int | None:
    """When another task of the slot was first seen running."""
    for time, fact, _, key, run in rows["truth"]:
        if fact > number and key.startswith("run/") and key != f"run/{task}" and run:
            if (run["service"], run["slot"]) == slot and run["state"] == "running":
                return time
    return None
