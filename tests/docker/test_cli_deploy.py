"""`docker stack …`: the order of a deploy, what it prints, and what stays when it fails."""

import pytest
from fake_engine import FakeEngine
from recorded import entries

from swarmlab.docker.cli import execute
from swarmlab.messages import CreateObject, ListObjects, NetworkRow, RemoveObject, UpdateObject
from swarmlab.objects import (
    RUNNING,
    ApiError,
    Config,
    ContainerSpec,
    Network,
    NetworkSpec,
    Node,
    Secret,
    SecretSpec,
    Service,
    ServiceSpec,
    Task,
    TaskSpec,
)

LABEL = {"com.docker.stack.namespace": "shop"}
SHOP = next(e for e in entries() if e.command == "cat shop.yml").output.encode()
FILES = {"shop.yml": SHOP, "site.conf": b"server {}", "db_pass.txt": b"hunter2"}
FILES |= {"./site.conf": b"server {}", "./db_pass.txt": b"hunter2"}


def transcript(command: str, index: int = 0):
    return [e for e in entries() if e.file.startswith("11") and e.command == f"docker {command}"][index]


def shop(**files: bytes) -> FakeEngine:
    """An engine that keeps what it is asked to create."""
    kinds = {"ServiceSpec": Service, "NetworkSpec": Network, "SecretSpec": Secret, "ConfigSpec": Config}

    def script(engine: FakeEngine, request):
        if isinstance(request, CreateObject) and type(request.spec).__name__ in kinds:
            made = kinds[type(request.spec).__name__](f"{request.spec.name}-id".ljust(25, "0"), request.spec)
            engine.objects[type(made).__name__.lower()].append(made)
            return made.id
        return None

    return FakeEngine(script=script, files={**FILES, **{f"{name}.yml": text for name, text in files.items()}})


def test_a_deploy_makes_networks_then_secrets_then_configs_then_services() -> None:
    result = execute("stack deploy --detach=true -c shop.yml shop", shop())
    recorded = transcript("stack deploy --detach=true -c shop.yml shop").output
    assert sorted(result.stdout.splitlines()) == sorted(recorded.splitlines())
    assert [line.split()[1] for line in result.stdout.splitlines()] == ["network"] * 2 + ["secret", "config"] + [
        "service"
    ] * 3
    assert (result.stderr, result.exit_code) == ("", 0)


def test_services_get_the_ids_of_their_secrets_and_configs() -> None:
    engine = shop()
    execute("stack deploy -d -c shop.yml shop", engine)
    (web,) = [service.spec for service in engine.objects["service"] if service.spec.name == "shop_web"]
    container = web.task.container
    assert [(file.name, file.id) for file in (*container.secrets, *container.configs)] == [
        ("shop_db_pass", engine.objects["secret"][0].id),
        ("shop_site", engine.objects["config"][0].id),
    ]


def test_without_detach_a_note_says_how_it_will_be() -> None:
    result = execute("stack deploy -c ok.yml shop", shop(ok=b"services: {a: {image: nginx}}"))
    assert result.stderr == (
        "Since --detach=false was not specified, tasks will be created in the background.\n"
        "In a future release, --detach=false will become the default.\n"
    )
    assert result.stdout == "Creating network shop_default\nCreating service shop_a\n"


def test_a_second_deploy_updates_every_service_and_keeps_the_forced_updates() -> None:
    engine = shop(ok=b"services: {a: {image: nginx}}")
    task = TaskSpec(ContainerSpec(image="nginx:1"), force_update=3)
    engine.objects["service"] = [Service("i" * 25, ServiceSpec(name="shop_a", labels=LABEL, task=task), version=9)]
    engine.objects["network"] = [Network("n" * 25, NetworkSpec("shop_default", LABEL))]
    result = execute("stack deploy -d -c ok.yml shop", engine)
    assert result.stdout == f"Updating service shop_a (id: {'i' * 25})\n"
    (request,) = engine.writes
    assert isinstance(request, UpdateObject)
    assert (request.id, request.version) == ("i" * 25, 9)
    assert request.spec.task.force_update == 3
    assert request.spec.task.container.image.startswith("nginx:latest@sha256:")


def test_prune_removes_services_that_the_file_has_no_more() -> None:
    engine = shop(ok=b"services: {a: {image: nginx}}")
    engine.objects["service"] = [Service(n * 25, ServiceSpec(name=f"shop_{n}", labels=LABEL)) for n in "ab"]
    engine.objects["service"].append(Service("c" * 25, ServiceSpec(name="other_c")))
    result = execute("stack deploy -d --prune -c ok.yml shop", engine)
    assert result.stdout.startswith("Removing service shop_b\nCreating network")
    assert [request.ref for request in engine.writes if isinstance(request, RemoveObject)] == ["b" * 25]
    assert "Removing" not in execute("stack deploy -d -c ok.yml shop", engine).stdout


# ── failures: the recorded words, and what stays ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "text", "made"),
    [
        ("bad1", b"services: {a: {image: nginx, bogus: 1}}", 0),
        ("bad3", b"services: {a: {image: nginx, networks: [ext]}}\nnetworks: {ext: {external: true}}", 0),
        ("bad4", b"version: '3.8'\nservices: {a: {image: nginx, secrets: [s]}}\nsecrets: {s: {external: true}}", 1),
    ],
)
def test_bad_files_are_refused_as_recorded(name: str, text: bytes, made: int) -> None:
    recorded = transcript(f"stack deploy --detach=true -c {name}.yml b")
    engine = shop(**{name: text})
    result = execute(recorded.command, engine)
    assert result.stdout + result.stderr == recorded.output
    assert (result.exit_code, len(engine.writes)) == (1, made)


def test_ignored_keys_are_said_first_on_stderr() -> None:
    recorded = transcript("stack deploy --detach=true -c bad2.yml b")
    text = b"services: {a: {image: nginx, build: ., restart: always, container_name: x}, b: {image: nginx, build: ., restart: always}}"
    result = execute(recorded.command, shop(bad2=text))
    assert sorted((result.stderr + result.stdout).splitlines()) == sorted(recorded.output.splitlines())
    assert result.stderr == recorded.output[: recorded.output.index("Creating")]


def test_a_missing_file_is_refused_as_recorded() -> None:
    recorded = transcript("stack deploy --detach=true -c nofile.yml b")
    result = execute(recorded.command, shop())
    assert (result.stderr, result.exit_code) == (recorded.output, 1)


def test_what_was_made_before_the_failure_stays_and_the_failure_says_where() -> None:
    recorded = transcript("stack deploy --detach=true -c shop2.yml shop", 1)
    engine = shop(shop2=b"services: {web: {image: nginx}}")
    inner = engine.script
    refusal = ApiError("network shop_front not found")
    engine.script = lambda e, r: (
        refusal if isinstance(r, CreateObject) and isinstance(r.spec, ServiceSpec) else inner(e, r)
    )
    result = execute(recorded.command, engine)
    assert result.stdout == "Creating network shop_default\nCreating service shop_web\n"
    assert result.stderr == recorded.output.splitlines()[-1] + "\n"
    assert [network.spec.name for network in engine.objects["network"]] == ["shop_default"]


def test_a_changed_secret_is_refused_as_recorded() -> None:
    recorded = transcript("stack deploy --detach=true -c shop2.yml shop", 2)
    engine = shop(shop2=SHOP)
    engine.objects["network"] = [Network(n * 25, NetworkSpec(f"shop_{n}", LABEL)) for n in ("front", "back")]
    engine.objects["secret"] = [Secret("s" * 25, SecretSpec("shop_db_pass", LABEL, b"other"), version=4)]
    text = recorded.output.partition("daemon: ")[2].strip()
    engine.script = lambda e, r: ApiError(text) if isinstance(r, UpdateObject) else None
    result = execute(recorded.command, engine)
    assert (result.stdout + result.stderr, result.exit_code) == (recorded.output, 1)


def test_an_external_network_must_reach_the_whole_swarm() -> None:
    engine = shop(x=b"services: {a: {image: nginx, networks: [ext]}}\nnetworks: {ext: {external: true}}")
    engine.networks = (NetworkRow("1" * 64, "ext", "bridge", "local", {}),)
    result = execute("stack deploy -d -c x.yml b", engine)
    assert result.stderr == (
        'network "ext" is declared as external, but it is not in the right scope: "local" instead of "swarm"\n'
    )
    engine.networks = (NetworkRow("1" * 25, "ext", "overlay", "swarm", {}),)
    assert execute("stack deploy -d -c x.yml b", engine).exit_code == 0


def test_a_worker_is_no_place_for_a_deploy() -> None:
    engine = shop()
    engine.info = engine.info._replace(manager=False)
    result = execute("stack deploy -d -c shop.yml shop", engine)
    assert result.stderr.startswith("this node is not a swarm manager. Use ")
    assert (result.exit_code, engine.writes) == (1, [])


def test_an_unknown_way_to_resolve_images_is_refused() -> None:
    result = execute("stack deploy -d --resolve-image maybe -c shop.yml shop", shop())
    assert (result.stderr, result.exit_code) == ("invalid option maybe for flag --resolve-image\n", 1)


def test_an_attached_deploy_watches_every_service_by_id() -> None:
    engine = shop(ok=b"services: {a: {image: nginx}, b: {image: nginx}}")
    inner = engine.script

    def script(engine: FakeEngine, request):
        if isinstance(request, ListObjects) and request.kind == "task":
            return tuple(
                Task(s.id, s.id, slot=1, node="n", state=RUNNING, spec=s.spec.task) for s in engine.objects["service"]
            )
        return inner(engine, request)

    engine.script = script
    engine.objects["node"] = [Node("n", state="ready")]
    lines = execute("stack deploy --detach=false -c ok.yml shop", engine).stdout.splitlines()
    done = [line for line in lines if "converged" in line]
    assert done == [f"verify: Service {f'shop_{n}-id'.ljust(25, '0')} converged" for n in "ab"]


# ── looking and removing ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("command", ["stack ps nosuch", "stack services nosuch", "stack rm nosuch"])
def test_an_unknown_stack_as_recorded(command: str) -> None:
    recorded = transcript(command)
    result = execute(command, FakeEngine())
    assert (result.stdout, result.stderr, result.exit_code) == ("", recorded.output, recorded.exit_code)


def test_stacks_are_listed_as_recorded() -> None:
    services = [Service(n * 25, ServiceSpec(name=f"shop_{n}", labels=LABEL)) for n in "abc"]
    engine = FakeEngine(*services, Service("d" * 25, ServiceSpec(name="alone")))
    result = execute("stack ls", engine)
    assert result.stdout == transcript("stack ls").output
    assert result.rows == ({"NAME": "shop", "SERVICES": "3"},)
    assert execute("stack ls", FakeEngine()).stdout == transcript("stack ls", 1).output


def test_a_stack_is_removed_services_first_networks_last() -> None:
    services = [Service(n * 25, ServiceSpec(name=f"shop_{n}", labels=LABEL)) for n in ("web", "cache")]
    networks = [Network(n * 25, NetworkSpec(f"shop_{n}", LABEL)) for n in ("front", "back")]
    engine = FakeEngine(*networks, Secret("s" * 25, SecretSpec("shop_db_pass", LABEL)), *services)
    engine.script = lambda e, r: True if isinstance(r, RemoveObject) else None
    result = execute("stack rm shop", engine)
    recorded = transcript("stack rm shop").output.replace("Removing config shop_site\n", "")
    assert sorted(result.stdout.splitlines()) == sorted(recorded.splitlines())
    assert [request.kind for request in engine.writes] == ["service", "service", "secret", "network", "network"]


def test_what_cannot_be_removed_is_said_and_the_rest_goes_on() -> None:
    networks = [Network(n * 25, NetworkSpec(f"shop_{n}", LABEL)) for n in ("back", "front")]
    engine = FakeEngine(*networks)
    engine.script = lambda e, r: ApiError(f"network {r.ref} not found") if isinstance(r, RemoveObject) else None
    result = execute("stack rm shop", engine)
    failure = "Failed to remove network {0}: Error response from daemon: network {0} not found"
    assert result.stdout == "Removing network shop_back\nRemoving network shop_front\n"
    assert result.stderr == "".join(failure.format(network.id) for network in networks) + (
        "failed to remove some resources from stack: shop\n"
    )
    assert result.exit_code == 1


def test_an_attached_removal_lasts_until_the_tasks_are_gone() -> None:
    service = Service("a" * 25, ServiceSpec(name="shop_a", labels=LABEL))
    spec = TaskSpec(ContainerSpec(labels=LABEL))
    engine = FakeEngine(service)
    stop = engine.now + 2_000_000

    def script(engine: FakeEngine, request):
        if isinstance(request, ListObjects) and request.kind == "task":
            return (Task("t", "a" * 25, state=RUNNING, spec=spec),) if engine.now < stop else ()
        return None

    engine.script = script
    assert execute("stack rm --detach=false shop", engine).exit_code == 0
    assert engine.now >= stop
