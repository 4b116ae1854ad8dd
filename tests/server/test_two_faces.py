"""The command in a notebook and the real client in a terminal are two faces of one truth: the same words, the same text.

Twin clusters are told the same, one through `cluster.docker`, the other through its API by a real docker client (28.x; without
one the test is skipped). Only what must differ is masked: ids (by the order in which they come), ages, and dates.
"""

import re
import shlex
import shutil
import subprocess

import pytest

from swarmlab import Cluster

CLIENT = shutil.which("docker")


def version() -> str:
    """Of the client that is found here."""
    if not CLIENT:
        return ""
    said = subprocess.run([CLIENT, "--version"], capture_output=True, text=True, check=False).stdout
    return said.removeprefix("Docker version ").partition(",")[0]


pytestmark = pytest.mark.skipif(not version().startswith("28."), reason="no docker client 28.x is installed here")

ID = re.compile(r"\b([a-z0-9]{25}|[0-9a-f]{64}|[0-9a-f]{12}|(?=[a-z]*\d)[a-z0-9]{12})\b|(?<![a-z])[a-z]{12}(?=  )")
AGE = re.compile(r"(About |Less than )?(an?|\d+) (second|minute|hour|day|week|month)s?( ago)?")
BY_CHANCE = "stack deploy"  # the client goes through a map, in another order each time
DATE = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| \+0000 UTC)?")


def masked(text: str, order: bool = True) -> list[str]:
    """The lines without what must differ. Columns that ages made wider are closed up; without `order` they are sorted."""
    if not order:
        text = "\n".join(sorted(text.splitlines()))
    seen: dict[str, str] = {}
    text = DATE.sub("DATE", AGE.sub("AGE", text))
    text = ID.sub(lambda found: seen.setdefault(found[0][:12], f"id{len(seen)}"), text)
    return [re.sub(r"\s{2,}", "  ", line).rstrip() for line in text.splitlines()]


class Faces:
    """Two clusters of one seed, and both ways to speak to them."""

    def __init__(self, **machines):
        self.told, self.served = Cluster(seed=3, **machines), Cluster(seed=3, **machines)
        self.door = self.served.serve(port=0, pace=0)

    def run_for(self, seconds):
        self.told.run_for(seconds)
        self.served.run_for(seconds)

    def both(self, command):
        """What each of them prints: (stdout, stderr, exit code), masked."""
        here = self.told.docker(command)
        order = not command.startswith(BY_CHANCE)
        there = subprocess.run(
            [CLIENT, *shlex.split(command)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={"DOCKER_HOST": self.door.host, "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
        )
        return (
            (masked(here.stdout, order), masked(here.stderr), here.exit_code),
            (masked(there.stdout, order), masked(there.stderr), there.returncode),
        )


@pytest.fixture(scope="module")
def faces():
    both = Faces(managers=1, workers=2)
    yield both
    both.door.close()


# In their order, as an evening goes. A number is so many seconds that pass.
EVENING = """
node ls
node ls --filter role=worker --format {{.Hostname}}
service ls
network create --driver overlay backend
network ls --filter driver=overlay --format "{{.Name}} {{.Scope}}"
service create -d --name web --replicas 3 --network backend --publish 8080:80 --label tier=front nginx:alpine
20
service ls
service ps web --format "{{.Name}} {{.Node}} {{.DesiredState}}"
service ps web
service inspect web --format "{{.Spec.Name}} {{json .Spec.Mode}} {{json .Endpoint.Spec.Ports}}"
service scale -d web=5
service update -d --image nginx:1.27 web
30
service ls --format "{{.Name}} {{.Replicas}} {{.Image}}"
service ps -f desired-state=running web --format "{{.Name}} {{.Image}}"
service rollback -d web
30
service ls
service ps nobody
service rm nobody
service inspect nobody
service create -d --name web nginx:alpine
service create -d --name bad --constraint node.role nginx:alpine
service create -d --name Bad_Name! nginx:alpine
service update -d --limit-memory 1M web
node update --availability drain worker-1
10
node ls --format "{{.Hostname}} {{.Status}} {{.Availability}} {{.ManagerStatus}}"
node inspect worker-1 --format "{{.Spec.Availability}} {{.Description.Hostname}} {{.Status.State}}"
node ps worker-1 --format "{{.Name}} {{.DesiredState}}"
node promote worker-2
node demote manager-1
20
node demote worker-2
node rm worker-1
node inspect nobody
network inspect backend --format "{{.Name}} {{.Scope}} {{.Driver}}"
network rm backend
secret create password data/clusters/demo-lab.yml
secret ls --format "{{.Name}} {{.Driver}}"
config create settings data/clusters/demo-lab.yml
config ls --format "{{.Name}}"
config inspect settings --pretty
service update -d --secret-add password --config-add source=settings,target=/etc/settings web
secret rm password
30
service inspect web --pretty
service inspect web
node inspect manager-1 --pretty
inspect web --format {{.Spec.Name}}
secret inspect nobody
config rm nobody
service rm web
10
service ls
network rm backend
secret rm password
stack deploy -d -c data/stacks/rabbitmq.yml lab
40
stack ls
stack services lab
stack ps lab --format "{{.Name}} {{.Node}} {{.CurrentState}}"
service ls --filter label=com.docker.stack.namespace=lab --format "{{.Name}} {{.Replicas}} {{.Ports}}"
service logs lab_rabbit1
ps --format "{{.Names}} {{.Image}} {{.Status}}"
stack deploy -d -c data/stacks/rabbitmq.yml lab
stack rm lab
10
stack ps lab
swarm join-token -q worker
swarm join-token manager
swarm unlock-key
swarm update --task-history-limit 3
swarm update --autolock
swarm ca
info --format "{{.Swarm.LocalNodeState}} {{.Swarm.Nodes}} {{.Swarm.Managers}} {{.Name}}"
images --format "{{.Repository}} {{.Tag}}"
volume create data
volume ls
run -d --name one nginx:alpine
ps
exec one hostname
rm -f one
swarm leave
swarm init
swarm join --token SWMTKN-1-x 192.168.50.100:2377
swarm leave --force
node ls
info --format "{{.Swarm.LocalNodeState}}"
""".strip().splitlines()


def test_an_evening_reads_the_same_through_both_faces(faces):
    different = []
    for line in EVENING:
        if line.isdecimal():
            faces.run_for(int(line))
            continue
        here, there = faces.both(line)
        if here != there:
            different.append(f"docker {line}\n   notebook {here}\n   client   {there}")
    assert not different, "\n".join(different)


def test_the_comparison_sees_a_difference(faces):
    """A checker that has caught nothing proves nothing."""
    assert masked("web  3/3") != masked("web  2/3")
    assert masked("abc123def456  x\nabc123def456") != masked("abc123def456  x\nabc123def457")
    assert masked("Up 3 seconds   ok") == masked("Up 4 minutes  ok")
