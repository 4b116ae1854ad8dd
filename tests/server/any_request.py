"""Any request at all: valid ones for every route, then bent somewhere, byte for byte as they go over the wire."""

import json
from typing import Any, NamedTuple
from urllib.parse import quote

from hypothesis import strategies as st

from swarmlab.docker import api_types
from swarmlab.docker.api import absent, decode, routes


class Sent(NamedTuple):
    """One request. `{version}` in its target stands for the version of the object that is asked for."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    way: str = "length"  # how the body goes: length, chunked, short (less than was said)

    @property
    def target(self) -> str:
        query = "&".join(
            f"{quote(name)}={quote(value.encode('utf-8', 'surrogatepass'), '{}')}" for name, value in self.query
        )
        return self.path + ("?" + query if query else "")

    def wire(self, target: str) -> bytes:
        lines = [f"{self.method} {target} HTTP/1.1", "Connection: close"]
        lines += [] if any(name == "Host" for name, _ in self.headers) else ["Host: localhost"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        body = self.body
        if self.way == "chunked":
            lines.append("Transfer-Encoding: chunked")
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
        elif body or self.way == "short":
            lines.append(f"Content-Length: {len(body) + (7 if self.way == 'short' else 0)}")
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


# ── what the world has, and what it has not ──────────────────────────────────────────────────────────────────────────

BODIES = {  # what is posted where
    "/services/create": "ServiceSpec",
    "/services/{ref}/update": "ServiceSpec",
    "/nodes/{ref}/update": "NodeSpec",
    "/networks/create": "NetworkCreate",
    "/networks/{ref}/connect": "NetworkConnect",
    "/networks/{ref}/disconnect": "NetworkDisconnect",
    "/secrets/create": "SecretSpec",
    "/secrets/{ref}/update": "SecretSpec",
    "/configs/create": "ConfigSpec",
    "/configs/{ref}/update": "ConfigSpec",
    "/swarm/update": "SwarmSpec",
    "/swarm/init": "InitRequest",
    "/swarm/join": "JoinRequest",
    "/swarm/unlock": "UnlockRequest",
    "/volumes/create": "VolumeCreate",
    "/containers/create": "ContainerCreate",
    "/containers/{ref}/exec": "ExecCreate",
    "/exec/{ref}/start": "ExecStart",
}
SERVICE = {
    "Name": "new",
    "Labels": {"a": "b"},
    "TaskTemplate": {
        "ContainerSpec": {
            "Image": "nginx:alpine",
            "Env": ["A=b"],
            "Mounts": [{"Type": "volume", "Source": "data", "Target": "/data"}],
            "Healthcheck": {"Test": ["CMD-SHELL", "true"], "Interval": 10**10},
            "Secrets": [
                {
                    "File": {"Name": "key", "UID": "0", "GID": "0", "Mode": 292},
                    "SecretID": "{secret}",
                    "SecretName": "key",
                }
            ],
            "Configs": [
                {
                    "File": {"Name": "/site", "UID": "0", "GID": "0", "Mode": 292},
                    "ConfigID": "{config}",
                    "ConfigName": "site",
                }
            ],
        },
        "Resources": {"Limits": {"NanoCPUs": 10**9}, "Reservations": {"MemoryBytes": 2**26}},
        "RestartPolicy": {"Condition": "on-failure", "Delay": 5 * 10**9, "MaxAttempts": 3},
        "Placement": {
            "Constraints": ["node.role==manager"],
            "Preferences": [{"Spread": {"SpreadDescriptor": "node.labels.rack"}}],
            "Platforms": [{"Architecture": "amd64", "OS": "linux"}],
        },
        "Networks": [{"Target": "app", "Aliases": ["x"]}],
        "ForceUpdate": 0,
    },
    "Mode": {"Replicated": {"Replicas": 2}},
    "UpdateConfig": {"Parallelism": 2, "Delay": 10**9, "FailureAction": "rollback", "Order": "stop-first"},
    "EndpointSpec": {"Mode": "vip", "Ports": [{"Protocol": "tcp", "TargetPort": 80, "PublishedPort": 8081}]},
}
SPECIMENS: dict[str, Any] = {  # by type
    "ServiceSpec": SERVICE,
    "NodeSpec": {"Labels": {"rack": "1"}, "Role": "worker", "Availability": "active"},
    "NetworkCreate": {
        "Name": "back",
        "Driver": "overlay",
        "Scope": "swarm",
        "Attachable": True,
        "IPAM": {"Driver": "default", "Config": [{"Subnet": "10.9.0.0/24", "Gateway": "10.9.0.1"}]},
        "Options": {"encrypted": ""},
    },
    "NetworkConnect": {
        "Container": "box",
        "EndpointConfig": {"Aliases": ["b"], "IPAMConfig": {"IPv4Address": "10.0.1.77"}},
    },
    "NetworkDisconnect": {"Container": "box", "Force": True},
    "SecretSpec": {"Name": "fresh", "Labels": {}, "Data": "aGVsbG8="},
    "ConfigSpec": {"Name": "fresh", "Labels": {}, "Data": "aGVsbG8=", "Templating": {"Name": "golang"}},
    "SwarmSpec": {
        "Name": "default",
        "Labels": {},
        "Orchestration": {"TaskHistoryRetentionLimit": 5},
        "Raft": {"SnapshotInterval": 10000, "ElectionTick": 10, "HeartbeatTick": 1},
        "Dispatcher": {"HeartbeatPeriod": 5 * 10**9},
        "CAConfig": {"NodeCertExpiry": 7776 * 10**12},
        "EncryptionConfig": {"AutoLockManagers": False},
    },
    "InitRequest": {"ListenAddr": "0.0.0.0:2377", "AdvertiseAddr": "10.0.0.1", "SubnetSize": 24, "Spec": {}},
    "JoinRequest": {"RemoteAddrs": ["manager-1:2377"], "JoinToken": "SWMTKN-1-a-b", "Availability": "active"},
    "UnlockRequest": {"UnlockKey": "SWMKEY-1-abc"},
    "VolumeCreate": {"Name": "fresh", "Driver": "local", "DriverOpts": {}, "Labels": {"a": "b"}},
    "ContainerCreate": {
        "Image": "nginx:alpine",
        "Cmd": ["sleep", "5"],
        "Env": ["A=b"],
        "Labels": {"a": "b"},
        "Healthcheck": {"Test": ["CMD", "true"]},
        "HostConfig": {
            "PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8082"}]},
            "Binds": ["data:/data"],
            "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 2},
            "NetworkMode": "bridge",
        },
        "NetworkingConfig": {"EndpointsConfig": {"app": {"Aliases": ["x"]}}},
    },
    "ExecCreate": {"Cmd": ["cat", "/etc/hostname"], "Env": ["A=b"], "WorkingDir": "/"},
    "ExecStart": {"Detach": False, "Tty": False},
}
QUERIES = {  # what is asked there by a query, well meant
    "version": ("{version}", "1", "0", "-1", "18446744073709551615", "18446744073709551616", "", "x", "1e3", "١"),
    "filters": (
        '{"name":{"web":true}}',
        '{"name":["web"]}',
        '{"label":["a=b"],"id":{"x":false}}',
        '{"service":{"web":true},"_up-to-date":{"true":true}}',
        '{"desired-state":["running"],"node":["worker-1"]}',
        '{"color":["red"]}',
        '{"name":[null]}',
        '{"name":{"web":1}}',
        '{"status":["running"],"exited":["x"],"before":["box"],"since":["gone"],"health":["none"]}',
        '{"until":["24h"],"dangling":["true"],"reference":["nginx*"],"label!":["a"]}',
        '{"type":["container"],"event":["die"],"scope":["swarm"],"driver":["overlay"]}',
        '{"role":["manager"],"membership":["accepted"],"node.label":["x"],"mode":["global"],"runtime":["container"]}',
        "[]",
        "{",
        "null",
        '"x"',
        "[" * 600 + "]" * 600,
    ),
    **dict.fromkeys(
        "status insertDefaults force all details follow timestamps verbose stdout stderr logs v stream size".split(),
        ("1", "0", "true", "false", "maybe", "", "no", "TRUE", " "),
    ),
    **dict.fromkeys(("since", "until"), ("0", "1.5", "9999999999.999999999", "-5", "99999999999999999999", "x", "10m")),
    "tail": ("all", "0", "5", "-1", "99999999999999999999", "x"),
    "limit": ("1", "-1", "x", "99999999999999999999"),
    "t": ("0", "5", "-1", "99999999999999", "99999999999999999999", "x"),
    "signal": ("SIGTERM", "9", "KILL", "SIGWHAT", "-1", "99", ""),
    "condition": ("removed", "next-exit", "never"),
    "name": ("box", "fresh", "-bad", "é", "a/b", ""),
    "scope": ("swarm", "local", "x"),
    "rollback": ("previous", "none", "x"),
    "registryAuthFrom": ("spec", "previous-spec", "x"),
    "fromImage": ("nginx", "nosuch", "Bad Image", "redis:7", "nginx@sha256:x", "é"),
    "tag": ("alpine", "latest", "no such", "sha256:0", ""),
    "rotateWorkerToken": ("true", "x"),
    "rotateManagerUnlockKey": ("true", "x"),
    "h": ("24", "x"),
}
REFS = (
    "web global job app key site box data nginx:alpine web.1 manager-1 worker-1 self ingress bridge host none {id} {task} "
    "{node} {container} {exec} nobody .. . %2e%2e %00 %ff %2F a%20b é %C3%A9 ../.. web/../web %25 x%0d%0ay sha256: 0 -1"
).split()
REFS += ["", "n" * 5000, "\udcff", "'\"", "<b>", "{}", "[]", "*", "(", "\\"]
TEXTS = (
    "|x|web|app|data|key|site|{secret}|nginx:alpine|nginx:latest|redis:7|nosuch/image:9|Bad Image|host|ingress|bridge|overlay|"
    "local|none|default|global|any|always|on-failure|unless-stopped|pause|continue|rollback|start-first|drain|worker|manager|"
    "tcp|udp|sctp|TCP|vip|dnsrr|bind|volume|tmpfs|npipe|cluster|/data|/var/run/docker.sock|relative|10.9.0.0/24|10.9.0.7|"
    "fd00::/64|256.1.1.1/99|10.0.0.0/8|80/tcp|80|8080:80|0|-1|99999|1e9|é|\x00|\n|a=b|=|NONE|CMD|CMD-SHELL|exit 3|true|"
    "node.role==manager|node.id!=x|node.labels.rack|bad constraint|{{.Node.Hostname}}|{{.Bad|SIGKILL|container:box|"
    "service:web|json-file|syslog|golang|cfssl|process|sleep 5|exit 1|manager-1|worker-1:2377|rprivate|aGVsbG8=|ID|..|"
    "%s|%d|{0}|{}|$HOME|#|'|\"|\\"
).split("|")
TEXTS += ["n" * 70, "é" * 300, "\ud800", "x" * 5000]
NUMBERS = (
    0, 1, -1, 2, 3, 5, 80, 8080, 65535, 65536, 10**6, 10**9, 2**31, 2**32 - 1, 2**32, 2**53, 2**63 - 1, -(2**63), 2**63,
    2**64 - 1, 2**64, 10**40, 0.5, -0.0, 1.0, 1e300, 4 * 2**20, 4 * 2**20 - 1,
)  # fmt: skip
GOOD = {  # what there is of each kind
    "services": ("web", "global", "job", "{id}"),
    "tasks": ("{task}", "web.1"),
    "nodes": ("worker-1", "manager-1", "{node}"),
    "networks": ("app", "ingress", "bridge", "host"),
    "secrets": ("key",),
    "configs": ("site",),
    "images": ("nginx:alpine", "redis"),
    "distribution": ("nginx:alpine", "redis"),
    "volumes": ("data",),
    "containers": ("box", "{container}", "{of_task}"),
    "exec": ("{exec}",),
}
texts = st.sampled_from(TEXTS) | st.text(max_size=8)
whole = st.sampled_from([number for number in NUMBERS if isinstance(number, int)]) | st.integers(-3, 20)
junk = st.recursive(
    st.none() | st.booleans() | st.sampled_from(NUMBERS) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=4,
)


# ── bodies ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def of_type(type: str, depth: int = 0) -> st.SearchStrategy:
    """Values that Go would take for this type, whatever they mean."""
    type = type.removeprefix("*")
    if type in ("str", "bytes"):
        return texts if type == "str" else st.sampled_from(["aGVsbG8=", "", "YQ==", "YR", "=", "aGVs\nbG8="])
    if type in ("int", "duration"):
        return whole
    if type == "bool":
        return st.booleans()
    if type == "float":
        return st.sampled_from(NUMBERS)
    if type == "any":
        return junk
    if type[0] == "[":
        return st.lists(of_type(type[1:-1], depth + 1), max_size=2)
    if type[0] == "{" or type == "map":
        return st.dictionaries(texts, of_type("str" if type == "map" else type[1:-1], depth + 1), max_size=2)
    if api_types.is_struct(type) or f"\n{type}:" in decode.TABLE:
        known = {field.key: field.type for field in decode._fields(type).values()}
        inner = {key: st.deferred(lambda kind=kind: of_type(kind, depth + 1)) for key, kind in known.items()}
        return st.lists(st.sampled_from(sorted(known)), max_size=4, unique=True).flatmap(
            lambda keys: st.fixed_dictionaries({key: inner[key] for key in keys})
        ) if known else st.just({})  # fmt: skip
    raise ValueError(type)


def places(value: Any, path: tuple = ()) -> list[tuple]:
    """Every place in a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, inner in items for place in places(inner, (*path, key)))]


def changed(value: Any, path: tuple, new: Any) -> Any:
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = changed(value[path[0]], path[1:], new)
    return copy


def kinds(type: str, value: Any, path: tuple = ()) -> list[tuple[tuple, str]]:
    """Every place in a specimen, and the type that it has."""
    type = type.removeprefix("*")
    found = [(path, type)]
    if type[0] == "[" and isinstance(value, list):
        found += [one for n, inner in enumerate(value) for one in kinds(type[1:-1], inner, (*path, n))]
    elif isinstance(value, dict):
        known = decode._fields(type) if decode._is_struct(type) else {}
        for key, inner in value.items():
            kind = known[key].type if key in known else type[1:-1] if type[0] == "{" else "str"
            found += kinds(kind, inner, (*path, key))
    return found


@st.composite
def bent(draw: Any, type: str) -> Any:
    """A specimen in which up to three places have a value of their type, or of none."""
    value = SPECIMENS[type]
    for _ in range(draw(st.sampled_from([0, 1, 1, 1, 1, 2, 3]))):
        path, kind = draw(st.sampled_from(kinds(type, value) if isinstance(value, dict) else [((), type)]))
        value = changed(value, path, draw(of_type(kind) if draw(st.integers(0, 3)) else junk))
    return value


def written(value: Any, template: str) -> bytes:
    """As it is posted there: what is changed keeps its name."""
    text = json.dumps(value)
    return (text.replace('"Name": "new"', '"Name": "web"') if template.endswith("/update") else text).encode()


RAW_BODIES = (
    b"",
    b" ",
    b"{",
    b"null",
    b"[]",
    b"1",
    b'"x"',
    b"{'a':1}",
    b'{"Name":"x"}{"Name":"y"}',
    b'{"Name":NaN}',
    b'\xef\xbb\xbf{"Name":"x"}',
    '{"Name":"é"}'.encode("latin-1"),
    '{"Name":"é"}'.encode("utf-16"),
    b'{"Name":"\\ud800"}',
    b'{"a":' * 9000,
    b"[" * 9000 + b"]" * 9000,
    b'{"Labels":{' + b",".join(b'"%d":""' % n for n in range(5000)) + b"}}",
    b'{"Name":"' + b"n" * 2**20 + b'"}',
    b'{"Name":' + b"9" * 50000 + b"}",
    b'{"Name":1e999999}',
)
RAW = st.binary(max_size=30) | st.sampled_from(RAW_BODIES)


# ── requests ─────────────────────────────────────────────────────────────────────────────────────────────────────────

FOREIGN = (  # what no request may have
    ("Sec-Fetch-Site", "cross-site"),
    ("Origin", "http://localhost"),
    ("Host", "example.org"),
)
HEADERS = st.sampled_from(
    [
        ("Content-Type", "application/json"),
        ("Content-Type", "application/json; charset=utf-8"),
        ("Content-Type", "text/plain"),
        ("Content-Type", "application/json; charset=latin-1"),
        ("Content-Type", ";"),
        ("Content-Type", "é"),
        ("X-Registry-Auth", "e30="),
        ("X-Registry-Auth", "{"),
        ("Expect", "100-continue"),
        ("Expect", "what"),
        ("Upgrade", "tcp"),
        ("Connection", "Upgrade"),
        ("Accept-Encoding", "gzip"),
        ("Content-Encoding", "gzip"),
        ("X", "x" * 3000),
        ("Range", "bytes=0-1"),
        ("If-None-Match", "*"),
        ("Transfer-Encoding", "identity"),
        *FOREIGN,
    ]
)
ROOMS = [room.ROUTES for room in routes.ROOMS if room is not absent]
ROUTES = sorted({(method, template) for room in (*ROOMS, absent.ROUTES[:2]) for method, template, _ in room})
PREFIXES = st.sampled_from(["", "", "/v1.47", "/v1.24", "/v1.41", "/v1.48", "/v1.23", "/v1.x", "/v9", "/v", "//"])


@st.composite
def requests(draw: Any, wanted: tuple[tuple[str, str], ...] = tuple(ROUTES)) -> Sent:
    """One for one of the routes: good, a little off, or nonsense."""
    method, template = draw(st.sampled_from(wanted))
    refs = st.sampled_from(GOOD.get(template.split("/")[1], REFS))
    if draw(st.integers(0, 3)) == 0:
        refs = st.sampled_from(REFS) | st.text(max_size=6).map(quote)
    path = "/".join(draw(refs) if part.startswith("{") else part for part in template.split("/"))
    if draw(st.integers(0, 9)) == 0:
        path = draw(PREFIXES) + path
    names = draw(st.lists(st.sampled_from(sorted(QUERIES)), max_size=3, unique=True))
    if template.endswith("/update") and draw(st.integers(0, 9)):
        names = [*[name for name in names if name != "version"], "version"]
    query = []
    for name in names:
        known = QUERIES[name]
        first = name == "version" and draw(st.integers(0, 5)) > 0
        query.append((name, known[0] if first else draw(st.sampled_from(known) | texts)))
    body, headers, way = b"", [], "length"
    if template in BODIES and draw(st.integers(0, 7)):
        body = written(draw(bent(BODIES[template])), template)
    elif template in BODIES or draw(st.integers(0, 5)) == 0:
        body = draw(RAW)
    if draw(st.integers(0, 4)) == 0:
        headers = draw(st.lists(HEADERS, max_size=2))
    if draw(st.integers(0, 9)) == 0:
        way = draw(st.sampled_from(["chunked", "chunked", "short"]))
    if draw(st.integers(0, 19)) == 0:
        method = draw(st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "get", "X"]))
    return Sent(method, path, tuple(query), tuple(headers), body, way)
