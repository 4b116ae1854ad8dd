"""JSON ↔ specs: what clients post is what our engine holds, and bad JSON is refused in the engine's words.

Rules: docker-api.md §5, §6, §8; wrong types as Go's decoder words them.
"""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmlab import Cluster
from swarmlab.docker import api_json
from swarmlab.docker.api.asked import Asked, Refusal
from swarmlab.docker.api.decode import base64
from swarmlab.docker.api.specs import posted_service
from swarmlab.docker.api.specs_more import posted_config, posted_network, posted_node, posted_secret, swarm_spec
from swarmlab.docker.api_specs import service_spec
from swarmlab.docker.api_types import encode
from swarmlab.manager.defaults import settled
from swarmlab.objects import (
    ContainerSpec,
    EndpointSpec,
    FileReference,
    HealthConfig,
    LogDriver,
    Mount,
    NetworkTarget,
    NodeSpec,
    Placement,
    PortConfig,
    Resources,
    RestartPolicy,
    ServiceSpec,
    TaskSpec,
    UpdateConfig,
)

# ── every spec comes back as it was ──────────────────────────────────────────────────────────────────────────────

text = st.text(max_size=5)
some = st.text(min_size=1, max_size=5)
texts = st.lists(text, max_size=2).map(tuple)
mapping = st.dictionaries(some, text, max_size=2)
whole = st.integers(0, 2**40)
times = st.integers(0, 10**12)
files = st.lists(st.builds(FileReference, some, some, some, some, some, st.integers(0, 0o777)), max_size=2).map(tuple)
updates = st.builds(
    UpdateConfig,
    st.integers(0, 9),
    times,
    st.sampled_from(("pause", "continue", "rollback")),
    times,
    st.floats(0, 1),
    st.sampled_from(("stop-first", "start-first")),
)
mount_options = st.fixed_dictionaries(
    {},
    optional={
        "propagation": st.sampled_from(("rprivate", "rshared", "slave")),
        **dict.fromkeys(("non_recursive", "read_only_non_recursive", "no_copy", "create_mountpoint"), st.booleans()),
        "labels": mapping,
        "driver": text,
        "driver_options": mapping,
        "subpath": text,
        "consistency": text,
        "size_bytes": whole,
        "mode": st.integers(0, 0o7777),
    },
)
mounts = st.builds(
    Mount, st.sampled_from(("volume", "bind", "tmpfs", "npipe")), text, text, st.booleans(), mount_options
)
options = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("user", "dir"), text),
        **dict.fromkeys(("init", "tty", "open_stdin", "read_only"), st.booleans()),
        **dict.fromkeys(
            "hosts groups dns_nameservers dns_search dns_options capability_add capability_drop".split(), texts
        ),
        "isolation": st.sampled_from(("", "default", "process", "hyperv")),
        "sysctls": mapping,
        "ulimits": st.lists(st.tuples(some, whole, whole), max_size=2).map(tuple),
        "oom_score_adj": st.integers(-1000, 1000),
        "credential_spec": some.map(lambda word: {"file": word}),
    },
)
containers = st.builds(
    ContainerSpec,
    text,
    mapping,
    texts,
    texts,
    text,
    texts,
    st.lists(mounts, max_size=2).map(tuple),
    st.none() | st.builds(HealthConfig, texts, times, times, times, times, st.integers(0, 9)),
    text,
    times,
    files,
    files,
    options,
)
tasks = st.builds(
    TaskSpec,
    containers,
    st.builds(Resources, whole, whole, st.integers(-1, 99), st.just({})),
    st.builds(Resources, whole, whole, st.just(0), st.dictionaries(some, whole, max_size=2)),
    st.builds(RestartPolicy, st.sampled_from(("none", "on-failure", "any")), times, st.integers(0, 9), times),
    st.builds(Placement, texts, texts, st.integers(0, 9), st.lists(st.tuples(text, text), max_size=2).map(tuple)),
    st.lists(st.builds(NetworkTarget, some, texts, mapping, st.just("")), max_size=2).map(tuple),
    st.none() | st.builds(LogDriver, text, mapping),
    st.integers(0, 9),
    st.just(""),
)
ports = st.builds(
    PortConfig,
    st.integers(0, 65535),
    st.integers(0, 65535),
    st.sampled_from(("tcp", "udp", "sctp")),
    st.sampled_from(("ingress", "host")),
    text,
)
services = st.builds(
    ServiceSpec,
    some,
    mapping,
    tasks,
    st.sampled_from(("replicated", "global", "replicated-job", "global-job")),
    whole,
    whole,
    updates,
    updates,
    st.builds(EndpointSpec, st.sampled_from(("vip", "dnsrr")), st.lists(ports, max_size=2).map(tuple)),
    st.just(False),
)


def held(spec: ServiceSpec) -> ServiceSpec:
    """As the engine can hold it: a mode has its own numbers and no others, jobs have no policy for updates."""
    spec = settled(spec)
    if spec.mode.startswith("global"):
        spec = spec._replace(replicas=1)
    if spec.mode != "replicated-job":
        spec = spec._replace(max_concurrent=1)
    return spec._replace(update=UpdateConfig()) if spec.mode.endswith("-job") else spec


def asked(body: Any) -> Asked:
    return Asked("POST", "/", body=json.dumps(body).encode())


@settings(max_examples=30)
@given(services, st.booleans())
def test_a_service_that_is_shown_and_posted_again_is_the_same(spec: ServiceSpec, insert_defaults: bool) -> None:
    spec = held(spec)
    shown = encode("ServiceSpec", service_spec(spec, insert_defaults))
    again = posted_service(asked(shown))
    if insert_defaults and spec.mode.endswith("-job"):
        again = again._replace(update_asked=False)  # of a job nobody may post what is shown there
    assert settled(again) == again == spec


# ── what the real client posts ───────────────────────────────────────────────────────────────────────────────────

API = (  # docker-api.md §5, with what the client adds for a terminal command of its own
    "service create -d --name api --replicas 2 --label tier=x -e A=b --mount type=volume,src=data,dst=/v "
    "--constraint node.role==manager --placement-pref spread=node.labels.rack --limit-cpu 1 --reserve-memory 64M "
    "--update-delay 1s --update-parallelism 2 --update-failure-action rollback --restart-condition on-failure "
    "--restart-max-attempts 3 -p 8080:80 --health-cmd true --hostname h nginx:alpine"
)
POSTED = {
    "Name": "api",
    "Labels": {"tier": "x"},
    "TaskTemplate": {
        "ContainerSpec": {
            "Image": "nginx:alpine",
            "Hostname": "h",
            "Env": ["A=b"],
            "Init": False,
            "Mounts": [{"Type": "volume", "Source": "data", "Target": "/v"}],
            "Healthcheck": {"Test": ["CMD-SHELL", "true"]},
            "DNSConfig": {},
        },
        "Resources": {"Limits": {"NanoCPUs": 10**9}, "Reservations": {"MemoryBytes": 67108864}},
        "RestartPolicy": {"Condition": "on-failure", "Delay": 5 * 10**9, "MaxAttempts": 3},
        "Placement": {
            "Constraints": ["node.role==manager"],
            "Preferences": [{"Spread": {"SpreadDescriptor": "node.labels.rack"}}],
            "Platforms": [{"Architecture": "amd64", "OS": "linux"}],
        },
        "ForceUpdate": 0,
    },
    "Mode": {"Replicated": {"Replicas": 2}},
    "UpdateConfig": {
        "Parallelism": 2,
        "Delay": 10**9,
        "FailureAction": "rollback",
        "Monitor": 5 * 10**9,
        "MaxFailureRatio": 0,
        "Order": "stop-first",
    },
    "EndpointSpec": {
        "Mode": "vip",
        "Ports": [{"Protocol": "tcp", "TargetPort": 80, "PublishedPort": 8080, "PublishMode": "ingress"}],
    },
}


def test_what_the_client_posts_is_what_the_command_in_a_notebook_asks_for() -> None:
    cluster = Cluster(managers=1, seed=1)
    assert cluster.docker(API).exit_code == 0
    ours = cluster.services[0].spec
    posted = json.loads(json.dumps(POSTED))
    posted["TaskTemplate"]["ContainerSpec"]["Image"] = ours.task.container.image  # with the digest that it looked up
    assert posted_service(asked(posted)) == ours


STACK = {  # docker-api.md §6: names of networks, no order, privileges that ask for nothing
    "Name": "s_web",
    "Labels": {"com.docker.stack.image": "nginx", "com.docker.stack.namespace": "s"},
    "TaskTemplate": {
        "ContainerSpec": {
            "Image": "nginx:latest",
            "Labels": {"com.docker.stack.namespace": "s"},
            "Privileges": {"CredentialSpec": None, "SELinuxContext": None, "NoNewPrivileges": False},
        },
        "Resources": {},
        "Placement": {},
        "Networks": [{"Target": "s_default", "Aliases": ["web"]}],
        "ForceUpdate": 0,
    },
    "Mode": {"Replicated": {}},
    "UpdateConfig": {"Parallelism": 1, "Delay": 10**9, "MaxFailureRatio": 0, "Order": ""},
    "EndpointSpec": {},
}


def test_a_stacks_service_means_what_the_stack_file_says() -> None:
    spec = posted_service(asked(STACK))
    assert (spec.mode, spec.replicas, spec.endpoint, spec.update) == (
        "replicated",
        1,
        EndpointSpec(),
        UpdateConfig(delay=10**6),
    )
    assert spec.task.networks == (NetworkTarget("s_default", ("web",)),)
    assert spec.task.container.options == {}


def test_what_is_left_out_and_what_is_null_mean_the_default() -> None:
    bare = {"Name": "x", "TaskTemplate": {"ContainerSpec": {"Image": "nginx"}}}
    nulls = {
        "Name": "x",
        "Labels": None,
        "Mode": None,
        "UpdateConfig": None,
        "EndpointSpec": None,
        "Networks": None,
        "TaskTemplate": {
            "ContainerSpec": {
                "Image": "nginx",
                "Env": None,
                "Mounts": None,
                "Healthcheck": None,
                "StopGracePeriod": None,
            },
            "Resources": None,
            "RestartPolicy": None,
            "Placement": None,
            "LogDriver": None,
        },
    }
    wanted = ServiceSpec("x", task=TaskSpec(ContainerSpec("nginx")))
    assert posted_service(asked(bare)) == posted_service(asked(nulls)) == wanted
    unknown = {**bare, "Colour": "red", "name": "x"}
    assert posted_service(asked(unknown)) == wanted


def test_a_block_for_updates_without_a_number_is_all_at_once() -> None:
    posted = {**STACK, "UpdateConfig": {"Delay": 1}}
    assert posted_service(asked(posted)).update == UpdateConfig(parallelism=0, delay=1)


# ── refusals ─────────────────────────────────────────────────────────────────────────────────────────────────────

UNMARSHAL = "json: cannot unmarshal "


def container(**fields: Any) -> dict[str, Any]:
    return {"TaskTemplate": {"ContainerSpec": {"Image": "nginx", **fields}}}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "mismatched Runtime and *Spec fields"),
        ({"TaskTemplate": {"Runtime": "plugin"}}, "mismatched Runtime and *Spec fields"),
        ({"TaskTemplate": {"Runtime": "wasm"}}, "unsupported runtime"),
        ({**container(), "Mode": {"Global": {}, "Replicated": {}}}, "must specify only one service mode"),
        ([], UNMARSHAL + "array into Go value of type swarm.ServiceSpec"),
        ("x", UNMARSHAL + "string into Go value of type swarm.ServiceSpec"),
        ({"Name": 5}, UNMARSHAL + "number into Go struct field ServiceSpec.Name of type string"),
        ({"Labels": {"a": 1}}, UNMARSHAL + "number into Go struct field ServiceSpec.Labels of type string"),
        ({"Labels": []}, UNMARSHAL + "array into Go struct field ServiceSpec.Labels of type map[string]string"),
        (
            {"TaskTemplate": "x"},
            UNMARSHAL + "string into Go struct field ServiceSpec.TaskTemplate of type swarm.TaskSpec",
        ),
        (
            {"Mode": {"Replicated": {"Replicas": -1}}},
            UNMARSHAL + "number -1 into Go struct field ReplicatedService.Mode.Replicated.Replicas of type uint64",
        ),
        (
            {"Mode": {"Replicated": {"Replicas": 2**64}}},
            UNMARSHAL
            + f"number {2**64} into Go struct field ReplicatedService.Mode.Replicated.Replicas of type uint64",
        ),
        (
            {"Mode": {"Replicated": {"Replicas": 1.5}}},
            UNMARSHAL + "number 1.5 into Go struct field ReplicatedService.Mode.Replicated.Replicas of type uint64",
        ),
        (
            {"Mode": {"Replicated": {"Replicas": True}}},
            UNMARSHAL + "bool into Go struct field ReplicatedService.Mode.Replicated.Replicas of type uint64",
        ),
        (
            container(Env="A=b"),
            UNMARSHAL + "string into Go struct field ContainerSpec.TaskTemplate.ContainerSpec.Env of type []string",
        ),
        (
            container(StopGracePeriod="10s"),
            UNMARSHAL
            + "string into Go struct field ContainerSpec.TaskTemplate.ContainerSpec.StopGracePeriod of type time.Duration",
        ),
        (
            container(Init="yes"),
            UNMARSHAL + "string into Go struct field ContainerSpec.TaskTemplate.ContainerSpec.Init of type bool",
        ),
        (
            {"EndpointSpec": {"Ports": [{"TargetPort": 2**32}]}},
            UNMARSHAL + f"number {2**32} into Go struct field PortConfig.EndpointSpec.Ports.TargetPort of type uint32",
        ),
        (
            container(Privileges={"CredentialSpec": {"File": "a", "Config": "b"}}),
            'invalid CredentialSpec: cannot specify both "config" and "file" credential specs',
        ),
        (container(Configs=[{"ConfigID": "x"}]), "invalid Config: either File or Runtime should be set"),
    ],
)
def test_what_no_service_can_be_is_refused_in_the_engines_words(body: Any, text: str) -> None:
    with pytest.raises(Refusal) as refusal:
        posted_service(asked(body))
    assert (refusal.value.status, refusal.value.message) == (400, text)


def test_the_first_of_several_faults_is_told() -> None:
    with pytest.raises(Refusal, match="Labels"):
        posted_service(asked({"Labels": 1, "Name": 2}))
    with pytest.raises(Refusal, match="Name"):
        posted_service(asked({"Name": 2, "Labels": 1}))


@pytest.mark.parametrize(
    ("text", "byte"),
    [
        ("Q", 0),
        ("QQ", 0),
        ("QQ=", 3),
        ("Q===", 1),
        ("!abc", 0),
        ("ab!d", 2),
        ("QQ==X", 4),
        ("QUI=QUI=", 4),
        ("QUJDQ", 4),
    ],
)
def test_bad_base64_is_found_at_its_byte(text: str, byte: int) -> None:
    with pytest.raises(Refusal) as refusal:
        base64(text)
    assert refusal.value.message == f"illegal base64 data at input byte {byte}"


@given(st.binary(max_size=40))
def test_base64_that_is_whole_is_read(data: bytes) -> None:
    from base64 import b64encode, encodebytes

    assert base64(b64encode(data).decode()) == base64(encodebytes(data).decode()) == data


@given(st.text("QUI=\n-", max_size=9))
def test_base64_is_read_or_refused(text: str) -> None:
    try:
        base64(text)
    except Refusal as refusal:
        assert refusal.status == 400


# ── the smaller specs ────────────────────────────────────────────────────────────────────────────────────────────


def test_the_smaller_specs_are_read() -> None:
    secret = posted_secret(
        asked({"Name": "a", "Labels": {"x": "y"}, "Data": "c2VydmVyIHt9", "Templating": {"Name": "golang"}})
    )
    assert secret == ("a", {"x": "y"}, b"server {}", "golang")
    assert posted_config(asked({"Name": "a", "Labels": None, "Data": ""})) == ("a", {}, b"", "")
    node = {"Name": "n", "Labels": {"a": "b"}, "Role": "manager", "Availability": "drain"}
    assert posted_node(asked(node)) == NodeSpec({"a": "b"}, "manager", "drain", given_name="n")
    network = {
        "Name": "n",
        "CheckDuplicate": True,
        "Driver": "overlay",
        "IPAM": {"Config": [{"Subnet": "10.9.0.0/24"}]},
    }
    spec = posted_network(asked(network))
    assert (spec.name, spec.driver, spec.scope, spec.subnets) == ("n", "overlay", "swarm", (("10.9.0.0/24", "", ""),))
    assert posted_network(asked({"Name": "n"})).scope == "local"


def test_a_swarm_that_is_shown_and_posted_again_is_the_same() -> None:
    cluster = Cluster(managers=1, seed=1).store.cluster._replace(
        labels={"a": "b"},
        keep_old_snapshots=3,
        external_cas=(("cfssl", "https://x", (("k", "v"),)),),
        task_history_limit=0,
    )
    from swarmlab.docker.api.decode import body

    shown = api_json.swarm(cluster).json()["Spec"]
    assert swarm_spec(body(asked(shown), "SwarmSpec"), cluster) == cluster


@pytest.mark.parametrize(
    ("read", "body", "status", "text"),
    [
        (posted_secret, {"Data": "QQ="}, 400, "illegal base64 data at input byte 3"),
        (posted_secret, {"Data": 7}, 400, UNMARSHAL + "number into Go struct field SecretSpec.Data of type []uint8"),
        (posted_secret, {"Name": "a", "Driver": {"Name": "vault"}}, 404, 'plugin "vault" not found'),
        (posted_node, {"Role": 1}, 400, UNMARSHAL + "number into Go struct field NodeSpec.Role of type swarm.NodeRole"),
        (posted_network, {"Scope": "global"}, 400, "a network's scope is local or swarm here, not 'global'"),
        (posted_network, {"ConfigOnly": True}, 501, "networks that only hold a configuration are not simulated"),
    ],
)
def test_the_smaller_specs_are_refused_when_they_are_wrong(read: Any, body: Any, status: int, text: str) -> None:
    with pytest.raises(Refusal) as refusal:
        read(asked(body))
    assert (refusal.value.status, refusal.value.message) == (status, text)
