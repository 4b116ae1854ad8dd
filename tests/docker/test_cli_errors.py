"""Refusals: the words and the exit code, as recorded, and nothing asked of the engine."""

import re

import pytest
from fake_engine import FakeEngine
from recorded import Entry, entries, words

from swarmlab.docker.cli import execute
from swarmlab.docker.commands import ABSENT, BY_NAME, COMMANDS, coverage
from swarmlab.docker.usage import usage_line
from swarmlab.messages import RemoveObject
from swarmlab.objects import ApiError, Description, Network, NetworkSpec, Node, Secret, SecretSpec, Service, ServiceSpec

DAEMON = "Error response from daemon: "


def supported(entry: Entry) -> bool:
    name = " ".join(entry.command.split()[1:3])
    plain = not re.search(r"[|$]\(|\||^time |2>&1|lock|deploy|stack rm", entry.command)
    return plain and (name in BY_NAME or entry.command.split()[1] in BY_NAME)


def named(entry: Entry) -> str:
    return f"{entry.file[:2]} {entry.command[7:90]}"


def swarm() -> FakeEngine:
    return FakeEngine(
        Service("w" * 25, ServiceSpec(name="web")),
        Service("a" * 25, ServiceSpec(name="agent", mode="global")),
        Secret("d" * 25, SecretSpec("db_pass_v2")),
        Secret("t" * 25, SecretSpec("api_token")),
        Node("n" * 25, description=Description("node2")),
        files=FILES,
    )


FILES = {"/dev/null": b"", "db_pass.txt": b"hunter2"}


CLIENT_SIDE = [e for e in entries() if e.exit_code and supported(e) and DAEMON not in e.output]
ENGINE_SIDE = [e for e in entries() if e.exit_code and supported(e) and e.output.startswith(DAEMON)]


@pytest.mark.parametrize("entry", CLIENT_SIDE, ids=named)
def test_what_the_client_refuses_is_worded_as_recorded(entry: Entry) -> None:
    engine = swarm()
    result = execute(entry.command, engine)
    nothing = "[]\n" if " inspect " in entry.command else ""  # the list of what was found, before what was not
    assert (result.stdout, nothing + result.stderr, result.exit_code) == (nothing, entry.output, entry.exit_code)
    assert engine.writes == []


@pytest.mark.parametrize("entry", ENGINE_SIDE, ids=named)
def test_what_the_engine_refuses_is_passed_on_as_recorded(entry: Entry) -> None:
    texts = re.findall(rf"{DAEMON}(.*)", entry.output)
    result = execute(entry.command, FakeEngine(script=lambda engine, request: ApiError(texts[0]), files=FILES))
    assert (result.stderr, result.exit_code) == (entry.output, entry.exit_code)


def test_enough_refusals_were_compared() -> None:
    assert len(CLIENT_SIDE) >= 20
    assert len(ENGINE_SIDE) >= 40


def test_scaling_says_whose_refusal_it_was() -> None:
    entry = next(e for e in entries() if e.command == "docker service scale nosuch=2")
    result = execute(entry.command, swarm())
    assert (result.stderr, result.exit_code) == (entry.output, 1)


def test_a_removal_goes_on_after_a_refusal() -> None:
    entry = next(e for e in entries() if e.command == "docker service rm web cache nosuch")
    engine = FakeEngine(Service("w" * 25, ServiceSpec(name="web")), Service("c" * 25, ServiceSpec(name="cache")))
    result = execute(entry.command, engine)
    assert result.stdout + result.stderr == entry.output
    assert result.exit_code == 1


def test_a_network_removal_ends_with_a_line_of_its_own() -> None:
    entry = next(e for e in entries() if e.command == "docker network rm app att br1 nosuch")
    script = lambda engine, request: isinstance(request, RemoveObject) or None  # noqa: E731
    networks = [Network(name * 8, NetworkSpec(name)) for name in ("app", "att", "br1")]
    result = execute(entry.command, FakeEngine(*networks, script=script))
    assert result.stdout + result.stderr == entry.output
    assert result.exit_code == 1


@pytest.mark.parametrize("ref", ["ingress", "i" * 25, "iii"])
def test_nobody_says_yes_to_the_removal_of_ingress(ref: str) -> None:
    entry = next(e for e in entries() if e.command == "docker network rm ingress")
    engine = FakeEngine(Network("i" * 25, NetworkSpec("ingress", ingress=True)))
    result = execute(f"network rm {ref}", engine)
    assert result.stdout.rstrip() == entry.output.rstrip()
    assert (result.exit_code, engine.writes) == (0, [])


def test_what_the_beginning_of_an_id_leaves_open_is_asked_back() -> None:
    engine = FakeEngine(*(Network(f"n{letter}" * 12, NetworkSpec(letter)) for letter in "ab"))
    why = "Error response from daemon: network n is ambiguous (2 matches found based on ID prefix)\n"
    assert execute("network rm n", engine).stderr == why + "exit status 1\n"
    assert execute("network inspect n", engine).stderr == why
    assert engine.writes == []


def test_some_missing_services_do_not_hide_the_others() -> None:
    result = execute("service ps web nosuch", swarm())
    assert result.stdout.startswith("ID  ")
    assert (result.stderr, result.exit_code) == ("no such service: nosuch\n", 1)


# ── as docker 28.2.2 answers without an engine ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("line", "stderr", "code"),
    [
        ("foo bar", "docker: unknown command: docker foo\n\nRun 'docker --help' for more information\n", 1),
        (
            "service foo",
            "docker: unknown command: docker service foo\n\nUsage:  docker service\n\n"
            "Run 'docker service --help' for more information\n",
            1,
        ),
        (
            "service ls --bogus",
            "unknown flag: --bogus\n\nUsage:  docker service ls [OPTIONS]\n\n"
            "Run 'docker service ls --help' for more information\n",
            125,
        ),
        (
            "--bogus",
            "unknown flag: --bogus\n\nUsage:  docker [OPTIONS] COMMAND [ARG...]\n\nRun 'docker --help' for more information\n",
            125,
        ),
        (
            "service --bogus ls",
            "unknown flag: --bogus\n\nUsage:  docker service\n\nRun 'docker service --help' for more information\n",
            125,
        ),
        (
            "service ls extra",
            "docker: 'docker service ls' accepts no arguments\n\nUsage:  docker service ls [OPTIONS]\n\n"
            "Run 'docker service ls --help' for more information\n",
            1,
        ),
        (
            "swarm join",
            "docker: 'docker swarm join' requires 1 argument\n\nUsage:  docker swarm join [OPTIONS] HOST:PORT\n\n"
            "Run 'docker swarm join --help' for more information\n",
            1,
        ),
        (
            "rm",
            "docker: 'docker rm' requires at least 1 argument\n\nUsage:  docker rm [OPTIONS] CONTAINER [CONTAINER...]\n\n"
            "See 'docker rm --help' for more information\n",
            1,
        ),
        ("swarm join-token foo", "unknown role foo\n", 1),
        ("stack deploy x", "Specify a Compose file (with --compose-file)\n", 1),
        ("stack deploy -c x '\" \"'", 'invalid stack name: "\\" \\""\n', 1),
        ("stack ps ''", 'invalid stack name: ""\n', 1),
        ("help foo", "unknown help topic: foo\n", 1),
        ("run -d -p x:y n", "docker: invalid containerPort: y\n\nRun 'docker run --help' for more information\n", 125),
        ("service create --mode global --replicas 2 n", "replicas can only be used with replicated or replicated-job mode\n", 1),
        ("service create --max-concurrent 2 n", "max-concurrent can only be used with replicated-job mode\n", 1),
        ("service create --no-healthcheck --health-cmd x n", "--no-healthcheck conflicts with --health-* options\n", 1),
        ("service create --env-file /nonexist n", "open /nonexist: no such file or directory\n", 1),
        ("service create --network '' n", "invalid network name or ID: value is empty\n", 1),
        ("service scale web=-1 b=x",
         'web: invalid replicas value -1: strconv.ParseUint: parsing "-1": invalid syntax\n'
         'b: invalid replicas value x: strconv.ParseUint: parsing "x": invalid syntax\n', 1),
    ],
)  # fmt: skip
def test_refusals_of_the_client(line: str, stderr: str, code: int) -> None:
    engine = swarm()
    result = execute(line, engine)
    assert (result.stdout, result.stderr, result.exit_code) == ("", stderr, code)
    assert engine.writes == []


@pytest.mark.parametrize("word", ["=", "web=", "web", "=3"])
def test_a_scale_needs_a_name_and_a_number(word: str) -> None:
    result = execute(["service", "scale", "web=1", word], swarm())
    assert result.stderr.startswith(
        f"invalid scale specifier '{word}'.\nSee 'docker service scale --help'.\n\nUsage:  docker"
    )
    assert result.exit_code == 1


# ── what Docker has and we have not ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", sorted(ABSENT))
def test_a_real_command_that_is_missing_is_not_called_unknown(name: str) -> None:
    engine = swarm()
    result = execute(f"{name} --whatever x", engine)
    assert result.stderr == f"'docker {name}' is a real command of Docker, but the simulation does not have it.\n"
    assert (result.stdout, result.exit_code, engine.writes) == ("", 1, [])


@pytest.mark.parametrize(
    ("flags", "name"), [("--gpus all", "gpus"), ("--cpus 2", "cpus"), ("-it", "interactive"), ("-w /a", "workdir")]
)
def test_a_real_flag_that_is_missing_is_not_called_unknown(flags: str, name: str) -> None:
    engine = swarm()
    result = execute(f"run -d {flags} nginx", engine)
    assert result.stderr == f"--{name} is a real flag of Docker, but the simulation does not have it.\n"
    assert (result.exit_code, engine.writes) == (1, [])


def test_no_command_is_both_there_and_missing() -> None:
    assert not ABSENT & set(BY_NAME)


def test_every_command_of_the_table_can_be_run_and_is_covered() -> None:
    from swarmlab.docker.cli import RUN

    assert {command.name for command in COMMANDS} == set(RUN)
    assert {support for _, _, support in coverage()} == {"supported", "simplified", "absent"}
    assert ("service create", "--replicas", "supported") in coverage()


# ── help ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_help_shows_usage_and_every_flag_within_80_columns(command) -> None:
    engine = swarm()
    result = execute(f"{command.name} --help", engine)
    assert result.stdout.startswith(f"{usage_line(command)}\n\n{command.help}\n")
    for flag in command.flags:
        assert f"--{flag.name}" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert (result.stderr, result.exit_code, engine.writes) == ("", 0, [])


def test_help_is_laid_out_as_dockers() -> None:
    shown = execute("service scale --help", swarm()).stdout
    assert shown == (
        "Usage:  docker service scale SERVICE=REPLICAS [SERVICE=REPLICAS...]\n\n"
        "Scale one or multiple replicated services\n\n"
        "Options:\n"
        "  -d, --detach   Return at once; without it the command waits until the service\n"
        "                 is stable\n"
    )


def test_help_wins_over_a_wrong_number_of_words_but_not_over_an_unknown_flag() -> None:
    assert execute("service ls x --help", swarm()).exit_code == 0
    assert execute("service ls --help --bogus", swarm()).exit_code == 125


def test_a_group_alone_prints_its_help_on_stderr() -> None:
    alone, asked = execute("service", swarm()), execute("service --help", swarm())
    assert alone.stderr == asked.stdout == execute("help service", swarm()).stdout
    assert (alone.stdout, alone.exit_code, asked.exit_code) == ("", 0, 0)
    assert execute("", swarm()).stderr == execute("--help", swarm()).stdout


def test_every_word_of_a_recorded_command_that_we_support_is_understood() -> None:
    """No recorded command line that worked is refused by the client."""
    refused = []
    for entry in entries():
        if supported(entry) and entry.exit_code == 0:
            result = execute(words(entry), FakeEngine(script=lambda engine, request: ApiError("seen")))
            refused += [entry.command] if result.exit_code == 125 or "real flag" in result.stderr else []
    assert refused == []


@pytest.mark.parametrize("name", ["service ls", "image list", "docker ps", ""])
def test_a_command_of_two_words_is_not_one_word(name: str) -> None:
    result = execute([name], swarm())
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"docker: unknown command: docker {name}\n")
