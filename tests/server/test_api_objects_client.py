"""The real client and the `docker` of a notebook ask for the same: each command is typed to both, and the specs compared.

Rules: docker-api.md §3, §5, §6; issue 7, §1: two faces of one truth. Without a client of version 28 there is nothing to
compare with.
"""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from swarmlab import Cluster
from swarmlab.objects import Service, ServiceSpec, replace

CLIENT = shutil.which("docker")


def is_28() -> bool:
    """Whether there is a client of the version that was recorded."""
    if not CLIENT:
        return False
    shown = subprocess.run([CLIENT, "--version"], capture_output=True, text=True, check=False).stdout
    return "version 28." in shown


pytestmark = pytest.mark.skipif(not is_28(), reason="no docker client 28.x to compare with")


class Faces:
    """The same swarm twice: one is asked by the real client, the other one as in a notebook."""

    def __init__(self, served: Cluster, host: str, typed: Cluster, folder: Path):
        self.served, self.host, self.typed, self.folder = served, host, typed, folder

    def both(self, command: str) -> tuple[str, str]:
        """What each face printed, with ids left out."""
        assert CLIENT
        words = [CLIENT, "-H", self.host, *shlex.split(command)]
        real = subprocess.run(words, capture_output=True, text=True, timeout=60, cwd=self.folder, check=False)
        ours = self.typed.docker(command, env={})
        assert real.returncode == ours.exit_code, (command, real.stderr, ours.stderr)
        return masked(real.stdout + real.stderr), masked(ours.stdout + ours.stderr)

    def specs(self) -> tuple[dict[str, ServiceSpec], dict[str, ServiceSpec]]:
        return by_name(self.served), by_name(self.typed)

    def rest(self, seconds: float) -> None:
        self.served.run_for(seconds)
        self.typed.run_for(seconds)

    def tasks(self) -> tuple[list, list]:
        return states(self.served), states(self.typed)


def masked(text: str) -> str:
    return re.sub(r"\b[0-9a-z]{25}\b", "ID", text)


def by_name(cluster: Cluster) -> dict[str, ServiceSpec]:
    names = {network.id: network.spec.name for network in cluster.networks}
    return {service.name: without_ids(service, names) for service in cluster.services}


def without_ids(service: Service, names: dict[str, str]) -> ServiceSpec:
    """The spec with names of networks, secrets and configs instead of their ids."""
    spec = service.spec
    container = spec.task.container
    container = replace(
        container,
        secrets=tuple(sorted(file._replace(id="") for file in container.secrets)),  # the client shuffles these three
        configs=tuple(sorted(file._replace(id="") for file in container.configs)),
        env=tuple(sorted(container.env)),
    )
    networks = tuple(target._replace(target=names[target.target]) for target in spec.task.networks)
    return replace(spec, task=replace(spec.task, container=container, networks=networks))


def states(cluster: Cluster) -> list:
    return sorted((task.service_name, task.slot, task.current_state, task.desired_state) for task in cluster.tasks)


@pytest.fixture
def faces(root: Path) -> Iterator[Faces]:
    served = Cluster(managers=1, workers=2, seed=7)
    typed = Cluster(managers=1, workers=2, seed=7)
    with served.serve(0, pace=0) as door:
        yield Faces(served, door.host, typed, root)


CREATED = [
    "--name web nginx",
    "--name web --mode global --restart-condition none --stop-grace-period 3s redis:alpine",
    "--name web --replicas 0 -p 8080:80 -p published=53,target=53,protocol=udp,mode=host --label a=b nginx:1.25 sleep 1d",
    "--name web --mode replicated-job --replicas 4 --max-concurrent 2 alpine true",
    "--name web --mode global-job alpine true",
    "--name web --endpoint-mode dnsrr --network name=front,alias=api --host db:10.0.0.7 --dns 8.8.8.8 nginx",
    "--name web --secret key --secret source=key,target=/x,uid=5,mode=0400 --config source=site,target=/etc/s nginx",
    "--name web --limit-cpu .5 --limit-memory 64M --limit-pids 9 --reserve-cpu .1 --generic-resource gpu=2 nginx",
    "--name web --constraint node.role==worker --placement-pref spread=node.labels.zone --replicas-max-per-node 2 nginx",
    "--name web --update-delay 2s --update-parallelism 0 --update-monitor 0s --update-order start-first nginx",
    "--name web --rollback-delay 2s --rollback-failure-action continue --rollback-max-failure-ratio .2 nginx",
    "--name web --health-cmd true --health-interval 2s --health-retries 2 --health-start-period 1s nginx",
    "--name web --no-healthcheck --entrypoint 'sh -c' --isolation default --init --tty --read-only nginx",
    "--name web --mount src=data,dst=/data,volume-nocopy,volume-label=a=b --mount type=tmpfs,dst=/t,tmpfs-size=1m nginx",
    "--name web --mount type=bind,src=/a,dst=/b,readonly,bind-propagation=rshared,bind-recursive=writable nginx",
    "--name web --user 5:5 --group 7 --workdir /w --hostname '{{.Node.Hostname}}' --env A=b --env C nginx",
    "--name web --cap-add net_admin --cap-drop all --ulimit nofile=5:9 --sysctl a=b --stop-signal KILL nginx",
    "--name web --log-driver json-file --log-opt max-size=1m --container-label x=y nosuch/image:9",
    "--name web --oom-score-adj 7 --dns-search example.org --dns-option ndots:1 --restart-delay 1s --restart-window 9s nginx",
]


@pytest.mark.parametrize("flags", CREATED)
def test_a_service_is_asked_for_alike(faces: Faces, flags: str) -> None:
    faces.both("network create -d overlay front")
    for kind, name in (("secret", "key"), ("config", "site")):
        faces.both(f"{kind} create {name} LICENSE")
    real, ours = faces.both(f"service create -d {flags}")
    assert real == ours
    assert faces.specs()[0] == faces.specs()[1]
    faces.both("service update -d --env-add Z=1 web")  # what was read and written back has lost nothing
    assert faces.specs()[0] == faces.specs()[1]


UPDATED = [
    "--image redis:alpine",
    "--replicas 3",
    "--force",
    "--publish-add 9090:90 --label-add c=d --label-rm a",
    "--network-add front --constraint-add node.role==manager --limit-memory 32M",
    "--secret-add key --mount-add src=data,dst=/data --env-rm A",
    "--update-delay 3s --rollback-order start-first --stop-grace-period 1s",
    "--health-cmd true --restart-max-attempts 5 --args 'a b'",
]


@pytest.mark.parametrize("flags", UPDATED)
def test_a_service_is_changed_and_rolled_back_alike(faces: Faces, flags: str) -> None:
    faces.both("network create -d overlay front")
    faces.both("secret create key LICENSE")
    faces.both("service create -d --name web --label a=b --env A=b -p 8080:80 nginx")
    faces.rest(5)
    for command in (f"service update -d {flags} web", "service rollback -d web"):
        real, ours = faces.both(command)
        assert real == ours
        assert faces.specs()[0] == faces.specs()[1]
        faces.rest(15)
        assert faces.tasks()[0] == faces.tasks()[1]


SWARM = [
    "node update --availability drain --label-add a=b worker-1",
    "node promote worker-2",
    "node demote manager-1",
    "node rm worker-1",
    "node rm nobody",
    "swarm update --task-history-limit 2 --autolock",
    "swarm update --cert-expiry 1m",
    "network create -d overlay --subnet 10.9.0.0/24 --gateway 10.9.0.1 --attachable --opt encrypted --label a=b x",
    "network create -d overlay --subnet nonsense x",
    "network create --internal x",
    "network rm ingres",
    "service create -d --name 'a b' nginx",
    "service create -d --limit-memory 1M nginx",
    "service create -d --constraint node.role nginx",
    "service create -d --network nonet nginx",
    "service scale -d nobody=3",
    "service rm nobody",
    "secret rm nobody",
    "config create -l a=b x LICENSE",
]


@pytest.mark.parametrize("command", SWARM)
def test_other_commands_are_answered_alike(faces: Faces, command: str) -> None:
    real, ours = faces.both(command)
    assert re.sub(r"SWMKEY-1-\S+", "KEY", real) == re.sub(r"SWMKEY-1-\S+", "KEY", ours)
    assert settings_of(faces.served) == settings_of(faces.typed)


def settings_of(cluster: Cluster) -> Any:
    swarm = cluster.store.cluster
    nodes = sorted((node.hostname, node.spec.role, node.spec.availability, node.spec.labels) for node in cluster.nodes)
    networks = sorted(
        (one.spec.name, one.spec.driver, one.spec.subnets, one.spec.attachable) for one in cluster.networks
    )
    return swarm.task_history_limit, swarm.autolock, swarm.certificate_expiry, nodes, networks


STACKS = sorted(path.name for path in (Path(__file__).parent.parent.parent / "data/stacks").glob("*.yml"))


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_is_deployed_alike_and_a_second_time_nothing_happens(faces: Faces, stack: str) -> None:
    faces.both(f"stack deploy -d -c data/stacks/{stack} s")
    assert faces.specs()[0] == faces.specs()[1] != {}
    faces.rest(30)
    before = [task.id for task in faces.served.tasks if task.desired_state == "running"]
    faces.both(f"stack deploy -d -c data/stacks/{stack} s")
    faces.rest(10)
    assert [task.id for task in faces.served.tasks if task.desired_state == "running"] == before
    assert faces.both("stack rm s")
    faces.rest(30)
    assert faces.served.services == faces.typed.services == ()
