"""Whatever is typed, `execute` returns a result; what the client refuses changes nothing."""

import re
import shlex
from collections.abc import Callable

import pytest
from fake_engine import FakeEngine
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded import entries
from store_engine import StoreEngine

from swarmlab import Cluster
from swarmlab.check.laws import Laws
from swarmlab.check.store_laws import faults
from swarmlab.docker.cli import Result, execute
from swarmlab.docker.commands import ABSENT, BY_NAME, COMMANDS
from swarmlab.docker.flags import Flag
from swarmlab.manager.store import Store
from swarmlab.objects import ContainerSpec, Node, Service, ServiceSpec, Task, TaskSpec

NAMES = [command.name for command in COMMANDS]
FLAGS = sorted({flag.name for command in COMMANDS for flag in command.flags})
VALUES = [
    "",
    "web",
    "x",
    "0",
    "-1",
    "3",
    "8080:80",
    "source=a,target=b",
    "a=b",
    "1e9",
    "1s",
    "64M",
    "spread=x",
    "{{.ID}}",
    "ok.yml",
    "9" * 5000 + "s",
    "1" + "0" * 5000,
    "\ud800",
]

typed = st.text(max_size=12) | st.sampled_from(VALUES)
flags = st.sampled_from(FLAGS).map("--{}".format) | st.sampled_from("dqpefalcntvuw").map("-{}".format)
glued = st.builds("{}={}".format, flags, typed)
lines = st.builds(
    lambda name, rest: [*name.split(), *rest],
    st.sampled_from(NAMES) | st.sampled_from(sorted(ABSENT)) | st.text(max_size=8),
    st.lists(typed | flags | glued, max_size=6),
)


def swarm() -> FakeEngine:
    service = Service("w" * 25, ServiceSpec(name="web", task=TaskSpec(ContainerSpec(image="nginx@sha256:1"))))
    task = Task("t" * 25, service.id, "web", 1, "n" * 25, err="x" * 99)
    engine = FakeEngine(Node("n" * 25), service, task, files={"ok.yml": b"services: {a: {image: nginx}}"})
    engine.script = lambda engine, request: {"Run": "f" * 64}.get(type(request).__name__, made(request))
    engine.limit = engine.now + 2_000_000
    return engine


def made(request):
    from swarmlab import messages as m
    from swarmlab.objects import Cluster

    return {m.SwarmInit: m.InitAnswer("n", "t", "a"), m.RotateToken: Cluster("c"), m.GetCluster: Cluster("c")}.get(
        type(request)
    )


@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(lines)
def test_no_command_line_raises(words: list[str]) -> None:
    result = execute(words, swarm())
    assert isinstance(result, Result)
    assert result.exit_code in (0, 1, 64, 125, 130)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(st.text(max_size=60))
def test_no_text_raises(line: str) -> None:
    assert isinstance(execute(line, swarm()), Result)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(st.sampled_from(NAMES), st.lists(typed, max_size=3), st.integers(0, 3))
def test_an_unknown_flag_changes_nothing(name: str, words: list[str], place: int) -> None:
    rest = (
        [word for word in words if not word.startswith("-")][:place]
        if name not in ("run", "exec", "service create")
        else []
    )
    engine = swarm()
    result = execute([*name.split(), *rest, "--no-such-flag", *words], engine)
    assert result.stderr.startswith("unknown flag: --no-such-flag\n\nUsage:  docker " + name)
    assert (result.stdout, result.exit_code, engine.writes) == ("", 125, [])


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(
    (st.text(min_size=1, max_size=12) | st.sampled_from(sorted(BY_NAME))).filter(
        lambda word: not word.startswith("-") and word != "docker"
    ),
    st.lists(typed, max_size=3),
)
def test_an_unknown_command_changes_nothing(word: str, words: list[str]) -> None:
    known = {name.split()[0] for name in [*NAMES, *ABSENT]} | {"container", "system", "help"}
    engine = swarm()
    result = execute([word, *words], engine)
    if word not in known:
        assert result.stderr == f"docker: unknown command: docker {word}\n\nRun 'docker --help' for more information\n"
        assert result.exit_code == 1
        assert engine.writes == []


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(lines)
def test_what_ends_with_125_changed_nothing(words: list[str]) -> None:
    engine = swarm()
    if execute(words, engine).exit_code == 125:
        assert engine.writes == []


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(st.text(alphabet="{}.ID |-jsonfedl\\t\"' ", max_size=25))
def test_no_template_raises(template: str) -> None:
    assert execute(["service", "ls", "--format", template], swarm()).exit_code in (0, 1)


def test_every_recorded_command_line_can_be_typed() -> None:
    for entry in entries():
        try:
            words = shlex.split(entry.command.split("|")[0])
        except ValueError:
            continue
        if words[:1] == ["docker"]:
            assert isinstance(execute(words, swarm()), Result)


# ── lines that could have been meant, on an engine that really checks ────────────────────────────────────────────

JUNK = ["", "x", "-1", "a=b", "=", "é", "a\nb", "1e9", "--", "{{", "a,b", '"']
BY_KIND = {  # what could stand there, for every kind of value
    "bool": ["true", "false"],
    "int": ["0", "1", "-3", "0x10", "9223372036854775808"],
    "uint": ["0", "1", "2", "18446744073709551615", "18446744073709551616"],
    "uint32": ["0", "8", "29", "30", "4790", "80"],
    "float": ["0", "0.5", "2", "-1", "nan", "1e999"],
    "duration": ["0s", "1s", "-1s", "1us", "30m", "720h", "1"],
    "health duration": ["0s", "1s", "1us", "1ms"],
    "decimal": ["0", "0.5", "0.0001", "1/3", "-1"],
    "bytes": ["0", "64M", "1k", "5G", "-1"],
    "list": ["node.role==worker", "node.labels.zone!=a", "a", "zone", "zone=b", "x y"],
    "strings": ["10.9.0.0/24", "10.9.0.1", "ok.yml", "bad.yml"],
    "env": ["A", "B=2", "A="],
    "label": ["tier=back", "x"],
    "map": ["encrypted=", "com.docker.network.driver.mtu=1450"],
    "filter": ["name=web", "label=x", "id=w", "mode=global", "color=red", "node=node2", "desired-state=running"],
    "port": ["80", "8081:80", "8080:80", "80-81:90-91", "published=9,target=80,mode=host", "53:53/udp", "99999:1"],
    "mount": [
        "type=volume,source=data,target=/data",
        "type=bind,src=/a,dst=/b",
        "type=x,dst=/x",
        "dst=/data,type=tmpfs",
    ],
    "network": ["front", "ingress", "bridge", "name=front,alias=w", "nosuch"],
    "secret": ["key", "source=key,target=k2,mode=0400", "nosuch"],
    "config": ["site", "source=site,target=/etc/site", "nosuch"],
    "generic": ["gpu=1", "gpu=a", "gpu", "gpu=-1", "gpu=1=2"],
    "pref": ["spread=node.labels.zone", "spread=", "stack=x"],
    "command": ["", "sleep 3", "sh -c 'a b'", "'"],
    "address": ["1.1.1.1", "::1", "300.1.1.1"],
    "domain": ["example.org", ".", "-"],
    "host": ["db:10.0.0.7", "db=::1", "db"],
    "ulimit": ["nofile=1:2", "nofile=2:1", "core=-1", "x=1"],
    "pools": ["10.20.0.0/16", "10.20.0.0"],
    "listen address": ["eth0", "0.0.0.0:2377", "a:b"],
    "external ca": ["protocol=cfssl,url=https://ca", "url=x"],
}
BY_NAME_OF_FLAG = {
    "availability": ["active", "Drain", "away"],
    "compose-file": ["ok.yml", "bad.yml", "nosuch.yml"],
    "driver": ["overlay", "bridge", "nosuch"],
    "endpoint-mode": ["vip", "dnsrr", "foo"],
    "format": ["json", "{{.ID}}", "table {{.Name}}", "{{.Nosuch}}", "{{"],
    "image": ["nginx:1.26", "Bad Image", "redis", "nosuch/image:9"],
    "log-driver": ["json-file", "syslog"],
    "mode": ["replicated", "global", "replicated-job", "global-job", "weird"],
    "name": ["new", "web", "a b"],
    "restart-condition": ["any", "none", "on-failure", "sometimes"],
    "role": ["worker", "manager", "boss"],
    "rollback-failure-action": ["pause", "rollback", "explode"],
    "rollback-order": ["stop-first", "last"],
    "update-failure-action": ["pause", "rollback", "explode"],
    "update-order": ["start-first", "last"],
}
WORDS = {
    "service": ["web", "agent", "job", "w", "nosuch"],
    "node": ["node1", "node2", "node3", "self", "nosuch"],
    "secret": ["key", "new", "-", "file", "nosuch"],
    "config": ["site", "new", "-", "file", "nosuch"],
    "network": ["front", "new", "ingress", "nosuch"],
    "stack": ["shop", "nosuch", ""],
    "swarm": ["worker", "manager", "10.77.0.11:2377", "x"],
}
OWN_WORDS = {
    "service create": ["nginx", "redis:7", "Bad Image", "nosuch/image:9", "sleep", "3"],
    "service scale": ["web=3", "job=2", "agent=1", "web=-1", "web", "=2", "nosuch=1", "web=99999999999999999999"],
}
FILES = {
    "file": b"content",
    "-": b"typed",
    "ok.yml": b"services: {a: {image: nginx, deploy: {replicas: 2}}}",
    "bad.yml": b"services: {a: {image: nginx, bogus: 1}}",
}
ONE_BY_ONE = ("service rm", "service scale", "secret rm", "config rm", "network rm", "node", "stack")
SWARM_COMMANDS = [c for c in COMMANDS if c.name.split()[0] in WORDS and c.name not in ("service logs",)]


def value_of(flag: Flag) -> st.SearchStrategy:
    usual = BY_NAME_OF_FLAG.get(flag.name) or BY_KIND.get(flag.kind) or JUNK
    return st.sampled_from(usual * 4 + JUNK)


@st.composite
def meant(draw: st.DrawFn, allowed: Callable[[Flag], bool] = lambda flag: True) -> list[str]:
    """A command with flags of its own and words that could be right, now and then spoilt."""
    command = draw(st.sampled_from(SWARM_COMMANDS))
    flags = [flag for flag in command.flags if flag.support != "absent" and allowed(flag)]
    line = command.name.split()
    for flag in draw(st.lists(st.sampled_from(flags), max_size=4)) if flags else ():
        value = draw(value_of(flag))
        if flag.kind == "bool":
            line.append(draw(st.sampled_from([f"--{flag.name}", f"--{flag.name}", f"--{flag.name}={value}"])))
        else:
            line += [f"--{flag.name}={value}"] if draw(st.booleans()) else [f"--{flag.name}", value]
    pool = OWN_WORDS.get(command.name) or WORDS[command.name.split()[0]]
    most = command.least + 1 if command.most is None else command.most
    number = draw(st.sampled_from([command.least, command.least, most, command.least + 1]))
    return line + [draw(st.sampled_from(pool * 3 + JUNK)) for _ in range(number)]


def contents(store: Store) -> dict:
    return {kind: dict(table) for kind, table in store.tables.items()}


@settings(max_examples=1200, deadline=None, derandomize=True, database=None)
@given(meant())
def test_what_was_refused_left_nothing_behind_and_what_was_done_obeys_the_laws(words: list[str]) -> None:
    engine = StoreEngine(files=FILES)
    engine.limit = engine.now + 2_000_000
    before = contents(engine.store)
    result = execute(words, engine)
    assert result.exit_code in (0, 1, 64, 125, 130)
    assert bool(result.stderr) >= (result.exit_code in (1, 64, 125)), "a refusal says why"
    assert not re.search(r"Traceback|object at 0x|\w+Spec\(", result.stdout + result.stderr)
    name = " ".join(words)
    refused = result.exit_code in (64, 125) or (result.exit_code == 1 and not name.startswith(ONE_BY_ONE))
    if refused and "paused: " not in result.stderr:
        assert contents(engine.store) == before, result.stderr
    assert faults(engine.store) == []


def test_the_lines_are_a_fair_mixture() -> None:
    """Enough of them are carried out, and enough refused by the client and by the engine."""
    ends = {"done": 0, "client": 0, "engine": 0, "grammar": 0}

    @settings(max_examples=300, deadline=None, derandomize=True, database=None)
    @given(meant())
    def look(words: list[str]) -> None:
        engine = StoreEngine(files=FILES)
        engine.limit = engine.now + 1_000_000
        result = execute(words, engine)
        whose = "engine" if "from daemon" in result.stderr else "client"
        ends["grammar" if result.exit_code == 125 else whose if result.exit_code == 1 else "done"] += 1

    look()
    assert all(number > 20 for number in ends.values()), ends


def harmless(flag: Flag) -> bool:
    """A service of 100 000 tasks, which is allowed, is busy for longer than a test may last."""
    return flag.name != "replicas"


@pytest.fixture(scope="module")
def swarm_in_use() -> Cluster:
    cluster = Cluster(managers=1, workers=2, seed=5)
    for line in ("network create -d overlay front", "secret create key file", "config create site file"):
        cluster.docker(line, files={"file": "content"})
    cluster.docker("service create -d --name web --replicas 3 --network front --secret key -p 8080:80 nginx:1.25")
    cluster.docker("service create -d --name agent --mode global nginx")
    cluster.docker("service create -d --name job --mode replicated-job --replicas 2 alpine sleep 1")
    cluster.run_for(6)
    return cluster


def test_a_whole_swarm_survives_whatever_is_typed(swarm_in_use: Cluster) -> None:
    texts = {path: content.decode() for path, content in FILES.items()}

    @settings(max_examples=20, deadline=None, derandomize=True, database=None)
    @given(st.lists(meant(harmless), min_size=3, max_size=6))
    def type_them(lines: list[list[str]]) -> None:
        cluster = swarm_in_use.fork()
        Laws(cluster)
        for words in lines:
            result = cluster.docker(shlex.join(words), limit=2, files=texts)
            assert result.exit_code in (0, 1, 64, 125, 130)
        cluster.run_for(4)
        if cluster.store:  # one may have left
            assert faults(cluster.store) == []

    type_them()
