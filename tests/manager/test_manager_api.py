"""The texts of refusals, against the recordings of a real engine (transcripts 01, 10, 12, 14, 18)."""

import pytest

from swarmlab.effects import MS
from swarmlab.manager import api
from swarmlab.manager.store import Store
from swarmlab.messages import CreateObject, GetObject, ListObjects, RemoveObject, RotateToken, UpdateObject
from swarmlab.objects import (
    ApiError,
    Cluster,
    Config,
    ConfigSpec,
    ContainerSpec,
    Description,
    Drop,
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
    Task,
    TaskSpec,
    UpdateConfig,
    replace,
)
from swarmlab.trust import tokens

INVALID = "rpc error: code = InvalidArgument desc = "


class Dice:
    def random(self):
        return 0.5

    def getrandbits(self, k):
        return (1 << k) // 3


def service(name="x", image="nginx:alpine", ports=(), mode="vip", networks=(), **fields):
    container = ContainerSpec(image, **{k: fields.pop(k) for k in ("mounts", "healthcheck", "secrets") if k in fields})
    targets = tuple(NetworkTarget(network) for network in networks)
    task_fields = {k: fields.pop(k) for k in ("limits", "reservations", "restart", "placement") if k in fields}
    task = TaskSpec(container, networks=targets, **task_fields)
    return ServiceSpec(name, task=task, endpoint=EndpointSpec(mode, tuple(ports)), **fields)


@pytest.fixture
def store():
    store = Store()
    secret = FileReference("sec1", "db_pass", "db_pass")
    objects = [
        Cluster("c1", worker_token="SWMTKN-1-w", ca_digest="d" * 50),
        Network("ing1", NetworkSpec("ingress", ingress=True)),
        Network("bri1", NetworkSpec("bridge", driver="bridge", scope="local"), predefined=True),
        Network("app1", NetworkSpec("app")),
        Secret("sec1", SecretSpec("db_pass", data=b"x")),
        Config("con1", ConfigSpec("site", data=b"x")),
        Service("web1", service("web", networks=("app1",), secrets=(secret,))),
        Service("pp11", service("p1", ports=(PortConfig(80, 8080),))),
        Service("hh11", service("h1", ports=(PortConfig(80, 9090, publish_mode="host"),))),
        Node("n1", NodeSpec(role="manager"), "manager", Description("node1"), "ready", member="m1"),
        Node("n2", description=Description("node2"), state="ready"),
        Node("n3a", description=Description("node3"), state="down"),
        Node("n3b", description=Description("node3"), state="ready"),
    ]
    store.apply(1, 0, [Put(object) for object in objects])
    return store


def error_of(store, request):
    before = {kind: dict(table) for kind, table in store.tables.items()}
    with pytest.raises(ApiError) as raised:
        if isinstance(request, api.READS):
            api.read(store, request)
        else:
            api.write(store, request, Dice(), 0, (("m1", "node1", True),))
    assert store.tables == before
    return raised.value.text


REFUSED_SERVICES = [
    (service(""), INVALID + "meta: name must be provided"),
    (service("-bad"), INVALID + "name must be valid as a DNS name component"),
    (service("a b"), INVALID + "name must be valid as a DNS name component"),
    (service("x" * 70), INVALID + "name must be 63 characters or fewer"),
    (
        service("web"),
        "rpc error: code = AlreadyExists desc = name conflicts with an existing object: service web already exists",
    ),
    (
        service("WEB"),
        "rpc error: code = AlreadyExists desc = name conflicts with an existing object: service WEB already exists",
    ),
    (
        service(placement=Placement(("node.role manager",))),
        "rpc error: code = Unknown desc = constraint expected one operator from ==, !=",
    ),
    (
        service(ports=(PortConfig(80, 8080),)),
        INVALID + "port '8080' is already in use by service 'p1' (pp11) as an ingress port",
    ),
    (
        service(ports=(PortConfig(80, 9090),)),
        INVALID + "port '9090' is already in use by service 'h1' (hh11) as a host-published port",
    ),
    (
        service(update=UpdateConfig(max_failure_ratio=2)),
        INVALID + "TaskSpec: update-maxfailureratio cannot be less than 0 or bigger than 1",
    ),
    (service(update=UpdateConfig(delay=-1)), INVALID + "TaskSpec: update-delay cannot be negative"),
    (service(restart=RestartPolicy(delay=-1)), INVALID + "TaskSpec: restart-delay cannot be negative"),
    (service(networks=("nonet",)), "network nonet not found"),
    (
        service(networks=("ingress",)),
        INVALID + 'Service cannot be explicitly attached to the ingress network "ingress"',
    ),
    (
        service(mode="dnsrr", ports=(PortConfig(80, 81),)),
        INVALID + "EndpointSpec: port published with ingress mode can't be used with dnsrr mode",
    ),
    (
        service(ports=(PortConfig(80, 81), PortConfig(81, 81, publish_mode="host"))),
        INVALID + "EndpointSpec: duplicate published ports provided",
    ),
    (
        service(healthcheck=HealthConfig(("CMD", "true"), interval=MS - 999)),
        INVALID + "ContainerSpec: Interval in HealthConfig cannot be less than 1ms",
    ),
    (service(image="Bad Image"), INVALID + 'ContainerSpec: "Bad Image" is not a valid repository/tag'),
    (service(image=""), INVALID + "ContainerSpec: image reference must be provided"),
    (
        service(mounts=(Mount(target="/x"), Mount(target="/x"))),
        INVALID + "ContainerSpec: duplicate mount point: /x",
    ),
    (service(limits=Resources(memory=1 << 20)), INVALID + "invalid memory value 1048576: Must be at least 4MiB"),
    (service(reservations=Resources(nano_cpus=10**5)), INVALID + "invalid cpu value 0.0001: Must be at least 0.001"),
    (service(secrets=(FileReference("s9", "nope", "t"),)), INVALID + "secret not found: nope"),
    (
        service(secrets=(FileReference("s9", "a", "t"), FileReference("s8", "b", "u"))),
        INVALID + "secrets not found: a, b",
    ),
    (service(secrets=(FileReference("sec1", "other", "t"),)), INVALID + "secret not found: other"),
    (
        service(secrets=(FileReference("s9", "a", "t"), FileReference("s8", "b", "t"))),
        INVALID + "secret references 'a' and 'b' have a conflicting target: 't'",
    ),
]


@pytest.mark.parametrize(("spec", "text"), REFUSED_SERVICES)
def test_services_that_are_refused(store, spec, text):
    assert error_of(store, CreateObject(spec)) == text


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (CreateObject(NetworkSpec("app")), "network with name app already exists"),
        (
            CreateObject(NetworkSpec("second", ingress=True)),
            "rpc error: code = AlreadyExists desc = ingress network (ing1) is already present",
        ),
        (CreateObject(NetworkSpec("x", driver="nosuchdriver")), 'plugin "nosuchdriver" not found'),
        (
            CreateObject(NetworkSpec("x", subnets=(("10.1", "", ""),))),
            "Invalid subnet 10.1 : invalid CIDR address: 10.1",
        ),
        (
            CreateObject(NetworkSpec("x", subnets=(("10.1.0.0/24", "10.2.0.1", ""),))),
            INVALID + "ipam configuration: subnet 10.1.0.0/24 does not contain gateway 10.2.0.1",
        ),
        (
            RemoveObject("network", "app"),
            "rpc error: code = FailedPrecondition desc = network app1 is in use by service web1",
        ),
        (
            RemoveObject("network", "ingress"),
            "rpc error: code = FailedPrecondition desc = ingress network cannot be removed because service pp11 depends on it",
        ),
        (
            RemoveObject("network", "bridge"),
            "rpc error: code = FailedPrecondition desc = network bri1 (bridge) is a swarm predefined network "
            "and cannot be removed",
        ),
        (RemoveObject("network", "nosuch"), "network nosuch not found"),
        (RemoveObject("service", "nosuch"), "service nosuch not found"),
        (GetObject("node", "nosuch"), "node nosuch not found"),
        (GetObject("node", "node3"), "node node3 is ambiguous (2 matches found)"),
        (
            RemoveObject("node", "node1", True),
            "rpc error: code = FailedPrecondition desc = node n1 is a cluster manager and is a member of the raft "
            "cluster. It must be demoted to worker before removal",
        ),
        (
            RemoveObject("node", "node2"),
            "rpc error: code = FailedPrecondition desc = node n2 is not down and can't be removed",
        ),
        (
            UpdateObject("node", "n1", 1, NodeSpec(role="worker")),
            "rpc error: code = FailedPrecondition desc = attempting to demote the last manager of the swarm",
        ),
        (
            CreateObject(SecretSpec("db_pass", data=b"y")),
            "rpc error: code = AlreadyExists desc = secret db_pass already exists",
        ),
        (
            CreateObject(SecretSpec("bad name!", data=b"y")),
            INVALID
            + "invalid name, only 64 [a-zA-Z0-9-_.] characters allowed, and the start and end character must be "
            "[a-zA-Z0-9]",
        ),
        (
            CreateObject(SecretSpec("big", data=bytes(512000))),
            INVALID + "secret data must be larger than 0 and less than 512000 bytes",
        ),
        (
            CreateObject(ConfigSpec("big", data=b"")),
            INVALID + "config data must be larger than 0 and less than 1024000 bytes",
        ),
        (RemoveObject("secret", "db_pass"), INVALID + "secret 'db_pass' is in use by the following service: web"),
        (RemoveObject("config", "missing"), "config missing not found"),
        (
            UpdateObject("config", "con1", 1, ConfigSpec("site", data=b"other")),
            INVALID + "only updates to Labels are allowed",
        ),
        (UpdateObject("service", "pp11", 9, service("p1")), "rpc error: code = Unknown desc = update out of sequence"),
        (UpdateObject("service", "nosuch", 1, service("p1")), "service nosuch not found"),
        (
            UpdateObject("service", "pp11", 1, service("renamed")),
            "rpc error: code = Unimplemented desc = renaming services is not supported",
        ),
        (
            UpdateObject("service", "pp11", 1, replace(service("p1"), mode="global")),
            "rpc error: code = Unimplemented desc = service mode change is not allowed",
        ),
        (
            UpdateObject("service", "pp11", 1, service("p1"), rollback=True),
            "rpc error: code = FailedPrecondition desc = service pp11 does not have a previous spec",
        ),
    ],
)
def test_other_requests_that_are_refused(store, request_, text):
    assert error_of(store, request_) == text


@pytest.mark.parametrize(
    "image", ["nginx", "nginx:alpine", "mirror.example:5000/a/b_c:1.0", "redis@sha256:" + "0" * 64]
)
def test_images_that_are_accepted(store, image):
    assert api.write(store, CreateObject(service(image=image)), Dice(), 0)


def test_what_is_accepted_though_it_cannot_work(store):
    """Recorded: an unknown constraint key, an overlapping subnet, host ports twice."""
    api.write(store, CreateObject(service(placement=Placement(("node.color==red",)))), Dice(), 0)
    api.write(store, CreateObject(NetworkSpec("clash", subnets=(("10.0.0.0/24", "", ""),))), Dice(), 0)
    api.write(store, CreateObject(service(ports=(PortConfig(80, 9090, publish_mode="host"),))), Dice(), 0)


def test_networks_are_stored_by_id(store):
    [put] = api.write(store, CreateObject(service(networks=("app", "bridge"))), Dice(), 0)
    assert [target.target for target in put.object.spec.task.networks] == ["app1", "bri1"]
    assert len(put.object.id) == 25


def test_an_update_remembers_the_previous_spec(store):
    """§3: spec_version becomes the version that was given."""
    new = service("p1", image="nginx:2", ports=(PortConfig(80, 8080),))
    [put] = api.write(store, UpdateObject("service", "p1", 1, new), Dice(), 0)
    assert (put.object.spec_version, put.object.previous_spec.task.container.image) == (1, "nginx:alpine")
    store.apply(5, 0, [put])
    [put] = api.write(store, UpdateObject("service", "p1", 5, None, rollback=True), Dice(), 0)
    assert put.object.spec.task.container.image == "nginx:alpine"
    assert put.object.update_status[:2] == ("rollback_started", "manually requested rollback")


def test_removing_a_node_orphans_its_tasks(store):
    """§3."""
    store.apply(
        2, 0, [Put(Task("t1", "web1", "web", 1, "n3a", state=512)), Put(Task("t2", "web1", "web", 2, "n3a", state=704))]
    )
    orphan, drop = api.write(store, RemoveObject("node", "n3a"), Dice(), 7)
    assert (orphan.object.id, orphan.object.state) == ("t1", 832)
    assert orphan.object.message == "Task belonged to a node that has been deleted"
    assert drop == Drop("node", "n3a")


def test_lookup_by_id_name_and_prefix(store):
    """§1: full id, then full name, then a prefix that only one has."""
    assert (
        api.find(store, "service", "web1").id
        == api.find(store, "service", "web").id
        == api.find(store, "service", "we").id
    )
    assert error_of(store, GetObject("node", "n3")) == "node n3 is ambiguous (2 matches found)"


def test_secrets_keep_their_content(store):
    """§16: never returned by the API; that of a config is."""
    assert api.read(store, ListObjects("secret"))[0].spec.data == b""
    assert api.read(store, GetObject("config", "site")).spec.data == b"x"


def test_tokens():
    """§15: only the secret at the end decides."""
    cluster = Cluster(
        "c", worker_token=tokens.token("d" * 50, "w" * 25), manager_token=tokens.token("d" * 50, "m" * 25)
    )
    assert tokens.role_by_token(cluster, tokens.token("e" * 50, "m" * 25)) == "manager"
    assert tokens.role_by_token(cluster, tokens.token("d" * 50, "x" * 25)) is None
    assert tokens.role_by_token(cluster, "bogus") is None
    rotated = api.write(_with(cluster), RotateToken("worker"), Dice(), 0)[0].object
    assert rotated.manager_token == cluster.manager_token and rotated.worker_token != cluster.worker_token
    assert tokens.parts(tokens.token("0" * 50, tokens.new_secret(Dice())))


def _with(cluster):
    store = Store()
    store.apply(1, 0, [Put(cluster)])
    return store
