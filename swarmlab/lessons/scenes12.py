"""Scenes of lesson 12: secrets and configs copy by copy, a password that is changed, thieves, and a machine that should
not have come in."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..cluster import Cluster
from ..events import (
    CertificateIssued,
    Commanded,
    ConnectionRefused,
    ContainerExited,
    ContainerStarted,
    LoggedIn,
    LoginFailed,
)

SECOND = 1_000_000  # µs
DAY = 24 * 3600 * SECOND
PASSWORD = "correct-horse"
SETTINGS = {"prod": "greeting=prod\nanswer=20\n", "test": "greeting=test\n"}
SHOP = "http://worker-1:8080/"
VISITS = 5  # a second


def swarm(managers: int = 3, workers: int = 4, seed: int | str = 12, **options: Any) -> Cluster:
    """Managers, drained, and workers."""
    cluster = Cluster(managers=managers, workers=workers, seed=seed, **options)
    for number in range(managers):
        cluster.docker(f"node update --availability drain manager-{number + 1}")
    return cluster


def keep(cluster: Cluster, kind: str, name: str, content: str) -> str:
    """`printf … | docker secret create NAME -`: the dash says that the content comes by the pipe, not from a file."""
    result = cluster.docker(f"{kind} create {name} -", files={"-": content})
    return (result.stdout + result.stderr).strip()


def settled(cluster: Cluster, command: str, seconds: float = 5) -> Cluster:
    """The same cluster, some seconds after a command that must not be refused."""
    said = cluster.docker(command)
    if said.exit_code:
        raise ValueError(said.stderr.strip().splitlines()[0])
    cluster.run_for(seconds)
    return cluster


def inside(cluster: Cluster, service: str, command: str) -> str:
    """What `docker exec` prints in the first container of a service."""
    run = next(run for run in cluster.running if run.service == service)
    typed = f"exec $(docker ps -q --filter name={service}.{run.slot}.) {command}"
    return cluster.docker(typed, run.machine).stdout.strip()


def tell_life(life: Mapping[str, Sequence]) -> str:
    """How many copies there were, and where, instant by instant."""
    said = []
    for title, copies in life.items():
        machines = list(dict.fromkeys(copy.machine for copy in copies))
        said.append(f"{title}: {len(copies)} copies, on {', '.join(machines)}")
    return f"{'; '.join(said)}."


# ── configs ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def environments(cluster: Cluster) -> None:
    """One image, two services, each with a config of its own at /app.conf."""
    for name, content in SETTINGS.items():
        keep(cluster, "config", f"{name}.conf", content)
        cluster.docker(f"service create -d --name {name} --config source={name}.conf,target=/app.conf acme/app:1")
    cluster.run_for(5)


# ── a password is changed ────────────────────────────────────────────────────────────────────────────────────────────

DB = "service update --secret-rm pw1 --secret-add pw2 db"
CLIENT = "service update --secret-rm pw1 --secret-add source=pw2,target=db_password shop"
ORDERS = {"the database first": (DB, CLIENT), "the shop first": (CLIENT, DB)}


def shopping(seed: int | str = 12, **options: Any) -> Cluster:
    """A database that lets in who knows pw1, and a shop that logs in with it; a second password lies ready."""
    cluster = swarm(1, 3, seed, **options)
    cluster.docker("network create -d overlay back")
    keep(cluster, "secret", "pw1", "old")
    keep(cluster, "secret", "pw2", "new")
    cluster.docker("service create --name db --network back --secret pw1 --update-order start-first acme/db")
    door = "--publish 8080:80 --secret source=pw1,target=db_password"
    return settled(cluster, f"service create -d --name shop --replicas 2 --network back {door} acme/shop", 10)


def changed(cluster: Cluster, commands: Sequence[str], seconds: float = 15, visits: int = VISITS) -> Cluster:
    """A twin in which these commands are typed, one after the other, while visitors come."""
    twin = cluster.fork()
    if visits:
        from ..traffic.workload import Poisson

        twin.traffic(SHOP, Poisson(visits), seconds=60)
    twin.run_for(2)
    for command in commands:
        said = twin.docker(command)
        if said.exit_code:
            raise ValueError(f"{command}: {said.stderr.strip().splitlines()[0]}")
    twin.run_for(seconds)
    return twin


def began(cluster: Cluster) -> int:
    """When the first update was asked for, in µs; the end of the run if none was."""
    asked = (r.time for r in cluster.trace.of(Commanded) if "service update" in r.fact.command)
    return next(asked, round(cluster.now * SECOND))


def failed_logins(cluster: Cluster) -> int:
    """How often somebody was not let in since the first update."""
    since = began(cluster)
    return sum(r.time >= since for r in cluster.trace.of(LoginFailed))


class Lane(NamedTuple):
    """A container: whose, with which passwords, from when to when, and when it was turned away. Seconds."""

    slot: str
    passwords: tuple[str, ...]
    since: float
    until: float | None
    failed: tuple[float, ...]


def lanes(cluster: Cluster) -> list[Lane]:
    """Containers of the database and the shop that lived after the first update was asked for."""
    zero, trace = began(cluster), cluster.trace
    started = {r.fact.task: r.time for r in trace.of(ContainerStarted)}
    ended = {r.fact.task: r.time for r in trace.of(ContainerExited)}
    names = {service.id: service.spec.name for service in cluster.services}
    rows = []
    for task in sorted(cluster.tasks, key=lambda task: (names[task.service], task.slot, started.get(task.id, 0))):
        if task.id not in started or ended.get(task.id, zero) < zero:
            continue
        failed = [(r.time - zero) / SECOND for r in trace.of(LoginFailed) if r.fact.task == task.id and r.time >= zero]
        until = (ended[task.id] - zero) / SECOND if task.id in ended else None
        passwords = tuple(one.name for one in task.spec.container.secrets)
        since = (started[task.id] - zero) / SECOND
        rows.append(Lane(f"{names[task.service]}.{task.slot}", passwords, since, until, tuple(failed)))
    return rows


def fewest(cluster: Cluster, service: str) -> int:
    """How many containers of a service lived at the worst moment since the first update."""
    rows = [(row.since, row.until) for row in lanes(cluster) if row.slot.startswith(f"{service}.")]
    moments = [0.0, *(until for _, until in rows if until is not None)]
    return min(sum(since <= at and (until is None or at < until) for since, until in rows) for at in moments)


LANE, HEAD, FOOT = 0.4, 0.3, 0.5  # inches


def stacked(found: Sequence[Lane]) -> list[list[Lane]]:
    """Containers of one slot that follow each other share a line; those that live side by side do not."""
    lines: list[list[Lane]] = []
    for lane in found:
        last = lines[-1][-1] if lines else None
        if last and last.slot == lane.slot and last.until is not None and last.until <= lane.since:
            lines[-1].append(lane)
        else:
            lines.append([lane])
    return lines


def draw_logins(runs: Mapping[str, Cluster]) -> Any:
    """Who has which password, and where a login fails: a panel per run, on one time axis."""
    from ..viz import ink
    from ..viz.timeline import Timeline

    found = {title: stacked(lanes(cluster)) for title, cluster in runs.items()}
    last = max((cluster.now * SECOND - began(cluster)) / SECOND for cluster in runs.values())
    ax = ink.canvas(None, ink.WIDTH, sum(HEAD + LANE * len(rows) + FOOT for rows in found.values()) + 0.1)
    y = 0.05
    for title, rows in found.items():
        line = Timeline(ax, 1.0, ink.WIDTH - 1.2, -2, last)
        ink.write(ax, 0.12, y + 0.12, f"{title}: {failed_logins(runs[title])} failed logins", fontweight="bold")
        y += HEAD
        for row in rows:
            line.name(y + 0.25, row[0].slot)
            for lane in row:
                _draw_lane(line, lane, y)
            y += LANE
        line.draw_ticks(y)
        y += FOOT
    words = "seconds since the first update  ·  grey: has the old password, orange: the new one  ·  ✕ a login fails"
    ink.write(ax, 0.12, y - 0.05, words, fontsize=9)
    return ax


def _draw_lane(line: Any, lane: Lane, y: float) -> None:
    """A container: a band for each password that it has, and its failed logins above."""
    from ..viz import ink

    fills = {"pw1": ink.SOLID, "pw2": ink.HUES[0]}
    part = 0.2 / max(1, len(lane.passwords))
    for n, password in enumerate(lane.passwords):
        span = line.box(lane.since, line.end if lane.until is None else lane.until, y + 0.16 + n * part, part)
        ink.boxes(line.ax, [span], facecolor=fills[password], edgecolor=ink.INK, linewidth=0.8)
    for at in lane.failed:
        ink.write(line.ax, line.x(at), y + 0.07, "✕", color=ink.WRONG, ha="center", fontweight="bold")


def tell_logins(runs: Mapping[str, Cluster]) -> str:
    """The same in words."""
    return "; ".join(f"{title}: {failed_logins(run)} failed logins" for title, run in runs.items()) + "."


def turned_away(cluster: Cluster, title: str) -> dict[str, Any]:
    """The outage of a password changed in the wrong order as a bar. The fault is the first container with the new
    password; noticed at the first failed login; decided by the second command; healed when all of the shop are in."""
    zero, trace = began(cluster), cluster.trace
    of_new = {task.id for task in cluster.tasks if "pw2" in {one.name for one in task.spec.container.secrets}}
    fault = next(r.time for r in trace.of(ContainerStarted) if r.fact.task in of_new)
    failed = [r.time for r in trace.of(LoginFailed) if r.time >= zero]
    commands = [r.time for r in trace.of(Commanded) if "service update" in r.fact.command]
    came = [r.time for r in trace.of(LoggedIn) if r.time > max(failed, default=zero)]
    row = {
        "machine": "",
        "of": "task",
        "fault": fault,
        "noticed": failed[0] if failed else None,
        "decided": commands[1] if len(commands) > 1 else None,
        "healed": max(came, default=None),
        "title": title,
        "waiting": {"noticed": "no login failed yet", "decided": "one side changed"},
    }
    return row | {"lost": [one.arrived for one in trace.requests if one.status != 200 and one.arrived >= fault]}


# ── thieves ──────────────────────────────────────────────────────────────────────────────────────────────────────────

WHAT = {"the secret": "db_password", "the config": "app.conf"}
TASKS = {"one worker": 1, "two workers": 2, "every worker": 4}
LOCKS = {"off": "off", "on": "on", "on, and the thief has the key": "key"}
HOWS = {"its disk": "disk", "the running machine": "machine"}
_vaults: dict[tuple, Cluster] = {}


def vault(tasks: int = 1, locked: bool = False) -> Cluster:
    """A secret and a config, and so many tasks that use both; autolock on or off."""
    if (tasks, locked) not in _vaults:
        cluster = swarm(messages=False)
        keep(cluster, "secret", "db_password", PASSWORD)
        keep(cluster, "config", "app.conf", SETTINGS["prod"])
        if locked:
            cluster.docker("swarm update --autolock=true")
        files = "--secret db_password --config source=app.conf,target=/app.conf"
        settled(cluster, f"service create -d --name app --replicas {tasks} {files} acme/app:1")
        _vaults[tasks, locked] = cluster
    return _vaults[tasks, locked]


def unlock_key(cluster: Cluster) -> str:
    """What `docker swarm unlock-key` prints; '' without autolock."""
    said = cluster.docker("swarm unlock-key -q")
    return said.stdout.strip() if said.stdout.startswith("SWMKEY") else ""


def readable(copy: Any, how: str, has_key: bool = False) -> bool:
    """Whether who has this machine (its disk, or all of it while it runs) can read this copy."""
    if how == "machine":
        return not copy.sealed or copy.key == "beside it" or has_key
    if copy.on != "disk":
        return False
    return not copy.sealed or copy.key == "beside it" or has_key


def thief(
    steals: str = "manager-1", how: str = "disk", autolock: str = "off", tasks: int = 1, wants: str = "db_password"
) -> Any:
    """The picture of one theft, with what he can read in vermillion, and his words. Knobs of the lesson."""
    from ..viz.charts import draw_copies

    cluster = vault(tasks, autolock != "off")
    copies, has_key = cluster.where_is(wants), autolock == "key"

    def is_read(copy: Any) -> bool:
        return copy.machine == steals and readable(copy, how, has_key)

    found = [copy for copy in copies if is_read(copy)]
    places = " and ".join(dict.fromkeys(copy.place for copy in found))
    words = f"reads {wants} in: {places}" if found else f"does not get {wants}"
    drawn = draw_copies(copies, cluster.trace, stolen=[steals], wrong=is_read, says="can be read by the thief")
    return drawn, f"Who has {'the disk of ' * (how == 'disk')}{steals} {words}."


def loot(disk: Any, unlock_key: str = "") -> str:
    """What a stolen disk tells, in a line."""
    read = disk.read(unlock_key)
    found = [f"{name} = {content.decode()}" for name, content in read.secrets.items()]
    found += ["the key of the swarm's root certificate"] if read.root_key else []
    found += [f"{len(read.tokens)} join tokens"] if read.tokens else []
    return ", ".join(found) or read.why


# ── who is in ────────────────────────────────────────────────────────────────────────────────────────────────────────

FIRST = "192.168.50.100:2377"


def refusals(cluster: Cluster) -> list[str]:
    """Who did not speak with whom, and why."""
    return [f"{r.source} to {r.fact.other}: {r.fact.reason}" for r in cluster.trace.of(ConnectionRefused)]


def copies_on(cluster: Cluster, machine: str, name: str = "db_password") -> str:
    """Where on a machine this secret or config is."""
    return ", ".join(copy.place for copy in cluster.where_is(name) if copy.machine == machine)


# ── deeper ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def cut_off(minutes: int) -> Cluster:
    """Certificates that hold for an hour, and a worker that is cut off for some minutes."""
    cluster = Cluster(managers=1, workers=2, seed=12, messages=False)
    cluster.docker("swarm update --cert-expiry 1h")
    cluster.docker("swarm ca --rotate -q")
    cluster.run_for(10)
    cluster.partition(["worker-2"], ["manager-1", "worker-1"])
    cluster.run_for(60 * minutes)
    cluster.heal()
    cluster.run_for(20)
    return cluster


def issued(cluster: Cluster, machine: str) -> list[str]:
    """When a machine got its certificates, and why."""
    rows = [r for r in cluster.trace.of(CertificateIssued) if r.source == machine]
    return [f"{r.time / SECOND / 60:6.1f} min  {r.fact.role}, {r.fact.why}" for r in rows]
