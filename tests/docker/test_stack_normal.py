"""The normal form of services and objects, and several files on each other (stacks.md §6, §7)."""

import pytest
from stack_texts import loaded, refusal, refusal_of, service

DECODING = "decoding failed due to the following error(s):\n\n"


def test_durations_and_sizes_have_one_spelling():
    body = "stop_grace_period: 90s, deploy: {resources: {limits: {memory: 1.5g, cpus: '0.50'}}}"
    found = service(body)
    assert found["stop_grace_period"] == "1m30s"
    assert found["deploy"]["resources"]["limits"] == {"memory": "1610612736", "cpus": "0.50"}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("deploy: {replicas: -1}", "cannot parse 'Deploy.Replicas', -1 overflows uint"),
        ("deploy: {replicas: -1, update_config: {parallelism: -2}}",
         "cannot parse 'Deploy.Replicas', -1 overflows uint\n"
         "cannot parse 'Deploy.update_config.Parallelism', -2 overflows uint"),
        ("deploy: {placement: {max_replicas_per_node: -1}}",
         "cannot parse 'Deploy.Placement.max_replicas_per_node', -1 overflows uint"),
        ("healthcheck: {retries: -1}", "cannot parse 'HealthCheck.Retries', -1 overflows uint"),
        ("ports: [{target: -1}]", "cannot parse 'Ports[0].Target', -1 overflows uint"),
        ("deploy: {resources: {limits: {memory: lots}}}",
         "error decoding 'Deploy.Resources.Limits.memory': invalid size: 'lots'"),
        ("volumes: [':/data']", "error decoding 'Volumes[0]': invalid spec: :/data: empty section between colons"),
        ("volumes: ['aa:/x:ro:rw']", "error decoding 'Volumes[0]': invalid spec: aa:/x:ro:rw: too many colons"),
        ("""command: "a 'b" """, "error decoding 'Command': EOF found when expecting closing quote"),
        ("entrypoint: 'a\\'", "error decoding 'Entrypoint': EOF found after escape character"),
        ("ports: [80.5]", "error decoding 'Ports': invalid type float64 for port"),
        ("user: 2020-01-01",
         "'User' expected type 'string', got unconvertible type 'time.Time', value: '2020-01-01 00:00:00 +0000 UTC'"),
    ],
)  # fmt: skip
def test_what_cannot_be_decoded_is_refused(body, says):
    assert refusal_of(body) == DECODING + says


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a b  c", ["a", "b", "c"]), ("a#b #c d", ["a#b"]), ("""d 'e f'g"h i"j k\\ l""", ["d", "e fgh ij", "k l"]),
        ("'' a", ["", "a"]), ("", []), ('''"a\\"b" 'c\\d' ''', ['a"b', "c\\d"]), ("a\nb", ["a", "b"]),
    ],
)  # fmt: skip
def test_a_command_line_is_split_as_a_shell_would_without_running_one(line, words):
    from swarmlab.docker.normal import split_words

    assert split_words(line) == words


def test_environment_asks_the_client_for_what_has_no_value():
    env = {"S": "sv", "N": "3"}
    found = service("environment: {A: 1, S: , N: '', Q: , B: 1.10}", env=env)["environment"]
    assert found == {"A": "1", "S": "sv", "N": "3", "Q": None, "B": "1.1"}
    assert service("environment: [A=1, A=2, Q, 'C=']")["environment"] == {"A": "2", "Q": None, "C": ""}


def test_environment_wins_over_env_file():
    found = service("env_file: e.env, environment: {A: 3}", e_env="# c\n A=1\nB= x \nS\nNO\n", env={"S": "s"})
    assert found["environment"] == {"A": "3", "B": " x ", "S": "s"}


def test_a_wrong_env_file_is_refused():
    assert refusal_of("env_file: ./no.env") == "open /stack/no.env: no such file or directory"
    says = "invalid env file (/stack/e.env): variable 'A B' contains whitespaces"
    assert refusal_of("env_file: e.env", e_env="A B=1") == says
    assert refusal_of("env_file: e.env", e_env="=1").endswith("no variable name on line '=1'")


def test_labels_may_be_a_list_or_a_mapping():
    assert service("labels: [a, b=c=d]")["labels"] == {"a": "", "b": "c=d"}
    assert service("labels: {a: , b: 42}")["labels"] == {"a": "", "b": "42"}


def test_extra_hosts_keep_names_and_addresses():
    assert service("extra_hosts: ['a:1', b=2, c, 'd:[::1]']")["extra_hosts"] == ["a:1", "b:2", "d:::1"]
    assert service("extra_hosts: {b: '1', a: '2'}")["extra_hosts"] == ["a:2", "b:1"]


def test_short_ports_become_long_and_an_address_is_ignored_aloud():
    compose = loaded("services: {a: {image: x, ports: ['8-12', '127.0.0.1:81:80/udp', {target: 5, mode: odd}]}}")
    ports = compose.services["a"]["ports"]
    assert [port["target"] for port in ports] == [10, 11, 12, 8, 9, 80, 5]  # docker sorts a range as texts
    assert ports[5] == {"mode": "ingress", "target": 80, "published": 81, "protocol": "udp"}
    assert ports[6] == {"target": 5, "mode": "odd"}
    says = "ignoring IP-address (127.0.0.1:81:80/udp) service will listen on '0.0.0.0'"
    assert compose.warnings == (f'level=warning msg="{says}"',)


@pytest.mark.parametrize(
    ("spec", "volume"),
    [
        ("/c", {"type": "volume", "target": "/c"}),
        ("data:/d", {"type": "volume", "source": "data", "target": "/d"}),
        ("v:/v", {"type": "volume", "target": "v:/v"}),
        ("./x:/y:ro", {"type": "bind", "source": "/stack/x", "target": "/y", "read_only": True}),
        ("~/x:/y", {"type": "bind", "source": "/home/me/x", "target": "/y"}),
        ("/s:/t:rshared", {"type": "bind", "source": "/s", "target": "/t", "bind": {"propagation": "rshared"}}),
        ("data:/d:nocopy,z", {"type": "volume", "source": "data", "target": "/d", "volume": {"nocopy": True}}),
        ("c:\\x:/d", {"type": "bind", "source": "c:\\x", "target": "/d"}),
    ],
)
def test_short_volumes_become_long(spec, volume):
    assert service(f"volumes: ['{spec}']", env={"HOME": "/home/me"})["volumes"] == [volume]


def test_a_bind_needs_a_source():
    says = 'invalid mount config for type "bind": field Source must not be empty'
    assert refusal_of("volumes: [{type: bind, target: /data}]") == says


def test_relative_paths_count_from_the_folder_of_the_first_file():
    from swarmlab.docker.stack import load

    text = b"services: {a: {image: x, volumes: ['./v:/v']}}\nconfigs: {c: {file: ./c.txt}}"
    compose = load(["data/web.yml"], lambda path: text, {"PWD": "/home/me"})
    assert compose.services["a"]["volumes"][0]["source"] == "/home/me/data/v"
    assert compose.configs["c"]["file"] == "data/c.txt"  # the reader knows where the person is


def test_external_objects_keep_their_name():
    compose = loaded("networks: {n: {external: true}, m: {external: {name: q}}}")
    assert compose.networks == {"n": {"external": True, "name": "n"}, "m": {"external": True, "name": "q"}}
    says = "network m: network.external.name is deprecated in favor of network.name"
    assert compose.warnings == (f'level=warning msg="{says}"',)
    assert not loaded("version: '3.4'\nnetworks: {m: {external: {name: q}}}").warnings
    clash = "network n: network.external.name and network.name conflict; only use network.name"
    assert refusal("networks: {n: {external: {name: a}, name: b}}") == clash


def test_an_external_volume_has_nothing_else():
    says = 'conflicting parameters "external" and "driver" specified for volume "d"'
    assert refusal("volumes: {d: {external: true, driver: local}}") == says


# ── keys that Docker refuses, ignores or regrets ─────────────────────────────────────────────────────────────────


def test_forbidden_keys_are_worded_shortly_for_stack_config():
    body = "mem_limit: 512m, cpu_shares: 10"
    reason = "Set resource limits using deploy.resources"
    long = f"Compose file contains unsupported options:\n\ncpu_shares: {reason}\n\nmem_limit: {reason}"
    assert refusal_of(body).rstrip() == long
    assert refusal_of(body, deploy=False) == "Configuration contains forbidden properties"


def test_ignored_and_deprecated_keys_are_warned_about_once_and_sorted():
    text = "services: {a: {image: x, restart: always, expose: [1]}, b: {image: x, build: ., container_name: q}}"
    lines = loaded(text).warnings
    assert lines[:4] == ("Ignoring unsupported options: build, restart", "", "Ignoring deprecated options:", "")
    assert [line.partition(":")[0] for line in lines[4:]] == ["container_name", "", "expose", ""]


# ── several files ────────────────────────────────────────────────────────────────────────────────────────────────


def merged(first, second):
    compose = loaded(f"services: {{a: {{image: x, {first}}}}}", f"services: {{a: {{{second}}}, b: {{image: y}}}}")
    assert list(compose.services) == ["a", "b"]
    return compose.services["a"]


def test_scalars_override_lists_append_and_mappings_merge():
    found = merged(
        "hostname: h, dns: [a], labels: {a: 1, b: 2}, deploy: {replicas: 3}",
        "hostname: '', dns: [a, b], labels: {a: 3}, deploy: {replicas: 0, mode: replicated}",
    )
    assert (found["hostname"], found["dns"], found["labels"]) == ("h", ["a", "a", "b"], {"a": "3", "b": "2"})
    assert found["deploy"] == {"replicas": 0, "mode": "replicated"}


def test_ports_volumes_and_secrets_are_replaced_by_key_and_sorted():
    found = merged(
        "ports: ['80:80', '81'], volumes: ['/a:/b', '/c:/d'], secrets: [s, t]",
        "ports: ['90:9', '80:81/udp'], volumes: ['/z:/b', '/q:/a'], secrets: [{source: s, target: z}, r]",
    )
    assert [(port.get("published"), port["target"]) for port in found["ports"]] == [(None, 81), (80, 81), (90, 9)]
    assert [(entry["source"], entry["target"]) for entry in found["volumes"]] == [
        ("/q", "/a"),
        ("/z", "/b"),
        ("/c", "/d"),
    ]
    assert found["secrets"] == [{"source": "r"}, {"source": "s", "target": "z"}, {"source": "t"}]


def test_commands_are_replaced_whole_and_so_is_another_logging_driver():
    found = merged("command: a b, logging: {driver: a, options: {x: y}}", "command: c, logging: {driver: b}")
    assert (found["command"], found["logging"]) == (["c"], {"driver": "b"})
    found = merged("logging: {driver: a, options: {x: y}}", "logging: {options: {x: z, q: r}}")
    assert found["logging"] == {"driver": "a", "options": {"x": "z", "q": "r"}}


def test_a_network_named_again_without_details_keeps_them():
    assert merged("networks: {n: {aliases: [z]}}", "networks: [n, m]")["networks"] == {
        "n": {"aliases": ["z"]},
        "m": None,
    }
    assert merged("networks: {n: {aliases: [z]}}", "networks: {n: {aliases: [y]}}")["networks"] == {
        "n": {"aliases": ["y"]}
    }


def test_other_objects_are_replaced_whole_and_extensions_come_from_the_first_file():
    compose = loaded("networks: {n: {driver: a}}\nx-a: 1", "networks: {n: {internal: true}}\nx-b: 1")
    assert (compose.networks, compose.extensions) == ({"n": {"internal": True}}, {"x-a": 1})


def test_files_on_each_other_must_agree_on_the_version():
    says = "version mismatched between two composefiles : 3.8 and 3.13"
    assert refusal("version: '3.8'\nservices: {}", "services: {}") == says
