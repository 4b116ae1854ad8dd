"""The project's own stacks (data/stacks): the shape of the originals, and every file they need is there."""

import subprocess
import sys

import pytest
import yaml

from swarmlab.docker.stack import convert, load

STACKS = ("voting", "registry", "portainer", "elastic", "rabbitmq")


@pytest.fixture
def stack(root):
    def opened(name):
        def read(path):
            return (root / path).read_bytes()

        compose = load([f"data/stacks/{name}.yml"], read, {})
        assert compose.warnings == ()
        return convert(compose, name, read)

    return opened


def shape(stack):
    """name → mode, replicas, published ports, networks, constraints"""
    return {
        spec.name.partition("_")[2]: (
            spec.mode,
            spec.replicas,
            [port.published_port for port in spec.endpoint.ports],
            [target.target.partition("_")[2] for target in spec.task.networks],
            list(spec.task.placement.constraints),
        )
        for spec in stack.services
    }


WORKER = ["node.role == worker"]


def test_voting(stack):
    assert shape(stack("voting")) == {
        "vote": ("replicated", 2, [5000], ["frontend"], []),
        "redis": ("replicated", 1, [], ["frontend"], []),
        "worker": ("replicated", 2, [], ["backend", "frontend"], []),
        "db": ("replicated", 1, [], ["backend"], []),
        "result": ("replicated", 1, [5001], ["backend"], []),
    }


def test_registry(stack):
    assert shape(stack("registry")) == {"registry-mirror": ("replicated", 1, [5555], ["registry"], [])}


def test_portainer(stack):
    assert shape(stack("portainer")) == {
        "portainer": ("replicated", 1, [9000], ["portainer-net"], WORKER),
        "portainer-agent": ("global", 1, [], ["portainer-net"], ["node.platform.os == linux"]),
    }


def test_elastic(stack):
    found = stack("elastic")
    assert shape(found) == {
        "elasticsearch": ("global", 1, [], ["elasticsearch"], WORKER),
        "kibana": ("replicated", 1, [5601], ["elasticsearch"], WORKER),
        "fluentd": ("replicated", 1, [24224], ["elasticsearch"], WORKER),
        "grafana": ("replicated", 1, [3000], ["elasticsearch"], WORKER),
        "metricbeat-host": ("global", 1, [], ["elasticsearch"], []),
    }
    modes = {spec.name: spec.endpoint.mode for spec in found.services}
    assert [name for name, mode in modes.items() if mode == "dnsrr"] == ["elastic_elasticsearch"]
    assert found.networks[0].options == {"encrypted": ""}
    assert len(found.configs) == 5 and all(config.data for config in found.configs)


def test_rabbitmq(stack):
    found = stack("rabbitmq")
    broker = ("replicated", 1, [], ["rabbit_heaven", "rabbit_hell"], WORKER)
    assert shape(found) == {
        "rabbit": ("replicated", 1, [5672, 9099, 15672], ["dmz", "rabbit_heaven"], WORKER),
        "rabbit1": broker,
        "rabbit2": broker,
        "rabbit3": broker,
        "python-client": ("replicated", 1, [5000], ["dmz"], WORKER),
        "spring-client": ("replicated", 1, [8080], ["dmz"], WORKER),
    }
    drivers = {spec.name for spec in found.services if spec.task.log_driver and spec.task.log_driver.name == "fluentd"}
    assert drivers == {"rabbitmq_python-client", "rabbitmq_spring-client"}


def test_the_four_stacks_of_the_lab_are_14_services_and_22_tasks_on_four_nodes(stack):
    services = [spec for name in STACKS[1:] for spec in stack(name).services]
    nodes = {True: 3, False: 4}  # of four nodes, three are workers
    tasks = sum(
        nodes["node.role == worker" in s.task.placement.constraints] if s.mode == "global" else s.replicas
        for s in services
    )
    assert (len(services), tasks) == (14, 22)


def test_no_stack_depends_on_the_folder_it_is_deployed_from(stack):
    for name in STACKS:
        binds = [
            mount.source
            for spec in stack(name).services
            for mount in spec.task.container.mounts
            if mount.type == "bind"
        ]
        assert all(source.startswith(("/var/", "/proc", "/sys/")) or source == "/" for source in binds)


def test_the_wording_is_our_own(root, shared):
    """No comment of the originals, and no line of their configuration files that says more than a keyword."""
    originals = [
        *(shared / "data" / "stacks").glob("mattjtodd*/**/*"),
        *(shared / "data" / "stacks").glob("dockersamples*.yml"),
    ]
    lines = {" ".join(line.split()) for path in originals if path.is_file() for line in path.read_text().splitlines()}
    comments = {line for line in lines if line.startswith("#") and len(line) > 1}
    for path in sorted((root / "data" / "stacks").rglob("*")):
        if path.is_file():
            assert not comments & {" ".join(line.split()) for line in path.read_text().splitlines()}, path


def test_loading_stacks_needs_no_yaml_library_before_the_first_file():
    code = "import sys; import swarmlab.docker.stack; assert 'yaml' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("name", "managers", "workers"), [("demo-lab", 1, 3), ("three-managers", 3, 3), ("three-zones", 3, 6)]
)
def test_cluster_files_describe_managers_and_workers_with_addresses_of_their_own(root, name, managers, workers):
    machines = yaml.safe_load((root / "data" / "clusters" / f"{name}.yml").read_text())["machines"]
    assert [machine["role"] for machine in machines] == ["manager"] * managers + ["worker"] * workers
    assert (machines[0]["name"], machines[0]["address"]) == ("manager-1", "192.168.50.100")
    assert len({machine["address"] for machine in machines}) == len(machines)
