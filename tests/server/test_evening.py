"""The whole evening of the deck, typed with the real client: bare machines, a swarm, four stacks, 14 services and 22 tasks.

The commands and what they print are those of the deck and of `transcripts/`. Without a docker client 28.x it is skipped.
"""

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from test_two_faces import CLIENT, version

from swarmlab import Cluster

pytestmark = pytest.mark.skipif(not version().startswith("28."), reason="no docker client 28.x is installed here")
DATA = Path(__file__).resolve().parents[2] / "data"
STACKS = {"registry": 1, "portainer": 2, "elastic": 5, "rabbitmq": 6}  # and how many services they have
MANAGER, WORKERS = "manager-1", ("worker-1", "worker-2", "worker-3")
JOIN = "To add a worker to this swarm, run the following command:"


class Said(NamedTuple):
    out: str
    err: str
    code: int

    @property
    def lines(self) -> list[list[str]]:
        """The rows of a table without its head, in words."""
        return [line.split() for line in self.out.splitlines()[1:]]


class Evening:
    """The lab's machines, and a terminal on each of them."""

    def __init__(self, folder: Path) -> None:
        self.cluster = Cluster.from_file(DATA / "clusters/demo-lab.yml", bare=True)
        self.door = self.cluster.serve(0, pace=0, machine=MANAGER, nodes=dict.fromkeys(WORKERS, 0))
        self.folder = folder

    def type(self, command: str, on: str = MANAGER, typed: str = "", **env: str) -> Said:
        """What the client prints."""
        words = [CLIENT, *shlex.split(command)]
        env = {"DOCKER_HOST": self.door.hosts[on], "PATH": "/usr/bin:/bin", "HOME": str(self.folder), **env}
        done = subprocess.run(words, input=typed, capture_output=True, text=True, check=False, timeout=60, env=env)
        return Said(done.stdout, done.stderr, done.returncode)

    def done(self, command: str, on: str = MANAGER, typed: str = "") -> str:
        """The same, where nothing goes wrong."""
        said = self.type(command, on, typed)
        assert said.code == 0, said
        return said.out

    def begin(self) -> None:
        """One manager and three workers."""
        self.done("swarm init")
        token = self.done("swarm join-token -q worker").strip()
        for name in WORKERS:
            said = self.done(f"swarm join --token {token} 192.168.50.100:2377", on=name)
            assert said == "This node joined a swarm as a worker.\n"
        self.cluster.run_for(2)

    def replicas(self) -> dict[str, str]:
        lines = self.done("service ls --format '{{.Name}} {{.Replicas}}'").splitlines()
        return dict(line.split() for line in lines)

    def running(self) -> int:
        return sum(int(text.partition("/")[0]) for text in self.replicas().values())


@pytest.fixture
def evening(tmp_path: Path) -> Iterator[Evening]:
    made = Evening(tmp_path)
    yield made
    made.door.close()


def test_the_decks_commands_make_its_swarm_and_its_fourteen_services(evening: Evening) -> None:
    refused = evening.type("node ls")
    assert refused.code == 1 and refused.err.startswith("Error response from daemon: This node is not a swarm manager.")
    said = evening.done("swarm init --advertise-addr 192.168.50.100")
    assert said.startswith("Swarm initialized: current node (") and JOIN in said
    token = evening.done("swarm join-token -q worker").strip()
    assert f"    docker swarm join --token {token} 192.168.50.100:2377\n" in said
    for name in WORKERS:
        evening.done(f"swarm join --token {token} 192.168.50.100:2377", on=name)
    assert "already part of a swarm" in evening.type("swarm join --token x 192.168.50.100:2377", on="worker-1").err
    promoted = evening.done("node promote worker-1 worker-2").splitlines()
    assert promoted == [f"Node {name} promoted to a manager in the swarm." for name in ("worker-1", "worker-2")]
    evening.cluster.run_for(3)
    assert [row[-2] for row in evening.type("node ls", on="worker-1").lines] == [
        "Leader",
        "Reachable",
        "Reachable",
        "Active",
    ]
    assert evening.done("node demote worker-1 worker-2").startswith("Manager worker-1 demoted in the swarm.\n")
    evening.cluster.run_for(3)
    rows = evening.type("node ls").lines
    assert [row[1 + (row[1] == "*")] for row in rows] == [MANAGER, *WORKERS]
    assert "Worker nodes can't be used" in evening.type("node ls", on="worker-1").err

    seen = [0]
    for name, services in STACKS.items():
        said = evening.done(f"stack deploy -d -c {DATA}/stacks/{name}.yml {name}")
        assert len(re.findall("^Creating service", said, re.M)) == services
        seen.append(evening.running())
    for _ in range(6):
        evening.cluster.run_for(10)
        seen.append(evening.running())
    assert seen == sorted(seen) and len(set(seen)) > 2 and seen[-1] == 22
    replicas = evening.replicas()
    assert len(replicas) == 14 and all(len(set(text.split("/"))) == 1 for text in replicas.values())
    assert dict(evening.type("stack ls").lines) == {name: str(services) for name, services in STACKS.items()}
    assert len(evening.type("stack ps rabbitmq").lines) == 6
    again = evening.type(f"stack deploy -c {DATA}/stacks/registry.yml registry")
    assert again.out.startswith("Updating service registry_registry-mirror (id: ") and "--detach=false" in again.err

    assert evening.done("service scale -d rabbitmq_spring-client=3") == "rabbitmq_spring-client scaled to 3\n"
    evening.cluster.run_for(20)
    assert evening.replicas()["rabbitmq_spring-client"] == "3/3"
    lines = evening.done("service logs rabbitmq_spring-client").splitlines()
    assert all(
        re.match(r"rabbitmq_spring-client\.[123]\.[a-z0-9]{12}@(manager|worker)-\d    \| ", line) for line in lines
    )
    assert {line.partition(".")[2][0] for line in lines} == {"1", "2", "3"}
    assert "rabbitmq_haproxy" in evening.done("config ls")
    ids = evening.done("network ls -q -f driver=overlay").split()
    assert len(ids) == 7 and evening.done("network inspect -f {{.Scope}} rabbitmq_dmz") == "swarm\n"
    assert len(evening.type("ps").lines) == len(evening.type("node ps self").lines)
    for name in STACKS:
        assert evening.done(f"stack rm {name}").count("Removing service") == STACKS[name]
    evening.cluster.run_for(30)
    assert evening.done("service ls -q") == evening.done("stack ls --format {{.Name}}") == ""
    assert evening.done("swarm leave", on="worker-3") == "Node left the swarm.\n"
    evening.cluster.run_for(20)
    assert evening.done("node rm worker-3") == "worker-3\n"
    assert "Removing the last manager erases" in evening.type("swarm leave").err
    assert evening.done("swarm leave --force") == "Node left the swarm.\n"


def test_a_service_is_updated_rolled_back_and_reads_its_secret(evening: Evening) -> None:
    evening.begin()
    evening.done("secret create password -", typed="hunter2")
    evening.done("config create site -", typed="listen 80;")
    create = "service create --name web --replicas 3 --update-monitor 1s --update-delay 1s --secret password "
    create += "--config source=site,target=/etc/site -p 8080:80 --constraint node.role==manager nginx:alpine"
    said = evening.done(create).splitlines()
    assert said[1:5] == ["overall progress: 0 out of 3 tasks", "1/3:  ", "2/3:  ", "3/3:  "]
    assert said[-1] == f"verify: Service {said[0]} converged"
    id = evening.done("ps -q -f name=web").split()[0]
    assert evening.done(f"exec {id} cat /run/secrets/password /etc/site") == "hunter2listen 80;"
    assert evening.type(f"exec {id} sh -c 'echo x; exit 3'") == ("x\n", "", 3)
    refused = evening.type("secret rm password").err
    assert "InvalidArgument desc = secret 'password' is in use by the following service: web" in refused
    said = evening.done("service update --image nginx:1.27 web").splitlines()
    assert said[0] == "web" and said[-1] == "verify: Service web converged"
    assert "overall progress: 3 out of 3 tasks" in said
    rows = evening.done("service ps web --format '{{.Name}} {{.Image}} {{.DesiredState}}'").splitlines()
    assert rows[:2] == ["web.1 nginx:1.27 Running", "web.1 nginx:alpine Shutdown"] and len(rows) == 6
    said = evening.done("service rollback web").splitlines()
    assert said[:2] == ["web", "rollback: manually requested rollback"]
    assert said[-1] == "verify: Service web converged"
    events = evening.done(
        "events --since 10m --until 0s -f type=service --format '{{.Action}} {{.Actor.Attributes.name}}'"
    )
    assert events.splitlines()[0] == "create web" and set(events.splitlines()[1:]) == {"update web"}
    assert evening.done("service rm web") == "web\n"


def test_a_locked_swarm_is_unlocked_at_the_terminal(evening: Evening) -> None:
    evening.begin()
    said = evening.done("swarm update --autolock")
    key = re.search(r"SWMKEY-1-\S+", said)[0]
    assert said.startswith("Swarm updated.\nTo unlock a swarm manager after it restarts")
    assert evening.done("swarm unlock-key -q").strip() == key
    assert evening.type("swarm unlock").err == "Error: swarm is not locked\n"
    evening.cluster.crash(MANAGER)
    evening.cluster.run_for(1)
    evening.cluster.restart(MANAGER)
    evening.cluster.run_for(1)
    assert "Swarm is encrypted and needs to be unlocked" in evening.type("node ls").err
    assert evening.type("swarm unlock", typed="SWMKEY-1-x\n").code == 1
    evening.done("swarm unlock", typed=f"{key}\n")
    evening.cluster.run_for(20)
    assert len(evening.type("node ls").lines) == 4


def test_the_client_finds_the_cluster_in_all_its_ways(evening: Evening, tmp_path: Path) -> None:
    """`-H`, a context, a Unix socket, and older versions; over TLS nobody answers."""
    evening.begin()
    host, names = evening.door.host, [MANAGER, *WORKERS]
    format = "--format {{.Hostname}}"
    env = {"DOCKER_HOST": ""}
    assert evening.type(f"-H {host} node ls {format}", **env).out.split() == names
    assert evening.type(f"context create lab --docker host={host}", **env).out == "lab\n"
    assert evening.type(f"--context lab node ls {format}", **env).out.split() == names
    path = f"unix://{tmp_path}/d.sock"
    with evening.cluster.serve(unix=f"{tmp_path}/d.sock", pace=0):
        assert evening.type(f"node ls {format}", DOCKER_HOST=path).out.split() == names
    for spoken in ("1.24", "1.40", "1.46", "1.47"):
        assert evening.type(f"node ls {format}", DOCKER_API_VERSION=spoken).out.split() == names
        assert evening.type("version -f {{.Client.APIVersion}}", DOCKER_API_VERSION=spoken).out == f"{spoken}\n"
    for spoken, word in (("1.23", "old"), ("1.48", "new")):
        assert f"client version {spoken} is too {word}." in evening.type("images", DOCKER_API_VERSION=spoken).err
    over_tls = evening.type("--tls node ls")
    assert over_tls.code == 1 and len(over_tls.err.splitlines()) == 1
