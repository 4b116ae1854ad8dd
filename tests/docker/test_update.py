"""`docker service update`: what no flag names stays, lists change by -add and -rm, and the client's own refusals."""

import operator

import pytest
from fake_engine import FakeEngine

from swarmlab.docker.cli import execute
from swarmlab.docker.commands import BY_NAME
from swarmlab.messages import UpdateObject
from swarmlab.objects import (
    ApiError,
    Config,
    ConfigSpec,
    ContainerSpec,
    EndpointSpec,
    FileReference,
    HealthConfig,
    LogDriver,
    Mount,
    Network,
    NetworkSpec,
    NetworkTarget,
    Placement,
    PortConfig,
    Resources,
    RestartPolicy,
    Secret,
    SecretSpec,
    Service,
    ServiceSpec,
    TaskSpec,
    UpdateConfig,
    replace,
)

FULL = ServiceSpec(
    name="web",
    labels={"tier": "front", "old": "1"},
    task=TaskSpec(
        ContainerSpec(
            "nginx:1.25",
            labels={"a": "1"},
            command=("run",),
            args=("x", "y"),
            hostname="h",
            env=("A=1", "B=2"),
            mounts=(Mount("bind", "/etc", "/etc"), Mount("volume", "data", "/data")),
            healthcheck=HealthConfig(("CMD-SHELL", "true"), interval=5_000_000),
            secrets=(FileReference("s1", "pass", "pass"),),
            configs=(FileReference("c1", "site", "/site"),),
            options={
                "hosts": ("10.0.0.1 db cache", "10.0.0.2 db"),
                "capability_add": ("CAP_NET_ADMIN",),
                "capability_drop": ("CAP_KILL",),
                "dns_nameservers": ("1.1.1.1",),
                "groups": ("users",),
                "sysctls": {"a.b": "1"},
                "ulimits": (("nofile", 1, 2),),
                "user": "me",
            },
        ),
        limits=Resources(10**9, 1 << 30),
        reservations=Resources(5 * 10**8, 1 << 29, generic={"gpu": 2}),
        restart=RestartPolicy("on-failure", max_attempts=3),
        placement=Placement(("node.role==worker",), ("node.labels.zone",), 2),
        networks=(NetworkTarget("n1", ("api",)),),
        log_driver=LogDriver("syslog", {"tag": "x"}),
    ),
    replicas=3,
    update=UpdateConfig(2, delay=1_000_000),
    endpoint=EndpointSpec("vip", (PortConfig(80, 8080), PortConfig(53, 53, "udp", "host"))),
)


def engine(spec: ServiceSpec = FULL) -> FakeEngine:
    networks = [Network(f"n{n}", NetworkSpec(name=name)) for n, name in enumerate(("front", "back"), 1)]
    files = [Secret("s1", SecretSpec("pass")), Secret("s2", SecretSpec("pass2")), Config("c1", ConfigSpec("site"))]
    return FakeEngine(Service("w" * 25, spec, version=7), *networks, *files)


def after(flags: str, spec: ServiceSpec = FULL) -> ServiceSpec:
    session = engine(spec)
    result = execute(f"service update -d {flags} web", session)
    assert (result.stdout, result.exit_code) == ("web\n", 0), result.stderr
    (request,) = session.writes
    assert request[:3] == ("service", "w" * 25, 7)
    return request.spec


def test_no_flag_changes_nothing_and_is_written_all_the_same() -> None:
    assert after("") == FULL


def test_mounts_are_sorted_by_every_update_so_the_first_one_may_replace_tasks() -> None:
    mounts = FULL.task.container.mounts
    unsorted = replace(FULL, task=replace(FULL.task, container=replace(FULL.task.container, mounts=mounts[::-1])))
    assert after("--label-add a=b", unsorted).task.container.mounts == mounts


@pytest.mark.parametrize(
    ("flags", "field", "value"),
    [
        ("--args 'a \"b c\"'", "task.container.args", ("a", "b c")),
        ("--args ''", "task.container.args", ()),
        ("--entrypoint 'sh -c'", "task.container.command", ("sh", "-c")),
        ("--image redis", "task.container.image", "redis:latest"),
        ("--hostname ''", "task.container.hostname", ""),
        ("--stop-grace-period 3s", "task.container.stop_grace_period", 3_000_000),
        ("--stop-signal SIGINT", "task.container.stop_signal", "SIGINT"),
        ("--label-add tier=back --label-rm old --label-rm nosuch", "labels", {"tier": "back"}),
        ("--label-add old=2 --label-rm old", "labels", {"tier": "front", "old": "2"}),
        ("--container-label-add b=2 --container-label-rm a", "task.container.labels", {"b": "2"}),
        ("--env-add C=3 --env-add A=9", "task.container.env", ("A=9", "B=2", "C=3")),
        ("--env-rm A --env-rm nosuch", "task.container.env", ("B=2",)),
        ("--mount-rm /data --mount-rm /nosuch", "task.container.mounts", (Mount("bind", "/etc", "/etc"),)),
        (
            "--mount-add type=tmpfs,target=/data",
            "task.container.mounts",
            (Mount("tmpfs", "", "/data"), Mount("bind", "/etc", "/etc")),
        ),
        ("--health-cmd false", "task.container.healthcheck", HealthConfig(("CMD-SHELL", "false"), interval=5_000_000)),
        ("--health-cmd ''", "task.container.healthcheck", HealthConfig((), interval=5_000_000)),
        ("--health-retries 4", "task.container.healthcheck.retries", 4),
        ("--health-start-interval 4s", "task.container.healthcheck.start_interval", 0),  # Docker's client forgets it
        ("--no-healthcheck", "task.container.healthcheck", HealthConfig(("NONE",))),
        ("--secret-rm pass --secret-rm nosuch", "task.container.secrets", ()),
        (
            "--secret-rm pass --secret-add source=pass2,target=pass",
            "task.container.secrets",
            (FileReference("s2", "pass2", "pass"),),
        ),
        ("--config-rm site", "task.container.configs", ()),
        ("--limit-cpu 0", "task.limits", Resources(0, 1 << 30)),
        ("--limit-memory 64M --limit-pids 9", "task.limits", Resources(10**9, 1 << 26, 9)),
        ("--reserve-cpu 1", "task.reservations", Resources(10**9, 1 << 29, generic={"gpu": 2})),
        (
            "--generic-resource-add gpu=1 --generic-resource-add ssd=4",
            "task.reservations.generic",
            {"gpu": 1, "ssd": 4},
        ),
        ("--generic-resource-rm gpu", "task.reservations.generic", {}),
        ("--restart-condition any", "task.restart", RestartPolicy("any", max_attempts=3)),
        ("--restart-condition ''", "task.restart.condition", "any"),
        (
            "--restart-delay 1s --restart-window 2s",
            "task.restart",
            RestartPolicy("on-failure", 1_000_000, 3, 2_000_000),
        ),
        (
            "--constraint-add node.id!=a --constraint-rm nosuch",
            "task.placement.constraints",
            ("node.id!=a", "node.role==worker"),
        ),
        ("--constraint-rm node.role==worker", "task.placement.constraints", ()),
        ("--constraint-rm 'node.role == worker'", "task.placement.constraints", ("node.role==worker",)),
        ("--placement-pref-add spread=x", "task.placement.preferences", ("node.labels.zone", "x")),
        (
            "--placement-pref-rm spread=node.labels.zone --placement-pref-add spread=x",
            "task.placement.preferences",
            ("x",),
        ),
        ("--replicas-max-per-node 0", "task.placement.max_replicas", 0),
        (
            "--network-add name=back,alias=b",
            "task.networks",
            (NetworkTarget("n1", ("api",)), NetworkTarget("n2", ("b",))),
        ),
        ("--network-rm front", "task.networks", ()),
        ("--network-rm front --network-add front", "task.networks", (NetworkTarget("n1"),)),
        ("--log-driver json-file", "task.log_driver", LogDriver("json-file")),
        ("--log-opt tag=y", "task.log_driver", LogDriver("syslog", {"tag": "x"})),
        ("--force", "task.force_update", 1),
        ("--replicas 0", "replicas", 0),
        ("--update-parallelism 0 --update-order start-first", "update.parallelism", 0),
        ("--update-delay 0s", "update", UpdateConfig(2)),
        ("--update-failure-action ''", "update.failure_action", "pause"),
        ("--rollback-monitor 1s --rollback-max-failure-ratio 0.5", "rollback.max_failure_ratio", 0.5),
        ("--endpoint-mode dnsrr", "endpoint.mode", "dnsrr"),
        ("--publish-rm 80", "endpoint.ports", (PortConfig(53, 53, "udp", "host"),)),
        ("--publish-rm 53/udp", "endpoint.ports", FULL.endpoint.ports[::-1]),
        ("--publish-rm target=53,protocol=udp,mode=host", "endpoint.ports", (PortConfig(80, 8080),)),
        (
            "--publish-add 8081:80 --publish-add 8080:80",
            "endpoint.ports",
            (PortConfig(53, 53, "udp", "host"), PortConfig(80, 8080), PortConfig(80, 8081)),
        ),
    ],
)
def test_each_flag(flags: str, field: str, value: object) -> None:
    found = operator.attrgetter(field)(after(flags))
    assert (found.partition("@")[0] if field.endswith("image") else found) == value


@pytest.mark.parametrize(
    ("flags", "name", "value"),
    [
        ("--host-rm db", "hosts", ("10.0.0.1 cache",)),
        ("--host-rm db:10.0.0.2 --host-add x:::1", "hosts", ("10.0.0.1 db cache", "::1 x")),
        ("--dns-add 8.8.8.8 --dns-add 1.1.1.1", "dns_nameservers", ("1.1.1.1", "8.8.8.8")),
        ("--dns-rm 1.1.1.1", "dns_nameservers", None),
        ("--dns-search-add example.org.", "dns_search", ("example.org",)),
        ("--dns-option-add b --dns-option-add a", "dns_options", ("a", "b")),
        ("--group-add wheel", "groups", ("users", "wheel")),
        ("--sysctl-add c=2 --sysctl-rm a.b", "sysctls", {"c": "2"}),
        ("--ulimit-add core=0 --ulimit-add nofile=5", "ulimits", (("core", 0, 0), ("nofile", 5, 5))),
        ("--ulimit-rm nofile", "ulimits", None),
        ("--user '' --workdir /w", "user", None),
        ("--init=false", "init", False),
        ("--cap-add kill", "capability_drop", None),
        ("--cap-add kill", "capability_add", ("CAP_NET_ADMIN",)),
        ("--cap-drop net_admin", "capability_add", None),
        ("--cap-drop net_admin", "capability_drop", ("CAP_KILL",)),
        ("--cap-add reset --cap-add chown", "capability_add", ("CAP_CHOWN",)),
        ("--cap-add ALL", "capability_add", ("ALL",)),
        ("--cap-add a --cap-drop a", "capability_drop", ("CAP_KILL",)),
    ],
)
def test_what_is_only_stored(flags: str, name: str, value: object) -> None:
    assert after(flags).task.container.options.get(name) == value


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        ("--rollback --force", "other flags may not be combined with --rollback"),
        ("--generic-resource-rm ssd", "could not find generic-resource `ssd` to remove it"),
        ("--network-add front", "service is already attached to network front"),
        ("--network-add nosuch", "Error response from daemon: network nosuch not found"),
        ("--network-rm nosuch", "Error response from daemon: network nosuch not found"),
        ("--network-add ''", "invalid network name or ID: value is empty"),
        ("--secret-add nosuch", "secret not found: nosuch"),
        ("--config-add nosuch", "config not found: nosuch"),
        ("--secret-add pass2 --secret-add source=pass,target=pass2", "duplicate secret target for pass not allowed"),
        ("--mount-add type=tmpfs,dst=/a --mount-add type=tmpfs,dst=/a", "duplicate mount target"),
        ("--no-healthcheck --health-cmd x", "--no-healthcheck conflicts with --health-* options"),
    ],
)
def test_what_the_client_refuses_is_never_asked(flags: str, text: str) -> None:
    session = engine()
    result = execute(f"service update -d {flags} web", session)
    assert (result.stderr, result.stdout, result.exit_code, session.writes) == (text + "\n", "", 1, [])


@pytest.mark.parametrize("mode", ["global", "global-job", "replicated-job"])
def test_only_replicated_services_have_replicas_to_update(mode: str) -> None:
    result = execute("service update -d --replicas 2 web", engine(FULL._replace(mode=mode)))
    assert result.stderr == "replicas can only be used with replicated mode\n"


@pytest.mark.parametrize(
    ("flag", "value", "text"),
    [
        ("--dns-add", "x", "IP address is not correctly formatted: x"),
        ("--dns-search-add", "-", "- is not a valid domain"),
        ("--host-add", "db", 'bad format for add-host: "db"'),
        ("--host-add", "db:x", 'invalid IP address in add-host: "x"'),
        ("--ulimit-add", "nofile", "invalid ulimit argument: nofile"),
        ("--ulimit-add", "files=1", "invalid ulimit type: files"),
        ("--ulimit-add", "nofile=2:1", "ulimit soft limit must be less than or equal to hard limit: 2 > 1"),
        (
            "--ulimit-add",
            "nofile=1:2:3",
            "too many limit value arguments - 1:2:3, can only have up to two, `soft[:hard]`",
        ),
        ("--ulimit-add", "nofile=x", 'strconv.ParseInt: parsing "x": invalid syntax'),
        ("--generic-resource-add", "gpu", "invalid generic-resource format `gpu` expected `name=value`"),
        ("--args", "'a", "EOF found when expecting closing quote"),
        ("--publish-rm", "x", "invalid containerPort: x"),
        ("--placement-pref-rm", "x", 'placement preference must be of the format "<strategy>=<arg>"'),
    ],
)
def test_a_value_that_cannot_be_read_ends_with_the_usage(flag: str, value: str, text: str) -> None:
    result = execute(["service", "update", flag, value, "web"], FakeEngine())
    expected = (
        f'invalid argument "{value}" for "{flag}" flag: {text}\n\nUsage:  docker service update [OPTIONS] SERVICE'
    )
    assert result.stderr.startswith(expected)
    assert result.exit_code == 125


def test_somebody_who_wrote_in_between_is_not_overwritten() -> None:
    stale = ApiError("rpc error: code = Unknown desc = update out of sequence")
    session = engine()
    session.script = lambda engine, request: stale if isinstance(request, UpdateObject) else None
    result = execute("service update --replicas 5 web", session)
    expected = "Error response from daemon: rpc error: code = Unknown desc = update out of sequence\n"
    assert (result.stdout, result.stderr, result.exit_code) == ("", expected, 1)


def test_both_ways_to_roll_back_leave_it_to_the_engine() -> None:
    for command in (
        "service rollback -d web",
        "service update -d --rollback web",
        "service update -d -q --rollback web",
    ):
        session = engine()
        assert execute(command, session).stdout == "web\n"
        assert session.writes == [UpdateObject("service", "w" * 25, 7, FULL, rollback=True)]


def test_an_image_that_no_registry_has_is_no_reason_to_refuse() -> None:
    result = execute("service update -d --image nosuch/image:9 web", engine())
    assert result.stderr.startswith("image nosuch/image:9 could not be accessed on a registry to record\n")
    assert (result.stdout, result.exit_code) == ("web\n", 0)
    assert execute("service update -d --no-resolve-image --image nosuch/image:9 web", engine()).stderr == ""


def test_every_flag_of_docker_is_in_the_table() -> None:
    """Those of docker 28.2.2, which the table may call absent but must know."""
    from_docker = """args cap-add cap-drop config-add config-rm constraint-add constraint-rm container-label-add
    container-label-rm credential-spec detach dns-add dns-option-add dns-option-rm dns-rm dns-search-add dns-search-rm
    endpoint-mode entrypoint env-add env-rm force generic-resource-add generic-resource-rm group-add group-rm health-cmd
    health-interval health-retries health-start-interval health-start-period health-timeout host-add host-rm hostname
    image init isolation label-add label-rm limit-cpu limit-memory limit-pids log-driver log-opt max-concurrent
    mount-add mount-rm network-add network-rm no-healthcheck no-resolve-image oom-score-adj placement-pref-add
    placement-pref-rm publish-add publish-rm quiet read-only replicas replicas-max-per-node reserve-cpu reserve-memory
    restart-condition restart-delay restart-max-attempts restart-window rollback rollback-delay rollback-failure-action
    rollback-max-failure-ratio rollback-monitor rollback-order rollback-parallelism secret-add secret-rm
    stop-grace-period stop-signal sysctl-add sysctl-rm tty ulimit-add ulimit-rm update-delay update-failure-action
    update-max-failure-ratio update-monitor update-order update-parallelism user with-registry-auth workdir"""
    assert sorted(flag.name for flag in BY_NAME["service update"].flags) == sorted(from_docker.split())
