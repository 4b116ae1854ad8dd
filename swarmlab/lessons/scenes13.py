"""Scenes of lesson 13: its stack files, a deploy as it is typed, and who refuses a file."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ..cluster import Cluster
from ..events import TaskProgressed

# ── the files of the scenes ──────────────────────────────────────────────────────────────────────────────────────

SAMPLE = """\
version: "3"
services:
  portainer:
    image: portainer/portainer-ce:2.19.4
    command: -H "tcp://tasks.agent:9001" --tlsskipverify
    ports:
      - "9000:9000"
    volumes:
      - data:/data
    deploy:
      mode: replicated
      replicas: 1
      placement:
        constraints: [node.role == worker]
volumes:
  data:
"""

SHOP = """\
version: "3.8"
services:
  web:
    image: nginx:1.25-alpine
    ports: ["8080:80"]
    networks: [front]
    deploy:
      replicas: 3
      update_config: {parallelism: 1, order: stop-first}
  cache:
    image: redis:7-alpine
    networks: [front]
    deploy: {mode: global}
  db:
    image: postgres:15-alpine
    environment: {POSTGRES_PASSWORD: secret}
    networks: [front]
networks:
  front:
"""

NEWER = SHOP.replace("nginx:1.25", "nginx:1.26").replace("global}", "global, labels: {tier: memory}}")
NEWER = NEWER.replace("  front:\n", "  front: {internal: true}\n")

LESS = NEWER[: NEWER.index("  db:")] + NEWER[NEWER.index("networks:\n  front") :]

COMPOSE = """\
version: "3.8"
services:
  web:
    image: nginx:1.25-alpine
    build: ./web
    container_name: web
    depends_on: [db]
    restart: always
    ports: ["127.0.0.1:8080:80"]
    environment: {GREETING: "${GREETING}"}
    volumes: ["./pages:/usr/share/nginx/html"]
  db:
    image: postgres:15-alpine
    environment: {POSTGRES_PASSWORD: secret}
    volumes: ["data:/var/lib/postgresql/data"]
volumes:
  data:
"""

ORDER = COMPOSE.replace('    volumes: ["./pages:/usr/share/nginx/html"]\n', "")

REFUSED = """\
version: "3.8"
services:
  api:
    image: nginx:1.25-alpine
  cart:
    image: redis:7-alpine
  page:
    image: nginx:1.25-alpine
    ports: ["8080:80"]
  queue:
    image: redis:7-alpine
"""


def one_service(service: str, more: str = "") -> str:
    """A file of one service `web`, given its lines."""
    lines = [f"    {line}" for line in service.strip().splitlines()]
    return (
        "\n".join(['version: "3.8"', "services:", "  web:", "    image: nginx:1.25-alpine", *lines, more]).rstrip()
        + "\n"
    )


class Wrong(NamedTuple):
    """A file that Docker refuses, and the layer that does."""

    text: str
    layer: str  # load · client · engine


WRONG = {
    "a typing error": Wrong(one_service("replicas: 3"), "load"),
    "a number that is text": Wrong(one_service("deploy:\n  replicas: three"), "load"),
    "a network that nobody declares": Wrong(one_service("networks: [front]"), "client"),
    "replicas of a global service": Wrong(one_service("deploy: {mode: global, replicas: 3}"), "client"),
    "a constraint with one =": Wrong(
        one_service("deploy:\n  placement:\n    constraints: [node.role = worker]"), "engine"
    ),
}

QUIZ = {
    "1": Wrong(one_service("mem_limit: 64m"), "load"),
    "2": Wrong(one_service("command: echo it costs 5$ today"), "load"),
    "3": Wrong(one_service("deploy:\n  update_config:\n    delay: 10"), "load"),
    "4": Wrong(one_service('ports: ["8080-8082:80-81"]'), "load"),
    "5": Wrong(one_service("image: redis:7-alpine"), "load"),
    "6": Wrong(one_service("secrets: [key]", "secrets:\n  key: {external: true}"), "client"),
    "7": Wrong(one_service('healthcheck: {test: "true", disable: true}'), "client"),
    "8": Wrong(one_service('volumes: ["data:/data"]'), "client"),
    "9": Wrong(one_service('ports: ["8081:80"]\ndeploy: {endpoint_mode: dnsrr}'), "engine"),
    "10": Wrong(one_service("deploy:\n  resources:\n    limits: {memory: 1M}"), "engine"),
    "11": Wrong(one_service('ports: ["8081:80", "8081:90"]'), "engine"),
    "12": Wrong(one_service("deploy:\n  update_config: {delay: -5s}"), "engine"),
}

# ── typing, and looking ──────────────────────────────────────────────────────────────────────────────────────────────


def deploy(
    cluster: Cluster,
    text: str,
    flags: str = "",
    name: str = "shop",
    beside: Mapping[str, str] | None = None,
    env: Mapping[str, str] | None = None,
) -> Any:
    """`docker stack deploy` of a file that is given as text; `beside` are other files in its folder."""
    files = {f"{name}.yml": text, **(beside or {})}
    return cluster.docker(f"stack deploy -d {flags} -c {name}.yml {name}", files=files, env=env)


def typed(cluster: Cluster, text: str, name: str = "shop", beside: Mapping[str, str] | None = None, **env: str) -> None:
    """The same as on a terminal: the command, with `env` set in its shell, then what Docker prints."""
    given = "".join(f"{key}={value} " for key, value in env.items())
    print(f"$ {given}docker stack deploy -d -c {name}.yml {name}")
    result = deploy(cluster, text, name=name, beside=beside, env=env)
    print(result.stdout + result.stderr, end="")


def first_runs(cluster: Cluster, since: float) -> None:
    """Print when each service had its first running task, in seconds after `since`."""
    seen: dict[str, float] = {}
    for record in cluster.trace.of(TaskProgressed):
        if record.fact.state == "running" and record.time >= 1e6 * since:
            seen.setdefault(record.fact.service, record.time / 1e6 - since)
    for service, seconds in seen.items():
        print(f"{service:10} first runs after {seconds:.2f} s")


def ids(cluster: Cluster, stack: str = "shop") -> dict[str, str]:
    """The running tasks of a stack, by service and machine, with the beginning of their ids."""
    running = sorted(cluster.running, key=lambda task: (task.service, task.slot, task.machine))
    return {
        f"{task.service}{f'.{task.slot}' if task.slot else ''} on {task.machine}": task.id[:6]
        for task in running
        if task.service.startswith(f"{stack}_")
    }


def side_by_side(before: dict[str, str], after: dict[str, str]) -> None:
    """Print the ids of tasks before and after something, a line for each."""
    print(f"{'':26}before   after")
    for name in dict.fromkeys([*before, *after]):
        print(f"{name:26}{before.get(name, '-'):9}{after.get(name, '-')}")


def said(result: Any) -> str:
    """The refusal in Docker's words, without the warnings above it."""
    return result.stderr.strip().splitlines()[-1].strip() if result.stderr.strip() else ""


def layer_of(text: str) -> tuple[str, str]:
    """Who refuses this file, and with which words; ('', '') when nobody does."""
    cluster = small().fork()
    loads = cluster.docker("stack config -c stack.yml", files={"stack.yml": text}).exit_code == 0
    result = deploy(cluster, text)
    if not result.exit_code:
        return "", ""
    layer = "load" if not loads else "engine" if "Error response from daemon" in result.stderr else "client"
    return layer, said(result)


def answer(cluster: Cluster, text: str) -> str:
    """What Docker says to a file that is deployed on a twin of the cluster."""
    return f"Docker says: {said(deploy(cluster.fork(), text, name='try')) or 'nothing, it is deployed'}"


def show_wrong(files: Mapping[str, Wrong]) -> None:
    """Print of each file what stands below its image, who refuses it, and in which words."""
    for name, wrong in files.items():
        layer, words = layer_of(wrong.text)
        lines = wrong.text.splitlines()[4:]
        print(f"── {name}", *lines, f"→ {layer}: {words}", "", sep="\n")


_kept: dict[str, Cluster] = {}


def small() -> Cluster:
    """A swarm of two machines on which files are tried."""
    if "small" not in _kept:
        _kept["small"] = Cluster(managers=1, workers=1, seed=13, messages=False)
    return _kept["small"]


def show_files(files: Iterable[str]) -> None:
    """Print the files, numbered from 1."""
    for number, text in enumerate(files, 1):
        print(f"── {number} ──\n{text}")
