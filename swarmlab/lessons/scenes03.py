"""The runs that lesson 03 looks at, and what it prints and draws of them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..events import Applied, Commanded, CommandReturned, CommitAdvanced, EntriesAppended, ServiceStored
from ..group import RaftGroup
from ..raft import PAPER
from ..viz.raftframes import raft_frames
from ..viz.words import text_of

EAGER = PAPER._replace(check_quorum=False)  # votes are given at once, even if a leader was heard a moment ago


# ── what an entry goes through ───────────────────────────────────────────────────────────────────────────────────

STEPS = (Commanded, EntriesAppended, CommitAdvanced, Applied, ServiceStored, CommandReturned)


def tell_entry(trace: Any) -> dict[str, float]:
    """Print what happened to the entry of the last command until its answer. Gives the instants worth a picture."""
    asked, entry = trace.of(Commanded)[-1], entry_of(trace)
    rows = [record for record in trace.of(*STEPS) if record.number >= asked.number]
    rows = [record for record in rows if _index_of(record.fact) in (entry, None)]
    end = next(n for n, record in enumerate(rows) if isinstance(record.fact, CommandReturned))
    for record in rows[: end + 1]:
        said = text_of(record.fact).replace(f"entries {entry} to {entry}", f"entry {entry}")
        print(f"{(record.time - asked.time) / 1000:5.2f} ms  {record.source:10} {said}")
    written = [record for record in rows if isinstance(record.fact, EntriesAppended)]
    agreed = next(record for record in rows if isinstance(record.fact, CommitAdvanced))
    instants = {"the leader wrote it": written[0], "another one has it": written[1], "committed": agreed}
    return {name: record.time / 1e6 for name, record in instants.items()} | {"answered": rows[end].time / 1e6}


def entry_of(trace: Any) -> int:
    """The index of the entry that the last command became."""
    asked = trace.of(Commanded)[-1]
    return next(record.fact.first for record in trace.of(EntriesAppended) if record.number >= asked.number)


def _index_of(fact: Any) -> int | None:
    """The entry that a fact is about; None if it is about none."""
    return next((getattr(fact, name) for name in ("first", "index") if name in fact._fields), None)


def on_disk(world: Any, index: int) -> list[str]:
    """The machines that have an entry of this index on their disk."""
    disks = {name: machine.disks.get("raft") for name, machine in world.machines.items()}
    return [name for name, disk in disks.items() if disk and any(entry.index == index for entry in disk.log)]


def tell_talk(trace: Any, one: str, other: str, since: float) -> None:
    """Print what two servers said to each other from then on (seconds), but for signs of life."""
    rows = raft_frames(trace)
    for sent, _, sender, to, name, term, _, _, brief in rows["messages"]:
        if {sender, to} == {one, other} and sent > since * 1e6 and "Heartbeat" not in name:
            said = rows["says"][name].format(*brief, term=term).replace(": 1 entries", ": 1 entry")
            print(f"{sent / 1000 - since * 1000:7.2f} ms  {sender} → {to}: {said}")


# ── groups in which something has gone wrong ─────────────────────────────────────────────────────────────────────


def settled(servers: int = 5, seed: int = 5, **settings: Any) -> RaftGroup:
    """A group with a leader, `node-1`, and two entries that everybody has."""
    group = RaftGroup(servers, EAGER._replace(**settings), seed=seed, alarms=True, read="index")  # reads leave no entry
    group.time_out("node-1")
    group.run_for(0.01)
    group.write("x", "old", wait=1)
    group.run_for(0.01)
    return group


def die_after(group: RaftGroup, copies: int) -> None:
    """Let the leader lose power while it deals with what it is asked next: when so many copies of the new entry have
    left, and before any answer is back."""
    node = group.nodes[group.leader or ""]
    before = 3 + (node.saved_commit != node.commit)  # it is asked; the entry, perhaps its commit index; it says so
    group.crash(node.machine, midway=before + copies)


def futures(group: RaftGroup, index: int, term: int) -> dict[str, bool]:
    """For each server that can be elected now: is the entry still there when all servers run again?"""
    found = {}
    for name in group.nodes:
        future = group.fork()
        future.time_out(name)
        future.run_for(0.02)
        if future.leader == name:
            return_all(future)
            future.run_for(0.2)
            found[name] = all((index, term) in log for log in future.logs().values())
    return found


def return_all(group: RaftGroup) -> None:
    """Whatever has no power boots again."""
    for name in group.members:
        if not group.machines[name].running:
            group.restart(name)


class Death(NamedTuple):
    """A leader that died: at which moment, what the client heard, who may lead next and whether the entry survives."""

    title: str
    group: RaftGroup
    entry: int  # the index of what it wrote last
    heard: str
    futures: dict[str, bool]

    @property
    def survives(self) -> str:
        kept = sum(self.futures.values())
        return {0: "lost", len(self.futures): "kept"}.get(kept, "kept or lost")

    def __str__(self) -> str:
        kept = sum(self.futures.values())
        return f"the client {self.heard}; {self.survives} (there in {kept} of {len(self.futures)} futures)"


MOMENTS = ("on its own disk only", "one copy has left", "copies for a majority have left", "answered")


def death(servers: int, copies: int, answered: bool = False, title: str = "") -> Death:
    """The leader takes one more entry, and dies when so many copies have left; or after the answer."""
    group = settled(servers)
    old = group.leader or ""
    index = group.nodes[old].log.last_index + 1
    if not answered:
        die_after(group, copies)
    error = group.write("x", "new", wait=0.05)
    if answered:
        group.crash(old)
        group.run_for(0.01)
    heard = "was told that it is done" if error == "" else "got no answer"
    return Death(title, group, index, heard, futures(group, index, 1))


def four_deaths() -> list[Death]:
    """Five servers, the same entry; the leader dies at four moments."""
    return [death(5, copies, n == 3, MOMENTS[n]) for n, copies in enumerate((0, 1, 2, 4))]


def draw_deaths(deaths: Sequence[Death]) -> tuple[Any, str]:
    """Everybody's log right after each death, and what comes of the newest entry; as a figure, and in words."""
    panels = [(f"{n} · {one.title}", str(one), one.group.trace, one.group.now) for n, one in enumerate(deaths, 1)]
    rows = [f"{n} {one.title}, {len(on_disk(one.group, one.entry))} in all: {one}" for n, one in enumerate(deaths, 1)]
    return draw_ladders(panels), f"Four ladders: the leader of five has died. {'; '.join(rows)}."


def draw_death(servers: int = 5, copies: int = 1) -> tuple[Any, str]:
    """A leader that dies when so many copies of a new entry have left: a figure with knobs."""
    from ..viz.ladder import draw_ladder

    one = death(servers, min(copies, servers - 1))
    heard = {one.entry: f"client: {'done' if 'told' in one.heard else 'no answer'}"}
    axes = draw_ladder(one.group.trace, one.group.now, told=heard)
    return axes, f"On {len(on_disk(one.group, one.entry))} of {servers} disks; {one}. {_possible(one.futures)}"


def _possible(futures: dict[str, bool]) -> str:
    words = {True: "with it", False: "without it"}
    return f"Who can be elected: {', '.join(f'{name} ({words[kept]})' for name, kept in futures.items())}."


def draw_answer(servers: int = 5, slow: int = 2) -> tuple[Any, str]:
    """A write while so many followers answer 100 ms late: a figure with knobs."""
    from ..viz.ladder import draw_ladder

    group = settled(servers)
    late = group.members[servers - min(slow, servers - 1) :]
    for name in late:
        for other in group.members:
            if other != name:
                group.link(name, other, latency=0.05)
    asked = group.now
    group.write("x", "new", wait=1)
    took, entry = 1000 * (group.now - asked), group.nodes["node-1"].commit
    axes = draw_ladder(group.trace, group.now, told={entry: f"client: done, after {took:.1f} ms"})
    who = f" ({', '.join(late)})" if late else ""
    said = f"{len(late)} of {servers - 1} followers are slow{who}: answered after {took:.1f} ms"
    return axes, f"{said}, on {len(on_disk(group, entry))} of {servers} disks."


def draw_ladders(panels: Sequence[tuple], columns: int = 12) -> Any:
    """Small ladders of different runs: (title, what is said of it, trace, seconds), two in a line."""
    from ..viz import ink
    from ..viz.ladder import HEAD, KEY, PITCH, draw_ladder, lines_at
    from ..viz.raftframes import rows_of

    runs = [(title, said, rows_of(trace), time) for title, said, trace, time in panels]
    high = HEAD + 0.75 + PITCH * max(len(rows["servers"]) for _, _, rows, _ in runs)
    lines = -(-len(runs) // 2)
    wide, total = (ink.WIDTH - 0.3) / 2, lines * high + 0.4
    fig = ink.sheet(height=total)
    for n, (title, said, rows, time) in enumerate(runs):
        x, top = 0.1 + n % 2 * (wide + 0.1), total - n // 2 * high
        ax = fig.add_axes((x / ink.WIDTH, (top - high) / total, wide / ink.WIDTH, (high - 0.44) / total))
        draw_ladder(rows, time, ax, columns=columns)
        style: dict[str, Any] = {"va": "center", "color": ink.INK, "fontsize": ink.TEXT}
        fig.text((x + 0.05) / ink.WIDTH, (top - 0.14) / total, title, fontweight="bold", **style)
        fig.text((x + 0.05) / ink.WIDTH, (top - 0.33) / total, said, **style)
    leads = any(line.match is not None for _, _, rows, time in runs for line in lines_at(rows, time))
    key = [text for sign, text in KEY.items() if leads or sign not in ("match", "next")]
    fig.text(0.5, 0.2 / total, "  ·  ".join(key), ha="center", va="center", fontsize=ink.TEXT, color=ink.INK)
    return fig


# ── histories ────────────────────────────────────────────────────────────────────────────────────────────────────


def reign(group: RaftGroup, leader: str, shared: int = 0, alone: int = 0, leaves: dict[int, str] | None = None) -> None:
    """A machine is elected, writes `shared` entries that everybody who runs gets, then `alone` ones that stay with it,
    and loses power. The first is the empty one of every leader. `leaves` says who loses power after which of them."""
    others = [name for name in group.nodes if name != leader]
    group.time_out(leader)
    group.run_for(0.00015)  # the requests for votes are out; what follows need not get out
    for number in range(shared + alone):
        if number == shared:
            group.partition([leader], others, one_way=True)
        if number:
            group.write("x", f"{leader}/{number}", to=leader)
        group.run_for(0.005)
        if leaves and number + 1 in leaves:
            group.crash(leaves[number + 1])
    group.crash(leader)
    group.run_for(0.002)
    group.heal()


NAMES = dict(zip("Labcdef", (f"node-{n}" for n in range(1, 8)), strict=True))  # of figure 7; L is the leader


def figure_7(seed: int = 7) -> RaftGroup:
    """The seven logs of the paper's figure 7, made by real elections, cuts and crashes, just before L leads term 8."""
    group = RaftGroup(7, EAGER, seed=seed, alarms=True)
    a, b, c, d, e, f = (NAMES[name] for name in "abcdef")
    reign(group, f, shared=3)
    group.restart(f)
    reign(group, f, alone=3)
    group.restart(f)
    reign(group, f, alone=5)
    reign(group, e, shared=2, alone=2, leaves={1: b})
    reign(group, a, shared=2)
    group.restart(a)
    reign(group, c, shared=3, alone=1, leaves={2: a})
    group.restart(a)
    group.restart(b)
    reign(group, d, alone=2)
    return_all(group)
    return group


def terms_of(group: RaftGroup, names: dict[str, str] = NAMES) -> dict[str, list[int]]:
    """The logs as the paper prints them: a list of terms for each name."""
    logs = group.logs()
    return {name: [term for _, term in logs[machine]] for name, machine in names.items()}


def figure_8() -> dict[str, RaftGroup]:
    """The paper's figure 8 from (b) on, each a group of its own: S1 … S5 are node-1 … node-5.

    (b) S1 has copied an entry of term 2 to S2 and is down; S5 leads term 3. (c) S5 is down; S1 leads term 4 and has
    copied its old entry to a majority, but nothing of term 4. Then (d) S1 dies at once, and S5 is elected; or (e) S1
    copies an entry of term 4 first.
    """
    group = RaftGroup(5, EAGER._replace(max_entries=1), seed=8, alarms=True)
    one, two, three, four, five = group.members
    group.time_out(one)
    group.run_for(0.1)  # all know by a sign of life that entry 1 is committed
    group.crash(one)
    group.restart(one)
    group.time_out(one)
    group.run_for(0.00015)
    group.partition([one], [three, four, five], one_way=True)
    group.run_for(0.005)
    group.crash(one)
    group.heal()
    _elect(group, five, [one, two, three, four])
    moments = {"b": group.fork()}
    group.crash(five)
    group.heal()
    group.restart(one)
    _elect(group, one, [two])
    deaf = [three, four]
    while deaf:  # each of them gets the old entry, and nothing behind it
        group.run_until(lambda g: any((2, 2) in g.logs()[name] for name in deaf), limit=0.1)
        reached = next(name for name in deaf if (2, 2) in group.logs()[name])
        group.partition([one], [reached], one_way=True)
        deaf.remove(reached)
    group.run_for(0.002)
    moments["c"] = group.fork()
    moments["d"], moments["e"] = group.fork(), group
    for name in "de":
        future = moments[name]
        if name == "e":
            future.heal()
            future.run_for(0.1)
        future.crash(one)
        future.heal()
        future.restart(five)
        for _ in range(3):  # whoever is behind learns the term first
            future.time_out(five)
            future.run_for(0.01)
        return_all(future)
        future.run_until(lambda g: g.leader is not None, limit=2)
        future.run_for(0.2)
    return moments


def draw_figure_8(moments: dict[str, RaftGroup]) -> tuple[Any, str]:
    """The four moments as ladders, and in words."""
    titles = {
        "b": ("node-5 leads term 3", "entry 2 of term 2 is on two disks"),
        "c": ("node-1 leads term 4", "entry 2 of term 2 is on four disks"),
        "d": ("node-1 died at once", "node-5 was elected: entry 2 of term 2 is gone"),
        "e": ("an entry of term 4 went round first", "node-5 found no voters: entry 2 of term 2 stays"),
    }
    panels = [(f"({n}) {title}", said, moments[n].trace, moments[n].now) for n, (title, said) in titles.items()]
    return draw_ladders(panels), "Four ladders. " + "; ".join(f"({n}) {t}: {said}" for n, (t, said) in titles.items())


def _elect(group: RaftGroup, name: str, deaf: list[str]) -> None:
    """Let this machine be elected, though what it says as a leader does not reach the deaf."""
    for _ in range(3):  # whoever is behind learns the term first
        group.time_out(name)
        group.run_for(0.00015)  # the requests for votes are out
        group.partition([name], deaf, one_way=True)
        if group.run_until(lambda g: g.leader == name, limit=0.003):
            return
        group.heal()
    raise AssertionError(f"{name} cannot be elected")
