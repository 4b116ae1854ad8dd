"""Every check of a wish: its text, its place among the others, and that a refusal leaves nothing behind."""

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmlab.check.store_laws import faults
from swarmlab.effects import MS, SECOND
from swarmlab.manager import api, ca
from swarmlab.manager.store import Store
from swarmlab.messages import (
    CreateObject,
    GetCluster,
    GetObject,
    GetUnlockKey,
    ListObjects,
    RemoveObject,
    RotateToken,
    RotateUnlockKey,
    UpdateObject,
)
from swarmlab.objects import (
    ApiError,
    Cluster,
    Config,
    ConfigSpec,
    ContainerSpec,
    EndpointSpec,
    FileReference,
    HealthConfig,
    Mount,
    Network,
    NetworkSpec,
    NetworkTarget,
    Node,
    NodeSpec,
    Placement,
    PortConfig,
    Put,
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
from swarmlab.trust import certificates, signing, tokens

INVALID = "rpc error: code = InvalidArgument desc = "
STATE = "rpc error: code = FailedPrecondition desc = "
OUT_OF_SEQUENCE = "rpc error: code = Unknown desc = update out of sequence"
NONE_OF_THEM = "rpc error: code = Unimplemented desc = "
MEMBERS = (("m1", "node1", True), ("m2", "node2", True))
CLUSTER = Cluster("c1", ca_digest="d" * 50, worker_token="SWMTKN-1-" + "d" * 50, manager_token="SWMTKN-1-" + "d" * 50)


def spec(name: str = "x", **fields) -> ServiceSpec:
    """A service with these parts of container, task or service, wherever each belongs."""
    parts = {kind: {k: v for k, v in fields.items() if k in kind._fields} for kind in (ContainerSpec, TaskSpec)}
    rest = {k: v for k, v in fields.items() if not any(k in chosen for chosen in parts.values())}
    container = ContainerSpec(**{"image": "nginx:alpine", **parts[ContainerSpec]})
    return ServiceSpec(name, task=TaskSpec(container, **parts[TaskSpec]), **rest)


def filled(ingress: bool = True) -> Store:
    store = Store()
    key = FileReference("s1", "key", "key")
    objects = [
        CLUSTER,
        Node("n1", NodeSpec(role="manager"), "manager", state="ready", member="m1"),
        Node("n2", NodeSpec(role="manager"), "manager", state="ready", member="m2"),
        Node("n3", state="down"),
        *([Network("i1", NetworkSpec("ingress", ingress=True))] if ingress else []),
        Network("b1", NetworkSpec("bridge", driver="bridge", scope="local"), predefined=True),
        Network("l1", NetworkSpec("mine", driver="bridge", scope="local")),
        Network("a1", NetworkSpec("app")),
        Secret("s1", SecretSpec("key", data=b"x")),
        Secret("s2", SecretSpec("other", data=b"x")),
        Config("f1", ConfigSpec("site", data=b"x")),
        Service("w1", spec("web", networks=(NetworkTarget("a1"),), secrets=(key,))),
        Service("p1", spec("p1", endpoint=EndpointSpec("vip", (PortConfig(80, 8080),)))),
        Service("h1", spec("h1", endpoint=EndpointSpec("vip", (PortConfig(80, 9090, publish_mode="host"),)))),
        Service("j1", spec("job", mode="replicated-job")),
    ]
    store.apply(1, 0, [Put(object) for object in objects])
    return store


def refusal(store: Store, request) -> str | None:
    """What is answered, None when it is done. The store is the same either way: only a commit changes it."""
    before = {kind: dict(table) for kind, table in store.tables.items()}
    try:
        api.write(store, request, Random(0), 0, MEMBERS)
    except ApiError as fault:
        return fault.text
    finally:
        assert store.tables == before
    return None


# ── §3, check by check ───────────────────────────────────────────────────────────────────────────────────────────

REFUSED = [
    ({"name": ""}, INVALID + "meta: name must be provided"),
    ({"name": "a.b"}, INVALID + "name must be valid as a DNS name component"),
    ({"name": "a-"}, INVALID + "name must be valid as a DNS name component"),
    ({"name": "x" * 64}, INVALID + "name must be 63 characters or fewer"),
    ({"limits": Resources(10**6 - 1)}, INVALID + "invalid cpu value 0.000999999: Must be at least 0.001"),
    ({"limits": Resources(-(10**9))}, INVALID + "invalid cpu value -1: Must be at least 0.001"),
    ({"reservations": Resources(10)}, INVALID + "invalid cpu value 1e-08: Must be at least 0.001"),
    ({"reservations": Resources(memory=4194303)}, INVALID + "invalid memory value 4194303: Must be at least 4MiB"),
    ({"restart": RestartPolicy(delay=-1)}, INVALID + "TaskSpec: restart-delay cannot be negative"),
    ({"restart": RestartPolicy(window=-1)}, INVALID + "TaskSpec: restart-window cannot be negative"),
    ({"update": UpdateConfig(delay=-1)}, INVALID + "TaskSpec: update-delay cannot be negative"),
    ({"update": UpdateConfig(monitor=-1)}, INVALID + "TaskSpec: update-monitor cannot be negative"),
    (
        {"update": UpdateConfig(max_failure_ratio=1.01)},
        INVALID + "TaskSpec: update-maxfailureratio cannot be less than 0 or bigger than 1",
    ),
    (
        {"update": UpdateConfig(max_failure_ratio=-0.1)},
        INVALID + "TaskSpec: update-maxfailureratio cannot be less than 0 or bigger than 1",
    ),
    (
        {"placement": Placement(("node.role",))},
        "rpc error: code = Unknown desc = constraint expected one operator from ==, !=",
    ),
    ({"image": ""}, INVALID + "ContainerSpec: image reference must be provided"),
    ({"image": "A"}, INVALID + 'ContainerSpec: "A" is not a valid repository/tag'),
    ({"image": 'a"'}, INVALID + 'ContainerSpec: "a\\"" is not a valid repository/tag'),
    (
        {"mounts": (Mount(target="/x"), Mount("tmpfs", target="/x"))},
        INVALID + "ContainerSpec: duplicate mount point: /x",
    ),
    (
        {"healthcheck": HealthConfig(timeout=MS - 1)},
        INVALID + "ContainerSpec: Timeout in HealthConfig cannot be less than 1ms",
    ),
    (
        {"healthcheck": HealthConfig(start_period=1)},
        INVALID + "ContainerSpec: StartPeriod in HealthConfig cannot be less than 1ms",
    ),
    (
        {"healthcheck": HealthConfig(start_interval=-1)},
        INVALID + "ContainerSpec: StartInterval in HealthConfig cannot be less than 1ms",
    ),
    (
        {"healthcheck": HealthConfig(interval=-1)},
        INVALID + "ContainerSpec: Interval in HealthConfig cannot be less than 1ms",
    ),
    (
        {"healthcheck": HealthConfig(retries=-1)},
        INVALID + "ContainerSpec: Retries in HealthConfig cannot be negative",
    ),
    (
        {"endpoint": EndpointSpec("dnsrr", (PortConfig(80),))},
        INVALID + "EndpointSpec: port published with ingress mode can't be used with dnsrr mode",
    ),
    (
        {"endpoint": EndpointSpec("vip", (PortConfig(1, 5), PortConfig(2, 5, publish_mode="host")))},
        INVALID + "EndpointSpec: duplicate published ports provided",
    ),
    *(
        ({field: (FileReference(*reference),)}, INVALID + text.format(kind))
        for kind, field in (("secret", "secrets"), ("config", "configs"))
        for reference, text in (
            (("", "a", "t"), "malformed {} reference"),
            (("a", "", "t"), "malformed {} reference"),
            (("a", "a", None), "malformed {} reference, no target provided"),
            (("a", "a", ""), "malformed file {} reference, invalid target file name provided"),
            (("a", "a", "t"), "{} not found: a"),
        )
    ),
    (
        {"configs": (FileReference("a", "a", "t"), FileReference("b", "b", "t"))},
        INVALID + "config references 'a' and 'b' have a conflicting target: 't'",
    ),
    (
        {"configs": (FileReference("a", "a", "t"), FileReference("b", "b", "u"))},
        INVALID + "configs not found: a, b",
    ),
    (
        {"networks": (NetworkTarget("ingress"),)},
        INVALID + 'Service cannot be explicitly attached to the ingress network "ingress"',
    ),
    ({"networks": (NetworkTarget("nonet"),)}, "network nonet not found"),
    (
        {"networks": (NetworkTarget("mine"),)},
        "The network mine cannot be used with services. Only networks scoped to the swarm can be used, such as those "
        "created with the overlay driver.",
    ),
    (
        {"endpoint": EndpointSpec("vip", (PortConfig(80, 8080),))},
        INVALID + "port '8080' is already in use by service 'p1' (p1) as an ingress port",
    ),
    (
        {"endpoint": EndpointSpec("vip", (PortConfig(80, 8080, publish_mode="host"),))},
        INVALID + "port '8080' is already in use by service 'p1' (p1) as an ingress port",
    ),
    (
        {"endpoint": EndpointSpec("vip", (PortConfig(80, 8080), PortConfig(80, 9090)))},
        INVALID + "port '9090' is already in use by service 'h1' (h1) as a host-published port",
    ),
    (
        {"name": "Web"},
        "rpc error: code = AlreadyExists desc = name conflicts with an existing object: service Web already exists",
    ),
    ({"mode": "weird"}, INVALID + "Unrecognized service mode"),
    ({"replicas": -1}, INVALID + "Number of replicas must be non-negative"),
    ({"replicas": 2**63}, INVALID + "Number of replicas must be non-negative"),
    ({"mode": "replicated-job", "replicas": -1}, INVALID + "Total completed jobs must not be negative"),
    ({"mode": "replicated-job", "max_concurrent": 2**64 - 1}, INVALID + "Maximum concurrent jobs must not be negative"),
    *(
        ({"mode": mode, "update": UpdateConfig(2)}, INVALID + "Jobs may not have an update config")
        for mode in ("replicated-job", "global-job")
    ),
    ({"restart": RestartPolicy("sometimes")}, 'invalid RestartCondition: "sometimes"'),
    ({"update": UpdateConfig(failure_action="explode")}, "unrecognized update failure action explode"),
    ({"rollback": UpdateConfig(failure_action="explode")}, "unrecognized update failure action explode"),
    ({"rollback": UpdateConfig(order="last")}, "unrecognized update order last"),
    ({"endpoint": EndpointSpec("foo")}, 'invalid resolution mode: "foo"'),
    ({"mounts": (Mount("disk", target="/x"),)}, 'invalid MountType: "disk"'),
    ({"mounts": (Mount(target="/x", options={"propagation": "up"}),)}, 'invalid MountPropagation: "up"'),
]


@pytest.mark.parametrize(("fields", "text"), REFUSED)
def test_each_check_of_a_service_has_its_words(fields: dict, text: str) -> None:
    assert refusal(filled(), CreateObject(spec(**fields))) == text


@pytest.mark.parametrize(
    "fields",
    [
        {"rollback": UpdateConfig(delay=-1, max_failure_ratio=7)},  # that block is not looked at
        {"limits": Resources(10**6, 4 << 20)},
        {"limits": Resources(10**9), "reservations": Resources(5 * 10**12)},  # nor whether any node has so much
        {"healthcheck": HealthConfig(interval=MS)},
        {"placement": Placement(("node.color==red",))},
        {"endpoint": EndpointSpec("dnsrr", (PortConfig(80, 9090, publish_mode="host"),))},
        {"endpoint": EndpointSpec("vip", (PortConfig(70000), PortConfig(70000)))},
        {"networks": (NetworkTarget("bridge"),)},
        {"mode": "global", "replicas": -1},
        {"mode": "replicated-job", "replicas": 0, "max_concurrent": 0},
        {"name": "a_-b1"},
    ],
)
def test_what_is_not_checked(fields: dict) -> None:
    assert refusal(filled(), CreateObject(spec(**fields))) is None


IN_ORDER = [  # later ones are not met while an earlier one holds
    {"networks": (NetworkTarget("nonet"),)},
    {"mounts": (Mount("disk", target="/x"), Mount("disk", target="/x"))},
    {"restart": RestartPolicy("sometimes", delay=-1)},
    {"update": UpdateConfig(failure_action="explode", delay=-1)},
    {"endpoint": EndpointSpec("foo", (PortConfig(80, 8080), PortConfig(80, 8080)))},
    {"name": ""},
    {"limits": Resources(1)},
    {"reservations": Resources(memory=1)},
    {"placement": Placement(("x",))},
    {"secrets": (FileReference("", "", ""),)},
    {"configs": (FileReference("", "", ""),)},
    {"image": ""},
    {"healthcheck": HealthConfig(retries=-1)},
    {"replicas": -1},
]


def test_the_checks_come_in_the_order_of_the_real_ones() -> None:
    for first, one in enumerate(IN_ORDER):
        alone = refusal(filled(), CreateObject(spec(**one)))
        later = {key: value for other in reversed(IN_ORDER[first + 1 :]) for key, value in other.items()}
        assert refusal(filled(), CreateObject(spec(**{**later, **one}))) == alone is not None


def test_what_the_store_knows_comes_after_the_spec_ports_before_files_before_the_name() -> None:
    taken = EndpointSpec("vip", (PortConfig(80, 8080),))
    free = EndpointSpec("vip", (PortConfig(80, 1),))
    gone = {"secrets": (FileReference("a", "a", "a"),), "configs": (FileReference("b", "b", "b"),)}
    ask: Callable[..., str] = lambda store, **fields: refusal(store, CreateObject(spec("web", **fields)))  # noqa: E731
    assert ask(filled(), endpoint=taken, **gone).endswith("as an ingress port")
    no_ingress = STATE + "service needs ingress network, but no ingress network is present"
    assert ask(filled(ingress=False), endpoint=free, **gone) == no_ingress
    assert ask(filled(), endpoint=free, **gone) == INVALID + "secret not found: a"
    assert ask(filled(), configs=gone["configs"]) == INVALID + "config not found: b"
    assert ask(filled()).endswith("service web already exists")


def test_an_update_is_checked_in_the_order_of_the_real_one_the_version_last() -> None:
    store = filled()
    web = store.get("service", "w1").spec
    gone = (FileReference("a", "a", "a"),)
    steps = [  # each step mends one thing
        ({"task": TaskSpec(ContainerSpec(""))}, INVALID + "ContainerSpec: image reference must be provided"),
        ({"task": TaskSpec(ContainerSpec("n", secrets=gone))}, "service nosuch not found"),
        (
            {"endpoint": EndpointSpec("vip", (PortConfig(80, 8080),))},
            INVALID + "port '8080' is already in use by service 'p1' (p1) as an ingress port",
        ),
        ({"task": TaskSpec(ContainerSpec("n", secrets=gone))}, INVALID + "secret not found: a"),
        ({"mode": "global", "name": "other"}, NONE_OF_THEM + "service mode change is not allowed"),
        ({"name": "other"}, NONE_OF_THEM + "renaming services is not supported"),
        ({"replicas": 7}, OUT_OF_SEQUENCE),
    ]
    for fields, text in steps:
        ref = "nosuch" if text.startswith("service nosuch") else "w1"
        assert refusal(store, UpdateObject("service", ref, 99, replace(web, **fields))) == text
    assert refusal(store, UpdateObject("service", "w1", 1, replace(web, replicas=7))) is None


def test_ports_are_compared_on_update_only_if_they_changed_and_never_with_its_own() -> None:
    store = filled()
    p1, h1 = store.get("service", "p1").spec, store.get("service", "h1").spec
    taken = replace(p1, endpoint=EndpointSpec("vip", (PortConfig(81, 8080),)))
    assert refusal(store, UpdateObject("service", "p1", 1, taken)) is None
    store.apply(2, 0, [Put(Service("h1", replace(h1, endpoint=p1.endpoint)))])  # as a rollback may leave it
    assert refusal(store, UpdateObject("service", "p1", 1, replace(p1, replicas=2))) is None
    assert "already in use by service 'h1'" in refusal(store, UpdateObject("service", "p1", 1, taken))


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (CreateObject(NetworkSpec("")), INVALID + "meta: name must be provided"),
        (CreateObject(NetworkSpec("a b")), INVALID + "name must be valid as a DNS name component"),
        (CreateObject(NetworkSpec("APP")), "network with name APP already exists"),
        (
            CreateObject(NetworkSpec("-", ingress=True, attachable=True)),
            INVALID + "ingress network cannot be attachable",
        ),
        *(
            (CreateObject(NetworkSpec("n", subnets=(subnet,))), INVALID + "ipam configuration: " + text)
            for subnet, text in (
                (("10.1.0.0/16", "", "10.1"), "invalid range 10.1"),
                (("10.1.0.0/16", "", "10.2.0.0/24"), "subnet 10.1.0.0/16 does not contain range 10.2.0.0/24"),
                (("10.1.0.0/16", "x", ""), "invalid gateway x"),
                (("10.1.0.0/16", "10.2.0.1", ""), "subnet 10.1.0.0/16 does not contain gateway 10.2.0.1"),
            )
        ),
        *(
            (
                CreateObject(NetworkSpec("n", subnets=((no, "", ""),))),
                f"Invalid subnet {no} : invalid CIDR address: {no}",
            )
            for no in ("10.1.0.0/33", "fd00::/129")
        ),
        (RemoveObject("network", "app"), STATE + "network a1 is in use by service w1"),
        (
            RemoveObject("network", "bridge"),
            STATE + "network b1 (bridge) is a swarm predefined network and cannot be removed",
        ),
        (CreateObject(SecretSpec("", data=b"x")), INVALID + "name must be provided"),
        (
            CreateObject(ConfigSpec("x", data=bytes(1_024_000))),
            INVALID + "config data must be larger than 0 and less than 1024000 bytes",
        ),
        (UpdateObject("secret", "s2", 1, SecretSpec("renamed")), INVALID + "only updates to Labels are allowed"),
        (
            UpdateObject("secret", "s2", 1, SecretSpec("other", data=b"y")),
            INVALID + "only updates to Labels are allowed",
        ),
        (UpdateObject("secret", "s2", 7, SecretSpec("other")), OUT_OF_SEQUENCE),
        (UpdateObject("config", "nosuch", 7, ConfigSpec("other")), "config nosuch not found"),
        (UpdateObject("node", "n2", 7, NodeSpec(role="manager")), OUT_OF_SEQUENCE),
        (UpdateObject("node", "n2", 1, NodeSpec(role="boss")), 'invalid Role: "boss"'),
        (UpdateObject("node", "n2", 1, NodeSpec(availability="away")), 'invalid Availability: "away"'),
        (UpdateObject("task", "t", 1, None), NONE_OF_THEM + "a task cannot be updated"),
        (RemoveObject("task", "t"), NONE_OF_THEM + "RemoveObject is not possible here"),
        (UpdateObject("cluster", "c1", 9, CLUSTER), OUT_OF_SEQUENCE),
        (
            UpdateObject("cluster", "c1", 9, replace(CLUSTER, certificate_expiry=3600 * SECOND - 1, name="x")),
            INVALID + "minimum certificate expiry time is: 1h0m0s",
        ),
        (
            UpdateObject("cluster", "c1", 9, replace(CLUSTER, heartbeat_period=-1, name="x")),
            INVALID + "heartbeat time period cannot be a negative duration",
        ),
        (
            UpdateObject("cluster", "c1", 9, replace(CLUSTER, name="x")),
            INVALID + "modification of cluster name is not allowed",
        ),
        (
            UpdateObject("service", "w1", "", spec()),
            "invalid service version '': strconv.ParseUint: parsing \"\": invalid syntax",
        ),
        (
            UpdateObject("cluster", "c1", "abc", CLUSTER),
            "invalid swarm version 'abc': strconv.ParseUint: parsing \"abc\": invalid syntax",
        ),
    ],
)
def test_other_checks_have_their_words(request_, text: str) -> None:
    assert refusal(filled(), request_) == text


def test_a_version_may_come_as_text() -> None:
    assert refusal(filled(), UpdateObject("service", "w1", "1", filled().get("service", "w1").spec)) is None


# ── the cluster as a whole ───────────────────────────────────────────────────────────────────────────────────────


def done(store: Store, request):
    """Carry it out, and say what is answered."""
    changes = tuple(api.write(store, request, Random(store.index), 0, MEMBERS))
    store.apply(store.index + 1, 0, changes)
    return api.answer(store, request, changes)


def test_an_update_of_the_cluster_keeps_what_came_of_it_and_what_is_zero() -> None:
    store = filled()
    wish = replace(CLUSTER, heartbeat_period=0, task_history_limit=0, worker_token="x", ca_digest="x", subnet_size=9)
    done(store, UpdateObject("cluster", "c1", 1, wish))
    assert store.cluster == replace(CLUSTER, task_history_limit=0, version=2)


def test_autolock_has_a_key_as_long_as_it_is_on_and_only_who_asks_sees_it() -> None:
    store = filled()
    assert api.read(store, GetUnlockKey()) == ""
    assert done(store, RotateUnlockKey()) == ""
    done(store, UpdateObject("cluster", "c1", store.cluster.version, replace(CLUSTER, autolock=True)))
    key = api.read(store, GetUnlockKey())
    assert key.startswith("SWMKEY-1-") and len(key) == len("SWMKEY-1-n8jG1u9I7LD7gK5hTbwRExdTamPsJnKAZmwnNoGNKGw")
    for shown in (
        api.read(store, GetCluster()),
        *api.read(store, ListObjects("cluster")),
        done(store, RotateToken("worker")),
    ):
        assert shown.unlock_key == ""
    assert done(store, RotateUnlockKey()) == api.read(store, GetUnlockKey()) != key
    done(store, UpdateObject("cluster", "c1", store.cluster.version, api.read(store, GetCluster())))
    assert api.read(store, GetUnlockKey()).startswith("SWMKEY-1-"), "an update that leaves it on keeps the key"
    done(store, UpdateObject("cluster", "c1", store.cluster.version, replace(store.cluster, autolock=False)))
    assert api.read(store, GetUnlockKey()) == ""


def test_a_forced_rotation_makes_a_new_root_which_is_trusted_later_and_new_tokens_with_it() -> None:
    """§15: the old root signs the new one; tokens change when it is dropped."""
    store = filled()
    root = signing.new_root(1, 1, 0)
    store.apply(store.index + 1, 0, [Put(replace(store.cluster, root=root, root_key=1))])
    done(store, UpdateObject("cluster", "c1", store.cluster.version, replace(store.cluster, force_rotate=1)))
    old = store.cluster
    assert old.root == root and old.worker_token == CLUSTER.worker_token
    assert certificates.path(old.rotation.cross_signed, (), (root,))
    assert api.read(store, GetCluster()).rotation.key == api.read(store, GetCluster()).root_key == 0
    new = ca.finished(old, Random(1))
    assert (new.root, new.rotation) == (old.rotation.root, None)
    assert new.ca_digest == tokens.digest(new.root) and len(new.ca_digest) == 50
    assert all(f"-{new.ca_digest}-" in token for token in (new.worker_token, new.manager_token))
    assert new.worker_token != new.manager_token
    assert faults(store) == []


def test_a_rollback_is_refused_without_a_previous_spec_then_without_ingress_then_out_of_sequence() -> None:
    store = filled(ingress=False)
    back = UpdateObject("service", "p1", 99, None, rollback=True)
    assert refusal(store, back) == STATE + "service p1 does not have a previous spec"
    p1 = store.get("service", "p1")
    store.apply(2, 0, [Put(replace(p1, spec=spec("p1"), previous_spec=p1.spec))])
    assert refusal(store, back).endswith("no ingress network is present")
    store.apply(3, 0, [Put(Network("i1", NetworkSpec("ingress", ingress=True)))])
    assert refusal(store, back) == OUT_OF_SEQUENCE
    assert refusal(store, back._replace(version=2)) is None


# ── specs at random ──────────────────────────────────────────────────────────────────────────────────────────────


def some(kind: type, *fields: st.SearchStrategy, **named: st.SearchStrategy) -> st.SearchStrategy:
    """Values of a kind with these fields drawn, and no others."""
    return st.builds(lambda *values, **more: kind(*values, **more), *fields, **named)


few = st.integers(-1, 3)
words = st.sampled_from(["", "a", "web", "p1", "A b", "x" * 64, "key", "site"])
times = st.sampled_from([-1, 0, 1, MS, SECOND])
references = st.lists(
    some(
        FileReference, st.sampled_from(["s1", "s2", "f1", "zz"]), st.sampled_from(["key", "other", "site", ""]), words
    ),
    max_size=2,
).map(tuple)
resources = some(
    Resources, st.sampled_from([-1, 0, 1, 10**6, 10**9]), st.sampled_from([0, 1, 4 << 20]), generic=st.just({"gpu": 1})
)
ports = some(
    PortConfig,
    few,
    st.sampled_from([0, 1, 8080, 9090]),
    st.sampled_from(["tcp", "udp"]),
    st.sampled_from(["ingress", "host"]),
)
updates = some(
    UpdateConfig,
    few,
    times,
    st.sampled_from(["pause", "continue", "rollback", "x"]),
    times,
    st.sampled_from([0.0, 0.5, 2.0]),
    st.sampled_from(["stop-first", "start-first", "x"]),
)
containers = some(
    ContainerSpec,
    image=st.sampled_from(["nginx", "nginx:alpine", "", "A", "a/b@sha256:" + "0" * 64]),
    mounts=st.lists(
        some(Mount, st.sampled_from(["volume", "bind", "x"]), words, st.sampled_from(["/a", "/b"])), max_size=2
    ).map(tuple),
    healthcheck=st.none() | some(HealthConfig, st.just(("CMD", "x")), times, times, retries=few),
    secrets=references,
    configs=references,
)
tasks = some(
    TaskSpec,
    containers,
    resources,
    resources,
    some(RestartPolicy, st.sampled_from(["any", "none", "x"]), times, few, times),
    some(Placement, st.lists(st.sampled_from(["node.role==worker", "x", "a==b==c", ""]), max_size=2).map(tuple)),
    st.lists(
        some(NetworkTarget, st.sampled_from(["app", "a1", "ingress", "bridge", "mine", "zz", ""])), max_size=2
    ).map(tuple),
)
modes = st.sampled_from(["replicated", "global", "replicated-job", "global-job", "x"])
specs = some(
    ServiceSpec,
    name=words,
    task=tasks,
    mode=modes,
    replicas=few,
    max_concurrent=few,
    update=updates,
    rollback=updates,
    endpoint=some(EndpointSpec, st.sampled_from(["vip", "dnsrr", "x"]), st.lists(ports, max_size=2).map(tuple)),
)
good = spec()


@st.composite
def mostly_good(draw) -> ServiceSpec:
    """A sound spec with a part or two drawn anew, so that many are accepted and each check has its turn."""
    made = spec(
        draw(st.sampled_from(["a", "b", "web", "job"])), mode=draw(modes) if draw(st.booleans()) else "replicated"
    )
    for _ in range(draw(st.integers(0, 2))):
        drawn = draw(specs)
        part = draw(st.sampled_from(["container", "task", *ServiceSpec._fields]))
        if part == "container":
            made = replace(made, task=replace(made.task, container=drawn.task.container))
        elif part == "task":
            field = draw(st.sampled_from(TaskSpec._fields))
            made = replace(made, task=replace(made.task, **{field: getattr(drawn.task, field)}))
        else:
            made = replace(made, **{part: getattr(drawn, part)})
    return made


wishes = st.one_of(
    some(CreateObject, specs | mostly_good()),
    some(CreateObject, mostly_good()),
    some(UpdateObject,
        st.just("service"),
        st.sampled_from(["w1", "p1", "h1", "j1", "zz"]),
        st.sampled_from([1, 1, 1, 2, 0]),
        mostly_good(),
        st.booleans(),
    ),
    some(CreateObject, some(NetworkSpec, words, ingress=st.booleans(), attachable=st.booleans())),
    some(CreateObject, some(SecretSpec, words, data=st.sampled_from([b"", b"x"]))),
    some(UpdateObject,
        st.just("cluster"),
        st.just("c1"),
        st.just(1),
        st.builds(
            lambda **fields: replace(CLUSTER, **fields),
            name=st.sampled_from(["default", "default", "x"]),
            heartbeat_period=times,
            certificate_expiry=st.sampled_from([0, 1, 3600 * SECOND, 90 * 86400 * SECOND]),
            autolock=st.booleans(),
            force_rotate=st.integers(0, 1),
            task_history_limit=few,
        ),
    ),
    some(UpdateObject, st.just("node"), st.sampled_from(["n1", "n2", "n3"]), st.just(1), some(NodeSpec, role=st.sampled_from(["worker", "manager", "Manager", "x"]), availability=st.sampled_from(["drain", "Pause", "x"])
    )),
    some(RemoveObject, st.sampled_from(["service", "network", "secret", "config", "node"]), words, st.booleans()),
)  # fmt: skip


def test_a_refusal_leaves_the_store_alone_and_what_is_accepted_obeys_the_laws() -> None:
    """At random; most checks have their turn, and many wishes are accepted."""
    met: dict[str | None, int] = {}

    @settings(max_examples=500, deadline=None, derandomize=True, database=None)
    @given(wishes)
    def look(wish) -> None:
        store = filled()
        text = refusal(store, wish)
        met[text] = met.get(text, 0) + 1
        if text is None:
            done(store, wish)
            assert faults(store) == []
        else:
            assert text and "\n" not in text and "Error" not in text

    look()
    assert met[None] > 50
    assert len(met) > 50


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.lists(wishes, max_size=8))
def test_one_wish_after_the_other_keeps_the_laws(many: list) -> None:
    store = filled()
    for wish in many:
        if isinstance(wish, UpdateObject) and not wish.rollback:
            stored = store.get(wish.kind, wish.id)
            wish = wish._replace(version=stored.version) if stored else wish
        try:
            done(store, wish)
        except ApiError:
            continue
        assert faults(store) == [], wish


def test_reading_what_does_not_exist_is_refused_in_one_line() -> None:
    with pytest.raises(ApiError, match="service zz not found"):
        api.read(filled(), GetObject("service", "zz"))
