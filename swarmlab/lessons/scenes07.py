"""Scenes of lesson 07: networks of one machine, a shop across two, frames of any size, and ports that are shut."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from json import loads
from math import inf
from random import Random
from typing import Any, NamedTuple

from ..cluster import Cluster
from ..events import PeerFailed, PortBlocked
from ..overlay import esp, frames, vxlan
from ..overlay.conversation import conversation
from ..rack import Computer
from ..viz import ink
from ..viz.outagebar import STYLES
from ..viz.packetpath import FOOT, draw_packet

SEED = 7
ASKER, TARGET = "worker-1", "worker-3"  # the shop's machines


def lab(seed: int = SEED, workers: int = 3, **options: Any) -> Cluster:
    """A manager that takes no tasks, and workers."""
    cluster = Cluster(managers=1, workers=workers, seed=seed, **options)
    cluster.docker("node update --availability drain manager-1")
    return cluster


def shop(options: str = "", seed: int = SEED) -> Cluster:
    """`app` on worker-1 and `db` on worker-3, on an overlay network `front` made with these options."""
    cluster = lab(seed)
    must(cluster, f"network create --driver overlay {options} front")
    start(cluster, "app", ASKER, "--network front")
    start(cluster, "db", TARGET, "--network front")
    cluster.run_for(8)
    return cluster


def start(cluster: Cluster, name: str, machine: str, options: str = "") -> None:
    """A service with one task, on this machine."""
    must(cluster, f"service create -d --name {name} {options} --constraint node.hostname=={machine} acme/web")


def must(cluster: Cluster, command: str, machine: str | None = None) -> None:
    """A command that has to work."""
    done = cluster.docker(command, machine)
    assert done.exit_code == 0, f"docker {command}: {done.stderr}"


# ── networks of one machine ──────────────────────────────────────────────────────────────────────────────────────────

CONTAINERS = (  # name, machine, network
    ("db", "worker-1", "lan"),
    ("far", "worker-2", "lan"),
    ("plain", "worker-1", "bridge"),
    ("bare", "worker-1", "host"),
    ("alone", "worker-1", "none"),
)
OUT = "http://worker-3:8080/"


def islands() -> Cluster:
    """A bridge network `lan` on two machines, `app` on the first, others on this and that; a site on worker-3."""
    cluster = lab()
    for machine in ("worker-1", "worker-2"):
        must(cluster, "network create lan", machine)
    for name, machine, network in (("app", "worker-1", "lan"), *CONTAINERS):
        must(cluster, f"run -d --name {name} --network {network} nginx", machine)
    must(cluster, "run -d --name site --publish 8080:80 nginx", "worker-3")
    return cluster


def reached(cluster: Cluster) -> str:
    """For every container whether `app` reaches it, by name and by address, and whether it reaches a machine itself."""
    lines = [
        f"{'container':9} {'on':8} {'network':7} {'app asks by name':16} {'app asks its address':29} it asks worker-3"
    ]
    for name, machine, network in CONTAINERS:
        at = address_of_container(cluster, name, machine)
        by_name, out = cluster.request(f"http://{name}/", source="app"), cluster.request(OUT, source=name)
        by_address = (
            f"{at}: {_who(cluster.request(f'http://{at}/', source='app', timeout=1))}" if at else "has none of its own"
        )
        lines.append(
            f"{name:9} {machine:8} {network:7} {_who(by_name) if by_name.ok else 'unknown':16}"
            f" {by_address:29} {out.error or 'answered'}"
        )
    return "\n".join(lines)


def address_of_container(cluster: Cluster, name: str, machine: str) -> str:
    """The address that `docker inspect` shows, '' for none."""
    found = loads(cluster.docker(f"inspect {name}", machine).stdout)[0]["NetworkSettings"]["Networks"]
    return next((each["IPAddress"] for each in found.values()), "")


def _who(answer: Any) -> str:
    return f"{answer.task} answers" if answer.ok else answer.error


# ── the way of a packet, in few words ────────────────────────────────────────────────────────────────────────────────


def draw_way(way: Any, kinds: Any) -> Any:
    """The whole way of a packet, without the foot that says what is written on it *now*: a still picture has no now."""
    ax = draw_packet(way, kinds=kinds)
    fig = ink.figure_of(ax)
    high = fig.get_figheight() - FOOT
    fig.set_figheight(high)
    ax.set_ylim(high, 0)
    return ax


PLACES = {"sandbox": "load balancer", "gwbridge": "docker_gwbridge", "vtep": "VTEP"}


def tell_way(way: Any) -> str:
    """Through which places a packet goes on which machine; `tell_packet` says what happens at each of them."""
    hops, parts = way.there, []
    for machine, group in groupby(hops, key=lambda hop: hop.machine):
        places = [PLACES.get(layer, layer) for layer, _ in groupby(hop.layer for hop in group)]
        parts.append(machine if places == [machine] else f"{machine} ({', '.join(places)})")
    direct = "" if any(hop.machine.startswith("manager") for hop in hops) else ", no manager among them"
    lost = f" It is lost there: {hops[-1].lost}." if hops[-1].lost else ""
    return f"A packet from {hops[0].source} in {len(hops)} stops: {'; '.join(parts)}{direct}.{lost}"


# ── bytes ────────────────────────────────────────────────────────────────────────────────────────────────────────────

INSIDE = ("10.0.1.3", "10.0.1.5")
HOSTS = ("192.168.50.101", "192.168.50.103")


def frame_of(size: int, encrypted: bool = False) -> bytes:
    """A frame on the wire, with a packet of so many bytes between two containers in it."""
    source, target = INSIDE
    layers = (
        frames.Ethernet(frames.container_mac(target), frames.container_mac(source)),
        frames.IPv4(source, target, 6),
        frames.Tcp(40000, 5432, flags="PSH ACK"),
    )
    inner = frames.encode(layers, bytes(max(0, size - vxlan.IPV4 - vxlan.TCP)))
    frame = frames.tunnel(inner, 4097, *HOSTS)
    if not encrypted:
        return frame
    there, _ = esp.both_ways(*HOSTS, tag=7, key=bytes(range(16)))
    return esp.seal(frame, there, sequence=1, iv=bytes(8))


def fate(size: int, inside: int, wire: int, encrypted: bool = False) -> str:
    """What becomes of a packet of so many bytes where the container is told `inside` and the wire lets `wire` pass."""
    outer = vxlan.outer_size(size, encrypted)
    if size > inside:
        return f"{size} bytes do not leave the container: message too long, mtu={inside}. The sender is told, and sends less."
    if outer > wire:
        return f"{size} bytes become {outer} on the wire, where {wire} may pass: lost, and nobody is told."
    return f"{size} bytes become {outer} on the wire, where {wire} may pass: {wire - outer} to spare."


LOGIN = b"POST /login HTTP/1.1\r\nHost: db\r\n\r\nname=ann&password=tulip"


def overheard(encrypted: bool = False) -> str:
    """What somebody who listens on the wire reads of a login from container to container."""
    sealer = esp.Sealer(esp.both_ways(*HOSTS, tag=7, key=bytes(range(16))), Random(SEED)) if encrypted else None
    rows = conversation((INSIDE[0], 40000), (INSIDE[1], 80), 4097, HOSTS, LOGIN, 300, encrypted=sealer)
    asks = rows[3][1]  # after SYN, SYN ACK, ACK
    layers = frames.decode(asks)
    last = next(layer for layer in layers if layer.name in ("data", "encrypted"))
    return f"{', '.join(layer.name for layer in layers)}\n{asks[last.start :][: len(LOGIN)]!r}"


def probes(cluster: Cluster, *sizes: int) -> str:
    """What becomes of packets of these sizes from `app` to `db`."""
    return "; ".join(f"{size} bytes: {cluster.probe('app.1', 'tasks.db', size)}" for size in sizes)


def answers(cluster: Cluster, *sizes: int) -> str:
    """What comes back when `app` asks `db` for pages of these sizes."""
    asked = {size: cluster.request("http://tasks.db/", source="app.1", size=size) for size in sizes}
    return "; ".join(f"a page of {size} bytes: {answer.error or 'answered'}" for size, answer in asked.items())


# ── addresses ────────────────────────────────────────────────────────────────────────────────────────────────────────


def office() -> Cluster:
    """Machines in an office whose network is 10.0.1.0/24, and a service on an overlay that gets the same addresses."""
    names = (("manager-1", "manager"), ("worker-1", "worker"), ("worker-2", "worker"))
    computers = tuple(Computer(name, role, f"10.0.1.{10 + n}") for n, (name, role) in enumerate(names))
    cluster = Cluster(computers=computers, seed=SEED)
    must(cluster, "network create --driver overlay shop")
    start(cluster, "web", "worker-1", "--network shop --publish 8080:80")
    cluster.run_for(8)
    return cluster


# ── ports ────────────────────────────────────────────────────────────────────────────────────────────────────────────

PORTS: dict[str, tuple] = {
    "nothing": (),
    "2377": (2377,),
    "7946/udp": ("7946/udp",),
    "7946/tcp": ("7946/tcp",),
    "7946, both": (7946,),
    "4789": (4789,),
    "ESP": ("esp",),
}
PATIENCE = 120  # seconds that we wait for news


def city(seed: int = SEED) -> Cluster:
    """`app` on worker-1 asks `web` on worker-2 over a plain network, `vault` over an encrypted one."""
    cluster = lab(seed)
    must(cluster, "network create --driver overlay front")
    must(cluster, "network create --driver overlay --opt encrypted safe")
    start(cluster, "app", "worker-1", "--network front --network safe")
    start(cluster, "web", "worker-2", "--network front")
    start(cluster, "vault", "worker-2", "--network safe")
    cluster.run_for(8)
    return cluster


def shut(port: str = "nothing", machine: str = "worker-2") -> dict[str, Any]:
    """What still works a minute after this port was shut on this machine, as a row for `draw_symptoms`."""
    cluster = city()
    for each in PORTS[port]:
        cluster.block(machine, each)
    cluster.run_for(60)
    plain, sealed = (cluster.request(f"http://{name}/", source="app.1") for name in ("web", "vault"))
    row: dict[str, Any] = {"name resolves?": bool(cluster.resolve("web", "app.1"))}
    row["connection opens?"] = (plain.ok, plain.error or "yes")
    row["on an encrypted network?"] = (sealed.ok, sealed.error or "yes")
    row["a new task is known after"] = news(cluster)
    (state,) = (node.state for node in cluster.nodes if node.machine == machine)
    blind = state == "ready" and not (plain.ok and sealed.ok)
    row["node ls says"] = (False, "Ready all the same") if blind else (None, state.capitalize())
    return row


def news(cluster: Cluster) -> Any:
    """Seconds from the start of a new task on worker-2 until worker-1 knows its name."""
    start(cluster, "new", "worker-2", "--network front")
    end, begun = cluster.now + PATIENCE, 0.0
    while cluster.now < end:
        if not begun and any(run.service == "new" for run in cluster.running):
            begun = cluster.now
        if cluster.resolve("new", "app.1"):
            return max(0.05, cluster.now - begun)
        cluster.run_for(0.05 if cluster.now < end - PATIENCE + 5 else 0.5)
    return inf if begun else (False, "never: it does not start")


def tell_shut(rows: dict[str, dict[str, Any]]) -> str:
    """The symptoms in words: for each port what is not as it is with nothing shut."""
    from ..viz.symptoms import answer_of, said

    usual = {question: answer_of(value) for question, value in rows["nothing"].items()}
    told = []
    for port, cells in rows.items():
        other = [(question, answer_of(value)) for question, value in cells.items()]
        odd = [
            f"{question} {said(answer).lstrip('✓✕ ')}" for question, answer in other if _odd(answer, usual[question])
        ]
        told += [f"{port}: {', '.join(odd) or 'nothing changes'}"] * (port != "nothing")
    return f"What each shut port breaks. {'. '.join(told)}."


def _odd(answer: Any, usual: Any) -> bool:
    """Whether this answer differs from the usual one; a little later does not count."""
    late = answer.seconds is not None and usual.seconds is not None and answer.seconds > 3 * usual.seconds
    return answer.ok != usual.ok or late or (answer.ok is None and answer.words != usual.words)


def matrix(ports: Iterable[str] = PORTS, machine: str = "worker-2") -> dict[str, dict[str, Any]]:
    """The rows of several ports, each in a swarm of its own."""
    return {port: shut(port, machine) for port in ports}


# ── a firewall under visitors ────────────────────────────────────────────────────────────────────────────────────────

FAULT, OPEN, END = 10, 50, 90  # seconds: shut, opened again, the end of the run


def visited(ports: Sequence[int | str]) -> tuple[Cluster, list[tuple]]:
    """`app` asks `web`, which has a task on worker-2 and one on worker-3, every second; worker-2 shuts ports meanwhile.

    The rows are (asked, answered, task, ok) in seconds, for `draw_clients`; `silence` makes the outage bar of it.
    """
    cluster = lab()
    must(cluster, "network create --driver overlay front")
    start(cluster, "app", "worker-1", "--network front")
    wish = "--replicas 2 --network front --constraint node.hostname!=worker-1"
    must(cluster, f"service create -d --name web {wish} acme/web")
    cluster.run_for(8)
    begin, rows = cluster.now, []
    for second in range(END):
        cluster.run_for(max(0.0, begin + second - cluster.now))
        for port in ports:
            if second == FAULT:
                cluster.block("worker-2", port)
            if second == OPEN:
                cluster.unblock("worker-2", port)
        answer = cluster.request("http://web/", source="app.1", timeout=0.9)
        rows.append((float(second), second + answer.latency, answer.task or "nobody", answer.ok))
    return cluster, rows


class Silence(NamedTuple):
    """What the shut ports of worker-2 cost those who ask from worker-1; seconds since the fault."""

    title: str
    lost: tuple[float, ...]  # when the requests were sent that got no answer
    dropped: float | None  # when gossip took the machine out of the tables
    lasts: float = OPEN - FAULT


def silence(title: str, cluster: Cluster, rows: list[tuple]) -> Silence:
    """The requests lost in such a run, and when the nodes noticed."""
    fault = cluster.trace.of(PortBlocked)[0].time
    dropped = [
        (one.time - fault) / 1e6
        for one in cluster.trace.of(PeerFailed)
        if one.source == ASKER and one.fact.machine == "worker-2"
    ]
    return Silence(title, tuple(row[0] - FAULT for row in rows if not row[3]), dropped[0] if dropped else None)


def draw_silence(bars: Sequence[Silence]) -> Any:
    """Outage bars from the fault to its end: hatched while the nodes believe in worker-2, a cross per lost request."""
    left, right, row, high = 1.75, 0.3, 1.1, 0.26
    ax = ink.canvas(None, ink.WIDTH, row * len(bars) + 0.65)
    longest, foot = max(bar.lasts for bar in bars), 0.1 + row * len(bars)
    scale = (ink.WIDTH - left - right) / longest
    for n, bar in enumerate(bars):
        top, end = 0.47 + n * row, left + bar.lasts * scale
        until = end if bar.dropped is None else left + bar.dropped * scale
        ink.write(ax, 0.1, top + high / 2, bar.title)
        ink.write(ax, left, top - 0.31, f"{len(bar.lost)} requests lost")
        crosses = [left + at * scale for at in bar.lost]
        ax.plot(crosses, [top - 0.1] * len(crosses), "x", color=ink.WRONG, markersize=5.5, markeredgewidth=1.5)
        ink.box(ax, left, top, until - left, high, **STYLES["noticed"])
        _write_below(ax, left, top + high, "fault")
        if bar.dropped is None:
            words = "no node notices: requests go on to worker-2"
            ink.write(ax, (left + end) / 2, top + high / 2, words, ha="center", path_effects=ink.HALO)
        else:
            ink.box(ax, until, top, end - until, high)
            ink.write(ax, (until + end) / 2, top + high / 2, "led past worker-2", ha="center")
            _write_below(ax, until, top + high, f"dropped by gossip +{ink.span(bar.dropped)}")
        _write_below(ax, end, top + high, "firewall taken down", ha="right")
    ax.plot((left, left + longest * scale), (foot, foot), color=ink.INK, linewidth=0.9)
    for second in range(0, int(longest) + 1, 10):
        _write_below(ax, left + second * scale, foot, f"{second} s")
    words = "time since the fault  ·  ✕ a request that was lost"
    ink.write(ax, left + longest * scale / 2, foot + 0.41, words, ha="center")
    return ax


def _write_below(ax: Any, x: float, y: float, words: str, ha: str = "center") -> None:
    ax.plot((x, x), (y, y + 0.08), color=ink.INK, linewidth=0.9)
    ink.write(ax, x, y + 0.18, words, ha=ha)


def tell_silence(bars: Sequence[Silence]) -> str:
    """The same in words."""
    told = []
    for bar in bars:
        noticed = f"no node notices in {bar.lasts:.0f} s"
        if bar.dropped is not None:
            noticed = f"the nodes drop worker-2 after {ink.span(bar.dropped)}"
        told.append(f"{bar.title}: {noticed}, {len(bar.lost)} requests lost.")
    return " ".join(told)


# ── deeper ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def goodput() -> str:
    """Gbit/s of data through wires of several speeds, in clear and encrypted."""
    lines = [f"{'wire':>6} {'in clear':>10} {'encrypted':>10}"]
    for gigabits in (1, 10, 25):
        through = (vxlan.goodput(gigabits * 1e9, encrypted=encrypted) / 1e9 for encrypted in (False, True))
        lines.append(f"{gigabits:6} " + " ".join(f"{data:10.2f}" for data in through))
    return "\n".join(lines)


def rotation(cluster: Cluster) -> str:
    """The keys of worker-1 for packets to and from worker-3, before and after the managers replace one."""
    from ..manager import keys
    from ..overlay import keyring

    stored = cluster.store.cluster
    before = keyring.keyring(*HOSTS, stored.network_keys)
    after, steps = keyring.rotate(before, keys.rotated(stored))
    numbers = {one.tag: n for n, one in enumerate((*before.receive, *after.receive[-1:]), 1)}
    spis = {one.spi: numbers[one.tag] for ring in (before, after) for one in (*ring.receive, ring.send)}
    done = ", ".join(f"{step.sign} {step.what} key {spis[step.spi]}" for step in steps)
    return "\n".join((f"before: {_ring(before, numbers)}", f"rotate: {done}", f"after:  {_ring(after, numbers)}"))


def _ring(ring: Any, numbers: dict) -> str:
    opens = " ".join(str(numbers[one.tag]) for one in ring.receive)
    return f"opens packets sealed with keys {opens}, seals with key {numbers[ring.send.tag]}"


def gone(seed: int = SEED) -> Cluster:
    """The shop; then no news reach worker-1 any more, and the task of `db` is replaced, with another address."""
    cluster = shop(seed=seed)
    cluster.block(ASKER, 7946)
    must(cluster, "service update -d --force db")
    cluster.run_for(5)
    return cluster
