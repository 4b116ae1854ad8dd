"""Docker's flag grammar (pflag), and what `service create` makes of its flags."""

from typing import Any

import pytest
from fake_engine import FakeEngine

from swarmlab.docker.cli import execute
from swarmlab.docker.flags import Bad, Flag, parse
from swarmlab.effects import SECOND
from swarmlab.objects import (
    FileReference,
    HealthConfig,
    LogDriver,
    Mount,
    NetworkTarget,
    PortConfig,
    RestartPolicy,
    Secret,
    SecretSpec,
    ServiceSpec,
    UpdateConfig,
)

FLAGS = (
    Flag("detach", "bool", "", "d"),
    Flag("quiet", "bool", "", "q"),
    Flag("publish", "ports", "", "p"),
    Flag("name", "string", "", default=""),
    Flag("compose-file", "strings", "", "c"),
    Flag("replicas", "uint", ""),
)

# ── grammar ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("line", "flags", "words"),
    [
        ("--detach nginx", {"detach": True}, ("nginx",)),  # a switch does not eat the next word
        ("--detach=false nginx", {"detach": False}, ("nginx",)),
        ("-d=false nginx", {"detach": False}, ("nginx",)),
        ("-dp 80:80 nginx", {"detach": True, "publish": ("80:80",)}, ("nginx",)),
        ("-dp80:80", {"detach": True, "publish": ("80:80",)}, ()),
        ("-p=80 -p 81", {"publish": ("80", "81")}, ()),
        ("--name web -- --detach -q", {"name": "web", "detach": False}, ("--detach", "-q")),
        ("--name -d", {"name": "-d", "detach": False}, ()),  # a value may look like a flag
        ("--name= x", {"name": ""}, ("x",)),
        ("a -d b", {"detach": True}, ("a", "b")),
        ("- a", {}, ("-", "a")),
        ("-c a,b -c c", {"compose-file": ("a", "b", "c")}, ()),
        ("--replicas 0x10", {"replicas": 16}, ()),
        ("--replicas 1 --replicas 2", {"replicas": 2}, ()),
    ],
)
def test_what_is_a_flag_and_what_is_not(line: str, flags: dict, words: tuple) -> None:
    options = parse(line.split(" "), FLAGS)
    assert {name: options[name] for name in flags} == flags
    assert options.words == words


def test_a_command_line_for_a_container_ends_the_flags_at_its_first_word() -> None:
    options = parse("-d nginx sh -c true --name x".split(), FLAGS, interspersed=False)
    assert options.words == ("nginx", "sh", "-c", "true", "--name", "x")
    assert (options["detach"], options["name"]) == (True, "")


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("--bogus", "unknown flag: --bogus"),
        ("--det", "unknown flag: --det"),  # no abbreviations
        ("-x", "unknown shorthand flag: 'x' in -x"),
        ("-qx", "unknown shorthand flag: 'x' in -x"),
        ("-q=", "unknown shorthand flag: '=' in -="),
        ("-xq", "unknown shorthand flag: 'x' in -xq"),
        ("--name", "flag needs an argument: --name"),
        ("-p", "flag needs an argument: 'p' in -p"),
        ("-dp", "flag needs an argument: 'p' in -p"),
        ("---x", "bad flag syntax: ---x"),
        ("--=x", "bad flag syntax: --=x"),
        ("--quiet=", 'invalid argument "" for "-q, --quiet" flag: strconv.ParseBool: parsing "": invalid syntax'),
        (
            "-d=maybe",
            'invalid argument "maybe" for "-d, --detach" flag: strconv.ParseBool: parsing "maybe": invalid syntax',
        ),
        (
            "--replicas x --bogus",
            'invalid argument "x" for "--replicas" flag: strconv.ParseUint: parsing "x": invalid syntax',
        ),
        (
            "--replicas 99999999999999999999",
            'invalid argument "99999999999999999999" for "--replicas" flag: strconv.ParseUint: parsing '
            '"99999999999999999999": value out of range',
        ),
    ],
)
def test_faults_are_named_in_the_words_of_docker(line: str, error: str) -> None:
    with pytest.raises(Bad) as fault:
        parse(line.split(), FLAGS)
    assert str(fault.value) == error


# ── values: as docker 28.2.2 refuses them ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("flag", "value", "error"),
    [
        ("--mount", "type=volume,target=/x,bogus=1", "unexpected key 'bogus' in 'bogus=1'"),
        ("--mount", "source=a,target=/x,readonly=foo", "invalid value for readonly: foo"),
        (
            "--mount",
            "type=bind,source=a,target=/x,volume-nocopy",
            "cannot mix 'volume-*' options with mount type 'bind'",
        ),
        ("--mount", ",,", "invalid field '' must be a key=value pair"),
        ("--mount", "target", "invalid field 'target' must be a key=value pair"),
        ("--mount", "type=x", "target is required"),
        ("--mount", "type=tmpfs,target=/x,tmpfs-size=abc", "invalid value for tmpfs-size: abc"),
        ("--mount", "", "EOF"),
        ("-p", "80:80/foo", "invalid proto: foo"),
        ("-p", "x", "invalid containerPort: x"),
        ("-p", "1.2.3.4:80:80", "hostip is not supported"),
        ("-p", "mode=host", "missing mandatory field 'target'"),
        ("-p", "target=x", "invalid target port (x): value must be an integer: invalid syntax"),
        ("-p", "published=x,target=80", "invalid published port (x): value must be an integer: invalid syntax"),
        ("-p", "target=80,foo=bar", "invalid field key: foo"),
        ("-p", "target=80,protocol=xyz", "invalid protocol value 'xyz'"),
        ("-p", "8080-8082:80-81", "invalid ranges specified for container and host Ports: 80-81 and 8080-8082"),
        ("-p", "", "no port specified: <empty>"),
        ("--secret", "", "EOF"),
        ("--secret", "a=b", "invalid field in secret request: a"),
        ("--config", "a=b", "invalid field in config request: a"),
        ("--secret", "source=a,mode=x", 'invalid mode specified: strconv.ParseUint: parsing "x": invalid syntax'),
        ("--secret", "target=a", "source is required"),
        ("--secret", "source=a,b", "invalid field 'b' must be a key=value pair"),
        ("--env", "", "invalid environment variable: "),
        ("--label", "", "invalid label '': empty name"),
        ("--container-label", "=", "invalid label '=': empty name"),
        ("--network", "name=x,foo=b", "invalid field key foo"),
        ("--network", "alias=b", "network name/id is not specified"),
        ("--network", "name=x,alias", "invalid field alias"),
        ("--network", "name=x,driver-opt=foo", "invalid key value pair format in driver options"),
        ("--placement-pref", "x", 'placement preference must be of the format "<strategy>=<arg>"'),
        ("--limit-cpu", "x", "failed to parse x as a rational number"),
        ("--limit-cpu", "1/3", "value is too precise"),
        ("--limit-memory", "-1", "invalid size: '-1'"),
        ("--limit-pids", "x", 'strconv.ParseInt: parsing "x": invalid syntax'),
        ("--health-interval", "-1s", "duration cannot be negative"),
        ("--stop-grace-period", "1d", 'time: unknown unit "d" in duration "1d"'),
        ("--restart-delay", "5", 'time: missing unit in duration "5"'),
        ("--update-max-failure-ratio", "x", 'strconv.ParseFloat: parsing "x": invalid syntax'),
        ("--update-max-failure-ratio", "1e400", 'strconv.ParseFloat: parsing "1e400": value out of range'),
        ("--generic-resource", "x", "invalid generic-resource format `x` expected `name=value`"),
    ],
)
def test_a_value_that_cannot_be_read_is_refused_in_the_words_of_docker(flag: str, value: str, error: str) -> None:
    engine = FakeEngine()
    result = execute(["service", "create", flag, value, "nginx"], engine)
    shown = {"-p": "-p, --publish", "--env": "-e, --env", "--label": "-l, --label"}.get(flag, flag)
    assert result.stderr == (
        f'invalid argument "{value}" for "{shown}" flag: {error}\n\n'
        "Usage:  docker service create [OPTIONS] IMAGE [COMMAND] [ARG...]\n\n"
        "Run 'docker service create --help' for more information\n"
    )
    assert (result.exit_code, engine.writes) == (125, [])


def test_a_filter_needs_a_value() -> None:
    assert "(expected name=value)" in execute("service ls --filter x", FakeEngine()).stderr


# ── the spec that is asked for ───────────────────────────────────────────────────────────────────────────────────


def asked(line: str, **env: str) -> Any:
    engine = FakeEngine(Secret("i" * 25, SecretSpec("db_pass")), files={"vars": b"# note\nA=file\nB=2\n\n"})
    engine.env = env
    result = execute(f"service create -d {line}", engine)
    assert (result.stderr, result.exit_code) == ("", 0)
    return engine.writes[0].spec


def test_nothing_asked_is_dockers_default() -> None:
    spec = asked("nginx:alpine")
    assert spec == ServiceSpec(task=spec.task)
    assert spec.task.container.image.partition("@")[0] == "nginx:alpine"
    assert (spec.task.restart, spec.update, spec.rollback) == (RestartPolicy(), UpdateConfig(), UpdateConfig())


@pytest.mark.parametrize(
    ("line", "path", "value"),
    [
        ("nginx", "task.container.image", "nginx:latest"),
        ("localhost:5000/a/b", "task.container.image", "localhost:5000/a/b:latest"),
        ("'Bad Image'", "task.container.image", "Bad Image"),
        ("nginx sh -c 'a b'", "task.container.args", ("sh", "-c", "a b")),
        ("--entrypoint 'sh -c' n", "task.container.command", ("sh", "-c")),
        ("--name web -l a=1 -l b n", "labels", {"a": "1", "b": ""}),
        ("--container-label x=y n", "task.container.labels", {"x": "y"}),
        ("-e B=1 -e A=1 -e B=2 n", "task.container.env", ("A=1", "B=2")),
        ("-e HOME -e NONE n", "task.container.env", ("HOME=/root", "NONE")),
        ("--env-file vars -e A=flag n", "task.container.env", ("B=2", "A=flag")),
        ("--replicas 0 n", "replicas", 0),
        ("--mode global n", "mode", "global"),
        ("--mode replicated-job --replicas 5 --max-concurrent 2 n", "max_concurrent", 2),
        ("--mode replicated-job --replicas 5 n", "max_concurrent", 5),
        ("-p 8080:80 -p 53/udp n", "endpoint.ports", (PortConfig(80, 8080), PortConfig(53, 0, "udp"))),
        ("-p published=9000,target=90,mode=host,protocol=udp n", "endpoint.ports", (PortConfig(90, 9000, "udp", "host"),)),
        ("--endpoint-mode dnsrr n", "endpoint.mode", "dnsrr"),
        ("--network a --network name=b,alias=x n", "task.networks", (NetworkTarget("a"), NetworkTarget("b", ("x",)))),
        ("--constraint node.role==worker n", "task.placement.constraints", ("node.role==worker",)),
        ("--placement-pref spread=node.labels.rack n", "task.placement.preferences", ("node.labels.rack",)),
        ("--replicas-max-per-node 2 n", "task.placement.max_replicas", 2),
        ("--limit-cpu .5 n", "task.limits.nano_cpus", 500_000_000),
        ("--reserve-memory 64M n", "task.reservations.memory", 64 << 20),
        ("--generic-resource gpu=2 n", "task.reservations.generic", {"gpu": 2}),
        ("--restart-condition none --restart-delay 2s n", "task.restart", RestartPolicy("none", 2 * SECOND)),
        ("--update-parallelism 0 --update-order start-first n", "update", UpdateConfig(0, order="start-first")),
        ("--rollback-monitor 1m n", "rollback", UpdateConfig(monitor=60 * SECOND)),
        ("--health-cmd 'exit 1' --health-retries 2 n", "task.container.healthcheck",
         HealthConfig(("CMD-SHELL", "exit 1"), retries=2)),
        ("--no-healthcheck n", "task.container.healthcheck", HealthConfig(("NONE",))),
        ("--stop-grace-period 2s n", "task.container.stop_grace_period", 2 * SECOND),
        ("--mount type=volume,src=data,dst=/x,ro n", "task.container.mounts", (Mount("volume", "data", "/x", True),)),
        ("--mount type=volume,src=a,dst=/x,volume-driver=d,volume-opt=o=1,volume-label=l=2,volume-nocopy n",
         "task.container.mounts", (Mount("volume", "a", "/x", False, {  # as from a stack file
             "driver": "d", "driver_options": {"o": "1"}, "labels": {"l": "2"}, "no_copy": True}),)),
        ("--mount type=tmpfs,dst=/x,tmpfs-size=1k,tmpfs-mode=1777 n", "task.container.mounts",
         (Mount("tmpfs", "", "/x", False, {"size_bytes": 1024, "mode": 0o1777}),)),
        ("--secret db_pass n", "task.container.secrets", (FileReference("i" * 25, "db_pass", "db_pass"),)),
        ("--secret source=db_pass,target=p,mode=0400,uid=5 n", "task.container.secrets",
         (FileReference("i" * 25, "db_pass", "p", "5", mode=0o400),)),
        ("--log-driver fluentd --log-opt tag=x n", "task.log_driver", LogDriver("fluentd", {"tag": "x"})),
        ("-u 1000 -w /srv --read-only n", "task.container.options",
         {"init": False, "user": "1000", "dir": "/srv", "read_only": True}),
        ("--with-registry-auth n", "task.container.options", {"init": False}),
    ],
)  # fmt: skip
def test_what_a_flag_asks_for(line: str, path: str, value: Any) -> None:
    found = asked(line, HOME="/root")
    for name in path.split("."):
        found = getattr(found, name)
    if path == "task.container.image":
        found = found.partition("@")[0]  # the digest is another rule's business
    assert found == value


def test_a_text_with_an_open_quote_is_refused_as_a_shell_does() -> None:
    engine = FakeEngine()
    result = execute("service create --name 'web nginx", engine)
    assert (result.exit_code, result.stdout, engine.writes) == (2, "", [])


def test_the_word_docker_may_stand_in_front_and_words_may_come_apart() -> None:
    assert execute("docker service ls", FakeEngine()) == execute(["service", "ls"], FakeEngine())


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("service list", "service ls"),
        ("container ls", "ps"),
        ("stack list", "stack ls"),
        ("network list", "network ls"),
    ],
)
def test_aliases(alias: str, name: str) -> None:
    assert execute(alias, FakeEngine()) == execute(name, FakeEngine())


def test_global_options_before_the_command_are_accepted() -> None:
    assert execute("-D -H tcp://x --log-level debug service ls", FakeEngine()) == execute("service ls", FakeEngine())
    assert execute("--version", FakeEngine()).stdout.startswith("Docker version ")
