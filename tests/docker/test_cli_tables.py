"""Every recorded table is printed again, byte for byte, from objects that say the same."""

import re

import pytest
from fake_engine import CLUSTER, FakeEngine
from recorded import NOW, Entry, entries, nodes_of, services_of, table, tasks_of, words

from swarmlab.docker.cli import execute
from swarmlab.docker.tables import ago, columns, natural
from swarmlab.effects import SECOND
from swarmlab.messages import Container, NetworkRow
from swarmlab.objects import PortConfig, Service, ServiceSpec, replace
from swarmlab.trust.papers import wanted


def recorded(*names: str) -> list[Entry]:
    """Entries of these commands that show a whole table."""
    return [
        entry
        for entry in entries()
        if entry.command.startswith(tuple(f"docker {name}" for name in names))
        and re.match(r"(NETWORK |CONTAINER )?ID\b.*  ", entry.output)
        and not re.search(r"--no-resolve|\||completed", entry.command + entry.output)
    ]


def named(entry: Entry) -> str:
    return f"{entry.file[:2]} {entry.command}"


def compare(entry: Entry, engine: FakeEngine) -> None:
    result = execute(entry.command, engine)
    assert result.stdout == entry.output
    assert (result.stderr, result.exit_code) == ("", 0)
    assert len(result.rows) == len(entry.output.splitlines()) - 1


@pytest.mark.parametrize("entry", recorded("service ps", "node ps"), ids=named)
def test_tasks_are_listed_as_recorded(entry: Entry) -> None:
    rows = table(entry.output)
    engine = FakeEngine(*tasks_of(rows), now=NOW)
    for name in words(entry)[2:]:  # services that were asked for and show no task, nodes that have none
        if "service ps" in entry.command and name not in str(engine.objects["service"]):
            engine.objects["service"].append(Service(f"id-of-{name}", ServiceSpec(name=name)))
    own = [node.id for node in engine.objects["node"] if node.hostname == entry.machine]
    engine.info = engine.info._replace(node=own[0] if own else "nothing")
    compare(entry, engine)


@pytest.mark.parametrize("entry", recorded("stack ps"), ids=named)
def test_tasks_of_a_stack_are_listed_as_recorded(entry: Entry) -> None:
    engine = FakeEngine(*tasks_of(table(entry.output)), now=NOW)
    for place, task in enumerate(engine.objects["task"]):
        container = replace(task.spec.container, labels={"com.docker.stack.namespace": "shop"})
        engine.objects["task"][place] = replace(task, spec=replace(task.spec, container=container))
    compare(entry, engine)


@pytest.mark.parametrize("entry", recorded("service ls", "stack services"), ids=named)
def test_services_are_listed_as_recorded(entry: Entry) -> None:
    engine = FakeEngine(*services_of(table(entry.output)))
    labels = {"com.docker.stack.namespace": "shop", "tier": "back" if "tier=back" in entry.command else "front"}
    services = engine.objects["service"]
    services[:] = [replace(service, spec=replace(service.spec, labels=labels)) for service in services]
    compare(entry, engine)


@pytest.mark.parametrize("entry", recorded("node ls"), ids=named)
def test_nodes_are_listed_as_recorded(entry: Entry) -> None:
    if "--filter" in entry.command:
        nodes, _ = nodes_of(table(entry.output.replace("    node", " *  node")))
        asked = next((row["ID"].split()[0] for row in table(entry.output) if row["ID"].endswith("*")), "")
        labels = replace(nodes[0].spec, labels={"zone": "east"})
        nodes = [
            replace(node, role="manager", spec=replace(labels, availability=node.spec.availability)) for node in nodes
        ]
    else:
        nodes, asked = nodes_of(table(entry.output))
    engine = FakeEngine(*nodes)
    engine.info = engine.info._replace(node=asked)
    compare(entry, engine)


@pytest.mark.parametrize("entry", recorded("network ls"), ids=named)
def test_networks_are_listed_as_recorded(entry: Entry) -> None:
    rows = table(entry.output)
    labels = {"com.docker.stack.namespace": "shop"}
    engine = FakeEngine()
    engine.networks = tuple(
        NetworkRow(r["NETWORK ID"].ljust(25, "x"), r["NAME"], r["DRIVER"], r["SCOPE"], labels) for r in rows
    )
    compare(entry, engine)


def test_enough_tables_were_compared() -> None:
    assert len(recorded("service ps", "node ps")) > 45
    assert len(recorded("service ls", "stack services")) > 25
    assert len(recorded("node ls")) > 20


def test_containers_are_listed_as_recorded() -> None:
    entry = next(e for e in entries() if e.command == "docker ps" and "bbdca7f7f977" in e.output)
    engine = FakeEngine(now=NOW)
    engine.containers = tuple(
        Container(r["CONTAINER ID"].ljust(64, "0"), r["NAMES"], r["IMAGE"], r["COMMAND"].strip('"'), NOW - int(r["CREATED"].split()[0]) * SECOND,
                  "running", NOW - 3 * SECOND, 0, (), "", {})
        for r in table(entry.output)
    )  # fmt: skip
    compare(entry, engine)


def test_a_container_shows_its_ports_its_cut_command_and_its_exit_code() -> None:
    engine = FakeEngine(now=NOW)
    ports = (PortConfig(80, 8080), PortConfig(443))
    engine.containers = (
        Container(
            "f" * 64, "x", "nginx", "docker-entrypoint.sh nginx -g", NOW - 61 * SECOND, "running", NOW, 0, ports, "", {}
        ),
        Container(
            "e" * 64,
            "y",
            "job",
            "true",
            NOW - 7200 * SECOND,
            "exited",
            NOW - 5 * SECOND,
            3,
            (),
            "",
            {"b": "1", "a": "2"},
        ),
    )
    shown = execute("ps -a", engine).stdout.splitlines()
    assert shown[1].split("  ")[0:1] == ["ffffffffffff"]
    assert '"docker-entrypoint.s…"   About a minute ago   Up Less than a second   ' in shown[1]
    assert "443/tcp, 0.0.0.0:8080->80/tcp, [::]:8080->80/tcp   x" in shown[1]
    assert '"true"                   2 hours ago          Exited (3) 5 seconds ago' in shown[2]
    assert execute("ps -a --format '{{.Labels}}'", engine).stdout == "\na=2,b=1\n"


def test_ids_instead_of_names_without_resolving() -> None:
    entry = next(e for e in entries() if "--no-resolve" in e.command)
    rows = table(entry.output)
    nodes = {row["NODE"] for row in rows}
    engine = FakeEngine(*tasks_of(rows), now=NOW)
    engine.objects["service"] = [Service("9b2ogcxm6k2eiv9fgleclmdlv", ServiceSpec(name="web"))]
    engine.objects["task"] = [
        replace(t, service="9b2ogcxm6k2eiv9fgleclmdlv", service_name="web", node=t.node.removeprefix("id-of-"))
        for t in engine.objects["task"]
    ]
    assert {t.node for t in engine.objects["task"]} == nodes
    compare(entry, engine)


# ── formats ──────────────────────────────────────────────────────────────────────────────────────────────────────


def one_service() -> FakeEngine:
    entry = next(e for e in entries() if e.file.startswith("13") and e.command == "docker service ls")
    return FakeEngine(*services_of(table(entry.output)))


@pytest.mark.parametrize(
    "command",
    [
        "docker service ls -q",
        "docker service ls --format '{{.ID}}|{{.Name}}|{{.Mode}}|{{.Replicas}}|{{.Image}}|{{.Ports}}'",
    ],
)
def test_formats_as_recorded(command: str) -> None:
    entry = next(e for e in entries() if e.file.startswith("13") and e.command == command)
    assert execute(command, one_service()).stdout == entry.output


def test_json_as_recorded() -> None:
    recorded_line = next(e for e in entries() if e.command == "docker service ls --format json | head -1").output
    assert execute("service ls --format json", one_service()).stdout.startswith(recorded_line)


def test_json_of_tasks_and_nodes_as_recorded() -> None:
    entry = next(
        e
        for e in entries()
        if e.file.startswith("13") and e.command.startswith("docker service ps --filter name=web.2")
    )
    line = execute("service ps --format json web", FakeEngine(*tasks_of(table(entry.output)), now=NOW)).stdout
    assert line == (
        '{"CurrentState":"Running 3 seconds ago","DesiredState":"Running","Error":"","ID":"qtuv1khp4dwt",'
        '"Image":"nginx:alpine","Name":"web.2","Node":"node1","Ports":""}\n'
    )
    entry = next(e for e in entries() if e.command == "docker node ls")
    line = next(e for e in entries() if e.command == "docker node ls --format json | head -1").output
    assert set(re.findall(r'"(\w+)":', line)) == {
        "Availability",
        "EngineVersion",
        "Hostname",
        "ID",
        "ManagerStatus",
        "Self",
        "Status",
        "TLSStatus",
    }
    rows = table(next(e for e in entries() if e.command == "docker node ls" and e.exit_code == 0).output)
    nodes, asked = nodes_of(rows)
    engine = FakeEngine(*(node._replace(tls=wanted(CLUSTER)) for node in nodes))
    engine.info = engine.info._replace(node=asked)
    first = execute("node ls --format json", engine).stdout.splitlines()[0]
    assert first == line.strip().replace(re.search(r'"ID":"(\w+)"', line)[1], asked)


def test_older_tasks_carry_no_mark_in_a_template() -> None:
    entry = next(e for e in entries() if e.command == "docker service ps sf")
    engine = FakeEngine(*tasks_of(table(entry.output)), now=NOW)
    assert "\\_" in execute("service ps sf", engine).stdout
    assert "\\_" not in execute("service ps sf --format '{{.Name}}'", engine).stdout


def test_quiet_tasks_have_whole_ids() -> None:
    entry = next(e for e in entries() if e.command == "docker service ps sf")
    engine = FakeEngine(*tasks_of(table(entry.output)), now=NOW)
    assert {len(line) for line in execute("service ps -q sf", engine).stdout.splitlines()} == {25}


@pytest.mark.parametrize(
    ("template", "error"),
    [
        (
            "{{.Foo}}",
            'template: :1:2: executing "" at <.Foo>: can\'t evaluate field Foo in type *service.serviceContext',
        ),
        ("{{.Foo", "template: :1: unclosed action"),
        ("{{foo .ID}}", 'template: :1: function "foo" not defined'),
        ("{{.ID}}{{end}}", "template: :1: unexpected {{end}}"),
        ("{{}}", "template: :1: missing value for command"),
        ("{{.ID}", "template: :1: bad character U+007D '}'"),
        ("{{.Name.X}}", 'template: :1:7: executing "" at <.Name.X>: can\'t evaluate field X in type string'),
    ],
)
def test_a_bad_template_is_refused_in_the_words_of_go(template: str, error: str) -> None:
    result = execute(["service", "ls", "--format", template], one_service())
    assert (result.stdout, result.stderr, result.exit_code) == ("", f"template parsing error: {error}\n", 1)


@pytest.mark.parametrize(
    ("template", "first"),
    [
        ("{{upper .Name}}", "DB"),
        ("{{.Name | upper | lower}}", "db"),
        ("{{if .Ports}}y{{else}}n{{end}}", "y"),
        ("a {{- .Name -}} b", "adbb"),
        ("a\\tb", "a\tb"),
        ("{{json .Name}}", '"db"'),
        ("table {{.Name}}\\t{{.Mode}}", "NAME       MODE"),
    ],
)
def test_what_templates_can_do(template: str, first: str) -> None:
    assert execute(["service", "ls", "--format", template], one_service()).stdout.splitlines()[0] == first


# ── the parts ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "Less than a second"), (0.999999, "Less than a second"), (1, "1 second"), (59.9, "59 seconds"),
        (60, "About a minute"), (119.9, "About a minute"), (120, "2 minutes"), (3599, "59 minutes"),
        (3600, "About an hour"), (5399, "About an hour"), (5400, "2 hours"), (47 * 3600, "47 hours"),
        (48 * 3600, "2 days"), (13 * 86400, "13 days"), (14 * 86400, "2 weeks"), (59 * 86400, "8 weeks"),
        (90 * 86400, "3 months"), (729 * 86400, "24 months"), (730 * 86400, "2 years"),
    ],
)  # fmt: skip
def test_durations_in_words(seconds: float, text: str) -> None:
    assert ago(int(seconds * SECOND)) == text


def test_names_are_sorted_with_numbers_as_numbers() -> None:
    names = ["web.10", "web.9", "web", "Web", "a-1", "a1", "web.9a", "web.09b"]
    assert sorted(names, key=natural) == ["Web", "a1", "a-1", "web", "web.9", "web.9a", "web.09b", "web.10"]


def test_columns_are_three_apart_at_least_ten_wide_and_the_last_is_not_padded() -> None:
    assert columns([("A", "B"), ("x" * 8, "")]) == "A          B\nxxxxxxxx   \n"
    assert columns([("A", "B")]) == "A         B\n"


@pytest.mark.parametrize(
    ("ports", "shown"),
    [
        (((8080, 80), (8081, 81), (8082, 82)), "*:8080-8082->80-82/tcp"),
        (((8080, 80), (8081, 80), (9000, 80)), "*:8080-8081->80/tcp, *:9000->80/tcp"),
        (((8080, 80), (8081, 79)), "*:8080->80/tcp, *:8081->79/tcp"),
        (((8081, 81), (8080, 80)), "*:8080-8081->80-81/tcp"),
    ],
)
def test_neighbouring_ports_share_an_entry(ports: tuple, shown: str) -> None:
    service = Service("s" * 25, ServiceSpec(name="s"), ports=tuple(PortConfig(t, p) for p, t in ports))
    assert execute("service ls --format '{{.Ports}}'", FakeEngine(service)).stdout == shown + "\n"
