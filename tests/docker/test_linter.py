"""What a swarm takes otherwise than Compose, found line by line, and nothing found where there is nothing."""

from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmlab.docker.lint_rules import KEYS, SEVERITIES
from swarmlab.docker.linter import lint

CLEAN = dedent("""\
    version: "3.8"
    services:
      web:
        image: nginx:1.25
        ports: ["8080:80"]
        networks: [front]
        deploy: {replicas: 3}
    networks: {front: {}}
    """)


def found(service: str, top: str = "", env: dict | None = None) -> list[tuple[int, str, str]]:
    """What is found in one service, given its keys in lines, beside its image."""
    body = "".join(f"    {line}\n" for line in dedent(service).strip().splitlines())
    text = f'version: "3.8"\nservices:\n  a:\n    image: x:1\n{body}{dedent(top)}'
    return [(row.line, row.severity, row.rule.name) for row in lint(text, env) if row.rule.name != "Docker's words"]


def test_a_file_for_a_swarm_is_clean() -> None:
    assert lint(CLEAN) == ()
    assert repr(lint(CLEAN)) == "nothing that a swarm would take otherwise"


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("build: .", (5, "ignored", "build")),
        ("container_name: c", (5, "ignored", "container_name")),
        ("depends_on: [b]", (5, "ignored", "depends_on")),
        ("depends_on: {b: {condition: service_healthy}}", (5, "refused", "depends_on with conditions")),
        ("restart: always", (5, "different", "restart")),
        ("links: [b]", (5, "ignored", "links")),
        ("network_mode: host", (5, "ignored", "network_mode")),
        ("privileged: true", (5, "ignored", "privileged")),
        ("mem_limit: 64m", (5, "refused", "old limits")),
        ("extends: {service: b}", (5, "refused", "old keys")),
        ("profiles: [debug]", (5, "refused", "unknown key")),
        ("platform: linux/arm64", (5, "refused", "unknown key")),
        ("ports:\n  - 80:80\n  - 127.0.0.1:81:81", (7, "different", "port on one address")),
        ("volumes: ['./data:/data']", (5, "risk", "folder of the host")),
        ("volumes: [{type: bind, source: /srv, target: /srv}]", (5, "risk", "folder of the host")),
        ("tmpfs: /run", (5, "ignored", "tmpfs")),
        ("hostname: h-${NAME}", (5, "different", "variable NAME")),
        ("deploy:\n  update_config:\n    order: start-first", (7, "risk", "start-first without healthcheck")),
        (
            "ports: [{target: 80, published: 80, mode: host}]\ndeploy: {replicas: 2}",
            (5, "risk", "host port with replicas"),
        ),
        (
            "ports: [{target: 80, published: 80, mode: host}]\nhealthcheck: {test: a}\n"
            "deploy: {update_config: {order: start-first}}",
            (5, "risk", "host port and start-first"),
        ),
        ("networks:\n  default:\n    ipv4_address: 10.0.0.7", (7, "ignored", "goes nowhere")),
    ],
)
def test_each_rule_names_the_line(service: str, expected: tuple) -> None:
    assert found(service) == [expected]


@pytest.mark.parametrize(
    "service",
    [
        "ports: ['0.0.0.0:80:80']",
        "hostname: h-${NAME:-x}",
        "volumes: ['/var/run/docker.sock:/var/run/docker.sock']",
        "volumes: [/anonymous, '/proc:/host/proc:ro', '/:/rootfs:ro']",
        "healthcheck: {test: a}\ndeploy: {update_config: {order: start-first}}",
        "ports: [{target: 80, published: 80, mode: host}]\ndeploy: {mode: global}",
        "x-note: anything",
        "cap_add: [NET_ADMIN]\ninit: true",
    ],
)
def test_what_is_fine_is_not_found(service: str) -> None:
    assert found(service) == []


def test_variables_that_are_set_are_fine() -> None:
    assert found("hostname: h-$NAME", env={"NAME": ""}) == []


def test_a_local_volume_is_one_on_each_node() -> None:
    top = "volumes: {data: {}}\n"
    assert found("volumes: ['data:/data']", top) == [(5, "risk", "local volume")]
    assert found("volumes: ['data:/data']\ndeploy: {placement: {constraints: [node.hostname == a]}}", top) == []
    assert found("volumes: ['data:/data']", "volumes: {data: {driver: nfs}}\n") == []


def test_rules_about_the_whole_file() -> None:
    names = {row.rule.name for row in lint("services: {a: {image: x}}\nname: shop\nnetworks: {n: {driver: bridge}}\n")}
    assert names == {"no version", "image without tag", "unknown key", "network of one machine", "Docker's words"}
    secret = "services: {a: {image: 'x:1', secrets: [s]}}\nversion: '3.8'\nsecrets: {s: {file: ./s}}\n"
    assert [row.rule.name for row in lint(secret)] == ["file under a fixed name"]


def test_dockers_own_words_stand_where_the_fault_is() -> None:
    (row,) = lint(CLEAN.replace("replicas: 3", "replicas: three"))
    assert (row.line, row.path, row.rule.swarm) == (
        7,
        "services.web.deploy.replicas",
        "services.web.deploy.replicas must be a integer",
    )
    (row,) = lint(CLEAN.replace("networks: [front]", "networks: [back]"))
    assert (row.line, row.rule.swarm) == (3, 'service web: undefined network "back"')
    (row,) = lint("services:\n\ta: 1\n")
    assert (row.line, row.rule.swarm) == (2, "yaml: line 2: found character that cannot start any token")


def test_a_path_may_stand_for_the_text(tmp_path) -> None:
    (tmp_path / "stack.yml").write_text(CLEAN + "x-a: 1\n")
    assert lint(str(tmp_path / "stack.yml")) == ()


def test_every_rule_says_all_that_it_should() -> None:
    for rule in KEYS.values():
        assert rule.severity in SEVERITIES and all(rule)
    found = lint("services: {a: {image: x}}\n")
    assert repr(found).startswith("LINE") and found._repr_html_().count("<tr>") == 1 + len(found)


@given(st.text(alphabet="ab:-{}[],&*!|>'\"#%@ \n\t?~<.0$", max_size=80))
def test_no_text_is_too_strange(text: str) -> None:
    lint(text + "\n")
