"""Raft with everything on: pre-vote, check-quorum, laws after every event, facts and their digest. Five members, a
heartbeat every 75 ms. Peers: SimPy firing as many bare time-outs, and PySyncObj, whose three nodes agree over sockets."""

import socket
from collections.abc import Callable
from itertools import count
from statistics import median
from time import monotonic, process_time

import simpy
from pysyncobj import SyncObj, SyncObjConf, replicated
from simpy.events import Timeout

from swarmlab.check import Laws
from swarmlab.check.campaign import draw, run
from swarmlab.group import RaftGroup
from swarmlab.raft import PAPER, SWARMKIT, Settings
from swarmlab.raft.keyvalue import Command

from .measure import Figure

ON = PAPER._replace(pre_vote=True, check_quorum=True)
TICKS = SWARMKIT._replace(pre_vote=True, check_quorum=True)
BATCHES = ON._replace(max_inflight=4)  # what comes while so many appends are under way goes together
REPEAT, SEEDS = 5, 40
OPEN = 100  # commands under way at a time, where commits are counted
Drive = Callable[[RaftGroup, float], object]

# ── what happens in a group while it is timed ────────────────────────────────────────────────────────────────────


def idle(group: RaftGroup, lasts: float) -> None:
    group.run_for(lasts)


def writes(group: RaftGroup, lasts: float) -> None:
    """A proposal each 20 ms."""
    for number in range(int(lasts * 50)):
        group.propose(number)
        group.run_for(0.02)


def saturated(group: RaftGroup, lasts: float) -> None:
    """Four proposals each ms: more than there are appends for."""
    leader = group.machines[group.leader or ""]
    for number in range(int(lasts * 1000)):
        for part in range(4):
            leader.tell("manager", "client", Command("", 0, "put", "x", (number, part)))
        group.run_for(0.001)


def kept_busy(group: RaftGroup, lasts: float) -> None:
    """As many proposals as there may be open ones, looked after each ms."""
    leader, number = group.machines[group.leader or ""], count()
    node = leader.seats["raft"].core
    for _ in range(int(lasts * 1000)):
        while node.log.last_index - node.commit < OPEN:
            leader.tell("manager", "client", Command("", 0, "put", "x", next(number)))
        group.run_for(0.001)


def made(settings: Settings, *, laws: bool = True, messages: bool = False, members: int = 5) -> RaftGroup:
    """A group that has a leader."""
    group = RaftGroup(members, settings, seed=1, messages=messages)
    if laws:
        Laws(group)
    group.run_for(2_000 * settings.tick / 1e6)
    return group


def took(group: RaftGroup, drive: Drive, lasts: float) -> float:
    """CPU seconds of so much simulated time, the digest of its facts included."""
    start = process_time()
    drive(group, lasts)
    group.trace.digest()
    return process_time() - start


def speed(settings: Settings, drive: Drive, lasts: float) -> float:
    """Simulated seconds per CPU second, the median of some runs."""
    return median(lasts / took(made(settings), drive, lasts) for _ in range(REPEAT))


# ── the figures ──────────────────────────────────────────────────────────────────────────────────────────────────


def raft_idle() -> Figure:
    """Five members that have nothing to do, beside SimPy with as many events."""
    lasts, speeds, ratios = 100, [], []
    for _ in range(REPEAT):
        group = made(ON)
        before = group.kernel.scheduled
        seconds = took(group, idle, lasts)
        events = group.kernel.scheduled - before
        speeds.append(lasts / seconds)
        ratios.append(bare_timeouts(events) / seconds)
    peer = f"{median(ratios):.2f} of SimPy firing as many bare time-outs ({events / lasts:.0f} per simulated second)"
    return Figure("five idle Raft nodes", median(speeds), "sim s / CPU s", 1_000, 2_500, True, peer)


def raft_writes() -> Figure:
    group = made(ON)
    before = group.kernel.scheduled
    writes(group, 1)
    peer = f"{group.kernel.scheduled - before} events per simulated second"
    return Figure("a proposal each 20 ms", speed(ON, writes, 10), "sim s / CPU s", 250, 600, True, peer)


def raft_ticks() -> Figure:
    return Figure("five idle, Swarm's ticks", speed(TICKS, idle, 5_000), "sim s / CPU s", 12_000, 40_000, True, "")


def raft_messages() -> Figure:
    """Delivered messages: counted in one run, timed in others that are the same but keep no messages."""
    group = made(BATCHES, messages=True)
    kept = len(group.trace.messages)
    saturated(group, 1)
    delivered = sum(not message.fate for message in group.trace.messages[kept:])
    seconds = median(took(made(BATCHES), saturated, 1) for _ in range(REPEAT))
    theirs, why = pysyncobj_commits()
    peer = f"commits of three members: {raft_commits():,.0f}/s; PySyncObj over sockets: {why or f'{theirs:,.0f}/s'}"
    return Figure("messages, saturated", delivered / seconds, "/ CPU s", 120_000, 300_000, True, peer)


def raft_commits(lasts: float = 0.2) -> float:
    """Commits per CPU second of three members that agree on as much as they can, the median of some runs."""
    speeds = []
    for _ in range(REPEAT):
        group = made(BATCHES, members=3)
        before = max(group.commits().values())
        seconds = took(group, kept_busy, lasts)
        speeds.append((max(group.commits().values()) - before) / seconds)
    return median(speeds)


def fault_seeds() -> Figure:
    """Whole runs of a campaign, 10 simulated seconds each, laws and verdicts included."""
    start, found = process_time(), [run(draw(seed)) for seed in range(SEEDS)]
    seconds = process_time() - start
    peer = f"{SEEDS} seeds, {sum(finding is not None for finding in found)} violations"
    return Figure("fault seeds", SEEDS / seconds, "/ CPU s", 20, 50, True, peer)


def laws_overhead() -> Figure:
    """With laws and without them by turns, because machines have moods."""
    busy, calm = (overhead(drive, lasts) for drive, lasts in ((writes, 8), (idle, 100)))
    return Figure("laws, a proposal each 20 ms", busy, "% slower", 15, 15, False, f"idle: {calm:.1f} % slower")


def overhead(drive: Drive, lasts: float) -> float:
    pairs = [[took(made(ON, laws=on), drive, lasts) for on in (True, False)] for _ in range(2 * REPEAT + 1)]
    return (median(on / off for on, off in pairs) - 1) * 100


# ── peers ────────────────────────────────────────────────────────────────────────────────────────────────────────


def bare_timeouts(number: int) -> float:
    """CPU seconds that SimPy takes for so many events that do nothing."""
    env, left = simpy.Environment(), [number]

    def go(event):
        if left[0] > 0:
            left[0] -= 1
            Timeout(env, 1.0).callbacks.append(go)

    for _ in range(8):
        go(None)
    start = process_time()
    env.run()
    return process_time() - start


class Store(SyncObj):
    """The smallest thing that PySyncObj can replicate. It is ticked by hand, and sends what came in 5 ms together:
    at its default of 100 ms it would only wait, and without batches it is slower."""

    def __init__(self, me: str, others: list[str]):
        super().__init__(me, others, SyncObjConf(autoTick=False, appendEntriesPeriod=0.005))
        self.items: dict = {}

    @replicated
    def put(self, key, value):
        self.items[key] = value


def pysyncobj_commits(patience: float = 5, lasts: float = 2) -> tuple[float, str]:
    """Commits per CPU second of three nodes in this process, on loopback; 0 and why, if that cannot be had."""
    nodes: list[Store] = []
    try:
        places = [f"127.0.0.1:{port}" for port in free_ports(3)]
        nodes += [Store(place, [other for other in places if other != place]) for place in places]
        until = monotonic() + patience
        while not all(node.isReady() for node in nodes):
            if monotonic() > until:
                return 0, f"no leader within {patience} s"
            tick(nodes, 0.001)
        return commits_of(nodes, lasts), ""
    except OSError as error:
        return 0, str(error)
    finally:
        for node in nodes:
            node.destroy()
        tick(nodes, 0)


def commits_of(nodes: list[Store], lasts: float) -> float:
    leader = next(node for node in nodes if node._isLeader())
    done: list[int] = []
    asked, until, start = 0, monotonic() + lasts, process_time()
    while monotonic() < until:
        while asked - len(done) < OPEN:
            asked += 1
            leader.put("x", asked, callback=lambda result, error: done.append(error))
        tick(nodes, 0)
    return done.count(0) / (process_time() - start)


def tick(nodes: list[Store], wait: float) -> None:
    for node in nodes:
        node.doTick(wait)


def free_ports(number: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def figures() -> list[Figure]:
    return [raft_idle(), raft_writes(), raft_ticks(), raft_messages(), fault_seeds(), laws_overhead()]
