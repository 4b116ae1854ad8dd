"""What people outside and tasks ask of a swarm: single requests, packets followed stop by stop, pings, and traffic."""

# Simpler than in reality (docs/simplifications.md): alone

from collections.abc import Mapping
from itertools import count
from typing import Any, NamedTuple

from .events import ApplicationTurned, ContainerPaced, NetworkPlugged, NetworkUnplugged
from .messages import Plug
from .overlay.dns import is_address
from .overlay.journey import Journey, journey
from .overlay.visitor import Answer, Ask, split_url
from .overlay.wire import CLIENT, SMALL
from .rack import is_number, micros
from .sim.recorder import OutOfTime
from .traffic.measures import Run, run_in
from .traffic.wishes import plain, wish_of
from .worker.images import HANGS, UNWELL, WELL
from .world import OUTSIDE, World


class Response(NamedTuple):
    """What came of a request. `hops` are (kind, machine, detail), in order, from the port that was asked to the task."""

    ok: bool
    status: int  # 200; 0 when there was no answer
    task: str  # who answered: vote_vote.1
    task_id: str
    node: str  # on which machine
    hops: tuple
    latency: float  # seconds
    error: str  # '' · 'connection refused' · 'timed out' · 'could not resolve host: web'


class Visits(World):
    """A world that can be asked for pages."""

    ACTS = (*World.ACTS, "request", "trace_packet", "probe", "traffic", "pace", "sicken", "unplug", "plug")

    def request(
        self,
        url: str,
        *,
        source: str = "",
        timeout: float = 5,
        size: int = SMALL,
        connection: str = "",
        client: str = "",
    ) -> Response:
        """Ask a machine of the swarm for a page of `size` bytes, as a visitor from outside (or, with `source`, as the
        task of that name): `http://worker-2:5000/`. Time passes until the answer, `timeout` seconds at most. Requests
        that name the same `connection` share one, until one of them fails. `client` is the address of the visitor: a local
        network that shares addresses with one of Docker's gets no answers."""
        details: dict[str, Any] = {"size": _whole(size)} if size != SMALL else {}
        details |= {"connection": connection} if connection else {}
        details |= {"client": client} if client else {}
        if client and (source or not is_address(client)):
            raise ValueError(f"client={client!r}: the address of a visitor from outside, as 10.0.0.50")
        if not isinstance(connection, str):
            raise ValueError(f"connection={connection!r}: a name, as 'a'")
        machine, ask = self._visit(url, source, timeout, size=size, **({"address": client} if client else {}))
        self._did("request", url=url, source=source, timeout=timeout, **details)
        talk = (connection, source or machine, split_url(url)[:2]) if connection else ()
        if connection:
            ask = ask._replace(connection=self._talks.get(talk, self._asked + 1), opens=talk not in self._talks)
        answer = self._ask_page(ask)
        if connection and not answer.error:
            self._talks[talk] = ask.connection
        elif connection:
            self._talks.pop(talk, None)
        seconds = answer.latency / 1e6
        return Response(
            answer.ok, answer.status, answer.name, answer.task, answer.node, answer.hops, seconds, answer.error
        )

    def traffic(self, url: str, workload: Any, *, name: str = "", source: str = "", **settings: Any) -> str:
        """Let many requests come from now on, while time passes: a `Workload` of `swarmlab.traffic.workload`, or its
        arrivals alone (then each request is as much work as the image says), to a port of a machine
        (`http://worker-2:8080/`) or, with `source`, from that task to a service (`http://web/`).

        `seconds` or `number` say how long. With `via`, names of machines or True for all, a balancer in front shares
        the connections out, and with `checks` it looks whether the machines are up. The answer is the name of the load;
        what became of its requests is in `trace.requests`, and `requests(name)` is that for the measures.
        """
        name = name or self._free_name()
        wish = self._wish(url, workload, name, source, settings)
        self._did("traffic", url=url, workload=plain(workload), name=name, source=source, **settings)
        self.loads.start(wish)
        return name

    def _free_name(self) -> str:
        """load-3 for the third act of traffic, unless another one is called so."""
        names = [act.details["name"] for act in self.acts if act.name == "traffic"]
        return next(name for number in count(len(names) + 1) if (name := f"load-{number}") not in names)

    def requests(self, load: str = "") -> Run:
        """What became of the requests of a load, or of all loads: for `swarmlab.traffic.measures`."""
        return run_in(self.trace.requests, load)

    def _wish(self, url: str, workload: Any, name: str, source: str, settings: Mapping[str, Any]) -> Any:
        host, port, _ = split_url(str(url))
        via, swarm = settings.get("via", ()), tuple(name for name in self.machines if name not in OUTSIDE)
        task = ""
        if not isinstance(via, bool | list | tuple):
            raise ValueError(f"via={via!r}: a list of machines, or True for all")
        if not isinstance(source, str):
            raise ValueError(f"no running task {source}")
        if source and (host in self.computers or host in {one.address for one in self.computers.values()}):
            raise ValueError(
                f"{source} asks services by name, as http://web/: many requests to {host} come from outside"
            )
        if source:
            asking, task = self._running_task(source)
            nodes: tuple[str, ...] = (asking,)
        else:
            nodes = swarm if via is True else tuple(self._machine(str(node)).name for node in via or (host,))
        if not isinstance(name, str):
            raise ValueError(f"{name!r} is no name for a load")
        if any(act.name == "traffic" and act.details["name"] == name for act in self.acts):
            raise ValueError(f"there is a load {name} already")
        return wish_of(
            name, url, host, port, nodes, (task, source), workload, settings, self.kernel.now, self.kernel.stream
        )

    def pace(self, task: str, speed: float) -> None:
        """Let the container of a task (`web.2`) work faster or slower from now on: 1/3 is three times slower, 1 as usual."""
        machine, key = self._running_task(task)
        if not is_number(speed) or not 1e-6 <= speed <= 1e6:
            raise ValueError(f"a speed of {speed!r}: a number above 0, 1e6 at the most")
        executor, line = self._line(machine, key, task)
        self._did("pace", task=task, speed=speed)
        self.machines[machine].note(ContainerPaced(executor.boxes[key].container.id, key, speed))
        self.loads.pace(self.machines[machine], line, speed)

    def sicken(self, task: str, how: str = "hangs") -> None:
        """Let the application of a task (`web.2`) hang from now on, though its process runs: it answers neither visitors
        nor health checks. Or be `unwell`: it answers all of them with 503. `well` ends it."""
        if how not in (WELL, UNWELL, HANGS):
            raise ValueError(f"how={how!r}: {WELL}, {UNWELL} or {HANGS}")
        machine, key = self._running_task(task)
        executor, line = self._line(machine, key, task)
        self._did("sicken", task=task, how=how)
        self.machines[machine].note(ApplicationTurned(executor.boxes[key].container.id, key, how))
        self.loads.turn(self.machines[machine], line, how)

    def unplug(self, machine: str, network: str) -> None:
        """Let frames of one overlay network (name or id) pass this machine no more, in either direction; all other
        networks go on. `plug` ends it, and so does a reboot."""
        target, found = self._running(machine), self._network(network)
        self._did("unplug", machine=machine, network=network)
        target.note(NetworkUnplugged(found.spec.name))
        target.tell("mesh", "client", Plug(found.id, False))

    def plug(self, machine: str, network: str) -> None:
        """Let them pass again."""
        target, found = self._running(machine), self._network(network)
        self._did("plug", machine=machine, network=network)
        target.note(NetworkPlugged(found.spec.name))
        target.tell("mesh", "client", Plug(found.id, True))

    def _network(self, network: str) -> Any:
        """A network of the swarm, by its name or id."""
        raise ValueError(f"network {network} not found")

    def calls(self, load: str = "") -> Run:
        """What tasks asked each other for the sake of the requests of a load, or of all loads: for the same measures."""
        return run_in(self.trace.calls, load)

    def _line(self, machine: str, key: str, task: str) -> tuple[Any, Any]:
        """The runtime of a machine, and the requests before one of its containers."""
        executor = self.machines[machine].seats["executor"].core
        line = executor.line(key, self.kernel.now)
        if line is None:
            raise ValueError(f"nothing in {task} listens yet")
        return executor, line

    def trace_packet(self, source: str, url: str, timeout: float = 5) -> Journey:
        """A request whose every stop is noted, there and back: `trace_packet("client", "http://worker-1:8080/")` (or from
        a visitor of this address, `"10.0.0.50"`), or from a task: `trace_packet("web.1", "http://db/")`. Where it is lost,
        the last stop says why."""
        client = CLIENT if source == "client" else source if is_address(source) else ""
        machine, ask = self._visit(url, "" if client else source, timeout, traced=True, address=client)
        door = f"{self.computers[machine].address}:{split_url(url)[1]}" if client else ""
        self._did("trace_packet", source=source, url=url, timeout=timeout)
        begin = len(self.trace.records)
        self._ask_page(ask)
        return journey(self.trace.records[begin:], self._asked, door, client)

    def probe(self, source: str, name: str, size: int = 84, timeout: float = 1) -> str:
        """One ping of `size` bytes, all headers included, that must not be cut in pieces, from a task to a name or an
        address (`ping -c 1 -M do -s SIZE-28`): `passes`, `message too long, mtu=1450`, `lost`, or why it cannot go."""
        if _whole(size) < 28:
            raise ValueError(f"size={size!r}: a ping has 28 bytes of headers")
        if not isinstance(name, str):
            raise ValueError(f"{name!r} is no name and no address")
        _, ask = self._visit(f"http://{name}/", source, timeout, size=size)
        self._did("probe", source=source, name=name, size=size, timeout=timeout)
        answer = self._ask_page(ask._replace(url=name, ping=True))
        return {"": "passes", "timed out": "lost"}.get(answer.error, answer.error)

    def _visit(self, url: str, source: str, timeout: float, **more: Any) -> tuple[str, Ask]:
        """The machine at which it begins, and what the visitor is told. Raises ValueError for what makes no sense."""
        host, _, _ = split_url(url)
        machine, task = self._running_task(source) if source else (self._machine(host).name, "")
        outside = self.computers[host].address if source and host in self.computers else ""
        ask = Ask(self._asked + 1, url, machine, micros(timeout, "a timeout"), task, outside=outside, **more)
        return machine, ask

    def _ask_page(self, ask: Ask) -> Answer:
        self._asked, start = ask.request, self.kernel.now
        self.machines["client"].tell("mesh", "client", ask)
        try:
            return self._answer(ask.request, start + ask.timeout + 1_000_000)
        except OutOfTime:  # the instant that somebody looks back to came before the answer
            return Answer(ask.request, False, 0, "", "", "", (), self.kernel.now - start, "timed out")


def _whole(size: Any) -> int:
    if type(size) is not int or size < 0:
        raise ValueError(f"size={size!r}: a whole number of bytes, 0 or more")
    return size
