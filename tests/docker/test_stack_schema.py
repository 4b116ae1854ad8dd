"""Versions, keys and the wording of refusals (stacks.md §3, §5); every answer was given by docker 28.2.2."""

import pytest
from stack_texts import loaded, refusal, refusal_of


@pytest.mark.parametrize("version", ["", "version: ''", "version: '3'", "version: '3.13'"])
def test_no_version_an_empty_one_and_3_mean_the_newest(version):
    assert loaded(f"{version}\nservices: {{a: {{image: x, oom_score_adj: 5}}}}").version == "3.13"


@pytest.mark.parametrize(
    ("version", "says"),
    [
        ("'3.99'", "unsupported Compose file version: 3.99"),
        ("'2.4'", "unsupported Compose file version: 2.4"),
        ("null", "unsupported Compose file version: <nil>"),
        ("3.8", "version must be a string"),
        ("3", "version must be a string"),
    ],
)
def test_other_versions_are_refused(version, says):
    assert refusal(f"version: {version}\nservices: {{}}") == says


INTRODUCED = [  # the version before, a body that it refuses and the next one takes
    ("3.0", "secrets: []", "services.a Additional property secrets"),
    ("3.1", "deploy: {endpoint_mode: vip}", "services.a.deploy Additional property endpoint_mode"),
    ("3.2", "configs: []", "services.a Additional property configs"),
    ("3.2", "deploy: {placement: {preferences: []}}", "services.a.deploy.placement Additional property preferences"),
    ("3.3", "healthcheck: {start_period: 1s}", "services.a.healthcheck Additional property start_period"),
    ("3.4", "isolation: x", "services.a Additional property isolation"),
    ("3.6", "init: true", "services.a Additional property init"),
    ("3.6", "deploy: {rollback_config: {}}", "services.a.deploy Additional property rollback_config"),
    ("3.6", "x-foo: 1", "services.a Additional property x-foo"),
    ("3.7", "deploy: {placement: {max_replicas_per_node: 1}}", "services.a.deploy.placement Additional property"),
    ("3.8", "deploy: {resources: {limits: {pids: 1}}}", "services.a.deploy.resources.limits Additional property pids"),
    ("3.11", "healthcheck: {start_interval: 1s}", "services.a.healthcheck Additional property start_interval"),
    ("3.12", "oom_score_adj: 1", "services.a Additional property oom_score_adj"),
]


@pytest.mark.parametrize(("version", "body", "says"), INTRODUCED)
def test_a_key_newer_than_the_version_is_refused_like_a_typo(version, body, says):
    text = f"services: {{a: {{image: x, {body}}}}}"
    assert refusal(f"version: '{version}'\n{text}").startswith(says)
    following = f"3.{int(version[2:]) + 1}"
    assert loaded(f"version: '{following}'\n{text}").version == following


def test_long_ports_came_with_3_2():
    text = "services: {a: {image: x, ports: [{target: 1}]}}"
    assert refusal(f"version: '3.1'\n{text}") == "services.a.ports.0 must be a string or number"
    assert loaded(f"version: '3.2'\n{text}")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("bogus: 1", "services.a Additional property bogus is not allowed"),
        ("profiles: [a]", "services.a Additional property profiles is not allowed"),
        ("depends_on: {b: {}}", "services.a.depends_on must be a list"),
        ("env_file: {b: 1}", "services.a.env_file must be a string"),
        ("hostname: 12", "services.a.hostname must be a string"),
        ("command: [a, 3]", "services.a.command.1 must be a string"),
        ("environment: {A: true}", "services.a.environment.A must be a string, number or null"),
        ("environment: 3", "services.a.environment must be a mapping"),
        ("networks: 3", "services.a.networks must be a list"),
        ("networks: [n, n]", "services.a.networks array items[0,1] must be unique"),
        ("networks: {n: {bogus: 1}}", "services.a.networks.n Additional property bogus is not allowed"),
        ("cap_add: [a, b, a]", "services.a.cap_add array items[0,2] must be unique"),
        ("ports: ['a']", "services.a.ports.0 Does not match format 'ports'"),
        ("ports: [{published: '80'}]", "services.a.ports.0.published must be a integer"),
        ("ports: [true]", "services.a.ports.0 must be a number"),
        ("stop_grace_period: 5 s", "services.a.stop_grace_period Does not match format 'duration'"),
        ("deploy: {update_config: {delay: 10}}", "services.a.deploy.update_config.delay must be a string"),
        ("deploy: {x-foo: 1}", "services.a.deploy Additional property x-foo is not allowed"),
        ("deploy: {resources: {limits: {cpus: 0.5}}}", "services.a.deploy.resources.limits.cpus must be a string"),
        ("volumes: [{target: /x}]", "services.a.volumes.0 type is required"),
        ("volumes: [{type: tmpfs, tmpfs: {size: -1}}]",
         "services.a.volumes.0.tmpfs.size Must be greater than or equal to 0"),
        ("ulimits: {nofile: {soft: 1}}", "services.a.ulimits.nofile hard is required"),
        ("deploy: {rollback_config: {order: x}}",
         "services.a.deploy.rollback_config.order services.a.deploy.rollback_config.order must be one of the following: "
         '"start-first", "stop-first"'),
    ],
)  # fmt: skip
def test_the_wording_of_refusals(body, says):
    assert refusal_of(body) == says


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("service: {}", "(root) Additional property service is not allowed"),
        ("name: x\nservices: {}", "(root) Additional property name is not allowed"),
        ("services:", "services must be a mapping"),
        ("services: {web: }", "services.web must be a mapping"),
        ("services: {my web: {image: x}}", "services Additional property my web is not allowed"),
        ("networks: {n: {external: 3}}", "networks.n.external must be a boolean or mapping"),
        ("networks: {n: {ipam: {config: [{gateway: b}]}}}", "networks.n.ipam.config.0 Additional property gateway is not allowed"),
        ("volumes: {v: 3}", "volumes.v must be a mapping or null"),
        ("secrets: {s: }", "secrets.s must be a mapping"),
        ("services: {1: {image: x}}", "json: unsupported type: map[interface {}]interface {}"),
        ("services: {a: {image: x, labels: {a: .inf}}}", "json: unsupported value: +Inf"),
        ("", "top-level object must be a mapping"),
        ("- a", "top-level object must be a mapping"),
    ],
)  # fmt: skip
def test_the_wording_of_refusals_outside_of_services(text, says):
    assert refusal(text) == says


def test_of_several_faults_the_deepest_is_named_then_a_wrong_type_then_the_first():
    assert refusal_of("bogus: 1, deploy: {bogus: 2}") == "services.a.deploy Additional property bogus is not allowed"
    assert refusal_of("deploy: {update_config: {order: x, delay: 3}}").endswith("delay must be a string")
    assert refusal_of("tty: 1, hostname: 3") == "services.a.tty must be a boolean"


def test_network_names_are_the_only_ones_that_may_be_anything():
    assert "a b" in loaded("networks: {a b: {bogus: 1}}").networks
    assert refusal("volumes: {a b: {}}") == "volumes Additional property a b is not allowed"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("environment: [A: 1]", "services.a.environment.0 must be a string"),
        ("environment: [A: 1, B: 2]", "services.a.environment.0 must be a string"),
        ("environment: [A: 1, B: 2, C: 3]", "services.a.environment must be a mapping"),
        ("volumes: [{bogus: 1}]", "services.a.volumes.0 type is required"),
        ("volumes: [{bogus: 1, foo: 2}]", "services.a.volumes.0 must be a string"),
        ("command: [1, 2, 3]", "services.a.command must be a string"),
        ("ulimits: {n: {}}", "services.a.ulimits.n soft is required"),
        ("ulimits: {n: {a: 1, b: 2}}", "services.a.ulimits.n must be a integer"),
    ],
)
def test_a_value_with_alternatives_is_held_against_the_one_that_it_resembles_most(body, says):
    assert refusal_of(body) == says
