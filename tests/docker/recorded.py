"""Transcripts of a real swarm as (machine, command, output, exit code), and recorded tables turned back into objects."""

import re
import shlex
from pathlib import Path
from typing import NamedTuple

from swarmlab.effects import SECOND
from swarmlab.objects import (
    RUNNING,
    SHUTDOWN,
    STATES,
    ContainerSpec,
    Description,
    ManagerStatus,
    Node,
    NodeSpec,
    Placement,
    PortConfig,
    Service,
    ServiceSpec,
    Task,
    TaskSpec,
)

FOLDER = Path(__file__).resolve().parent.parent / "transcripts"
NOW = 10**13


class Entry(NamedTuple):
    """One command as recorded. `output` is stdout and stderr together, as on a terminal."""

    file: str
    machine: str
    command: str
    output: str
    exit_code: int


def entries() -> list[Entry]:
    found = []
    for path in sorted(FOLDER.glob("[01]*.txt")):
        blocks = re.split(r"(?m)^(?=node\d\$ |API )", path.read_text())[1:]
        found += [
            _request(path.name, block) if block.startswith("API ") else _entry(path.name, block) for block in blocks
        ]
    return found


def _request(file: str, block: str) -> Entry:
    """A request of the Engine API: its status and the body of the answer."""
    first, *rest = re.split(r"(?m)^# ", block)[0].strip().splitlines()
    return Entry(file, "API", first, "\n".join(line for line in rest if not line.startswith("body: ")), 0)


def _entry(file: str, block: str) -> Entry:
    block = re.split(r"(?m)^# ", block)[0]
    first, _, rest = block.partition("\n")
    machine, _, command = first.partition("$ ")
    ended = re.search(r"(?m)^\[exit (\d+)\]\n", rest)
    output = rest[: ended.start()] if ended else rest.removesuffix("\n")
    return Entry(file, machine, command, output, int(ended[1]) if ended else 0)


def table(output: str) -> list[dict[str, str]]:
    """The lines of a table by column name; where columns begin is read from the header."""
    header, *lines = output.splitlines()
    starts = [found.start() for found in re.finditer(r"(?<!\S)\S+(?: \S+)*", header)]
    names = [header[a:b].strip() for a, b in zip(starts, [*starts[1:], None], strict=True)]
    return [
        {n: line[a:b].rstrip() for n, a, b in zip(names, starts, [*starts[1:], None], strict=True)} for line in lines
    ]


def words(entry: Entry) -> list[str]:
    return shlex.split(entry.command.removeprefix("docker "))


# ── tables → objects ─────────────────────────────────────────────────────────────────────────────────────────────

SPANS = {"less than a second": 1, "about a minute": 75 * SECOND, "about an hour": 3700 * SECOND}
UNITS = {"second": SECOND, "minute": 60 * SECOND, "hour": 3600 * SECOND}


def span(text: str) -> int:
    if text in SPANS:
        return SPANS[text]
    number, unit = text.split()
    return int(number) * UNITS[unit.removesuffix("s")]


def tasks_of(rows: list[dict[str, str]]) -> list:
    """Nodes, services and tasks for which `service ps` prints these rows."""
    objects: dict[str, object] = {}
    splits = [row["NAME"].removeprefix(" \\_ ").rpartition(".") for row in rows]
    ids = {row["NODE"]: f"id-of-{row['NODE']}" for row in rows if row["NODE"]}
    ids |= {row["NODE"]: last for row, (_, _, last) in zip(rows, splits, strict=True) if not last.isdigit()}
    for place, (row, (service, _, last)) in enumerate(zip(rows, splits, strict=True)):
        node = ids.get(row["NODE"], "")
        state, _, since = row["CURRENT STATE"].removesuffix(" ago").partition(" ")
        error = row["ERROR"].strip('"')
        objects[f"service {service}"] = Service(f"id-of-{service}", ServiceSpec(name=service))
        if node:
            objects[f"node {node}"] = Node(node, description=Description(hostname=row["NODE"]))
        objects[f"task {row['ID']}"] = Task(
            id=row["ID"].ljust(25, "x"),
            service=f"id-of-{service}",
            service_name=service,
            slot=int(last) if last.isdigit() else 0,
            node=node,
            spec=TaskSpec(ContainerSpec(image=row["IMAGE"])),
            state=_number(state),
            desired=_number(row["DESIRED STATE"]),
            status_at=NOW - span(since),
            err=error.replace("…", " and more to come"),
            ports=_host_ports(row["PORTS"]),
            created_at=NOW - place,
        )
    return list(objects.values())


def _number(state: str) -> int:
    return next(number for number, name in STATES.items() if name == state.lower())


def _host_ports(text: str) -> tuple[PortConfig, ...]:
    found = dict.fromkeys(re.findall(r"\*:(\d+)->(\d+)/(\w+)", text))
    return tuple(PortConfig(int(target), int(published), protocol, "host") for published, target, protocol in found)


def services_of(rows: list[dict[str, str]]) -> list:
    """Services and tasks for which `service ls` prints these rows (jobs are beyond it)."""
    objects: list = []
    for row in rows:
        running, wanted = map(int, re.match(r"(\d+)/(\d+)", row["REPLICAS"]).groups())
        most = re.search(r"max (\d+) per node", row["REPLICAS"])
        task = TaskSpec(
            ContainerSpec(image=row["IMAGE"]), placement=Placement(max_replicas=int(most[1]) if most else 0)
        )
        ports = re.findall(r"\*:(\d+)->(\d+)/(\w+)", row["PORTS"])
        spec = ServiceSpec(name=row["NAME"], mode=row["MODE"], replicas=wanted, task=task)
        allocated = tuple(PortConfig(int(target), int(published), protocol) for published, target, protocol in ports)
        service = Service(row["ID"].ljust(25, "x"), spec, ports=allocated)
        objects.append(service)
        for number in range(max(running, wanted)):
            desired = RUNNING if number < wanted else SHUTDOWN
            state = RUNNING if number < running else 0
            objects.append(Task(f"{row['NAME']}-{number}", service.id, state=state, desired=desired))
    return objects


def nodes_of(rows: list[dict[str, str]]) -> tuple[list[Node], str]:
    """Nodes for which `node ls` prints these rows, and the id of the one that was asked."""
    asked = next(row["ID"].split()[0] for row in rows if row["ID"].endswith("*"))
    return [_node(row) for row in rows], asked


def _node(row: dict[str, str]) -> Node:
    status = row["MANAGER STATUS"].lower()
    manager = (
        ManagerStatus("", "", status == "leader", "reachable" if status == "leader" else status) if status else None
    )
    return Node(
        row["ID"].split()[0],
        NodeSpec(availability=row["AVAILABILITY"].lower()),
        description=Description(hostname=row["HOSTNAME"], engine_version=row["ENGINE VERSION"]),
        state=row["STATUS"].lower(),
        manager_status=manager,
    )
