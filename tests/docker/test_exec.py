"""`docker exec`, and `$(docker …)` in a line (Docker CLI reference; texts of Docker Engine 20.10)."""

import pytest

from swarmlab import Cluster

FILES = {"pw": "hunter2", "site": "{{.Service.Name}} on {{.Node.Hostname}}\n", "bad": "{{secret"}
WEB = "$(docker ps -q --filter name=web.1)"


@pytest.fixture(scope="module")
def cluster():
    made = Cluster(managers=1, seed=1, messages=False)
    for command in (
        "secret create pw pw",
        "config create --template-driver golang site site",
        "config create --template-driver golang bad bad",
        "service create --detach=false --name web --user 1000 -e COLOUR=blue --secret source=pw,uid=1000,mode=0400 "
        "--config source=site,target=/etc/site.conf nginx",
        "run -d --name plain redis",
    ):
        assert made.docker(command, files=FILES).exit_code == 0
    return made


@pytest.mark.parametrize(
    ("command", "printed"),
    [
        ("ID cat /run/secrets/pw", "hunter2"),
        ("ID cat /etc/site.conf", "web on manager-1\n"),
        ("ID ls /run/secrets", "pw\n"),
        ("ID id -u", "1000\n"),
        ("-u root ID whoami", "root\n"),
        ("-e SHAPE=round ID sh -c 'echo $COLOUR $SHAPE'", "blue round\n"),
        ("-w /etc ID ls site.conf", "site.conf\n"),
        ("-d ID echo nothing is shown", ""),
    ],
)
def test_it_prints_what_the_command_prints(cluster, command, printed):
    result = cluster.docker(f"exec {command}".replace("ID", WEB))
    assert (result.stdout, result.stderr, result.exit_code) == (printed, "", 0)


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        ("exec ID sh -c 'exit 3'", 3, ""),
        ("exec ID test -f /nowhere", 1, ""),
        ("exec -u 5 ID cat /run/secrets/pw", 1, "Permission denied"),
        ("exec ID nosuch", 126, 'exec: "nosuch": executable file not found in $PATH: unknown'),
        ("exec ID psql", 1, "containers are pretended: `psql` cannot be run in them"),
        ("exec -it ID bash", 1, "containers are pretended: `bash` cannot be run in them"),
        ("exec -u app ID id", 126, "unable to find user app: no matching entries in passwd file"),
        ("exec -w /nope ID ls", 126, 'chdir to cwd ("/nope") set in config.json failed: no such file or directory'),
        ("exec -w etc ID ls", 126, 'chdir to cwd ("etc") set in config.json failed'),
        ("exec ID sh -c 'exit -1'", 2, "sh: exit: Illegal number: -1"),
        ("exec nosuch id", 1, "Error response from daemon: No such container: nosuch"),
        ("exec web", 1, "'docker exec' requires at least 2 arguments"),
    ],
)
def test_its_exit_code_is_that_of_the_command_or_says_why_nothing_ran(cluster, command, code, says):
    result = cluster.docker(command.replace("ID", WEB))
    assert result.exit_code == code and says in result.stdout + result.stderr
    assert "Traceback" not in result.stderr


def test_a_container_that_has_ended_runs_nothing():
    cluster = Cluster(managers=1, seed=1, messages=False)
    id = cluster.docker("run -d --name done alpine true").stdout.strip()
    cluster.run_for(1)
    result = cluster.docker("exec done id")
    assert result.stderr == f"Error response from daemon: Container {id} is not running\n" and result.exit_code == 1


def test_what_other_commands_print_stands_in_the_line_but_not_between_single_quotes(cluster):
    assert cluster.docker("inspect --format '{{.Name}}' $(docker ps -q --filter name=plain)").stdout == "/plain\n"
    assert cluster.docker("exec plain echo '$(docker ps -q)'").stdout == "$(docker ps -q)\n"
    nobody = cluster.docker("exec $(docker ps -q --filter name=nobody) env")
    assert nobody.exit_code == 1 and "requires at least 2 arguments" in nobody.stderr


def test_a_template_that_cannot_be_filled_in_fails_the_task_and_says_why(cluster):
    cluster.docker("service create -d --name bad --config bad --restart-condition none nginx")
    cluster.run_for(3)
    (task,) = [task for task in cluster.tasks if task.service_name == "bad"]
    assert task.err.startswith("starting container failed: unable to get config from config store: failed to expand")
    assert task.err.endswith("template: expansion:1: unclosed action")


def test_a_rollback_to_a_secret_that_is_gone_fails_and_says_so():
    """swarmkit: nobody looks at a rollback whether the secrets of then are still there."""
    cluster = Cluster(managers=1, seed=1, messages=False)
    for command in (
        "secret create one pw",
        "service create --detach=false --name web --secret one nginx",
        "service update --detach=false --secret-rm one web",
        "secret rm one",
    ):
        assert cluster.docker(command, files=FILES).exit_code == 0
    cluster.docker("service rollback -d web")
    cluster.run_for(5)
    faults = {task.err for task in cluster.tasks if task.err}
    assert len(faults) == 1 and "unable to get secret from secret store: secret" in faults.pop()
