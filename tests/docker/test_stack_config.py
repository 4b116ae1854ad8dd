"""`docker stack config`: several files, variables, standard input, and the text that comes out."""

import json
from textwrap import dedent

import pytest
import yaml
from fake_engine import FakeEngine
from hypothesis import given
from hypothesis import strategies as st
from stack_texts import loaded

from swarmlab.docker.cli import execute
from swarmlab.docker.stack_config import print_config

BASE = """
services:
  web:
    image: nginx:${TAG:-1.25}
    ports: ["8080:80"]
    environment: {B: "yes", A: 1.0, LOG_B: x, LOGB: y, N10: "", N9:}
    command: echo "two words"
    deploy: {replicas: 0}
volumes: {data: }
"""
OVER = """
services:
  web:
    image: nginx:2
    ports: ["8443:443", "8080:81"]
    command: [run]
  db: {image: redis}
"""


def config(flags: str, env: dict | None = None, **files: str):
    engine = FakeEngine(files={name.replace("_", "."): dedent(text).encode() for name, text in files.items()})
    engine.env = env or {}
    result = execute(f"stack config {flags}", engine)
    assert engine.writes == []
    return result


def test_a_file_comes_out_in_normal_form() -> None:
    result = config("-c a.yml", a_yml=BASE)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == dedent("""\
        version: "3.13"
        services:
          web:
            command:
              - echo
              - two words
            deploy:
              replicas: 0
            environment:
              A: "1"
              B: "yes"
              LOG_B: x
              LOGB: "y"
              N9: null
              N10: ""
            image: nginx:1.25
            ports:
              - mode: ingress
                target: 80
                published: 8080
                protocol: tcp
        volumes:
          data: {}
        """)


@pytest.mark.parametrize("flags", ["-c a.yml -c b.yml", "-c a.yml,b.yml", "--compose-file=a.yml -c b.yml"])
def test_later_files_are_laid_over_the_first(flags: str) -> None:
    services = yaml.safe_load(config(flags, a_yml=BASE, b_yml=OVER).stdout)["services"]
    assert list(services) == ["db", "web"]
    assert services["web"]["image"] == "nginx:2"
    assert services["web"]["command"] == ["run"]
    assert [(p["published"], p["target"]) for p in services["web"]["ports"]] == [(8080, 81), (8443, 443)]


def test_variables_can_be_left_alone() -> None:
    assert "image: nginx:7\n" in config("-c a.yml", {"TAG": "7"}, a_yml=BASE).stdout
    assert "image: nginx:${TAG:-1.25}\n" in config("-c a.yml --skip-interpolation", {"TAG": "7"}, a_yml=BASE).stdout
    refused = config("-c a.yml --skip-interpolation", a_yml="services: {a: {image: x, deploy: {replicas: $N}}}")
    assert refused.stderr == "services.a.deploy.replicas must be a integer\n"


def test_a_dash_is_what_is_typed_in() -> None:
    engine = FakeEngine(files={"-": b"services: {a: {image: x}}"})
    assert "image: x" in execute("stack config -c -", engine).stdout
    refused = config("-c -")
    assert (refused.exit_code, 'files={"-": text}' in refused.stderr) == (1, True)


def test_what_is_said_of_a_file_that_cannot_be_loaded_is_shorter_than_when_it_is_deployed() -> None:
    forbidden = "services: {a: {image: x, mem_limit: 1g}}"
    assert config("-c a.yml", a_yml=forbidden).stderr == "Configuration contains forbidden properties\n"
    assert config("-c a.yml", a_yml="services: {a: {image: x, build: ., expose: [80]}}").stderr == ""
    assert config("").stderr == "Specify a Compose file (with --compose-file)\n"


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("no", '"no"'),
        ("22:22", '"22:22"'),
        ("2020-01-01", '"2020-01-01"'),
        ("1_000", '"1_000"'),
        ("~", '"~"'),
        ("a: b", "'a: b'"),
        ("- a", "'- a'"),
        ("", '""'),
        ("a #b", "'a #b'"),
        ("{{.Node.Hostname}}", "'{{.Node.Hostname}}'"),
        ("größe", "größe"),
        ("x" * 200 + " y", "x" * 200 + " y"),
    ],
)
def test_texts_get_quotes_only_where_they_would_mean_something_else(text: str, printed: str) -> None:
    compose = loaded(f"services: {{a: {{image: x, labels: {{l: {yaml.dump(text, default_style=chr(34)).strip()}}}}}}}")
    assert f"      l: {printed}\n" in print_config(compose)


PRINTED = st.text(st.characters(exclude_categories=("C", "Zl", "Zp")) | st.just("\n"), max_size=12)


@given(st.dictionaries(st.text("ab_1290-.Z", min_size=1, max_size=5), PRINTED, max_size=4))
def test_what_is_printed_is_read_again_as_the_same(labels: dict) -> None:
    compose = loaded(json.dumps({"services": {"a": {"image": "x", "labels": labels}}}).replace("$", "$$"))
    printed = print_config(compose)
    assert print_config(loaded(printed.replace("$", "$$"))) == printed
