"""Updates and rollbacks on a real small cluster, as a person sees them: swarm.md §8, §19, §20.5."""

import re

import pytest

from swarmlab import Cluster

FAILED = r"update {} due to failure or early termination of task \w{{25}}"


@pytest.fixture(scope="module")
def begun() -> Cluster:
    cluster = Cluster(managers=1, workers=2, seed=7, messages=False)
    cluster.docker("service create -d --name web --replicas 3 --update-delay 1s --restart-delay 1s acme/web:1")
    cluster.run_for(12)
    return cluster


@pytest.fixture
def cluster(begun: Cluster) -> Cluster:
    return begun.fork()


def status(cluster: Cluster, service: str = "web") -> tuple[str, str]:
    found = cluster.docker(
        f"service inspect {service} --format '{{{{.UpdateStatus.State}}}}|{{{{.UpdateStatus.Message}}}}'"
    )
    state, _, message = found.stdout.strip().partition("|")
    return state, message


def images(cluster: Cluster, service: str = "web") -> list[str]:
    """Of the tasks that shall run."""
    rows = cluster.docker(f"service ps {service} --filter desired-state=running").rows
    return sorted(row["IMAGE"].partition(":")[2] for row in rows)


def test_an_attached_update_that_is_paused_says_so_and_fails(cluster: Cluster) -> None:
    """§19: `service update paused: <message>`."""
    result = cluster.docker("service update --image acme/web:bad web")
    assert result.exit_code == 1
    assert re.fullmatch("service update paused: " + FAILED.format("paused"), result.stderr.strip())
    state, message = status(cluster)
    assert state == "paused" and re.fullmatch(FAILED.format("paused"), message)
    pretty = cluster.docker("service inspect --pretty web").stdout
    assert "UpdateStatus:\n State:\t\tpaused\n Started:\t" in pretty and f" Message:\t{message}\n" in pretty
    assert "Completed" not in pretty


def test_what_fails_while_it_is_paused_comes_back_with_the_new_spec(cluster: Cluster) -> None:
    """§8."""
    cluster.docker("service update --image acme/web:bad web")
    [left] = [
        row
        for row in cluster.docker("service ps web --filter desired-state=running").rows
        if row["IMAGE"].endswith(":1")
    ][:1]
    name = left["NAME"]
    machine = left["NODE"]
    [container] = [row["CONTAINER ID"] for row in cluster.docker("ps", machine).rows if name in row["NAMES"]]
    cluster.docker(f"kill {container}", machine)
    cluster.run_for(5)
    newest = cluster.docker("service ps web").rows
    assert next(row for row in newest if row["NAME"].strip() == name)["IMAGE"] == "acme/web:bad"


@pytest.mark.parametrize("flags", ["--label-add a=b", "--update-max-failure-ratio 1", ""])
def test_any_update_resumes_a_paused_one(cluster: Cluster, flags: str) -> None:
    """§8: it clears the status."""
    cluster.docker("service update --image acme/web:bad web")
    assert status(cluster)[0] == "paused"
    cluster.docker(f"service update -d {flags} web")
    cluster.run_for(1)
    assert status(cluster) == ("updating", "update in progress")


def test_the_previous_spec_of_a_paused_update_is_one_command_away(cluster: Cluster) -> None:
    """§3, §8."""
    cluster.docker("service update --image acme/web:bad web")
    result = cluster.docker("service rollback web")
    assert result.exit_code == 0 and "rollback: manually requested rollback" in result.stdout
    assert images(cluster) == ["1", "1", "1"]
    cluster.run_for(1)
    assert status(cluster) == ("rollback_completed", "rollback completed")


def test_rolled_back_twice_is_as_it_was(cluster: Cluster) -> None:
    """§3: the second rollback is a redo."""
    cluster.docker("service update --image acme/web:2 --label-add version=two web")
    for image, label in (("1", ""), ("2", "two"), ("1", "")):
        cluster.docker("service rollback web")
        cluster.run_for(8)
        got = cluster.docker("service inspect web --format '{{index .Spec.Labels \"version\"}}'").stdout.strip()
        assert images(cluster) == [image] * 3 and got.replace("<no value>", "") == label


def test_an_automatic_rollback_is_shown_and_leaves_nothing_to_roll_back_to(cluster: Cluster) -> None:
    """§8, §19."""
    result = cluster.docker("service update --update-failure-action rollback --image acme/web:bad web")
    assert result.exit_code == 0
    assert re.search("(?m)^rollback: " + FAILED.format("rolled back") + "$", result.stdout)
    assert "overall progress: rolling back update: 3 out of 3 tasks" in result.stdout
    assert result.stdout.strip().endswith("verify: Service web converged")
    cluster.run_for(10)
    assert status(cluster) == ("rollback_completed", "rollback completed") and images(cluster) == ["1", "1", "1"]
    refused = cluster.docker("service rollback web")
    assert refused.exit_code == 1 and refused.stderr.strip().endswith("does not have a previous spec")


def test_a_rollback_that_fails_is_paused_in_its_own_words(cluster: Cluster) -> None:
    """§8, §19: `service rollback paused: update paused due to …`."""
    cluster.docker("service update -d --update-failure-action continue --image acme/web:bad web")
    cluster.run_for(30)
    cluster.docker("service update -d --image acme/web:2 --force web")
    cluster.run_for(30)
    assert images(cluster) == ["2", "2", "2"]
    result = cluster.docker("service update --rollback web")
    assert result.exit_code == 1
    assert re.fullmatch("service rollback paused: " + FAILED.format("paused"), result.stderr.strip())
    assert status(cluster)[0] == "rollback_paused"


def test_continue_goes_through_with_whatever_fails(cluster: Cluster) -> None:
    """§8: failures are not watched."""
    cluster.docker("service update -d --update-failure-action continue --image acme/web:bad web")
    cluster.run_for(30)
    assert status(cluster) == ("completed", "update completed") and set(images(cluster)) == {"bad"}


def test_an_image_that_does_not_exist_pauses_the_update_at_its_first_slot(cluster: Cluster) -> None:
    """§8: a task that is rejected never ran. With start-first nothing is lost."""
    cluster.docker("service update -d --update-order start-first --image nosuch/image:9 web")
    cluster.run_for(10)
    assert status(cluster)[0] == "paused"
    assert cluster.docker("service ls").rows[0]["REPLICAS"] == "3/3"


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("--update-max-failure-ratio 1.1", "update-maxfailureratio cannot be less than 0 or bigger than 1"),
        ("--update-max-failure-ratio -0.1", "update-maxfailureratio cannot be less than 0 or bigger than 1"),
        ("--update-delay -1s", "update-delay cannot be negative"),
        ("--update-monitor -1s", "update-monitor cannot be negative"),
        ("--restart-delay -1s", "restart-delay cannot be negative"),
        ("--restart-window -1s", "restart-window cannot be negative"),
    ],
)
def test_what_is_refused_changes_nothing(cluster: Cluster, flags: str, words: str) -> None:
    """§3; the block for rollbacks is not checked."""
    before = cluster.docker("service inspect web").stdout
    refused = cluster.docker(f"service update {flags} web")
    assert refused.exit_code == 1
    assert (
        refused.stderr.strip()
        == f"Error response from daemon: rpc error: code = InvalidArgument desc = TaskSpec: {words}"
    )
    assert cluster.docker("service inspect web").stdout == before
    rollback = flags.replace("--update", "--rollback")
    assert "restart" in flags or cluster.docker(f"service update -d {rollback} web").exit_code == 0


@pytest.fixture(scope="module")
def three() -> Cluster:
    cluster = Cluster(managers=3, workers=3, seed=11, messages=False)
    flags = "--replicas 4 --constraint node.role==worker --update-delay 3s --rollback-delay 3s"
    cluster.docker(f"service create -d --name web {flags} acme/web:1")
    cluster.run_for(10)
    cluster.docker("service update -d --image acme/web:2 web")
    return cluster


def led_anew(cluster: Cluster) -> str:
    """Who leads after the leader has died."""
    cluster.crash(cluster.leader)
    assert cluster.run_until(lambda c: c.leader is not None, limit=60)
    return cluster.leader


@pytest.mark.parametrize(
    ("wait", "command", "image", "words"),
    [(0, "", "2", "update completed"), (40, "service rollback -d web", "1", "rollback completed")],
)
def test_an_update_and_a_rollback_go_on_when_their_leader_dies(three, wait, command, image, words) -> None:
    """§20.5: the status stays, the remaining dirty slots are processed."""
    cluster = three.fork()
    cluster.run_for(wait)
    if command:
        cluster.docker(command)
    cluster.run_for(6)
    assert set(images(cluster)) == {"1", "2"}
    asked = led_anew(cluster)
    cluster.run_for(60)
    rows = cluster.docker("service ps web --filter desired-state=running", asked).rows
    assert [row["IMAGE"] for row in rows] == [f"acme/web:{image}"] * 4
    assert words in cluster.docker("service inspect web --pretty", asked).stdout


@pytest.mark.parametrize(("period", "ends"), [("0s", "paused"), ("10s", "completed")])
def test_a_task_that_never_gets_well_counts_as_failed_and_one_that_is_slow_does_not(cluster, period, ends) -> None:
    """§13, §8: it is not running before it is healthy, and the update waits for it."""
    health = f"--health-cmd /ok --health-interval 2s --health-retries 2 --health-start-period {period}"
    cluster.docker(f"service update -d {health} --image acme/web:slow web")
    cluster.run_for(9)
    assert status(cluster)[0] == ("paused" if ends == "paused" else "updating")
    cluster.run_for(60)
    assert status(cluster)[0] == ends
