"""Applications that live by their files: settings from a config, passwords from secrets (swarm.md §16; our own images)."""

import pytest

from swarmlab import Cluster
from swarmlab.events import LoggedIn, LoginFailed
from swarmlab.overlay.wire import Visit
from swarmlab.worker import application

FILES = {
    "one": "alpha\n",
    "two": "beta",
    "dev": "greeting=dev\nanswer=20\n",
    "prod": "# fast\ngreeting=prod\nanswer=2\n",
    "odd": "answer=fast\n",
}
UPDATE = "service update --detach=false"
TO_TWO = "--secret-rm pw1 --secret-add source=pw2,target=db_password shop"


def typed(cluster, *commands):
    for command in commands:
        result = cluster.docker(command, files=FILES)
        assert result.exit_code == 0, f"{command}: {result.stderr}"
    return result


def shop(seed=1, password="pw1"):
    cluster = Cluster(managers=1, workers=2, seed=seed, messages=False)
    typed(
        cluster,
        "network create -d overlay back",
        "secret create pw1 one",
        "secret create pw2 two",
        "service create --detach=false --name db --network back --secret pw1 --update-order start-first acme/db",
        f"service create -d --name shop --network back -p 8080:80 --secret source={password},target=db_password acme/shop",
    )
    cluster.run_for(15)
    return cluster


def failed(cluster):
    return [record.fact.reason for record in cluster.trace.of(LoginFailed)]


# ── a login ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_who_has_the_password_is_let_in_and_serves():
    cluster = shop()
    assert [record.fact.service for record in cluster.trace.of(LoggedIn)] == ["db"] and not failed(cluster)
    assert cluster.request("http://manager-1:8080/").status == 200


def test_who_has_another_password_is_not_and_answers_503():
    cluster = shop(password="pw2")
    assert set(failed(cluster)) == {"password authentication failed"}
    assert cluster.request("http://manager-1:8080/").status == 503
    logs = cluster.docker("service logs db").stderr, cluster.docker("service logs shop").stderr
    assert 'FATAL:  password authentication failed for user "shop"' in logs[0]
    assert "cannot log in to db: password authentication failed" in logs[1]


def test_where_nobody_is_there_the_login_fails_too_and_is_tried_again_until_it_does_not():
    cluster = shop()
    typed(cluster, "service scale --detach=false db=0")
    cluster.run_for(10)
    assert failed(cluster) and cluster.request("http://manager-1:8080/").status == 503
    typed(cluster, "service scale --detach=false db=1")
    cluster.run_for(10)
    assert cluster.request("http://manager-1:8080/").status == 200


def test_a_password_is_rotated_with_no_failed_login_when_the_database_knows_both_for_a_while():
    cluster = shop()
    for change in ("--secret-add pw2 db", TO_TWO, "--secret-rm pw1 db"):
        typed(cluster, f"{UPDATE} {change}")
        cluster.run_for(8)
    typed(cluster, "secret rm pw1")
    assert failed(cluster) == [] and cluster.request("http://manager-1:8080/").status == 200


@pytest.mark.parametrize(
    "changes", [(TO_TWO, "--secret-rm pw1 --secret-add pw2 db"), ("--secret-rm pw1 --secret-add pw2 db", TO_TWO)]
)
def test_in_any_one_step_some_logins_fail(changes):
    cluster = shop()
    for change in changes:
        typed(cluster, f"{UPDATE} {change}")
        cluster.run_for(8)
    assert failed(cluster) and cluster.request("http://manager-1:8080/").status == 200


def test_the_password_itself_is_never_in_the_trace_nor_in_a_log():
    cluster = shop(password="pw2")
    assert "beta" not in str([record.fact for record in cluster.trace.records])
    assert "beta" not in cluster.docker("service logs shop").stderr


@pytest.mark.parametrize(("image", "says"), [("acme/shop", "db_password: no such file"), ("acme/db", "no password in")])
def test_without_its_secret_it_ends_with_1(image, says):
    cluster = Cluster(managers=1, seed=1, messages=False)
    typed(cluster, f"service create -d --name a --restart-condition none {image}")
    cluster.run_for(5)
    assert cluster.tasks[0].exit_code == 1 and says in cluster.docker("service logs a").stderr


# ── settings ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_one_image_behaves_in_two_ways_by_its_config():
    cluster = Cluster(managers=1, seed=1, messages=False)
    took = {}
    for name, port in (("dev", 8001), ("prod", 8002)):
        typed(
            cluster,
            f"config create {name} {name}",
            f"service create --detach=false --name {name} -p {port}:80 --config source={name},target=app.conf acme/app",
        )
        took[name] = cluster.request(f"http://manager-1:{port}/").latency
        log = cluster.docker(f"service logs {name}").stdout
        assert f"/app.conf: greeting={name}" in log and f'"GET / HTTP/1.1" 200 {name}' in log
    assert took["dev"] - took["prod"] == pytest.approx(0.018, abs=0.002)


def test_without_a_config_it_is_as_it_was_built_and_a_bad_one_ends_it():
    cluster = Cluster(managers=1, seed=1, messages=False)
    typed(cluster, "config create odd odd", "service create -d --name plain acme/app")
    typed(cluster, "service create -d --name odd --config source=odd,target=app.conf --restart-condition none acme/app")
    cluster.run_for(5)
    assert "no /app.conf: as built" in cluster.docker("service logs plain").stdout
    assert "fatal: /app.conf: answer=fast is no number" in cluster.docker("service logs odd").stderr


def test_what_a_secret_has_filled_into_its_settings_is_printed_nowhere():
    cluster = Cluster(managers=1, seed=1)
    files = FILES | {"t": 'greeting={{secret "pw"}}\nanswer={{secret "pw"}}\n'}
    for command in (
        "secret create pw two",
        "config create --template-driver golang conf t",
        "service create -d --name app --secret pw --config source=conf,target=app.conf acme/app",
    ):
        assert cluster.docker(command, files=files).exit_code == 0
    cluster.run_for(8)
    log = cluster.docker("service logs app")
    assert "fatal: /app.conf: answer is no number" in log.stderr
    assert (
        "beta" not in log.stdout + log.stderr + cluster.trace.text() + cluster.docker("inspect $(docker ps -aq)").stdout
    )


def test_a_password_does_not_cross_the_network(monkeypatch):
    asked = []
    monkeypatch.setattr(application, "Visit", lambda *fields: asked.append(fields) or Visit(*fields))
    assert not failed(shop()) and asked and FILES["one"].strip() not in repr(asked)
