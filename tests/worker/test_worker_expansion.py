"""What a task is asked to be becomes, on its node, what its container is: swarm.md §1, the end."""

import pytest

from swarmlab import Cluster
from swarmlab.objects import ContainerSpec, Description, Mount, Task, TaskSpec
from swarmlab.rack import computer
from swarmlab.worker.expansion import expanded, resources

NODE = Description("worker-1", "linux", "aarch64")


def made(slot: int = 3, **wishes) -> ContainerSpec:
    spec = TaskSpec(ContainerSpec(**wishes))
    return expanded(Task("t1", "s1", "web", slot, "n1", spec, service_labels={"com.x/y": "1"}), NODE)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{.Node.Hostname}}-{{.Task.Slot}}", "worker-1-3"),
        ("{{ .Service.Name }}/{{.Service.ID}}", "web/s1"),
        ("{{.Node.ID}} {{.Node.Platform.OS}}/{{.Node.Platform.Architecture}}", "n1 linux/aarch64"),
        ("a {{- .Task.ID -}} b", "at1b"),
        ("{{.Task.Name}}", "web.3.t1"),
        ('{{index .Service.Labels "com.x/y"}}{{ index .Service.Labels `z` }}|', "1|"),
        ('{{index .Service.Labels 1}} {{"{{"}}', '{{index .Service.Labels 1}} {{"{{"}}'),
    ],
)
def test_templates_are_filled_in_by_the_node(template: str, text: str) -> None:
    assert made(hostname=template).hostname == text


def test_only_values_of_the_environment_and_both_ends_of_a_mount_are_templates() -> None:
    spec = made(env=("{{.Task.ID}}={{.Task.ID}}", "B"), mounts=(Mount("volume", "d-{{.Task.Slot}}", "/{{.Node.ID}}"),))
    assert spec.env == ("{{.Task.ID}}=t1", "B")
    assert spec.mounts == (Mount("volume", "d-3", "/n1"),)


def test_a_task_keeps_the_labels_that_its_service_had_when_it_was_made() -> None:
    """[swarmkit orchestrator/task.go: ServiceAnnotations]"""
    cluster = Cluster(managers=1, seed=7)
    cluster.docker("service create -d --name web --label tier=1 --hostname '{{index .Service.Labels \"tier\"}}' nginx")
    cluster.run_for(5)
    cluster.docker("service update -d --label-add tier=2 web")
    cluster.run_for(5)
    cluster.docker("service scale -d web=2")
    cluster.run_for(5)
    form = "--format '{{.Config.Hostname}}'"
    assert [cluster.docker(f"inspect {task.container} {form}").stdout for task in cluster.tasks] == ["1\n", "2\n"]


def test_the_slot_of_a_global_task_is_its_node() -> None:
    assert made(slot=0, hostname="{{.Task.Slot}}").hostname == "n1"


def test_generic_resources_stand_in_the_environment() -> None:
    task = Task("t1", "s1", assigned_generic={"ssd": 2, "gpu": ("GPU-b", "GPU-a")})
    assert resources(task) == ("DOCKER_RESOURCE_GPU=GPU-b,GPU-a", "DOCKER_RESOURCE_SSD=2")


def test_a_container_shows_what_became_of_the_wish() -> None:
    box = computer("gpu-box", {"role": "manager", "address": "10.1.0.1", "generic": {"gpu": ["GPU-a", "GPU-b"]}})
    cluster = Cluster(computers=(box,))
    wish = "--hostname '{{.Node.Hostname}}-{{.Task.Slot}}' --mount source=data-{{.Task.Slot}},target=/data,type=volume"
    cluster.docker(f"service create -d --replicas 3 --generic-resource gpu=1 {wish} nginx")
    cluster.run_for(8)
    seen = [
        cluster.docker(f"inspect {task.container} --format '{{{{.Config.Hostname}}}} {{{{.Config.Env}}}}'").stdout
        for task in cluster.tasks
        if task.container
    ]
    assert seen == [f"gpu-box-{n} [DOCKER_RESOURCE_GPU=GPU-{letter}]\n" for n, letter in ((1, "a"), (2, "b"))]
    assert [row["VOLUME NAME"] for row in cluster.docker("volume ls").rows] == ["data-1", "data-2"]
    assert "insufficient resources" in cluster.docker("service ps --no-trunc " + cluster.services[0].spec.name).stdout


@pytest.mark.parametrize("has", [5, {"gpu": -1}, {"gpu": True}, {"gpu": [1]}, {"gpu": 1.5}])
def test_what_no_machine_can_have(has) -> None:
    with pytest.raises(ValueError, match=r"^generic "):
        computer("box", {"generic": has})
