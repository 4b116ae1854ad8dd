"""Other people's stack files, deployed onto a cluster of ours, run for a while and removed."""

import json

import pytest
from stack_score import corpus, opened, prepare, typed

from swarmlab import Cluster
from swarmlab.docker.stack import StackError, convert


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    return Cluster(managers=1, workers=2, seed=3, messages=False)


def test_every_file_that_docker_accepts_is_deployed(cluster) -> None:
    stacks = corpus()
    if stacks is None:
        pytest.skip("no stack files to compare with")
    expected = json.loads((stacks / "expected.json").read_text())
    done = []
    for name, entry in expected.items():
        twin = cluster.fork()
        compose, read, _ = opened(stacks, name, entry["env"])
        try:
            stack = convert(compose, "demo", read)
        except StackError as fault:
            assert "error" in entry, name
            stack = fault.done
        prepare(twin, stack)
        result = typed(twin, "stack deploy --detach=true -c FILE demo", stacks, name, entry["env"])
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
