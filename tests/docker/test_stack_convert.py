"""From a stack file to specs (stacks.md §1, §6, §8; swarm.md §16, §18); compared with what docker 28.2.2 sends."""

import pytest
from stack_texts import converted, late_refusal, spec

from swarmlab.docker.images import full_image
from swarmlab.objects import (
    EndpointSpec,
    FileReference,
    HealthConfig,
    LogDriver,
    Mount,
    NetworkTarget,
    Placement,
    PortConfig,
    Resources,
    RestartPolicy,
    UpdateConfig,
)

LABEL = {"com.docker.stack.namespace": "demo"}


def test_names_are_scoped_and_everything_carries_the_label_of_the_stack():
    stack = converted(
        """
        services: {web: {image: nginx, labels: {a: b}, deploy: {labels: {c: d}}, secrets: [s], configs: [c]}}
        secrets: {s: {file: s.txt, labels: {q: r}}}
        configs: {c: {file: c.txt, name: site}}
        """,
        s_txt="hidden",
        c_txt="shown",
    )
    (service,), (network,), (secret,), (config,) = stack.services, stack.networks, stack.secrets, stack.configs
    assert (service.name, network.name, secret.name, config.name) == ("demo_web", "demo_default", "demo_s", "site")
    assert service.labels == {"c": "d", **LABEL, "com.docker.stack.image": "nginx"}
    assert service.task.container.labels == {"a": "b", **LABEL}
    assert (network.labels, secret.labels, config.labels) == (LABEL, {"q": "r", **LABEL}, LABEL)
    assert (secret.data, config.data) == (b"hidden", b"shown")


def test_services_come_sorted_by_name():
    stack = converted("services: {c: {image: x}, a: {image: x}, b: {image: x}}")
    assert [service.name for service in stack.services] == ["demo_a", "demo_b", "demo_c"]


@pytest.mark.parametrize(
    ("image", "sent"),
    [
        ("nginx", "nginx:latest"), ("nginx:1.25", "nginx:1.25"), ("docker.io/library/nginx", "nginx:latest"),
        ("localhost:5000/x", "localhost:5000/x:latest"), ("index.docker.io/a/b", "a/b:latest"), ("Foo/x:1", "Foo/x:1"),
        (f"nginx@sha256:{'ab' * 32}", f"nginx@sha256:{'ab' * 32}"), ("ab" * 32, "ab" * 32),
    ],
)  # fmt: skip
def test_an_image_without_a_tag_is_sent_as_latest(image, sent):
    assert full_image(image) == sent


@pytest.mark.parametrize(
    ("service", "says"),
    [
        ("{build: .}", "no image specified"),
        ("{image: Nginx}", "invalid reference format: repository name (library/Nginx) must be lowercase"),
        ("{image: 'foo/Nginx:1'}", "invalid reference format: repository name (foo/Nginx) must be lowercase"),
        ("{image: 'foo.com/Nginx:1'}", "invalid reference format: repository name (Nginx) must be lowercase"),
        ("{image: 'a:b:c'}", "invalid reference format"),
        ("{image: a b}", "invalid reference format"),
    ],
)
def test_a_wrong_image_is_refused_before_anything_is_made(service, says):
    error = late_refusal(f"services: {{web: {service}}}")
    assert (error.text, error.done) == (f"invalid image reference for service web: {says}", None)


# ── what a service asks for ──────────────────────────────────────────────────────────────────────────────────────


def test_modes_and_replicas():
    def mode(deploy):
        found = spec(f"deploy: {deploy}")
        return found.mode, found.replicas, found.max_concurrent

    assert mode("{}") == ("replicated", 1, 1)
    assert mode("{replicas: 0}") == ("replicated", 0, 1)
    assert mode("{mode: replicated-job, replicas: 3}") == ("replicated-job", 3, 3)
    assert mode("{mode: global}")[0] == "global"
    assert mode("{mode: global-job}")[0] == "global-job"


def test_entrypoint_becomes_command_and_command_becomes_args():
    container = spec("entrypoint: /run me, command: [a, b], environment: {B: 1, A: , C: ''}").task.container
    assert (container.command, container.args, container.env) == (("/run", "me"), ("a", "b"), ("A", "B=1", "C="))


def test_what_the_simulation_does_not_act_out_is_kept_as_asked():
    body = "user: u, working_dir: /w, dns: 1.1.1.1, tty: true, init: false, cap_add: [net_admin], cap_drop: [NET_ADMIN, chown]"
    more = "extra_hosts: ['a:1.2.3.4'], sysctls: [a=b], ulimits: {nproc: 5, nofile: {soft: 1, hard: 2}}"
    assert spec(f"{body}, {more}").task.container.options == {
        "user": "u", "dir": "/w", "dns_nameservers": ("1.1.1.1",), "tty": True, "init": False,
        "capability_add": ("CAP_NET_ADMIN",), "capability_drop": ("CAP_CHOWN",), "hosts": ("1.2.3.4 a",),
        "sysctls": {"a": "b"}, "ulimits": (("nofile", 1, 2), ("nproc", 5, 5)),
    }  # fmt: skip


def test_resources_are_bytes_and_thousand_millionths():
    body = "limits: {cpus: '0.5', memory: 64M, pids: 5}, reservations: {memory: 32M, generic_resources: [{discrete_resource_spec: {kind: gpu, value: 2}}]}"
    task = spec(f"deploy: {{resources: {{{body}}}}}").task
    assert task.limits == Resources(500_000_000, 64 << 20, 5)
    assert task.reservations == Resources(0, 32 << 20, 0, {"gpu": 2})


def test_restart_policy_and_the_old_restart():
    def policy(body):
        return spec(body).task.restart

    assert policy("tty: true") == RestartPolicy("any", 5_000_000, 0, 0)
    given = "{condition: on-failure, delay: 0s, max_attempts: 3, window: 500ns}"
    assert policy(f"deploy: {{restart_policy: {given}}}") == RestartPolicy("on-failure", 0, 3, 1)
    assert policy("restart: 'on-failure:3'") == RestartPolicy("on-failure", 5_000_000, 3)
    assert policy("restart: always") == policy("restart: unless-stopped") == RestartPolicy("any")
    assert policy("restart: always, deploy: {restart_policy: {condition: none}}").condition == "none"


def test_update_and_rollback_fill_what_is_missing_with_the_engines_defaults():
    found = spec(
        "deploy: {update_config: {parallelism: 0, delay: 2s, order: start-first, monitor: 0s}, rollback_config: {}}"
    )
    assert found.update == UpdateConfig(0, 2_000_000, "pause", 5_000_000, 0.0, "start-first")
    assert found.rollback == UpdateConfig()


def test_health_checks():
    assert spec("tty: true").task.container.healthcheck is None
    assert spec("healthcheck: {disable: true}").task.container.healthcheck == HealthConfig(("NONE",))
    found = spec("healthcheck: {test: curl x, interval: 1m30s, retries: 2}").task.container.healthcheck
    assert found == HealthConfig(("CMD-SHELL", "curl x"), interval=90_000_000, retries=2)


def test_ports_and_endpoint():
    found = spec(
        "ports: ['90:91/udp', {target: 80}, {target: 1, published: 5, mode: host}], deploy: {endpoint_mode: DNSRR}"
    )
    ports = (PortConfig(80), PortConfig(1, 5, "tcp", "host"), PortConfig(91, 90, "udp"))
    assert found.endpoint == EndpointSpec("dnsrr", ports)


def test_protocols_and_modes_that_the_engine_does_not_know_are_its_first_ones():  # stacks.md §4: not refused
    found = spec(
        "ports: [{target: 80, protocol: SCTP, mode: Host}, {target: 81, published: 1, protocol: -1s, mode: of}]"
    )
    assert found.endpoint.ports == (PortConfig(80, 0, "sctp", "host"), PortConfig(81, 1, "tcp", "ingress"))


def test_placement_logging_and_grace():
    body = "placement: {constraints: [node.role == worker], preferences: [{spread: node.labels.z}], max_replicas_per_node: 2}"
    found = spec(f"deploy: {{{body}}}, logging: {{driver: fluentd, options: {{a: 1}}}}, stop_grace_period: 90s").task
    assert found.placement == Placement(("node.role == worker",), ("node.labels.z",), 2)
    assert found.log_driver == LogDriver("fluentd", {"a": "1"})
    assert (found.container.stop_grace_period, spec("tty: true").task.container.stop_grace_period) == (
        90_000_000,
        10_000_000,
    )


# ── networks ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_tasks_are_found_under_their_aliases_and_the_name_of_the_service():
    top = "networks: {z: , m: {name: aa}, o: {external: true, name: bb}, h: {external: true, name: host}}"
    found = spec("networks: {z: {aliases: [q], driver_opts: {k: 1}}, m: , o: , h: }", top).task.networks
    assert found == (
        NetworkTarget("aa", ("a",)),
        NetworkTarget("bb", ("a",)),
        NetworkTarget("demo_z", ("q", "a"), {"k": "1"}),
        NetworkTarget("host"),
    )


def test_only_networks_that_a_service_joins_are_created():
    stack = converted("services: {a: {image: x, networks: [n, e]}}\nnetworks: {n: , unused: , e: {external: true}}")
    assert [network.name for network in stack.networks] == ["demo_n"]
    assert stack.external_networks == ("e",)
    assert [network.name for network in converted("services: {a: {image: x}}").networks] == ["demo_default"]


def test_a_network_is_an_overlay_unless_told_otherwise():
    text = """
        services: {a: {image: x, networks: [n, m]}}
        networks:
          n: {driver_opts: {encrypted: ""}, attachable: true, internal: true}
          m: {driver: bridge, ipam: {driver: q, config: [{subnet: 10.9.0.0/24}]}}
        """
    m, n = converted(text).networks
    assert (n.driver, n.options, n.attachable, n.internal) == ("overlay", {"encrypted": ""}, True, True)
    assert (m.driver, m.ipam_driver, m.subnets) == ("bridge", "q", (("10.9.0.0/24", "", ""),))


# ── secrets, configs, volumes ────────────────────────────────────────────────────────────────────────────────────


def test_files_are_referred_to_by_name_with_docker_s_defaults():
    body = "secrets: [s], configs: [{source: c, target: /x, uid: '5', mode: 0440}]"
    container = spec(body, "secrets: {s: {external: true}}\nconfigs: {c: {file: c.txt}}", c_txt="").task.container
    assert container.secrets == (FileReference("", "s", "s", "0", "0", 0o444),)
    assert container.configs == (FileReference("", "demo_c", "/x", "5", "0", 0o440),)


def test_only_external_files_that_a_service_asks_for_are_looked_up_and_all_own_ones_are_created():
    text = """
        services: {a: {image: x, secrets: [used]}}
        secrets: {used: {external: true, name: tt}, unused: {external: true}, own: {file: o.txt}}
        """
    stack = converted(text, o_txt="1")
    assert stack.external_secrets == ("tt",)
    assert [secret.name for secret in stack.secrets] == ["demo_own"]


def test_mounts():
    entries = "'vv:/v:ro', '/h:/b:rshared', {type: tmpfs, target: /t, tmpfs: {size: 5}}, 'ee:/e', '/anonymous'"
    top = "volumes: {vv: {driver: d, driver_opts: {a: 1}, labels: {q: r}}, ee: {external: true, name: there}}"
    options = {"labels": {"q": "r", **LABEL}, "driver": "d", "driver_options": {"a": "1"}}
    assert spec(f"volumes: [{entries}]", top).task.container.mounts == (
        Mount("volume", "demo_vv", "/v", True, options),
        Mount("bind", "/h", "/b", False, {"propagation": "rshared"}),
        Mount("tmpfs", "", "/t", False, {"size_bytes": 5}),
        Mount("volume", "there", "/e"),
        Mount("volume", "", "/anonymous"),
    )


# ── refusals while deploying: what was made before stays ─────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("networks: [backend]", 'undefined network "backend"'),
        ("secrets: [s]", 'undefined secret "s"'),
        ("configs: [c]", 'undefined config "c"'),
        ("volumes: ['data:/x']", 'undefined volume "data"'),
        ("deploy: {mode: global, replicas: 2}", "replicas can only be used with replicated or replicated-job mode"),
        ("deploy: {mode: daemonset}", "Unknown mode: daemonset"),
        ("healthcheck: {disable: true, test: [CMD, 'true']}", "test and disable can't be set at the same time"),
        ("restart: sometimes", "unknown restart policy: sometimes"),
        ("restart: 'on-failure:x'", "invalid restart policy format: maximum retry count must be an integer"),
        ("deploy: {resources: {limits: {cpus: '0.0000000001'}}}", "value is too precise"),
        ("deploy: {resources: {limits: {cpus: abc}}}", "failed to parse abc as a rational number"),
        ("volumes: [{type: weird, target: x}]", "volume type must be volume, bind, tmpfs, npipe, or cluster"),
        ("volumes: [{type: tmpfs, source: a, target: b}]", "invalid tmpfs source, source must be empty"),
        ("volumes: [{type: volume, target: b, bind: {}}]", "bind options are incompatible with type volume"),
        (
            "credential_spec: {file: a, registry: b}",
            'invalid credential spec: cannot specify both "File" and "Registry"',
        ),
    ],
)
def test_refusals_name_the_service(body, says):
    error = late_refusal(f"services: {{web: {{image: x, {body}}}}}")
    assert error.text == f"service web: {says}"
    assert len(error.done.networks) == 1 and error.done.services == ()


def test_one_file_target_is_for_one_secret():
    text = (
        "services: {web: {image: x, secrets: [s, {source: t, target: s}]}}\nsecrets: {s: {file: f.x}, t: {file: f.x}}"
    )
    error = late_refusal(text, f_x="1")
    assert error.text == "service web: duplicate secret target for demo_t not allowed"
    assert [secret.name for secret in error.done.secrets] == ["demo_s", "demo_t"]


def test_a_missing_file_is_noticed_when_networks_and_secrets_are_there():
    text = "services: {a: {image: x}}\nsecrets: {s: {file: s.x}}\nconfigs: {c: {file: nope}}"
    error = late_refusal(text, s_x="1")
    assert error.text == "open /stack/nope: no such file or directory"
    assert (len(error.done.networks), len(error.done.secrets), error.done.configs) == (1, 1, ())
