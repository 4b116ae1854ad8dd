"""`%docker` in a notebook does what `cluster.docker` does."""

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from swarmlab import Cluster


@pytest.fixture(scope="module")
def shell():
    shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    shell.run_line_magic("load_ext", "swarmlab")
    shell.user_ns["cluster"] = Cluster(managers=1, workers=1, seed=3)
    shell.user_ns["twin"] = Cluster(machines=1)
    return shell


def test_a_line_is_typed_at_the_first_manager_and_templates_stay_as_they_are(shell, capsys):
    shell.run_cell("%docker node ls --format '{{.Hostname}}'")
    assert capsys.readouterr().out == "manager-1\nworker-1\n"
    assert shell.user_ns["_docker"].exit_code == 0


def test_a_machine_and_another_cluster_can_be_named(shell, capsys):
    shell.run_cell("%docker @worker-1 node ls")
    assert "not a swarm manager. Worker nodes" in capsys.readouterr().out
    shell.run_cell("%docker twin@node-1 node ls")
    assert 'Use "docker swarm init"' in capsys.readouterr().out


def test_a_cell_shows_each_command_before_what_it_prints(shell, capsys):
    shell.run_cell(
        "%%docker\ndocker service create -d \\\n  --name web nginx\n# a remark\nservice ls --format '{{.Name}}'\n"
    )
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "$ docker service create -d --name web nginx"
    assert printed[2:] == ["$ docker service ls --format '{{.Name}}'", "web"]


def test_what_does_not_exist_is_one_clear_line(shell, capsys):
    shell.run_cell("%docker nobody@ node ls")
    shell.run_cell("%docker @mars node ls")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "there is no cluster named nobody: make one, nobody = Cluster(managers=1)"
    assert len(lines) == 2 and "mars" in lines[1]


def test_what_another_docker_command_prints_can_stand_in_the_line(shell, capsys):
    shell.run_cell("%docker run -d --name plain -e COLOUR=blue redis")
    shell.run_cell("%docker exec $(docker ps -q --filter name=plain) sh -c 'echo $COLOUR'")
    assert capsys.readouterr().out.splitlines()[-1] == "blue"
