"""The client asks the registry what a tag means, and the service keeps the answer."""

from swarmlab import Cluster
from swarmlab.docker.images import pinned


def test_every_node_runs_the_image_that_the_tag_meant_when_the_service_was_made():
    cluster = Cluster(managers=1, seed=2)
    cluster.docker("service create -d --name web nginx:1.25")
    cluster.docker("service create -d --name loose --no-resolve-image nginx:1.25")
    web, loose = (service.spec.task for service in cluster.services)
    assert web.container.image == pinned("nginx:1.25") and web.placement.platforms == (("linux", "amd64"),)
    assert loose.container.image == "nginx:1.25" and loose.placement.platforms == ()


def test_the_digest_is_the_same_for_all_ways_to_write_an_image_and_in_every_run():
    digest = pinned("nginx:latest").partition("@")[2]
    assert pinned("nginx").partition("@")[2] == digest
    assert len(digest) == len("sha256:") + 64
    assert pinned("nginx:1.25").partition("@")[2] != digest
    assert pinned(f"nginx@{digest}") == f"nginx@{digest}"


def test_an_image_that_the_registry_does_not_have_stays_as_it_is():
    assert pinned("nginx:no-such-tag") == "nginx:no-such-tag"


def test_an_update_to_the_same_tag_replaces_nothing():
    cluster = Cluster(managers=1, seed=2)
    cluster.docker("service create -d --name web nginx:1.25")
    cluster.run_for(10)
    tasks = cluster.tasks
    cluster.docker("service update -d --image nginx:1.25 web")
    cluster.run_for(10)
    assert [task.id for task in cluster.tasks] == [task.id for task in tasks]
