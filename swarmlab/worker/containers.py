"""The plain containers of one machine: `docker run`, `stop`, `start`, `kill`, `rm`, and the networks they are on.

The runtime has the containers; here stands what the engine adds: published ports, addresses on bridges, names there,
and who waits for what. Containers of tasks may be stopped and killed by hand, too: their agent hears of it, and the
swarm replaces them. Source: Docker documentation, "docker container run", "Networking overview", "Bridge network
driver"; texts of Docker Engine 20.10.
"""

# Simpler than in reality (docs/simplifications.md): same-port, any-port

from collections.abc import Iterable, Sequence
from typing import Any

from ..effects import NEVER, Dice, Disk, Save, Tell
from ..messages import (
    Broken,
    Connect,
    Container,
    Detach,
    Discard,
    Disconnect,
    Endpoint,
    Exited,
    Expose,
    KillContainer,
    Lent,
    NetworkRow,
    Prepare,
    Prepared,
    RemoveContainer,
    Rename,
    RenameContainer,
    Reply,
    Run,
    Running,
    Start,
    StartContainer,
    Stop,
    StopContainer,
    TakenBack,
)
from ..objects import ApiError, NetworkTarget, PortConfig, replace
from ..overlay.dns import is_address
from ..trust import tokens
from . import health, networks, plain
from .attaching import PATIENCE, Ask, Attaching, Failed
from .events import Recent
from .founding import answer
from .joined import Plain, disconnected, join, meant, silent, with_mask, without

ENDING = ("TERM", "15", "INT", "2", "QUIT", "3")  # signals that ask a process to end
CHOSEN = range(32768, 61000)  # ports that are published where a person names none
OTHERS = "HUP 1 USR1 10 USR2 12 WINCH 28 CONT 18 STOP 19 PIPE 13 ALRM 14 ABRT 6".split()


class Containers:
    """Effects as from a core; refusals are raised."""

    def __init__(self, machine: str, disk: Disk, dice: Dice, recent: Recent):
        self.machine, self.dice, self.recent = machine, dice, recent
        found = ((name, value) for name, value in disk.values.items() if name.startswith("container "))
        self.kept = {name.removeprefix("container "): value._replace(running=False) for name, value in found}
        self.makes: dict[str, int] = {}  # container → the call that waits until it is made
        self.starts: dict[str, int] = {}  # the same, until it runs
        self.ends: dict[str, list[int]] = {}  # container or task → the calls that wait until it has ended
        self.attaching = Attaching(disk)
        self.in_swarm = False  # then a network that nobody here knows may be one of the swarm

    # ── what people ask ──────────────────────────────────────────────────────────────────────────────────────────

    def obey(
        self, call: int, request: Any, containers: Sequence[Container], rows: Sequence[NetworkRow], now: int
    ) -> list:
        """`containers` are all of this machine, `rows` the networks that it knows. Raises ApiError."""
        match request:
            case Run():
                return self._run(call, request, containers, rows)
            case Connect() | Disconnect():
                return self._change_networks(call, request, containers, rows, now)
        found = plain.find(request.ref, containers)
        key = found.task or found.id
        match request:
            case StopContainer(_, grace):
                return self._stop(call, key, found, grace)
            case KillContainer(ref, signal):
                return self._kill(call, key, found, ref, signal)
            case StartContainer():
                return self._start(call, key, found, containers, now)
            case RenameContainer(_, name):
                return [*self._rename(key, found, name, containers, now), *answer(call)]
            case RemoveContainer(_, force, volumes):
                plain.check_removal(found, force)
                return [*self._forget(key, now), Tell("executor", Discard(key, volumes)), *answer(call)]
        raise ApiError(f"{type(request).__name__} is not possible here")

    def _run(self, call, request: Run, containers, rows):
        plain.check_name(request.name, containers)
        if why := health.refusal(request.settings.healthcheck):
            raise ApiError(why)
        targets = request.networks or (NetworkTarget("bridge"),)
        joined = tuple(join(target, rows, self.in_swarm) for target in targets)
        name = request.name.removeprefix("/") or plain.random_name(self.dice, containers)
        key = tokens.container_id(self.dice)
        number = plain.port_of(request.image)
        on_host = any(one.name == "host" for one in joined)
        ports = () if on_host else self._published(request.ports, containers)
        mine = Plain(name, (PortConfig(number, number),) if on_host else ports, joined, request.remove)
        fault = self._taken(key, mine, containers)
        (self.starts if request.start else self.makes)[key] = call
        wish = Prepare(key, request.image, name, request.args, dict(request.labels), ports, request.settings)
        return [*self._keep(key, mine._replace(fault=fault)), Tell("executor", wish)]

    def _published(self, ports, containers):
        """Where no port of the machine is named, one is chosen: here once, in reality at each start."""
        everything = (*containers, *self.kept.values())
        used = {(port.protocol, port.published_port) for one in everything for port in one.ports}
        chosen = []
        for port in ports:
            free = (number for number in CHOSEN if (port.protocol, number) not in used)
            own = port.published_port or next(free, 0)
            used.add((port.protocol, own))
            chosen.append(port._replace(published_port=own))
        return tuple(chosen)

    def _taken(self, key, mine, containers):
        """Why it cannot have the ports that it wants; '' if it can."""
        used = {
            (port.protocol, port.published_port) for one in containers if one.state == "running" for port in one.ports
        }
        used |= {
            (port.protocol, port.published_port) for one in self.kept.values() if one.running for port in one.ports
        }
        for port in mine.ports:
            if port.published_port and (port.protocol, port.published_port) in used:
                if mine.on_host:
                    return f"bind() to 0.0.0.0:{port.published_port} failed (98: Address already in use)"
                where = f"on endpoint {mine.name} ({key})"
                why = f"Bind for 0.0.0.0:{port.published_port} failed: port is already allocated"
                return f"driver failed programming external connectivity {where}: {why}"
        return ""

    def _stop(self, call, key, found, grace):
        if found.state not in ("running", "restarting"):
            return answer(call)
        self.ends.setdefault(key, []).append(call)
        return [Tell("executor", Stop(key, grace))]

    def _kill(self, call, key, found, ref, signal):
        word = signal.upper().removeprefix("SIG")
        if found.state != "running":
            raise ApiError(f"Cannot kill container: {ref}: Container {found.id} is not running")
        if word in ("KILL", "9"):
            return self._stop(call, key, found, 0)
        if word not in (*ENDING, *OTHERS):
            raise ApiError(f"Invalid signal: {signal}")
        return [*([Tell("executor", Stop(key, NEVER))] if word in ENDING else []), *answer(call)]

    def _start(self, call, key, found, containers, now):
        if found.state == "running":
            return answer(call)
        self.starts[key] = call
        if key not in self.kept:
            return [Tell("executor", Start(key))]
        self.kept[key] = self.kept[key]._replace(fault=self._taken(key, self.kept[key], containers))
        return self._begin(key, now)

    def _rename(self, key, found, name, containers, now):
        plain.check_new_name(found, name, containers)
        name = name.removeprefix("/")
        renamed = found._replace(name=name)
        self.recent.note(now, "container", "rename", renamed, ("oldName", f"/{found.name}"))
        if key not in self.kept:
            return [Tell("executor", Rename(key, name))]
        mine = self.kept[key]._replace(name=name)
        kept = self._shown(key, mine) if mine.running else self._keep(key, mine)
        return [*kept, Tell("executor", Rename(key, name))]

    # ── what the runtime says ────────────────────────────────────────────────────────────────────────────────────

    def hear(self, message: Any, rows: Sequence[NetworkRow], now: int) -> list:
        match message:
            case Prepared(key) if key in self.makes:
                return answer(self.makes.pop(key), key)
            case Prepared(key) if key in self.starts:
                return self._begin(key, now)
            case Running(key):
                return self._running(key, rows, now)
            case Broken(key, reason) if key in self.starts:
                return [*self._forget(key, now), *answer(self.starts.pop(key), error=reason)]
            case Broken(key, reason) if key in self.makes:
                return [*self._forget(key, now), *answer(self.makes.pop(key), error=reason)]
            case Exited(key):
                return self._ended(key, now)
        return []

    def _begin(self, key, now):
        """Start it; where a port is taken, Docker refuses, but on the host's network the process itself fails.

        On an overlay it has an address before it starts.
        """
        mine = self.kept[key]
        if mine.fault and not mine.on_host:
            return self._unstarted(key, mine.fault, now)
        for one in mine.networks:
            if one.swarm and not one.address:
                return self.attaching.ask(Ask(key, one.name, ends=now + PATIENCE), now)
        return [Tell("executor", Start(key, mine.fault))]

    def _unstarted(self, key, reason, now):
        """Whoever wanted it to start hears why it does not; one that was to go when it ends goes now."""
        refused = answer(self.starts.pop(key), error=reason)
        if not self.kept[key].remove:
            return refused
        return [*self._forget(key, now), Tell("executor", Discard(key, volumes=True)), *refused]

    def _running(self, key, rows, now):
        done = answer(self.starts.pop(key), key) if key in self.starts else []
        if key not in self.kept:
            return done
        mine = self.kept[key]
        if mine.fault:  # the process ends at once
            return done
        joined = tuple(self._with_address(one, rows) for one in mine.networks)
        for row in (row for row in rows if any(one.network == row.id for one in joined)):
            self._note(now, "connect", key, row)
        late = [Ask(key, one.name) for one in joined if one.swarm and not one.address]  # the engine restarted it
        asked = [effect for ask in late for effect in self.attaching.ask(ask, now)]
        return [*self._shown(key, mine._replace(networks=joined, running=True)), *done, *asked]

    def _with_address(self, joined, rows):
        row = next((row for row in rows if row.id == joined.network), None)
        if row is None or not row.subnet or joined.address:
            return joined
        taken = [one.address for other in self.kept.values() for one in other.networks if one.network == row.id]
        return joined._replace(address=networks.free_address(row, taken))

    def _ended(self, key, now):
        done = [effect for call in self.ends.pop(key, ()) for effect in answer(call)]
        if key not in self.kept:
            return done
        mine = self.kept[key]
        if mine.remove:
            return [*self._forget(key, now), Tell("executor", Discard(key, volumes=True)), *done]
        hidden = [Tell("mesh", Detach(key))] if mine.running else []
        kept = self._keep(key, mine._replace(networks=silent(mine), running=False))
        return [*hidden, *kept, *self._give_back(key, mine.networks, now), *done]

    # ── networks of the swarm ────────────────────────────────────────────────────────────────────────────────────

    def boot(self, now: int) -> list:
        """What had an address on an overlay has it no more: whatever starts again asks for another one."""
        effects: list = []
        for key, mine in list(self.kept.items()):
            if any(one.attachment for one in mine.networks):
                after = tuple(without(one) if one.attachment else one for one in mine.networks)
                effects += [*self._give_back(key, mine.networks, now), *self._keep(key, mine._replace(networks=after))]
        return effects

    def _give_back(self, key, networks, now):
        asks = self.attaching.forget(key)
        calls = [ask.call for ask in asks if ask.call is not None]
        refused = [effect for call in calls for effect in answer(call, error=f"Container {key} is not running")]
        tasks = [one.attachment for one in networks] + [ask.task for ask in asks]
        return [*refused, *self.attaching.leave({task: key for task in tasks if task}, now)]

    def lent(self, word: Lent | TakenBack, now: int) -> list:
        """The managers have given a container an address, or taken it back."""
        mine = self.kept.get(word.container)
        if isinstance(word, TakenBack):
            back = self.attaching.leave({word.task: word.container}, now) if word.kept else []
            return [*back, *(self._lose(word, mine) if mine else [])]
        ask = self.attaching.given(word.container, (word.name, word.network))
        if mine is None or ask is None:
            return self.attaching.leave({word.task: word.container}, now)
        address, _, mask = word.address.partition("/")
        own = {"network": word.network, "name": word.name, "internal": word.internal}
        new = {**own, "address": address, "mask": mask, "attachment": word.task}
        joined = (*mine.networks, ask.joined) if ask.joined else mine.networks
        after = tuple(one._replace(**new) if one.name == ask.network else one for one in joined)
        row = NetworkRow(word.network, word.name, "overlay", "swarm", {})
        self._note(now, "connect", word.container, row)
        mine = mine._replace(networks=after)
        if mine.running:
            return [*self._shown(word.container, mine), *(answer(ask.call) if ask.call is not None else [])]
        return [*self._keep(word.container, mine), *self._begin(word.container, now)]

    def _lose(self, word, mine):
        after = tuple(without(one) if one.attachment == word.task else one for one in mine.networks)
        if after == mine.networks:
            return []
        mine = mine._replace(networks=after)
        return self._shown(word.container, mine) if mine.running else self._keep(word.container, mine)

    def answered(self, reply: Reply, now: int) -> list:
        """The managers say whether there will be an address, or that one is theirs again."""
        used = [one.attachment for mine in self.kept.values() for one in mine.networks]
        if reply.value and reply.value in used:  # it was asked twice, and the address has come
            return []
        effects, failed = self.attaching.hear(reply, now)
        return [*effects, *(self._fail(failed, now) if failed else [])]

    def wake(self, now: int) -> list:
        effects, failed = self.attaching.wake(now)
        return [*effects, *(effect for one in failed for effect in self._fail(one, now))]

    def _fail(self, failed: Failed, now: int) -> list:
        """It does not start, and what it had got elsewhere is given back; one that runs goes on without."""
        key, call = failed.ask.container, failed.ask.call
        back = self.attaching.leave({failed.ask.task: key}, now) if failed.ask.task else []
        if call is not None:
            return [*back, *answer(call, error=failed.reason)]
        mine = self.kept[key]
        kept = self._keep(key, mine._replace(networks=silent(mine)))
        back += self._give_back(key, mine.networks, now)
        return [*kept, *back, *self._unstarted(key, failed.reason, now)]

    # ── networks ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _change_networks(self, call, request, containers, rows, now):
        row = meant(request.network, (*rows, *self._overlays(rows)), self.in_swarm and isinstance(request, Connect))
        found = plain.find(request.container, containers)
        if found.id not in self.kept:
            raise ApiError(f"container {found.id} belongs to a task: only plain containers are connected by hand here")
        mine = self.kept[found.id]
        if isinstance(request, Connect):
            after, late = self._connected(mine, row, request, rows), []
            if mine.running and row.scope == "swarm":
                ask = Ask(found.id, row.name, request.address, now + PATIENCE, call, after.networks[-1])
                return self.attaching.ask(ask, now)
        else:
            after = disconnected(mine, row, found)
            late = self.attaching.forget(found.id, row.name)
        self._note(now, type(request).__name__.lower(), found.id, row)
        changed = self._shown(found.id, after) if mine.running else self._keep(found.id, after)
        left = [one.attachment for one in mine.networks if one not in after.networks] + [ask.task for ask in late]
        back = self.attaching.leave({task: found.id for task in left if task}, now)
        return [*changed, *back, *answer(call)]

    def _overlays(self, rows):
        """Networks of the swarm that containers of this machine are to be on, as far as they are not among these."""
        known = {row.id: None for row in rows}
        joined = {one.network: one for mine in self.kept.values() for one in mine.networks if one.swarm}
        return [NetworkRow(id, one.name, "overlay", "swarm", {}) for id, one in joined.items() if id not in known]

    def _connected(self, mine, row, request, rows):
        if mine.on_host or row.name == "host":
            raise ApiError("container cannot be disconnected from host network or connected to host network")
        if row.name == "none" or any(one.name == "none" for one in mine.networks):
            text = "container cannot be connected to multiple networks with one of the networks in private (none) mode"
            raise ApiError(text)
        if row.scope == "swarm" and any(row.name == one.name and one.address for one in mine.networks):
            raise ApiError(f"{mine.name} is already attached to network {row.name}")
        if any(one.network == row.id or one.name == row.name for one in mine.networks):
            raise ApiError(f"endpoint with name {mine.name} already exists in network {row.name}")
        joined = join(NetworkTarget(request.network, request.aliases), rows, self.in_swarm)
        if request.address and not is_address(request.address):
            raise ApiError(f"invalid IPv4 address: {request.address}")
        if joined.swarm:
            return mine._replace(networks=(*mine.networks, joined))
        if request.address:
            joined = joined._replace(address=request.address)
        return mine._replace(networks=(*mine.networks, self._with_address(joined, rows) if mine.running else joined))

    def running(self, ref: str) -> tuple[str, ...]:
        """The ids of the plain containers that run here under this name, or whose id begins so."""
        runs = [(key, mine.name) for key, mine in self.kept.items() if mine.running]
        return tuple(key for key, name in runs if ref == name or (len(ref) >= 12 and key.startswith(ref)))

    def on_network(self, row: NetworkRow) -> tuple:
        """(container, name, address) of those that run on it."""
        runs = [(key, mine) for key, mine in self.kept.items() if mine.running]
        joined = [(key, mine.name, one) for key, mine in runs for one in mine.networks if one.network == row.id]
        return tuple((key, name, with_mask(one, (row,))) for key, name, one in joined)

    def with_networks(self, containers: Iterable[Container], rows: Sequence[NetworkRow]) -> tuple[Container, ...]:
        """The same containers, plain ones with the networks that they are on."""
        return tuple(
            one._replace(networks=self._rows_of(one.id, rows)) if one.id in self.kept else one for one in containers
        )

    def _rows_of(self, key, rows):
        return tuple((one.network, one.name, with_mask(one, rows), one.aliases) for one in self.kept[key].networks)

    # ── what the network knows of them ───────────────────────────────────────────────────────────────────────────

    def _shown(self, key, mine):
        return [*self._keep(key, mine), Tell("mesh", Expose(self._endpoint(key, mine)))]

    def _endpoint(self, key, mine):
        """On no network of the swarm; reached by ports of its own machine, and by those on the same bridge.

        Names are known on bridges that a person made, not on the one called `bridge`.
        """
        addresses = tuple((one.network, one.name, one.address) for one in mine.networks if one.address)
        named = [one for one in mine.networks if one.address and one.name != "bridge"]
        aliases = tuple((one.network, alias) for one in named for alias in (mine.name, key[:12], *one.aliases))
        ports = tuple(replace(port, publish_mode="host") for port in mine.ports)
        ways = [one for one in mine.networks if one.address and not one.internal]
        way_out = "host" if mine.on_host else "bridge" if ways else "none"
        made = Endpoint(key, mine.name, "", "", self.machine, addresses, virtual_ips=(), ports=ports, aliases=aliases)
        return made._replace(way_out=way_out)

    def _note(self, now, action, container, row):
        self.recent.note(
            now, "network", action, row.id, ("container", container), ("name", row.name), ("type", row.driver)
        )

    # ── bookkeeping ──────────────────────────────────────────────────────────────────────────────────────────────

    def _keep(self, key, mine):
        self.kept[key] = mine
        return [Save(f"container {key}", mine)]

    def _forget(self, key, now):
        mine = self.kept.pop(key, None)
        if mine is None:
            return []
        hidden = [Tell("mesh", Detach(key))] if mine.running else []
        return [*hidden, Save(f"container {key}", None), *self._give_back(key, mine.networks, now)]
