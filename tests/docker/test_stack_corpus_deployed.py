"""Other people's stack files (../shared/data/stacks), deployed onto a cluster of ours."""

import json

import pytest
from test_stack_corpus import opened

from swarmlab import Cluster
from swarmlab.docker.stack import StackError, convert
from swarmlab.messages import CreateObject
from swarmlab.objects import ConfigSpec, NetworkSpec, SecretSpec


@pytest.fixture(scope="module")
def stacks(shared):
    return shared / "data" / "stacks"


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    return Cluster(managers=1, workers=2, seed=3, messages=False)


def make(cluster: Cluster, spec) -> None:
    reply = cluster.call("manager-1", CreateObject(spec), cluster.kernel.now + 10_000_000)
    assert reply.error is None, reply.error


def prepared(cluster: Cluster, stack) -> None:
    """What the file takes for granted is there."""
    for name in stack.external_networks:
        if name not in ("host", "none", "bridge"):
            make(cluster, NetworkSpec(name, attachable=True))
    for name in stack.external_secrets:
        make(cluster, SecretSpec(name, data=b"x"))
    for name in stack.external_configs:
        make(cluster, ConfigSpec(name, data=b"x"))


def test_every_file_that_docker_accepts_is_deployed(stacks, cluster) -> None:
    expected = json.loads((stacks / "expected.json").read_text())
    done = []
    for name, entry in expected.items():
        twin = cluster.fork()
        compose, read, folder = opened(stacks, name, entry["env"])
        try:
            stack = convert(compose, "demo", read)
        except StackError as fault:
            assert "error" in entry, name
            stack = fault.done
        prepared(twin, stack)
        here = f"{folder}/stack.yml"
        path = stacks / name if "/" in name else stacks / f"{name}.yml"
        env = {"HOME": "/home/user", **entry["env"]}
        result = twin.docker(f"stack deploy --detach=true -c {here} demo", env=env, files={here: path.read_text()})
        if "error" in entry:  # what it makes before it reads the secret that is not there stays
            assert (result.exit_code, result.stdout.count("Creating network")) == (1, len(stack.networks))
            assert result.stderr.splitlines()[-1].startswith("open /")
            continue
        assert result.exit_code == 0, (name, result.stderr)
        assert {row["NAME"] for row in twin.docker("stack services demo").rows} == {s.name for s in stack.services}
        twin.run_for(40)
        shown = twin.docker("stack ps demo")
        wanted = [s for s in twin.services if s.spec.replicas and s.spec.mode == "replicated"]
        assert shown.exit_code == 0 or (shown.stderr == "nothing found in stack: demo\n" and not wanted), name
        assert twin.docker("stack rm demo").exit_code == 0
        twin.run_for(20)
        assert twin.services == ()
        done.append(name)
    assert len(done) == 23
