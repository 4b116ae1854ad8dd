"""Whatever a person writes, loading gives a ComposeFile or Docker's refusal, never a traceback (issue 4 §6)."""

import json

from hypothesis import given
from hypothesis import strategies as st
from stack_texts import DIR, reader

from swarmlab.docker.stack import ComposeFile, StackError, convert, load

KEYS = (
    "services networks volumes secrets configs version x-a web image ports environment deploy replicas mode command "
    "labels healthcheck test interval disable secrets source target type bind tmpfs size external name driver ipam config "
    "subnet resources limits memory cpus reservations placement constraints preferences spread update_config parallelism "
    "delay order restart_policy condition ulimits nofile soft hard logging options env_file extra_hosts volumes networks "
    "aliases dns tty init user restart credential_spec file stop_grace_period"
).split()

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 70000),
    st.floats(allow_nan=False),
    st.sampled_from(
        "5s 1.5g 80:80 1-2:3-4 ${A} ${A:?x} ${ $ ./a:/b :/x a=b vote true replicated global 0.5 '' \\ a:b:c 2020-01-01".split()
    ),
    st.text(max_size=8),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)
SERVICES = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5).map(lambda keys: {"image": "nginx", **keys})
DOCUMENTS = st.fixed_dictionaries(
    {"services": st.dictionaries(st.sampled_from(["web", "db"]), SERVICES, max_size=2)},
    optional={
        key: st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=2)
        for key in ("networks", "volumes", "secrets", "configs")
    },
)


def survives(*texts):
    files = {f"{DIR}/{n}.yml": text for n, text in enumerate(texts)}
    try:
        compose = load(list(files), reader(files), {"A": "1"})
        assert isinstance(compose, ComposeFile)
        stack = convert(compose, "demo", reader(files))
        assert len(stack.services) == len(compose.services)
    except StackError as error:
        assert error.text and isinstance(error.text, str)


@given(st.text(max_size=200))
def test_random_text(text):
    survives(text)


@given(st.binary(max_size=100))
def test_random_bytes(data):
    def read(path):
        return data

    try:
        load(["a.yml"], read, {})
    except StackError as error:
        assert error.text


@given(st.text(alphabet="ab:-{}[],&*!|>'\"#%@ \n\t?~<.0", max_size=60))
def test_random_punctuation(text):
    survives(text)


@given(VALUES)
def test_random_documents(document):
    survives(json.dumps(document))


@given(DOCUMENTS, DOCUMENTS)
def test_random_services_alone_and_on_each_other(first, second):
    survives(json.dumps(first))
    survives(json.dumps(first), json.dumps(second))
