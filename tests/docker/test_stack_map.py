"""Each line of a stack file beside what it becomes: found by leaving it out, so it cannot differ from what a deploy does."""

from functools import cache
from textwrap import dedent

import pytest

from swarmlab.docker.stack_map import ANYWAY, CHECKED, NOT_SENT, WARNED, Part, lines
from swarmlab.docker.yaml_dialect import StackError, read_lines

SHOP = dedent("""\
    version: "3.8"
    x-common: &common
      stop_signal: SIGINT
    services:
      web:
        <<: *common
        image: nginx:${TAG:-1}
        depends_on: [db]
        container_name: w
        mem_swappiness_is_no_key: 1
        ports:
          - target: 80
            published: 8080
        networks: [front]
        configs:
          - source: site
            target: /etc/site.conf
        deploy:
          mode: replicated
          replicas: 1
          placement:
            constraints: [node.role == worker]
      db:
        image: redis

        volumes: ["data:/data"]
        environment: {A: x, B: y}
    networks:
      front:
    volumes:
      data:
    configs:
      site:
        file: ./site.conf
    """).replace("    mem_swappiness_is_no_key: 1\n", "")


def becomes(text: str = SHOP, **more) -> dict[str, tuple[list[str], str]]:
    """Text of the line → what it becomes, and the note; of several alike, the last."""
    found = {}
    for line in lines(text, "shop", **more):
        parts = [
            " ".join(filter(None, (part.kind, part.name, part.field.rpartition(".")[2], part.value)))
            for part in line.becomes
        ]
        found[line.text.strip()] = (parts, line.note)
    return found


@cache
def known() -> dict[str, tuple[list[str], str]]:
    return becomes()


@pytest.mark.parametrize(
    ("line", "parts", "note"),
    [
        ('version: "3.8"', [], NOT_SENT),
        ("services:", [], ""),
        ("web:", ["service shop_web"], ""),
        ("stop_signal: SIGINT", ["service shop_web StopSignal SIGINT"], ""),
        ("image: nginx:${TAG:-1}", ["service shop_web image nginx:1", "service shop_web Image nginx:1"], ""),
        ("depends_on: [db]", [], NOT_SENT),
        ("container_name: w", [], WARNED),
        ("published: 8080", ["service shop_web PublishedPort 8080"], ""),
        ("networks: [front]", ["network shop_front", "service shop_web Target shop_front"], ""),
        ("- source: site", ["service shop_web ConfigName shop_site"], ""),
        ("target: /etc/site.conf", ["service shop_web Name /etc/site.conf"], ""),
        ("mode: replicated", ["service shop_web Replicas 1"], ANYWAY),
        ("replicas: 1", ["service shop_web Replicas 1"], ANYWAY),
        ("constraints: [node.role == worker]", ["service shop_web Constraints[] node.role == worker"], ""),
        ("deploy:", [], ""),
        ("", [], ""),
        ("environment: {A: x, B: y}", ["service shop_db Env[] A=x", "service shop_db Env[] B=y"], ""),
        ("front:", ["network shop_front"], ""),
        ("data:", [], CHECKED),
        ("site:", ["config shop_site"], ""),
        ("file: ./site.conf", ["config shop_site Data # what site.conf holds"], ""),
    ],
)
def test_what_a_line_becomes(line: str, parts: list[str], note: str) -> None:
    assert known()[line] == (parts, note)


def test_a_network_that_others_join_as_well_is_no_line_of_one_service() -> None:
    text = "services:\n  a:\n    image: x\n    networks: [n]\n  b:\n    image: x\n    networks: [n, m]\nnetworks: {n: , m: }\n"
    found = [[part.name for part in line.becomes if part.kind == "network"] for line in lines(text, "s")]
    assert found == [[], [], [], [], [], [], ["s_m"], ["s_n", "s_m"]]


def test_fields_have_the_names_that_inspect_shows() -> None:
    (line,) = [line for line in lines(SHOP, "shop") if "image: nginx" in line.text]
    assert Part("service", "shop_web", "TaskTemplate.ContainerSpec.Image", "nginx:1") in line.becomes
    assert [line.number for line in lines(SHOP)] == list(range(1, len(SHOP.splitlines()) + 1))


def test_variables_and_files_come_from_the_person() -> None:
    found = becomes(env={"TAG": "9"}, read=lambda path: b"listen 80;")
    assert "service shop_web Image nginx:9" in found["image: nginx:${TAG:-1}"][0]
    assert found["file: ./site.conf"][0] == ["config shop_site Data listen 80;"]


def test_a_file_that_docker_refuses_has_no_objects() -> None:
    with pytest.raises(StackError) as refused:
        lines("services: {a: {image: x, networks: [nowhere]}}")
    assert refused.value.text == 'service a: undefined network "nowhere"'


def test_where_everything_stands() -> None:
    found = read_lines(SHOP.encode())
    assert found["services", "web", "image"] == 7
    assert found["services", "web", "stop_signal"] == 3  # merged: where it was written
    assert found["services", "web", "ports", 0, "published"] == 12
    own = b"x-a: &x {d: {b: 1}}\nc:\n  <<: *x\n  d: {e: 1}\n"
    assert ("c", "d", "b") not in read_lines(own) and read_lines(own)["c", "d", "e"] == 4
    assert read_lines(b"a: &x {b: 1}\nc: *x\n")["c", "b"] == 1


@pytest.mark.parametrize("more", ["", "      db: {image: redis}\n"])
def test_a_mode_without_settings_is_seen_too(more):
    text = f"    services:\n      web:\n        image: nginx\n        deploy: {{mode: global}}\n{more}"
    assert lines(dedent(text), "demo")[3].becomes == (Part("service", "demo_web", "Mode.Global", "{}"),)
