"""Lesson 07: its predictions, its knobs, and the judges of its exercises. Swarms and frames are in `scenes07`."""

from collections.abc import Callable, Iterable
from random import Random
from typing import Any, NamedTuple

from ..cluster import Cluster
from ..overlay import vxlan
from ..overlay.addresses import room
from . import CORRECT, Prediction, Verdict
from .scenes07 import PLACES, fate, frame_of, lab, matrix, must, shop, start, tell_shut

PREDICTIONS = {
    "1": Prediction(
        "They cannot. A bridge is made on one machine and ends there; the same name makes no wire between two of them.",
        {
            "a": "Look at far: its name is not known. There are two networks called lan, one on each machine.",
            "b": "Look who answers at far's address: app itself! Both machines began to count at the same number.",
            "c": "Yes.",
        },
    ),
    "2": Prediction(
        "The name resolves, the connection times out. Names come by 7946, packets by 4789.",
        {
            "a": "Compare the first two cells of the row 4789: who knows an address has not yet got a packet there.",
            "b": "The name arrives by another port, and had arrived long ago. Look at the first cell of the row 4789.",
            "c": "Yes.",
            "d": "Docker does not try another way: look at the second cell of the row 4789.",
        },
    ),
    "3": Prediction(
        "1450: the wrapping takes 20 + 8 + 8 + 14 = 50 bytes of 1500. Encryption takes 26 more: 1424.",
        {
            "a": "That is what the wire lets pass. What stands between the left end of the ruler and the inner IP has to pass, too.",
            "b": "Yes.",
            "c": "Count the bytes from outer IP to inner Ethernet: it is not the 8 of VXLAN alone.",
            "d": "The outer Ethernet header is not counted: the MTU is about packets. Look where the ruler begins: right of it.",
        },
    ),
    "4": Prediction(
        "No. The packet goes straight from worker to worker; the managers only handed out the addresses, long before.",
        {
            "a": "Look for manager-1 among the columns of the picture: it is not there.",
            "b": "Even the first packet has no column for a manager: the tables were filled before it set out.",
            "c": "Yes.",
        },
    ),
    "5": Prediction(
        "Everything. What the nodes tell each other is always encrypted; what containers say is so only on request.",
        {
            "a": "So it is with the network made with --opt encrypted, in the last lines. On the other one read the password.",
            "b": "Docker's own talk is encrypted, on 2377 and 7946. This is yours: read the second line.",
            "c": "Yes.",
        },
    ),
    "6": Prediction(
        "They stay in the state New, with no machine and no error; the other nine run on.",
        {
            "a": "That needs a reason for a task to fail. Read the last column of the list: it is empty.",
            "b": "Find the column of the machine in the list: empty. A task gets its address before the scheduler sees it.",
            "c": "Yes.",
            "d": "The allocator never leaves the subnet of a network, and nobody makes it larger. Look at the map.",
        },
    ),
    "7": Prediction(
        "From one subnet. It belongs to the network, wherever the tasks are.",
        {
            "a": "Look at the two tasks in the list: different machines, one subnet. Other systems cut it up by node; Docker does not.",
            "b": "Yes.",
            "c": "Those are the addresses of the machines. The list has none of them: these are two worlds.",
        },
    ),
    "9": Prediction(
        "Small packets pass, large ones vanish, and nobody is told.",
        {
            "a": "Look at the page of 20000 bytes: it never comes.",
            "b": "Look at the first two pages: they do come.",
            "c": "Yes.",
            "d": "Docker has not been told: look at the last size, inside it is still 1450.",
        },
    ),
    "8": Prediction(
        "One shut port. Gossip went on, so everybody believed in worker-2, and every second request went there and died.",
        {
            "a": "Count the bars that point downwards, in both rows.",
            "b": "Yes.",
            "c": "In the lower row the visitors are safe again after some seconds: somebody took worker-2 out of the list.",
        },
    ),
}

# ── knobs ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def boxes(size: int = 1450, encrypted: bool = False, wire: int = 1500, docker_believes: int = 1500) -> tuple[Any, str]:
    """A packet of so many bytes, on a wire that is as Docker believes, or not."""
    from ..overlay.frames import decode
    from ..viz.charts import draw_bytes

    inside = vxlan.mtu_inside(docker_believes, encrypted)
    layers = decode(frame_of(size, encrypted))
    return draw_bytes(layers, mtu=wire, inside=inside), fate(size, inside, wire, encrypted)


def ports(port: str = "4789", machine: str = "worker-2") -> tuple[Any, str]:
    """One port, shut on one machine, beside nothing."""
    from ..viz.charts import draw_symptoms

    rows = matrix(dict.fromkeys(("nothing", port)), machine)
    return draw_symptoms(rows), tell_shut(rows)


def subnet(bits: int = 28, workers: int = 3, tasks: int = 12) -> tuple[Any, str]:
    """A service with so many tasks in a small subnet."""
    from ..viz.charts import draw_addresses, tell_addresses

    cidr = f"10.9.0.0/{bits}"
    cluster = lab(workers=workers)
    must(cluster, f"network create --driver overlay --subnet {cidr} small")
    must(cluster, f"service create -d --name app --replicas {min(workers, tasks)} --network small acme/web")
    cluster.run_for(6)
    must(cluster, f"service scale -d app={tasks}")
    cluster.run_for(10)
    rows, waiting = cluster.addresses("small"), tasks - len(cluster.running)
    return draw_addresses(cidr, rows, waiting, services=["app"]), tell_addresses(cidr, rows, waiting)


# ── what the lesson compares ─────────────────────────────────────────────────────────────────────────────────────────


def largest(cluster: Cluster, task: str = "app.1", name: str = "tasks.db") -> int:
    """The largest packet that passes between two tasks, by trying."""
    low, high = 68, 1501  # the smallest that IPv4 allows passes
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if cluster.probe(task, name, middle) == "passes" else (low, middle)
    return low


def compare() -> None:
    """Print what was measured beside what is known of the real engine."""
    plain, sealed = largest(shop()), largest(shop("--opt encrypted"))
    numbers = [network.vni for network in shop().tables("worker-1").networks]
    lines = (
        ("largest packet inside, of 1500", str(plain), "1450 = 1500 - 20 - 8 - 8 - 14"),
        ("the same, encrypted", str(sealed), "1424"),
        (
            "addresses to give in a /24",
            str(room("10.0.1.0/24", 0, 0)),
            "253, for tasks, services and nodes",
        ),
        ("numbers (VNI) of the networks", " ".join(map(str, numbers)), "from 4096 on, the first for ingress"),
    )
    for what, ours, real in lines:
        print(f"{what:32} {ours:10} the real engine: {real}")


# ── recall: the way of a packet that nobody has seen ─────────────────────────────────────────────────────────────────

BY_LAYER = {
    "container": "a container talks to the bridge of its network, and to nothing else",
    "bridge": "the bridge stands between the container and the end of the tunnel, on both machines",
    "vtep": "the VTEP wraps what the bridge gives it, before the machine sends it; and unwraps what the machine got",
    "host": "the machine sees the packet only in its envelope, between VTEP and wire",
}


STRAY = {
    "host": "look at the picture of scene 2, there is no manager in it. The tables were filled before",
    "vtep": "nobody has to ask for the way. Docker had written it down before: look at the two rules of scene 2",
}


class Step(NamedTuple):
    """One stop on a slip of paper."""

    letter: str
    machine: str
    layer: str
    said: str
    place: int  # on the way, from 0; -1: it is not on the way


def slips(seed: int | str = "recall") -> list[Step]:
    """The stops of a fresh packet in disorder, and two at which it never was."""
    dice = Random(f"07 {seed}")
    source, target = dice.sample(("worker-1", "worker-2", "worker-3"), 2)
    cluster = lab(seed=dice.randint(1, 999))
    must(cluster, "network create --driver overlay back")
    start(cluster, "shop", source, "--network back")
    start(cluster, "stock", target, "--network back")
    cluster.run_for(8)
    way = cluster.trace_packet("shop.1", "http://tasks.stock/")
    stops = [(hop.machine, hop.layer, hop.said, place) for place, hop in enumerate(way.there)]
    stops.append(("manager-1", "host", "finds stock.1, and passes it on", -1))
    stops.append((source, "vtep", "asks all machines who has that MAC", -1))
    dice.shuffle(stops)
    return [Step(letter, *stop) for letter, stop in zip("ABCDEFGHIJKLMNOP", stops, strict=False)]


def show_slips() -> None:
    """Print the stops in disorder."""
    for step in slips():
        print(f"{step.letter}  {step.machine:10} {PLACES.get(step.layer, step.layer):10} {step.said}")


def _recall(answer: Any) -> Verdict:
    found = slips()
    named = {step.letter: step for step in found}
    right = sorted((step for step in found if step.place >= 0), key=lambda step: step.place)
    letters = _letters(answer)
    if not letters or any(letter not in named for letter in letters):
        return Verdict(False, f"write the letters in their order, as one text: some of {''.join(sorted(named))}")
    for letter in letters:
        if named[letter].place < 0:
            return Verdict(False, f"{letter} is on no way: {STRAY[named[letter].layer]}")
    for place, step in enumerate(right):
        if place == len(letters):
            return Verdict(False, f"it is not there yet: after {letters[-1]} something follows")
        if letters[place] != step.letter:
            before = (
                f"after {letters[place - 1]} comes not {letters[place]}"
                if place
                else f"it does not begin at {letters[0]}"
            )
            return Verdict(False, f"{before}: {BY_LAYER[step.layer]}")
    return CORRECT if len(letters) == len(right) else Verdict(False, f"after {right[-1].letter} it has arrived")


def _letters(answer: Any) -> list[str]:
    """The letters of `CAB`, `c, a, b` or a list of them; none for anything else."""
    if isinstance(answer, list | tuple) and all(isinstance(part, str) for part in answer):
        answer = "".join(answer)
    return [letter for letter in answer.upper() if letter.isalpha()] if isinstance(answer, str) else []


# ── modify: the fewest ports ─────────────────────────────────────────────────────────────────────────────────────────


class Broken(NamedTuple):
    """A swarm with firewalls: how its network was made, whether `web` is published, what is shut, how many must open."""

    options: str
    published: bool
    shut: tuple[tuple[str, Any], ...]
    fewest: int


BROKEN = {
    "a": Broken("", False, (("worker-1", "esp"), ("worker-2", 4789), ("worker-2", "esp")), 1),
    "b": Broken("--opt encrypted", False, (("worker-2", 4789), ("worker-2", "esp"), ("worker-3", 4789)), 1),
    "c": Broken("", False, (("worker-1", "esp"), ("worker-2", "7946/tcp"), ("worker-3", 7946)), 1),
    "d": Broken("--opt encrypted", True, (("worker-1", 4789), ("worker-2", "7946/tcp"), ("worker-3", "esp")), 2),
}
TRIO = ("app", "web", "db")  # on worker-1, worker-2, worker-3


def broken(name: str, seed: int = 7) -> Cluster:
    """One of the four swarms, a minute after its firewalls were switched on."""
    what = BROKEN[name]
    cluster = lab(seed)
    must(cluster, f"network create --driver overlay {what.options} front")
    for n, service in enumerate(TRIO, 1):
        publish = " --publish 8080:80" if what.published and service == "web" else ""
        start(cluster, service, f"worker-{n}", f"--network front{publish}")
    cluster.run_for(8)
    for machine, port in what.shut:
        cluster.block(machine, port)
    cluster.run_for(60)
    return cluster


def visits(cluster: Cluster, name: str) -> dict[str, Any]:
    """What happens to everybody who asks everybody, and to a visitor if there is a published port."""
    found = {
        f"{one} → {other}": cluster.request(f"http://{other}/", source=f"{one}.1", timeout=2)
        for one in TRIO
        for other in TRIO
        if one != other
    }
    if BROKEN[name].published:
        for machine in ("worker-1", "worker-3"):
            found[f"visitor → {machine}:8080"] = cluster.request(f"http://{machine}:8080/", timeout=2)
    return found


def show_broken() -> None:
    """Print what is shut in each swarm, and who does not reach whom."""
    for name, what in BROKEN.items():
        site = "; web is published at 8080" if what.published else ""
        print(f"{name}: {'an encrypted' if what.options else 'a plain'} network{site}")
        print("   shut:", ", ".join(f"{port} on {machine}" for machine, port in what.shut))
        failed = {
            who: answer.error.partition(":")[0] for who, answer in visits(broken(name), name).items() if answer.error
        }
        for error in dict.fromkeys(failed.values()):
            print(f"   {error}:", ", ".join(who for who in failed if failed[who] == error))


def _modify(answer: Any) -> Verdict:
    if not isinstance(answer, dict) or set(answer) != set(BROKEN):
        return Verdict(
            False, 'write a list of ports for each swarm: {"a": [("worker-1", 4789)], "b": [], "c": [], "d": []}'
        )
    for name, given in answer.items():
        opened = _opened(given)
        if opened is None:
            return Verdict(False, f'{name}: write a list of (machine, port), such as [("worker-1", 4789)]')
        verdict = _healed(name, opened)
        if not verdict.correct:
            return verdict
    return CORRECT


def _opened(given: Any) -> list[tuple] | None:
    """The (machine, port) pairs of one swarm, each once; None for what is no such list."""
    if isinstance(given, tuple) and len(given) == 2 and isinstance(given[0], str):
        given = [given]
    if not isinstance(given, Iterable) or isinstance(given, str):
        return None
    pairs = list(given)
    if not all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in pairs):
        return None
    return list(dict.fromkeys((machine, port.lower() if isinstance(port, str) else port) for machine, port in pairs))


WHY = {
    "timed out": "the address was known, so news get through. By which port do packets of such a network travel?",
    "could not resolve host": "nobody there knows the name. By which port do names travel?",
    "connection refused": "that node knows no task behind the port. By which port does it hear of them?",
}


def _healed(name: str, opened: list[tuple]) -> Verdict:
    failed, cluster = _still_failing(name, opened)
    if failed:
        who, error = failed
        why = WHY.get(error.partition(":")[0])
        return Verdict(False, f"{name}: {who}: {error}" + (f"; {why}" if why else ""), cluster if why else None)
    if len(opened) <= BROKEN[name].fewest:
        return CORRECT
    for pair in opened:
        if not _still_failing(name, [other for other in opened if other != pair])[0]:
            return Verdict(
                False, f"{name}: it works, and it also works while {pair[1]} on {pair[0]} stays shut: who uses it here?"
            )
    return Verdict(False, f"{name}: it works, but there is a shorter way")


def _still_failing(name: str, opened: list[tuple]) -> tuple[tuple[str, str] | None, Cluster]:
    """The first request that fails 40 s after these ports were opened, and the swarm."""
    cluster = broken(name)
    for machine, port in opened:
        try:
            cluster.unblock(machine, port)
        except ValueError as fault:
            return (f"{port} on {machine}", str(fault)), cluster
    cluster.run_for(40)
    answers = visits(cluster, name)
    return next(((who, answer.error) for who, answer in answers.items() if answer.error), None), cluster


# ── build: the eight bytes ───────────────────────────────────────────────────────────────────────────────────────────


def _build(wrap: Any) -> Verdict:
    if not callable(wrap):
        return Verdict(False, "write a function of a frame and a number: def wrap(frame, vni): return …")
    dice = Random("07 build")
    tried: list[tuple[bytes, int]] = [(b"", 4097), (b"", 4096), (b"", 2**24 - 1)]
    tried += [(dice.randbytes(dice.randint(14, 1464)), dice.randrange(4096, 2**24)) for _ in range(200)]
    for frame, vni in tried:
        wrapped = wrap(frame, vni)
        if not isinstance(wrapped, bytes | bytearray):
            return Verdict(False, f"wrap({_short(frame)}, {vni}) gave {type(wrapped).__name__}: bytes are wanted")
        if bytes(wrapped) != vxlan.wrap(frame, vni):
            return Verdict(False, f"wrap({_short(frame)}, {vni}): {_wrong(bytes(wrapped), frame, vni)}")
    return Verdict(True, f"The engine unwrapped {len(tried)} frames")


def _short(frame: bytes) -> str:
    return repr(frame) if len(frame) < 5 else f"a frame of {len(frame)} bytes"


def _wrong(wrapped: bytes, frame: bytes, vni: int) -> str:
    """What is wrong with these bytes, the most telling first."""
    header = wrapped[: len(wrapped) - len(frame)] if wrapped.endswith(frame) else wrapped
    got = header[:12].hex(" ") or "nothing"
    if not wrapped.endswith(frame):
        return f"the frame has to follow the header, unchanged; yours ends differently ({len(wrapped)} bytes)"
    if len(header) != 8:
        return f"the header has 8 bytes, yours {len(header)}: {got}"
    if header[0] != 8:
        return f"{got}: the first byte is 08, the flag that says: the VNI counts"
    if header[4:7] == vni.to_bytes(3, "little") or header[4:8] == vni.to_bytes(4, "little"):
        return f"{got}: that is the least significant byte first; on the wire the most significant one goes first"
    if header[4:8] == vni.to_bytes(4, "big"):
        return (
            f"{got}: the VNI stands in bytes 4 to 6 (counted from 0); the last byte is reserved, so shift it by 8 bits"
        )
    return f"{got}: bytes 1 to 3 and 7 are 0, bytes 4 to 6 (counted from 0) are the VNI"


CHECKS: dict[str, Callable[[Any], Verdict]] = {"recall": _recall, "modify": _modify, "build": _build}
