"""The stacks of `data/stacks` on the clusters of `data/clusters`: everything that they ask for comes to run."""

import pytest

from swarmlab import Cluster

LAB = ("registry", "portainer", "elastic", "rabbitmq")
REPLICAS = {  # what `service ls` shows when all is up
    "elastic_elasticsearch": ("global", "3/3", ""),
    "elastic_fluentd": ("replicated", "1/1", "*:24224->24224/tcp"),
    "elastic_grafana": ("replicated", "1/1", "*:3000->3000/tcp"),
    "elastic_kibana": ("replicated", "1/1", "*:5601->5601/tcp"),
    "elastic_metricbeat-host": ("global", "4/4", ""),
    "portainer_portainer": ("replicated", "1/1", "*:9000->9000/tcp"),
    "portainer_portainer-agent": ("global", "4/4", ""),
    "rabbitmq_python-client": ("replicated", "1/1", "*:5000->5000/tcp"),
    "rabbitmq_rabbit": ("replicated", "1/1", "*:5672->5672/tcp, *:9099->9099/tcp, *:15672->15672/tcp"),
    "rabbitmq_rabbit1": ("replicated", "1/1", ""),
    "rabbitmq_rabbit2": ("replicated", "1/1", ""),
    "rabbitmq_rabbit3": ("replicated", "1/1", ""),
    "rabbitmq_spring-client": ("replicated", "1/1", "*:8080->8080/tcp"),
    "registry_registry-mirror": ("replicated", "1/1", "*:5555->5000/tcp"),
}


def deployed(cluster: Cluster, *names: str) -> Cluster:
    for name in names:
        result = cluster.docker(f"stack deploy --detach=true -c data/stacks/{name}.yml {name}")
        assert (result.exit_code, result.stderr) == (0, "")
    return cluster


def shown(cluster: Cluster) -> dict[str, tuple[str, str, str]]:
    rows = cluster.docker("service ls").rows
    return {row["NAME"]: (row["MODE"], row["REPLICAS"], row["PORTS"]) for row in rows}


def is_settled(cluster: Cluster) -> bool:
    counts = (row["REPLICAS"].split("/") for row in cluster.docker("service ls").rows)
    return all(running == wanted != "0" for running, wanted in counts)


@pytest.fixture(scope="module")
def lab() -> tuple[Cluster, dict]:
    """The lab with all four stacks, and what `service ls` showed at first."""
    cluster = deployed(Cluster.from_file("data/clusters/demo-lab.yml"), *LAB)
    early = shown(cluster)
    cluster.run_for(90)
    return cluster, early


def test_all_that_the_lab_asks_for_runs(lab) -> None:
    cluster, _ = lab
    assert shown(cluster) == REPLICAS
    assert len(cluster.running) == len(cluster.tasks) == 22


def test_every_published_port_of_the_lab_answers_on_every_node(lab) -> None:
    cluster, _ = lab
    for _, _, ports in REPLICAS.values():
        for port in (part.partition("->")[0].removeprefix("*:") for part in ports.split(", ") if part):
            for node in ("manager-1", "worker-3"):
                answer = cluster.request(f"http://{node}:{port}/")
                assert answer.ok, (node, port, answer.error)


def test_replicas_right_after_the_deploy_are_those_of_the_slide() -> None:
    """Images are still on their way: nothing of the stack runs, and all that is wanted is known."""
    cluster = deployed(Cluster.from_file("data/clusters/demo-lab.yml"), "registry", "portainer")
    cluster.run_for(60)
    deployed(cluster, "elastic")
    cluster.run_for(1)
    found = {name: replicas for name, (_, replicas, _) in shown(cluster).items()}
    assert found == {
        "elastic_elasticsearch": "0/3",
        "elastic_fluentd": "0/1",
        "elastic_grafana": "0/1",
        "elastic_kibana": "0/1",
        "elastic_metricbeat-host": "0/4",
        "portainer_portainer": "1/1",
        "portainer_portainer-agent": "4/4",
        "registry_registry-mirror": "1/1",
    }
    climbing = []
    while shown(cluster)["elastic_elasticsearch"][1] != "3/3" and cluster.now < 120:
        cluster.run_for(1)
        climbing.append(sum(int(replicas.split("/")[0]) for _, replicas, _ in shown(cluster).values()))
    assert climbing == sorted(climbing) and climbing[-1] == 16


def test_greetings_are_answered_by_both_clients_through_all_three_brokers(lab) -> None:
    cluster, _ = lab
    found = [
        cluster.request(f"http://worker-1:{port}/greeting?message=Hello") for port in (5000, 8080) for _ in range(3)
    ]
    assert [answer.status for answer in found] == [200] * 6
    last = [[detail for kind, _, detail in answer.hops if kind == "task"][-1] for answer in found]
    assert sorted(last) == [f"rabbitmq_rabbit{n}.1" for n in (1, 1, 2, 2, 3, 3)]


def test_what_is_wanted_is_known_before_anything_runs(lab) -> None:
    """A replicated service wants its replicas from the first moment, and no column is ever wider than what is wanted."""
    _, early = lab
    assert set(early) == set(REPLICAS)
    for name, (mode, replicas, ports) in early.items():
        assert mode == REPLICAS[name][0]
        assert mode == "global" or replicas.endswith("/1"), (name, replicas)
        assert ports in ("", REPLICAS[name][2])


def test_constraints_keep_everything_but_agents_off_the_manager(lab) -> None:
    cluster, _ = lab
    manager = next(node.id for node in cluster.nodes if node.machine == "manager-1")
    there = {task.service_name for task in cluster.tasks if task.node == manager}
    free = {"registry_registry-mirror"}  # may run anywhere
    assert there - free == {"portainer_portainer-agent", "elastic_metricbeat-host"}


def test_replicas_climb_one_by_one() -> None:
    cluster = Cluster(managers=1, workers=3, seed=5)
    cluster.docker("service create -d --name web --replicas 3 nginx")
    seen = []
    for _ in range(60):
        seen.append(shown(cluster)["web"][1])
        cluster.run_for(0.05)
    assert seen[0] == "0/3" and seen[-1] == "3/3"
    assert seen == sorted(seen)


def test_removing_a_stack_leaves_nothing_behind(lab) -> None:
    twin = lab[0].fork()
    for name in LAB:
        assert twin.docker(f"stack rm {name}").exit_code == 0
    twin.run_for(30)
    assert (twin.services, twin.tasks, twin.running) == ((), (), ())
    assert [network.spec.name for network in twin.networks if not network.predefined] == ["ingress"]


@pytest.mark.parametrize("seed", [1, 7])
def test_the_voting_app_comes_to_run(seed: int) -> None:
    cluster = deployed(Cluster(managers=3, workers=4, seed=seed), "voting")
    assert cluster.run_until(is_settled, limit=60)
    assert len(cluster.running) == 7
    answers = {cluster.request("http://worker-2:5000/").task for _ in range(4)}
    assert answers == {"voting_vote.1", "voting_vote.2"}
    assert cluster.request("http://manager-3:5001/").ok
