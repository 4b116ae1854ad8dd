"""`docker stack ls`, `services`, `ps` and `rm` on a cluster, and what a second deploy does."""

from textwrap import dedent

import pytest

from swarmlab import Cluster

SHOP = dedent("""\
    services:
      web: {image: nginx, deploy: {replicas: 2, placement: {constraints: [node.role == worker]}}}
      db: {image: redis}
    networks: {default: {attachable: true}}
    """)


@pytest.fixture(scope="module")
def running() -> Cluster:
    cluster = Cluster(managers=1, workers=2, seed=5, messages=False)
    deploy(cluster, SHOP)
    cluster.run_for(15)
    return cluster


@pytest.fixture
def cluster(running: Cluster) -> Cluster:
    return running.fork()


def deploy(cluster: Cluster, text: str, flags: str = "-d", name: str = "shop"):
    return cluster.docker(f"stack deploy {flags} -c f.yml {name}", files={"f.yml": text})


def names(cluster: Cluster, command: str) -> list[str]:
    return [row["NAME"] for row in cluster.docker(command).rows]


def test_services_can_be_filtered_and_nothing_found_is_no_failure(cluster: Cluster) -> None:
    assert names(cluster, "stack services shop") == ["shop_db", "shop_web"]
    assert names(cluster, "stack services shop -f name=shop_w") == ["shop_web"]
    assert len(cluster.docker("stack services shop -q").stdout.split()) == 2
    for command in ("stack services shop -f name=x", "stack services other"):
        result = cluster.docker(command)
        assert (result.stdout, result.exit_code) == ("", 0)
        assert result.stderr == f"Nothing found in stack: {command.split()[2]}\n"


def test_tasks_can_be_filtered_and_nothing_found_is_a_failure(cluster: Cluster) -> None:
    assert names(cluster, "stack ps shop") == ["shop_db.1", "shop_web.1", "shop_web.2"]
    assert names(cluster, "stack ps shop -f name=shop_web -f desired-state=running") == ["shop_web.1", "shop_web.2"]
    for command in ("stack ps shop -f desired-state=shutdown", "stack ps other"):
        result = cluster.docker(command)
        assert (result.stdout, result.exit_code) == ("", 1)
        assert result.stderr == f"nothing found in stack: {command.split()[2]}\n"


def test_a_second_deploy_of_the_same_file_leaves_all_tasks_as_they_are(cluster: Cluster) -> None:
    before = {(task.id, task.state) for task in cluster.tasks}
    assert deploy(cluster, SHOP).stdout.count("Updating service") == 2
    cluster.run_for(15)
    assert {(task.id, task.state) for task in cluster.tasks} == before


def test_what_the_file_has_no_more_goes_only_when_pruned(cluster: Cluster) -> None:
    less = SHOP.replace("  db: {image: redis}\n", "")
    deploy(cluster, less)
    assert names(cluster, "stack services shop") == ["shop_db", "shop_web"]
    assert deploy(cluster, less, "-d --prune").stdout.startswith("Removing service shop_db\n")
    assert names(cluster, "stack services shop") == ["shop_web"]


def test_a_stack_goes_services_first_and_can_be_waited_for(cluster: Cluster) -> None:
    result = cluster.docker("stack rm --detach=false shop nothing")
    assert result.stdout == "Removing service shop_db\nRemoving service shop_web\nRemoving network shop_default\n"
    assert (result.stderr, result.exit_code) == ("Nothing found in stack: nothing\n", 0)
    assert cluster.running == ()
    assert cluster.docker("stack ls").stdout.split() == ["NAME", "SERVICES"]
    assert cluster.docker("stack rm shop").stderr == "Nothing found in stack: shop\n"


def test_with_resolve_image_never_the_stored_image_stays_while_the_text_is_the_same(cluster: Cluster) -> None:
    assert "could not be accessed" in deploy(cluster, SHOP.replace("redis", "nosuch/image")).stderr
    assert (
        "could not be accessed"
        not in deploy(cluster, SHOP.replace("redis", "nosuch/image"), "-d --resolve-image changed").stderr
    )
    assert (
        "could not be accessed"
        not in deploy(cluster, SHOP.replace("redis", "nosuch/image:2"), "-d --resolve-image never").stderr
    )


@pytest.mark.parametrize(
    ("mode", "fields"),
    [
        ("mode: replicated-job, replicas: 4", ("replicated-job", 4, 4)),
        ("mode: global-job", ("global-job", 1, 1)),
        ("mode: global", ("global", 1, 1)),
        ("replicas: 0", ("replicated", 0, 1)),
    ],
)
def test_modes(cluster: Cluster, mode: str, fields: tuple) -> None:
    text = f"services: {{j: {{image: alpine, deploy: {{{mode}, restart_policy: {{condition: none}}}}}}}}"
    result = deploy(cluster, text, name="jobs")
    assert result.exit_code == 0, result.stderr
    (spec,) = [service.spec for service in cluster.services if service.name == "jobs_j"]
    assert (spec.mode, spec.replicas, spec.max_concurrent) == fields


def test_several_files_are_deployed_as_one(cluster: Cluster) -> None:
    more = "services: {web: {image: 'nginx:2', deploy: {replicas: 5}}, extra: {image: redis}}"
    files = {"a.yml": SHOP, "-": more}
    result = cluster.docker("stack deploy -d -c a.yml -c - shop", files=files)
    assert sorted(line.split()[0] for line in result.stdout.splitlines()) == ["Creating", "Updating", "Updating"]
    specs = {service.name: service.spec for service in cluster.services}
    assert (specs["shop_web"].replicas, specs["shop_web"].task.container.image[:7]) == (5, "nginx:2")
    assert specs["shop_web"].task.placement.constraints == ("node.role == worker",)


def test_a_network_lingers_until_its_last_task_has_stopped(cluster: Cluster) -> None:
    """As recorded: a deploy or a removal in between trips over what is listed and is not there."""
    cluster.docker("stack rm shop")
    assert "shop_default" in cluster.docker("network ls").stdout
    early = deploy(cluster, SHOP)
    assert early.stdout == "Creating service shop_db\n"
    assert (
        early.stderr == "failed to create service shop_db: Error response from daemon: network shop_default not found\n"
    )
    again = cluster.docker("stack rm shop")
    (id,) = {line.split()[0] for line in cluster.docker("network ls --no-trunc").stdout.splitlines() if "shop" in line}
    assert (again.stdout, again.exit_code) == ("Removing network shop_default\n", 1)
    assert again.stderr == (
        f"Failed to remove network {id}: Error response from daemon: network {id} not found"
        "failed to remove some resources from stack: shop\n"
    )
    cluster.run_for(5)
    assert "shop" not in cluster.docker("network ls").stdout
    assert deploy(cluster, SHOP).exit_code == 0
