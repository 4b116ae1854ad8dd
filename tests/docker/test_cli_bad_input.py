"""Whatever is typed, `execute` returns a result; what the client refuses changes nothing."""

import shlex

from fake_engine import FakeEngine
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded import entries

from swarmlab.docker.cli import Result, execute
from swarmlab.docker.commands import ABSENT, COMMANDS
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
    assert result.exit_code in (0, 1, 125, 130)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(st.text(max_size=60))
def test_no_text_raises(line: str) -> None:
    assert isinstance(execute(line, swarm()), Result)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(st.sampled_from(NAMES), st.lists(typed, max_size=3), st.integers(0, 3))
def test_an_unknown_flag_changes_nothing(name: str, words: list[str], place: int) -> None:
    rest = [word for word in words if not word.startswith("-")][:place] if name not in ("run", "service create") else []
    engine = swarm()
    result = execute([*name.split(), *rest, "--no-such-flag", *words], engine)
    assert result.stderr.startswith("unknown flag: --no-such-flag\n\nUsage:  docker " + name)
    assert (result.stdout, result.exit_code, engine.writes) == ("", 125, [])


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(
    st.text(min_size=1, max_size=12).filter(lambda word: not word.startswith("-") and word != "docker"),
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
