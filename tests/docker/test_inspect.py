"""`inspect` on the command line: JSON, templates in Go's words, `--pretty` line by line, and what is not there."""

import json
import re

import pytest
from fake_engine import CLUSTER, FakeEngine
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded import entries

from swarmlab import Cluster
from swarmlab.docker.cli import execute
from swarmlab.docker.templates import TemplateError, parse
from swarmlab.objects import (
    Config,
    ConfigSpec,
    ContainerSpec,
    Description,
    EndpointSpec,
    ManagerStatus,
    Network,
    NetworkSpec,
    NetworkTarget,
    Node,
    NodeSpec,
    Placement,
    PortConfig,
    Resources,
    Secret,
    SecretSpec,
    Service,
    ServiceSpec,
    TaskSpec,
    UpdateConfig,
)
from swarmlab.trust.papers import wanted

NOW = 10**12


def engine() -> FakeEngine:
    plain = ContainerSpec("redis:alpine", options={"init": False}, args=("sleep", "3"))
    ports = (PortConfig(5432, 5432), PortConfig(90, 9000, "udp", "host"))
    task = TaskSpec(plain, reservations=Resources(memory=5 << 30), limits=Resources(500_000_000, 12 << 30))
    spec = ServiceSpec("db", {"tier": "back"}, task, endpoint=EndpointSpec("vip", ports))
    placed = task._replace(networks=(NetworkTarget("t" * 25),), placement=Placement(("node.role==worker",), ("zone",)))
    web = ServiceSpec("web", {}, placed, "replicated", 4, update=UpdateConfig(2, 4_000_000))
    return FakeEngine(
        Service("d" * 25, spec, ports=ports, version=7),
        Service("w" * 25, web, update_status=("completed", "update completed", NOW - 19_000_000, NOW - 2_000_000)),
        Network("t" * 25, NetworkSpec("app")),
        Node(
            "n" * 25,
            NodeSpec({"zone": "east", "disk": "ssd"}, "manager"),
            description=Description("node1", memory=25276514304),
            state="ready",
            manager_status=ManagerStatus("m", "10.77.0.11:2377", True, "reachable"),
            address="10.77.0.11",
            created_at=979836,
            tls=wanted(CLUSTER),
        ),
        Node("k" * 25, description=Description("node2")),
        Secret("s" * 25, SecretSpec("db_pass"), created_at=72787),
        Config("c" * 25, ConfigSpec("site", {"app": "web"}, b"server { listen 80; }\n")),
        now=NOW,
    )


def said(command: list[str] | str) -> tuple[str, str, int]:
    result = execute(command, engine())
    return result.stdout, result.stderr, result.exit_code


# ── templates ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{.Spec.Name}}", "db"),
        ("{{json .Spec.Labels}}", '{"tier":"back"}'),
        ("{{.Spec.Labels}}", "map[tier:back]"),
        ("{{.Spec.Labels.tier}} {{.Spec.Labels.nope}}", "back <no value>"),
        ('{{index .Spec.Labels "tier"}}{{index .Spec.Labels "nope"}}', "back"),
        ("{{.Version.Index}} {{.CreatedAt}}", "7 2026-01-01 00:00:00 +0000 UTC"),
        ("{{json .CreatedAt}} {{json .Spec.UpdateConfig.Monitor}}", '"2026-01-01T00:00:00Z" 5000000000'),
        ("{{.Spec.UpdateConfig.Monitor}} {{.Spec.TaskTemplate.RestartPolicy.Delay}}", "5s 5s"),
        ("{{.Spec.Mode.Replicated.Replicas}}{{if .Spec.Mode.Global}} global{{end}}", "1"),
        ("{{range .Endpoint.Ports}}{{.PublishedPort}}/{{.Protocol}} {{end}}", "5432/tcp 9000/udp "),
        ("{{range $i, $p := .Endpoint.Ports}}{{$i}}:{{$p.TargetPort}} {{end}}", "0:5432 1:90 "),
        ("{{range $k, $v := .Spec.Labels}}{{$k}}={{$v}}{{end}}", "tier=back"),
        ("{{range .Endpoint.VirtualIPs}}x{{else}}none{{end}}", "none"),
        ("{{(index .Endpoint.Ports 1).PublishMode}}", "host"),
        ("{{len .Endpoint.Ports}} {{len .Spec.Name}}", "2 2"),
        ("{{with .UpdateStatus}}{{.State}}{{else}}never{{end}}", "never"),
        ("{{.Spec.TaskTemplate.ContainerSpec.Env}} {{json .Spec.TaskTemplate.ContainerSpec.Env}}", "[] null"),
        ('{{join .Spec.TaskTemplate.ContainerSpec.Args ","}}', "sleep,3"),
        ('{{json (split "a,b" ",")}}', '["a","b"]'),
        ('{{upper "a"}}{{"B" | lower}}{{title "my name"}}{{truncate "abcdef" 3}}', "AbMy Nameabc"),
        ('{{pad "x" 1 2}}|{{pad "" 1 2}}|', " x  ||"),
        ('{{printf "%s-%5d|%-4s|%q" .Spec.Name 7 "a" "b"}}', 'db-    7|a   |"b"'),
        ("{{print 1 2}} {{println 1}}x", "1 2 1\nx"),
        ('{{if and (eq .Spec.Name "db") (not false)}}y{{end}}{{if or 0 ""}}n{{end}}', "y"),
        ('{{if eq .Spec.Name "a" "db"}}y{{end}}{{if ne 1 2}}y{{end}}{{if lt 1 2}}y{{end}}{{if ge 1 2}}n{{end}}', "yyy"),
        ('{{if eq .Spec.Name "x"}}1{{else if eq .Spec.Name "db"}}2{{else}}3{{end}}', "2"),
        ("{{$name := .Spec.Name}}{{range .Endpoint.Ports}}{{$name}}{{$.Spec.Name}}{{end}}", "dbdbdbdb"),
        ("a {{- /* nothing */ -}} b{{slice .ID 0 3}}", "abddd"),
        ("{{json .UpdateStatus}} {{.UpdateStatus}}", "null <nil>"),
        ("{{json .Endpoint.Spec.Mode}}", '"vip"'),
        ("{{.ID}}\\t", "d" * 25 + "\\t"),
    ],
)
def test_a_template_prints_what_go_prints(template: str, text: str) -> None:
    assert said(["service", "inspect", "--format", template, "db"]) == (text + "\n", "", 0)


@pytest.mark.parametrize(
    ("template", "error"),
    [
        ("{{.UpdateStatus.State}}", ':1:15: executing "" at <.UpdateStatus.State>: map has no entry for key "UpdateStatus"'),
        ("{{.Nope}}", ':1:2: executing "" at <.Nope>: map has no entry for key "Nope"'),
        ("{{.Spec.Nope}}", ':1:7: executing "" at <.Spec.Nope>: map has no entry for key "Nope"'),
        ("{{index .Endpoint.Ports 5}}", ':1:2: executing "" at <index .Endpoint.Ports 5>: error calling index: index out of range: 5'),
        ("{{upper .Version.Index}}", ':1:2: executing "" at <upper .Version.Index>: wrong type for value; expected string; got int'),
        ("{{slice .ID .}}", ':1:2: executing "" at <slice .ID .>: error calling slice: cannot index slice/array with type map[string]interface {}'),
        ("{{slice .ID 1 99}}", ':1:2: executing "" at <slice .ID 1 99>: error calling slice: index out of range: 99'),
        ("{{slice .ID 2 1}}", ':1:2: executing "" at <slice .ID 2 1>: error calling slice: invalid slice index: 2 > 1'),
        ("{{slice .Spec 1}}", ':1:2: executing "" at <slice .Spec 1>: error calling slice: can\'t slice item of type map[string]interface {}'),
        ("{{pad .ID -1 0}}", ':1:2: executing "" at <pad .ID -1 0>: error calling pad: strings: negative Repeat count'),
        ("{{len}}", ':1:2: executing "" at <len>: wrong number of args for len: want 1 got 0'),
    ],
)  # fmt: skip
def test_what_a_template_asks_for_in_vain_is_said_in_the_words_of_go(template: str, error: str) -> None:
    result = said(["service", "inspect", "--format", template, "db"])
    assert result == ("\n", f"template parsing error: template: {error}\n", 1)


@pytest.mark.parametrize(
    ("template", "error"),
    [
        ("{{.ID", "unclosed action"),
        ("{{nope .ID}}", 'function "nope" not defined'),
        ("{{if .ID}}x", "unexpected EOF"),
        ("{{$x}}", 'undefined variable "$x"'),
        ("{{if}}x{{end}}", "missing value for if"),
        ('{{"a}}', "unterminated quoted string"),
        ("{{(.ID}}", "unclosed left paren"),
        ("{{slice .ID 99999999999999999999}}", 'integer overflow: "99999999999999999999"'),
        ("{{" + "(" * 5000 + ".ID" + ")" * 5000 + "}}", "max expression depth exceeded"),
        ("{{if .ID}}" * 5000 + "{{end}}" * 5000, "max expression depth exceeded"),
    ],
)
def test_a_template_that_cannot_be_read_ends_with_64(template: str, error: str) -> None:
    text = f"template parsing error: template: :1: {error}\n"
    assert said(["service", "inspect", "--format", template, "db"]) == ("", text, 64)


PIECES = """{{ }} {{- -}} . .Spec .Spec.Name .UpdateStatus.State .Endpoint.Ports .Spec.Labels $x $x:= $ | ( ) if range with else end
else_if len index json join split upper pad truncate printf "%9999999d" "%.9999999f" .UpdateConfig.MaxFailureRatio print and or not eq lt slice "a" 1 -1 99999999999999999999 9999999 nil true , := = ` " }} text""".split()


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=9), st.sampled_from((" ", "")))
def test_no_template_raises(pieces: list[str], glue: str) -> None:
    for template in (glue.join(pieces), "{{" + " ".join(pieces) + "}}"):
        for command in (["service", "inspect", "-f", template, "db"], ["service", "ls", "--format", template]):
            assert said(command)[2] in (0, 1, 64)
        try:
            parse(template)
        except TemplateError as error:
            assert str(error).startswith("template: :1: ")


def test_a_label_of_a_list_can_be_asked_for_by_name() -> None:
    fake = engine()
    cluster = Cluster(machines=1, seed=1, messages=False)
    cluster.docker("network create --label tier=front own")
    assert cluster.docker("network ls --filter name=own --format '{{.Label \"tier\"}}'").stdout == "front\n"
    assert '"Label"' not in cluster.docker("network ls --format json").stdout
    assert fake.writes == []


# ── what is shown ────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_not_there_is_said_after_what_is() -> None:
    out, err, code = said("service inspect nope db nope2")
    assert [one["Spec"]["Name"] for one in json.loads(out)] == ["db"]
    assert (err, code) == ("Error: no such service: nope\nError: no such service: nope2\n", 1)
    assert said("node inspect nope") == ("[]\n", "Error response from daemon: node nope not found\n", 1)
    assert said("secret inspect nope -f '{{.ID}}'") == ("\n", "Error response from daemon: secret nope not found\n", 1)
    assert said("inspect nope") == ("[]\n", "Error: No such object: nope\n", 1)


def test_inspect_finds_things_of_any_kind() -> None:
    for name in ("db", "node1", "db_pass", "site", "d" * 25):
        assert said(["inspect", name])[2] == 0, name
    assert said("inspect --type node db")[1] == "Error response from daemon: node db not found\n"
    assert said("inspect --type sevice db")[1].startswith(
        'unknown type: "sevice": must be one of "config", "container"'
    )


def test_a_worker_looks_for_nothing_of_the_swarm() -> None:
    fake = engine()
    fake.info = fake.info._replace(manager=False)
    assert execute("inspect site", fake).stderr == "Error: No such object: site\n"


def test_a_format_and_pretty_exclude_each_other() -> None:
    text = "--format is incompatible with human friendly format\n"
    assert said("node inspect --pretty -f '{{.ID}}' self") == ("", text, 1)


def test_json_on_one_line_is_a_list() -> None:
    out = said("secret inspect --format json db_pass")[0]
    assert out.startswith('[{"ID":"sssss') and out.endswith("}}]\n") and " " not in out


# ── for people ───────────────────────────────────────────────────────────────────────────────────────────────────

HIDDEN = ((r"\b[a-z0-9]{25}\b", "ID"), (r"@sha256:\w{64}", ""), (r"20\d\d-\d\d-\d\d [\d:.]+", "DATE"), (r"\+dfsg1", ""))


def plain(text: str) -> str:
    for pattern, place in HIDDEN:
        text = re.sub(pattern, place, text)
    return re.sub(r"(?s)-----BEGIN.*Public Key:\t\S+", "CERTIFICATE", text).rstrip()


def recorded(file: str, command: str) -> str:
    return plain(next(e.output for e in entries() if e.file[:2] == file and e.command == command))


def test_a_node_is_laid_out_as_recorded() -> None:
    theirs = recorded("01", "docker node inspect --pretty self")
    ours = plain(said("node inspect --pretty node1")[0])
    assert ours.replace("Labels:\n - disk=ssd\n - zone=east\n", "") == theirs


def test_services_are_laid_out_as_recorded() -> None:
    """Ports and amounts of one recorded service, progress of another."""
    db = plain(said("service inspect --pretty db")[0])
    amounts = " Reservations:\n  Memory:\t5GiB\n Limits:\n  CPU:\t\t0.5\n  Memory:\t12GiB\n"
    theirs = recorded("13", "docker service inspect --pretty db")
    assert db.replace("Labels:\n tier=back\n", "").replace(" Args:\t\tsleep 3 \n", "").replace(amounts, "") == theirs
    web = plain(said("service inspect --pretty web")[0])
    theirs = recorded("08", "docker service inspect --pretty web")
    wishes = "Placement:\n Constraints:\t[node.role==worker]\n Preferences:   [spread=zone]\n"
    web = web.replace(wishes, "Placement:\n").replace(amounts, "").replace("Networks: app \n", "")
    assert web.replace(" Args:\t\tsleep 3 \n", "").replace("redis:alpine", "nginx:1.26-alpine") == theirs


def test_secrets_and_configs_are_laid_out_as_recorded() -> None:
    assert plain(said("secret inspect --pretty db_pass")[0]) == recorded("10", "docker secret inspect --pretty db_pass")
    assert plain(said("config inspect --pretty site")[0]) == recorded("10", "docker config inspect --pretty site")
