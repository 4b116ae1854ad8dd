"""A plan of a rolling update and the update: how long it lasts, how few tasks run meanwhile, how it ends [swarm.md §8, §20.4].

Three are compared: the sums, what the plan says, and the run itself. They were made from the spec, on a twin, and afterwards.
"""

from random import Random

import pytest

from swarmlab import Cluster

TOLERANCE, SHARE = 1.0, 0.03  # the sums may be wrong by so many seconds, and by such a share of the duration


def shop(replicas: int = 3, flags: str = "", image: str = "nginx:1.25", workers: int = 3, seed: int = 1) -> Cluster:
    """A service `web` that has come to rest."""
    cluster = Cluster(managers=1, workers=workers, seed=seed, messages=False)
    cluster.docker("network create -d overlay front")
    assert cluster.docker(f"service create -d --name web --replicas {replicas} {flags} {image}").exit_code == 0
    assert cluster.run_until(lambda c: len(c.running) == replicas, limit=200)
    cluster.run_for(10)
    return cluster


def carried_out(cluster: Cluster, command: str, limit: float = 1500) -> tuple[str, float, int]:
    """The update itself: how it ends, after how many seconds, and the fewest slots with a running task."""
    start, fewest = cluster.now, 10**9
    assert cluster.docker(command.replace("service update", "service update -d")).exit_code == 0
    while True:
        fewest = min(fewest, len({task.slot or task.machine for task in cluster.running}))
        state, _, _, completed = cluster.services[0].update_status
        if state not in ("updating", "rollback_started") or cluster.now > start + limit:
            return state, (completed / 1e6 or cluster.now) - start, fewest
        cluster.run_for(0.05)


def drawn(seed: int) -> tuple[Cluster, str]:
    """Some service, and some update of it that goes well."""
    dice = Random(f"plan/{seed}")
    replicas, choice = dice.randint(1, 7), dice.choice
    network = choice(["", "--network front", "-p 8080:80"])
    health = choice(["", "--health-cmd /ok --health-interval 2s", "--health-cmd /ok --health-interval 700ms"])
    mode = choice(["--replicas"] * 4 + ["--mode global"])
    cluster = shop(1, f"{network} {health}", choice(["nginx:1.25", "redis:7"]), choice([1, 2, 4]), seed)
    if mode == "--mode global":
        cluster.docker("service rm web")
        cluster.run_for(15)
        cluster.docker(f"service create -d --name web --mode global {network} {health} nginx:1.25")
    else:
        cluster.docker(f"service scale -d web={replicas}")
    cluster.run_for(20)
    how = f"--update-parallelism {choice([0, 1, 1, 2, 3])} --update-delay {choice(['0s', '1s', '4s', '12s'])}"
    how += f" --update-order {choice(['stop-first', 'start-first'])} --update-monitor {choice(['1s', '5s', '9s'])}"
    new = choice(["--force", "--image nginx:1.26", "--image postgres:16", "--env-add A=b", "--image redis:7.2"])
    return cluster, f"service update {how} {new} web"


@pytest.mark.parametrize("seed", range(24))
def test_the_sums_the_plan_and_the_run_agree(seed: int) -> None:
    cluster, command = drawn(seed)
    update = cluster.plan(command).update
    state, duration, fewest = carried_out(cluster, command)
    assert (update.ends, state) == ("completed", "completed")
    assert update.duration == pytest.approx(duration, abs=0.1)
    assert update.forecast.duration == pytest.approx(duration, abs=TOLERANCE + SHARE * duration)
    assert update.fewest_running == update.forecast.fewest_running == fewest


def test_the_walk_through_of_three_slots_takes_about_62_seconds() -> None:
    """§20.4: a healthy start of 4 s, a stop of 1 s, a delay of 10 s. Its 7 s for each leave out the batches of news."""
    health = "--health-cmd /ok --health-interval 3.95s --stop-grace-period 1s"
    cluster = shop(flags=f"{health} --network front --update-delay 10s", image="alpine serve")
    update = cluster.plan("service update --force web").update
    assert update.forecast.sum == "3 × (7.4 s + 10 s) + 11 s"
    assert dict(update.forecast.steps)["until healthy"] == pytest.approx(4, abs=0.05)
    assert update.duration == pytest.approx(62, abs=1.5)
    assert [update.replaced, update.fewest_running, update.watch] == [3, 2, 11]


def test_three_slots_of_three_seconds_and_a_delay_of_ten_take_about_50_seconds() -> None:
    """§8: 3 × (3 + 10) + 11 s."""
    update = shop(flags="--network front --update-delay 10s").plan("service update --image nginx:1.26 web").update
    assert update.duration == pytest.approx(50, abs=1)


def test_workers_are_independent_so_the_last_ones_begin_early() -> None:
    """§8: 4 slots by 3 workers: the fourth begins with whoever is free first, not with a batch of its own."""
    update = shop(4).plan("service update --force --update-parallelism 3 --update-delay 20s web").update
    assert (update.forecast.turns, update.fewest_running) == (2, 1)
    assert update.duration == pytest.approx(2 * (0.8 + 20) + 21, abs=1)


@pytest.mark.parametrize(
    ("delay", "monitor", "watch"), [("0s", "2s", 2), ("0s", "0s", 5), ("2s", "2s", 3), ("9s", "5s", 10)]
)
def test_the_last_watch_is_the_monitor_or_the_delay_and_a_second(delay: str, monitor: str, watch: float) -> None:
    """§8; a monitor of zero is the usual one."""
    update = shop(1).plan(f"service update --force --update-delay {delay} --update-monitor {monitor} web").update
    assert update.watch == update.forecast.watch == watch
    assert update.duration == pytest.approx(update.forecast.duration, abs=0.3)


def test_an_image_that_the_nodes_do_not_have_takes_longer() -> None:
    cluster = shop(flags="--update-order start-first")
    here, far = (cluster.plan(f"service update {what} web").update for what in ("--force", "--image influxdb:2"))
    assert far.duration > here.duration + 3 * 105 * 8 / 1000  # 105 MB at a gigabit per second, on each of three nodes
    assert far.forecast.duration == pytest.approx(far.duration, abs=TOLERANCE)


def test_what_is_not_out_of_date_is_not_renewed() -> None:
    cluster = shop(4)
    rule = "node.hostname!=worker-1"
    update = cluster.plan(f"service update --constraint-add {rule} web").update
    assert (update.replaced, update.kept) == (1, 3)
    assert cluster.plan("service update --label-add a=b web").updates == ()
    with pytest.raises(ValueError, match="the plan updates no service"):
        assert cluster.plan("service scale web=6").update


FAILING = "--args 'crash 2 1'"


@pytest.mark.parametrize(
    ("how", "ends", "word"),
    [
        ("", "paused", "update paused due to failure or early termination of task"),
        ("--update-failure-action rollback", "rollback_completed", "update rolled back due to failure"),
        ("--update-failure-action continue", "completed", "completed"),
        ("--update-max-failure-ratio 1", "completed", "completed"),
    ],
)
def test_what_a_failing_image_leads_to_is_said_and_happens(how: str, ends: str, word: str) -> None:
    cluster = shop(flags="--restart-condition none")
    command = f"service update {how} {FAILING} web"
    plan = cluster.plan(command)
    assert plan.update.ends == ends and plan.update.forecast is None
    assert any(word in stage.message for stage in plan.update.stages) and word in repr(plan).replace("takes", word)
    state, duration, _ = carried_out(cluster, command)
    assert state == ends and plan.update.duration == pytest.approx(duration, abs=0.2)


@pytest.mark.parametrize(
    ("how", "fails_at"),
    [
        ("", 1),
        ("--update-max-failure-ratio 0.25", 2),  # the share must exceed the ratio: one of four does not
        ("--update-max-failure-ratio 0.5", 3),
        ("--update-max-failure-ratio 1", None),
        ("--update-failure-action continue", None),
    ],
)
def test_how_many_failed_tasks_stop_it(how: str, fails_at: int | None) -> None:
    assert shop(4).plan(f"service update --force {how} web").update.fails_at == fails_at


def test_a_task_that_finds_no_place_lets_the_update_hang() -> None:
    """§8: there is no timeout. Start-first with one task per node and no node left has no room for the new one."""
    cluster = shop(4, "--replicas-max-per-node 1")
    plan = cluster.plan("service update --update-order start-first --env-add A=b web")
    assert (plan.update.ends, plan.update.duration) == ("hangs", None)
    assert "hangs" in repr(plan) and "max replicas per node limit exceed" in repr(plan)
    assert cluster.plan("service update --env-add A=b web").update.ends == "completed"


def test_a_plan_that_may_look_only_so_far_says_that() -> None:
    plan = shop().plan("service update --force --update-delay 20s web", limit=10)
    assert plan.update.ends == "updating" and "not over in the time" in repr(plan)


def test_a_rest_of_minutes_is_no_hanging() -> None:
    assert shop().plan("service update --force --update-delay 3m web").update.duration == pytest.approx(
        3 * 180.7 + 181, abs=1
    )


def test_a_rollback_has_the_settings_of_its_own_block() -> None:
    cluster = shop(flags="--rollback-parallelism 0 --rollback-delay 3s")
    cluster.docker("service update -d --image nginx:1.26 --update-delay 30s web")
    cluster.run_for(200)
    update = cluster.plan("service rollback web").update
    assert (update.rollback, update.parallelism, update.delay, update.ends) == (True, 3, 3, "rollback_completed")
    assert update.fewest_running == update.forecast.fewest_running == 0
    assert update.forecast.duration == pytest.approx(update.duration, abs=TOLERANCE)


def test_a_paused_update_goes_on_with_any_update() -> None:
    """§8: any update, even of a label alone, clears the status and resumes."""
    cluster = shop(flags="--restart-condition none --update-delay 10s")
    cluster.docker(f"service update -d {FAILING} web")
    cluster.run_for(60)
    assert cluster.services[0].update_status[0] == "paused"
    update = cluster.plan("service update --label-add a=b --update-failure-action continue web").update
    assert (update.replaced, update.ends) == (2, "completed")
    back = cluster.plan("service rollback web").update
    assert (back.rollback, back.replaced, back.ends) == (
        True,
        0,
        "rollback_completed",
    )  # the slot that failed is filled


def test_a_stack_may_lead_to_several_updates() -> None:
    text = "services: {a: {image: 'nginx:1.25', deploy: {replicas: 2}}, b: {image: 'redis:7'}, c: {image: redis}}"
    cluster = Cluster(managers=1, workers=2, seed=3, messages=False)
    cluster.docker("stack deploy -d -c s.yml s", files={"s.yml": text})
    cluster.run_for(20)
    newer = text.replace("1.25", "1.26").replace("redis:7", "redis:7.2")
    plan = cluster.plan("stack deploy -c s.yml s", files={"s.yml": newer})
    assert [(each.service, each.replaced) for each in plan.updates] == [("s_a", 2), ("s_b", 1)]
    with pytest.raises(ValueError, match="the plan updates s_a, s_b"):
        assert plan.update


def test_a_plan_says_it_in_sentences() -> None:
    text = repr(shop(flags="--network front").plan("service update --image nginx:1.26 --update-delay 10s web"))
    assert "The update of web takes 49." in text and "3 × (2.7 s + 10 s) + 11 s is about 49.1 s." in text
    assert "It renews all 3 tasks, 1 at a time, stop-first: of its slots at least 2 have a running task" in text
    assert "The first new task that fails would pause it." in text
