"""`docker secret` and `docker config`: create, ls, rm."""

import pytest
from fake_engine import FakeEngine

from swarmlab import Cluster
from swarmlab.docker.cli import execute
from swarmlab.messages import CreateObject, GetObject, ListObjects
from swarmlab.objects import Config, ConfigSpec, Secret, SecretSpec

HOUR = 3600 * 10**6


def test_a_content_comes_from_a_file_or_from_the_standard_input() -> None:
    session = FakeEngine(files={"pass.txt": b"hunter2", "-": b"tok"})
    assert execute("secret create -l env=dev --label x a pass.txt", session).exit_code == 0
    execute("config create b -", session)
    assert session.writes == [
        CreateObject(SecretSpec("a", {"env": "dev", "x": ""}, b"hunter2")),
        CreateObject(ConfigSpec("b", {}, b"tok")),
    ]


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("secret create a", "secret file is required"),
        ("secret create a nosuch", "error reading from nosuch: open nosuch: no such file or directory"),
        ("secret create a empty", "error reading from empty: data is empty"),
        ("secret create a -", "error reading from STDIN: data is empty"),
        (
            "config create a nosuch",
            'Error reading content from "nosuch": error reading from nosuch: open nosuch: no such file or directory',
        ),
        ("config create a -", 'Error reading content from "-": error reading from STDIN: data is empty'),
        ("config create a ''", 'Error reading content from "": config file is required'),
    ],
)
def test_what_cannot_be_read_is_never_asked(command: str, text: str) -> None:
    session = FakeEngine(files={"empty": b""})
    result = execute(command, session)
    assert (result.stderr, result.exit_code, session.writes) == (text + "\n", 1, [])


def test_too_few_words_and_too_many() -> None:
    expected = (
        "docker: 'docker secret create' requires at least 1 and at most 2 arguments\n\nUsage:  docker secret create"
    )
    assert execute("secret create", FakeEngine()).stderr.startswith(expected)
    assert execute("secret create a b c", FakeEngine()).stderr.startswith(expected)
    expected = "docker: 'docker config create' requires 2 arguments\n\nUsage:  docker config create"
    assert execute("config create a", FakeEngine()).stderr.startswith(expected)


def test_lists_by_name_with_ages_filters_and_formats() -> None:
    files = [Secret(f"s{n}" * 12, SecretSpec(f"key{n}", {"n": str(n)}), 1, n * HOUR, 12 * HOUR) for n in (10, 9)]
    session = FakeEngine(*files, Config("c" * 25, ConfigSpec("site"), 1, 0, 0), now=14 * HOUR)
    assert execute("secret ls", session).stdout.splitlines() == [
        "ID                                     NAME      DRIVER    CREATED       UPDATED",
        "s9s9s9s9s9s9s9s9s9s9s9s9               key9                5 hours ago   2 hours ago",
        "s10s10s10s10s10s10s10s10s10s10s10s10   key10               4 hours ago   2 hours ago",
    ]
    assert execute("config ls", session).stdout.splitlines()[0].split() == ["ID", "NAME", "CREATED", "UPDATED"]
    assert execute("secret ls -q --filter name=key9", session).stdout == "s9" * 12 + "\n"
    assert execute("secret ls -f label=n=10 --format '{{.Name}} {{.Labels}}'", session).stdout == "key10 n=10\n"
    assert execute("secret ls -f id=s10", session).stdout.count("\n") == 2
    result = execute("config ls -f color=red", session)
    assert result.stderr == "Error response from daemon: Invalid filter 'color'\n"


def test_removing_goes_on_after_a_refusal() -> None:
    session = FakeEngine(Secret("s" * 25, SecretSpec("a")))
    result = execute("secret rm nosuch a", session)
    assert (result.stdout, result.exit_code) == ("a\n", 1)
    assert result.stderr == "Error response from daemon: secret nosuch not found\n"


def test_a_secret_never_comes_back_and_a_config_does() -> None:
    cluster = Cluster(managers=1, seed=1)
    cluster.docker("secret create a -", files={"-": "hunter2"})
    cluster.docker("config create a -", files={"-": "listen 80"})
    ask = lambda request: cluster.call("manager-1", request, cluster.kernel.now + 10**7).value  # noqa: E731
    assert ask(GetObject("secret", "a")).spec == SecretSpec("a")
    assert [secret.spec.data for secret in ask(ListObjects("secret"))] == [b""]
    assert ask(GetObject("config", "a")).spec.data == b"listen 80"


def test_refusals_of_the_engine() -> None:
    cluster = Cluster(managers=1, seed=1)
    files = {"a": "x", "big": "x" * 512_000, "bigger": "x" * 1_024_000}
    say = lambda command: cluster.docker(command, files=files).stderr.partition(": rpc error: code = ")[2]  # noqa: E731
    cluster.docker("secret create a a", files=files)
    cluster.docker("config create c a", files=files)
    for name in ("web", "api"):
        cluster.docker(f"service create -d --name {name} --secret a --config c nginx:alpine")
    ids = {service.spec.name: service.id for service in cluster.services}
    both = ", ".join(sorted(ids, key=ids.__getitem__))
    assert say("secret create A a") == "AlreadyExists desc = secret A already exists\n"
    assert say("config create C a") == "AlreadyExists desc = config C already exists\n"
    assert say("secret rm a") == f"InvalidArgument desc = secret 'a' is in use by the following services: {both}\n"
    assert say("config rm c") == f"InvalidArgument desc = config 'c' is in use by the following services: {both}\n"
    too_big = "data must be larger than 0 and less than"
    assert say("secret create b big") == f"InvalidArgument desc = secret {too_big} 512000 bytes\n"
    assert say("config create b bigger") == f"InvalidArgument desc = config {too_big} 1024000 bytes\n"
    for name in ("-a", "a-", "a/b", "x" * 65):
        assert say(f"secret create -- {name} a").startswith("InvalidArgument desc = invalid name, only 64 ")
    assert say("config create '' a") == "InvalidArgument desc = name must be provided\n"
