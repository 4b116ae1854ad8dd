"""The learner's handle: a world of machines that also understands `docker`.

Everything a lesson does goes through here: type commands, send requests, break things, let time pass, look back.
"""

import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from .events import Commanded, CommandReturned
from .looks import Looks
from .messages import UpdateObject
from .objects import RUNNING, ApiError, replace
from .paper import as_data, from_data
from .rack import Computer, address_of, computer, micros
from .raft.core import SWARMKIT, Settings
from .sim.kernel import Unswept
from .sim.recorder import Act, OutOfTime
from .turn import in_turn
from .world import OUTSIDE

PRINTS = re.compile(r"\s*((container\s+)?(exec|logs)|service\s+logs)\s")  # containers print: it may be a secret
UNLOCK_KEY = re.compile(r"(SWMKEY-1-)\S+")
NO_DAEMON = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"


@in_turn
class Cluster(Looks):
    """A swarm, or machines that may become one.

    `Cluster(managers=3, workers=4, seed=7)` is a swarm made by the real path: `docker swarm init` on `manager-1`,
    then every other machine joins with a token. `Cluster(machines=4)` is four machines `node-1` … that are no swarm
    yet. The same arguments give the same run, byte for byte.

    `messages` says whether the trace keeps every message as well (default: up to 50 machines). `raft` are the
    managers' timings, `strategy` places tasks, `balancer` chooses among tasks: plain functions, see
    `swarmlab.manager.scheduler` and `swarmlab.overlay.balancers`. With `persistence` the load balancers of the nodes let a
    client keep its task for so many seconds, as `ipvsadm --persistent` does; Docker does not ask for it.
    """

    ACTS = (*Looks.ACTS, "docker", "label", "dig")
    OWN = (*Looks.OWN, "_conductor")
    _conductor: Any = None  # who lets its time pass in the background

    def __init__(
        self,
        managers: int = 0,
        workers: int = 0,
        *,
        machines: int = 0,
        seed: int | str = 0,
        computers: tuple[Computer, ...] = (),
        links: tuple[dict, ...] = (),
        messages: bool | None = None,
        raft: Settings = SWARMKIT,
        strategy: Callable | None = None,
        balancer: Callable | None = None,
        persistence: float = 0,
    ):
        for name, number in (("managers", managers), ("workers", workers), ("machines", machines)):
            if not isinstance(number, int) or number < 0:
                raise ValueError(f"{name}={number!r}: a whole number, 0 or more")
        if workers and not managers:
            raise ValueError("workers need a manager to join: Cluster(managers=1, workers=…), or Cluster(machines=…)")
        names = [(f"manager-{n + 1}", "manager") for n in range(managers)]
        names += [(f"worker-{n + 1}", "worker") for n in range(workers)]
        names += [(f"node-{n + 1}", "bare") for n in range(machines)]
        rack = (*computers, *(Computer(name, role, address_of(n)) for n, (name, role) in enumerate(names)))
        policies: dict[str, Any] = {"strategy": strategy, "balancer": balancer, "persistence": persistence}
        super().__init__(rack, seed=seed, messages=messages, raft=raft, **policies)
        for link in links:
            self.link(**link)
        with Unswept():
            self._bootstrap()

    # ── how a swarm is born ──────────────────────────────────────────────────────────────────────────────────────

    def _bootstrap(self) -> None:
        """What an admin types: init on the first manager, then every machine joins with the token of its role."""
        managers = [c for c in self.begun if c.role == "manager"]
        if not managers:
            return
        first = managers[0]
        self._must(f"swarm init --advertise-addr {first.address}", first.name)
        tokens = {
            role: self._must(f"swarm join-token -q {role}", first.name).stdout.strip() for role in ("manager", "worker")
        }
        for other in (*managers[1:], *(c for c in self.begun if c.role == "worker")):
            self._must(f"swarm join --token {tokens[other.role]} {first.address}:2377", other.name)
        for one in self.begun:
            if one.labels:
                self.label(one.name, **dict(one.labels))

    def _must(self, command: str, node: str):
        result = self.docker(command, node)
        assert result.exit_code == 0, f"docker {command} on {node}: {result.stderr}"
        return result

    def label(self, node: str, **labels: str) -> None:
        """Set node labels, as `docker node update --label-add` does. Raises ValueError when no manager does it."""
        stored = next((n for n in self.nodes if n.machine == self._machine(node).name), None)
        if stored is None:
            raise ValueError(f"{node} is not a node of a swarm")
        self._did("label", node=node, **labels)
        spec = replace(stored.spec, labels={**stored.spec.labels, **labels})
        update = UpdateObject("node", stored.id, stored.version, spec)
        try:
            reply = self.call(self._first_manager(), update, self.kernel.now + 20_000_000)
        except OutOfTime:
            return  # nobody waits: somebody looks back at an instant before the answer
        if reply.error:
            raise ValueError(reply.error)

    @classmethod
    def from_file(cls, path: str, *, bare: bool = False, **options: Any) -> "Cluster":
        """A cluster described in a file: names, roles, processors, memory, labels, platforms, zones, links.
        The format is explained in `data/clusters/README.md`. With `bare` its machines are no swarm yet."""
        from .docker.clusterfile import read_cluster_file

        computers, links, seed = read_cluster_file(find(path))
        if bare:
            computers = tuple(one._replace(role="bare", labels=()) for one in computers)
        return cls(computers=computers, links=links, **{"seed": seed, **options})

    # ── docker ───────────────────────────────────────────────────────────────────────────────────────────────────

    def docker(
        self,
        command: str,
        node: str | None = None,
        *,
        limit: float = 120,
        env: Mapping[str, str] | None = None,
        files: dict | None = None,
    ):
        """Type a docker command on a machine: the first reachable manager, unless told otherwise.

        It lasts until its reply, in simulated time; after `limit` seconds it ends as Ctrl-C ends it (what was printed
        so far, exit code 130). The result has `stdout`, `stderr`, `exit_code` and `rows` (a table as dictionaries).
        What Docker refuses is in the result, never an exception. `env` is the environment that stack files see;
        `files` are contents by path to be used instead of files on disk.
        """
        from .docker.cli import Result, execute

        machine = self._machine(self._first_manager() if node is None else node)
        patience = micros(limit, "a limit")
        if not isinstance(command, str):
            raise ValueError(f"{command!r} is no command: write what you would type, as a text")
        texts = {"env": dict(env or {}), "files": dict(files or {})}
        for what, given in texts.items():
            if not all(isinstance(text, str | None) for pair in given.items() for text in pair):
                raise ValueError(f"{what}: a mapping from text to text")
        self._did("docker", command=command, node=machine.name, limit=limit, **texts)
        cause = self.trace.remark(machine.name, Commanded(f"docker {command}"))
        keyboard = Keyboard(self, machine.name, self.kernel.now + patience, self.acts[-1], cause)
        result = execute(command, keyboard) if machine.running else Result("", NO_DAEMON + "\n", 1, ())
        if self.acts[-1].until is None:  # else nobody waited for it to come back
            self.kernel.cause = cause
            line = (result.stderr or ("" if PRINTS.match(command) else result.stdout)).partition("\n")[0]
            self.trace.remark(machine.name, CommandReturned(result.exit_code, UNLOCK_KEY.sub(r"\1…", line)))
            self.kernel.cause = -1
        return result

    def plan(
        self,
        command: str,
        node: str | None = None,
        *,
        env: Mapping[str, str] | None = None,
        files: dict | None = None,
        limit: float | None = None,
    ) -> Any:
        """Say before it is done what `docker COMMAND` would do: what is made, changed (key by key), removed and started
        anew, how few tasks run meanwhile, how long a rolling update takes, and what would stop it. A twin finds out, for
        `limit` seconds at most (300, and what an update takes, unless told otherwise); nothing happens here."""
        from .docker.plan import plan

        if not isinstance(command, str):
            raise ValueError(f"{command!r} is no command: write what you would type, as a text")
        return plan(self, command, node, env=env, files=files, limit=limit)

    def why(self, task: str) -> Any:
        """Why a task (`web.4`, or an id) is where it is, or nowhere: every node, filter by filter, with the value that
        decided; then the branches of its preferences, and the ranks. As the scheduler would judge at this instant.
        The name of a global service stands for its tasks: which nodes get one, and which do not."""
        from .manager.why import why, why_everywhere

        leader = self._core(self.leader, "manager").lead if self.leader else None
        if leader is None:
            raise ValueError("nobody leads just now, so nobody schedules")
        for service in leader.store.all("service"):
            if task == service.spec.name and service.spec.mode.startswith("global"):
                memory = leader.turns.memories["places"]
                return why_everywhere(leader.store, memory, service, self.kernel.now)._replace(task=task)
        named = [found for found in leader.store.all("task") if task in (found.name, found.id)]
        if not named:
            raise ValueError(f"no such task: {task}")
        newest = max(named, key=lambda found: (found.desired <= RUNNING, found.created_at))
        found = why(leader.store, leader.turns.memories["places"], newest, self.kernel.now)
        return found._replace(task=newest.name)

    def _first_manager(self) -> str:
        """The first machine that answers as a manager; without one the first that runs; else the first of all."""
        names = [name for name in self.machines if name not in OUTSIDE]
        if not names:
            raise ValueError("this cluster has no machines")
        ready = [n for n in names if self.machines[n].running and not self.machines[n].frozen]
        managers = [n for n in ready if self._core(n, "manager").node]
        return (managers or ready or names)[0]

    def dig(self, name: str, task: str, kind: str = "A") -> Any:
        """Type `dig NAME` in a running task (`vote_vote.1`) or plain container (`db@node-2`). The result prints as
        `dig` prints, and has `addresses`, `status` and `short`; `-x 10.0.1.3` asks for the name of an address. It lasts
        until the answer: 4 seconds where nobody can be asked."""
        from .docker import dig

        asked, kind = dig.asked(name, kind)
        machine, key = self._running_task(task)
        mesh = self._core(machine, "mesh")
        if key not in mesh.tables.local:
            raise ValueError(f"{task} has just ended, and the managers do not know it yet")
        self._did("dig", name=name, task=task, kind="A" if name.startswith("-x") else kind)
        machines = {name: one.address for name, one in self.computers.items() if one.address}
        way_out, gateway = self._way_out(machine), mesh.tables.local[key].way_out != "none"
        reply = dig.answer(mesh, asked, kind, key, machines, way_out, gateway)
        number, end = mesh.dice.getrandbits(16), self.kernel.now + reply.took
        self._pass(end)
        self._cut_short(end)
        return dig.printed(name, kind, reply, number, end)

    def _way_out(self, machine: str) -> bool:
        """Whether a machine reaches the world outside, where the registry is, too."""
        line = self.network.line(machine, "registry")
        return line is None or (not line.cut and line.loss < 1)

    # ── a clock of its own ───────────────────────────────────────────────────────────────────────────────────────

    def conductor(self, pace: float | None = None) -> Any:
        """Let time pass in the background, `pace` simulated seconds (1) for each real one, until its `stop()`; with pace 0
        only as far as requests need. There is one conductor for each cluster: a second call gives the same."""
        from .docker.conductor import Conductor

        if self._conductor is None or self._conductor.stopped:
            self._conductor = Conductor(self, 1 if pace is None else pace).start()
        elif pace is not None:
            self._conductor.pace = pace
        return self._conductor

    def serve(
        self,
        port: int | None = None,
        pace: float | None = None,
        *,
        unix: str | None = None,
        nodes: Mapping[str, int] | None = None,
        machine: str | None = None,
    ) -> Any:
        """Answer real clients, until `close()` of what is returned, whose `host` is for DOCKER_HOST: on a Unix socket, or
        on a port of this computer alone (0: a free one). It is the engine of the first manager unless told otherwise;
        `nodes` gives other machines ports of their own. Prints what to type in a terminal."""
        from .docker.server import Served

        served = Served(self, machine or self._first_manager(), port, pace, unix, nodes)
        print("\n".join(served.exports))
        return served

    # ── keeping a run ────────────────────────────────────────────────────────────────────────────────────────────

    def save(self, path: str) -> None:
        """Write the run to a small file: its settings, and what people did. `Cluster.load` does it all again."""
        import json

        functions = {k: f.__name__ for k in ("strategy", "balancer") if (f := getattr(self, k))}
        settings: dict[str, Any] = {"seed": self.kernel.seed, "messages": self.trace.with_messages}
        settings |= {"raft": list(self.raft), "computers": [c._asdict() for c in self.begun], "functions": functions}
        settings |= {"persistence": self.persistence / 1e6} if self.persistence else {}
        acts = [[act.time, act.name, _plain(act), act.until] for act in self.acts]
        run = {"swarmlab": 1, "settings": settings, "now": self.kernel.now, "digest": self.trace.digest()}
        text = json.dumps({**run, "acts": acts}, indent=1)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text + "\n")

    @classmethod
    def load(cls, path: str, **functions: Callable) -> "Cluster":
        """Do a saved run again. Functions of your own that it used are handed in by name: `strategy=mine`."""
        import json

        try:
            run = json.loads(read(path))
            settings, now = run["settings"], int(run["now"])
            acts = [_act(int(time), name, dict(details), until) for time, name, details, until in run["acts"]]
            computers = tuple(computer(c.pop("name"), c) for c in map(dict, settings["computers"]))
            world: dict[str, Any] = {
                "seed": settings["seed"],
                "messages": settings["messages"],
                "raft": Settings(*settings["raft"]),
                "persistence": settings.get("persistence", 0),
            }
            used = dict(settings["functions"])
            assert run["swarmlab"] == 1 and all(act.name in cls.ACTS for act in acts)
        except OSError as fault:
            raise ValueError(f"open {path}: {(fault.strerror or '').lower()}") from None
        except (ValueError, TypeError, KeyError, AttributeError, AssertionError):
            raise ValueError(f"{path} is not a run saved by swarmlab") from None
        for role, name in used.items():
            if role not in functions:
                raise ValueError(f"this run used a {role} of your own, {name}: Cluster.load(…, {role}={name})")
        for role in functions:
            if role not in used:
                raise ValueError(f"this run used no {role} of your own")
        cluster = cls.__new__(cls)
        world |= functions
        Looks.__init__(cluster, computers, **world)
        cluster.replay(acts, now)
        if cluster.trace.digest() != run.get("digest"):
            raise ValueError(f"{path} was saved by another version of swarmlab: its run comes out differently here")
        return cluster

    # ── how it shows itself ──────────────────────────────────────────────────────────────────────────────────────

    def __repr__(self) -> str:
        up = [n for n, m in self.machines.items() if m.running and n not in OUTSIDE]
        total = len(self.machines) - len(OUTSIDE)
        return (
            f"<Cluster at {self.now:.3f} s: {len(up)} of {total} machines run, leader {self.leader}, "
            f"{len(self.services)} services, {len(self.tasks)} tasks>"
        )

    def _repr_html_(self) -> str:
        """The board: what should run where (outlines), and what does (fillings)."""
        from .viz.markup import Box, board_html

        machines = {node.id: node.machine for node in self.nodes}
        wanted = {task.id: task for task in self.tasks if task.desired <= RUNNING}
        runs = {task.id: task.machine for task in self.running}
        places = {**{id: machines.get(task.node, "") for id, task in wanted.items()}, **runs}
        boxes = [
            Box(name, self._role(name), self._state(name), self._cells(name, places, wanted, runs))
            for name in self.machines
            if name not in OUTSIDE
        ]
        return board_html(repr(self)[1:-1], boxes)

    def _role(self, name: str) -> str:
        roles = {node.machine: node.role for node in self.nodes}
        return "leader" if name == self.leader else roles.get(name, "machine")

    def _state(self, name: str) -> str:
        machine = self.machines[name]
        return "frozen" if machine.frozen else "up" if machine.running else "down"

    def _cells(self, name: str, places: dict, wanted: dict, runs: dict) -> tuple:
        from .viz.markup import Cell

        names = {task.id: task.name for task in self.tasks}
        here = sorted((names.get(id, id[:12]), id) for id, machine in places.items() if machine == name)
        return tuple(Cell(task, id in wanted, id in runs) for task, id in here)


class Keyboard:
    """One person at one machine, for the length of one command: what `docker.cli` calls a session."""

    def __init__(self, cluster: Cluster, machine: str, until: int, act: Act, cause: int):
        self._cluster, self.machine, self._until, self._cause = cluster, machine, until, cause
        self.env: Mapping[str, str] = act.details["env"]
        self._files: dict[str, str | None] = act.details["files"]  # part of the record: a replay reads the same

    @property
    def now(self) -> int:
        """µs."""
        return self._cluster.kernel.now

    def call(self, request: Any) -> Any:
        """The engine's reply. Raises ApiError with Docker's words, Interrupted when time is up."""
        self._cluster.kernel.cause = self._cause
        try:
            reply = self._cluster.call(self.machine, request, self._until)
        except OutOfTime:
            raise _interrupted() from None
        if reply.error is not None:
            raise ApiError(reply.error)
        return reply.value

    def wait(self, duration: int) -> None:
        """Let time pass, µs."""
        cluster = self._cluster
        until = min(self.now + duration, self._until)
        cluster._run(until)
        if until == self._until or until > cluster._horizon:
            cluster._cut_short(until)
            raise _interrupted()

    def read(self, path: str) -> bytes:
        """A file of the person, looked up from the current folder, then from the project's root."""
        if path not in self._files:
            try:
                self._files[path] = read(path).decode("utf-8", "surrogateescape")
            except OSError:
                self._files[path] = None
        text = self._files[path]
        if text is None:
            raise FileNotFoundError(path)
        return text.encode("utf-8", "surrogateescape")


def _plain(act: Act) -> dict[str, Any]:
    """What was done, as JSON can hold it: only requests to an engine are more than that."""
    return {**act.details, "request": as_data(act.details["request"])} if act.name == "ask" else act.details


def _act(time: int, name: str, details: dict[str, Any], until: int | None) -> Act:
    asked = {"request": from_data(details["request"])} if name == "ask" else {}
    return Act(time, name, {**details, **asked}, until)


def find(path: str) -> str:
    """A path that a person gave: as it is, else from the project's root."""
    from_root = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), path)
    return path if os.path.exists(path) or not os.path.exists(from_root) else from_root


def read(path: str) -> bytes:
    """The content of a file that a person named."""
    with open(find(path), "rb") as file:
        return file.read()


def _interrupted() -> Exception:
    from .docker.cli import Interrupted

    return Interrupted()
