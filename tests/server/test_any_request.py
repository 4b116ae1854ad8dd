"""Whatever is asked over the wire is answered or refused in Docker's way, and what is refused has changed nothing.

Rules: docker-api.md §2 (errors are JSON with a `message`, and have the status that belongs to them); issue 7, §1.
"""

import contextlib
import io

import pytest
from any_request import BODIES, FOREIGN, GOOD, QUERIES, RAW_BODIES, ROUTES, SPECIMENS, Sent, requests, written
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wire_bench import STATES, Bench, Heard, judge

from swarmlab.docker.api import stats

MACHINES = st.sampled_from(["manager-1", "manager-1", "manager-1", "worker-1"])
UGLY = ("nobody", "..", "%00", "%ff%fe", "%F0%9F%98%80", "n" * 3000, "a%2Fb", "%20", "'%22<b>", "-1")


@pytest.fixture(scope="module", autouse=True)
def quick():
    """Nobody waits a whole second for what a container uses."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stats, "EVERY", 10_000)
        yield


def hear(bench: Bench, machine: str, sent: Sent) -> Heard:
    before = bench.things()
    reply = bench.send(machine, sent)
    judge(sent, reply)
    assert 0 < reply.status < 400 or bench.things() == before
    return reply


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    st.sampled_from(["settled", "settled", "settled", *STATES]),
    st.lists(st.tuples(MACHINES, requests()), min_size=1, max_size=4),
)
def test_whatever_is_asked_is_answered_or_refused_and_what_is_refused_changes_nothing(state, asked) -> None:
    complaints = io.StringIO()
    with contextlib.redirect_stderr(complaints), Bench(state) as bench:
        for machine, sent in asked:
            if hear(bench, machine, sent).status in range(100, 400):
                bench.cluster.run_for(12)
        bench.look_around()
    assert complaints.getvalue() == ""


def odd_ones(method: str, template: str) -> list[Sent]:
    """Of one route: what it is for, and what it is not for."""
    kind = template.split("/")[1]
    good = "/".join(GOOD.get(kind, ("x",))[0] if part.startswith("{") else part for part in template.split("/"))
    body = written(SPECIMENS[BODIES[template]], template) if template in BODIES else b""
    version = (("version", "{version}"),) if template.endswith("/update") else ()
    nonsense = tuple((name, "\x00é") for name in sorted(QUERIES))
    return [
        *(Sent(method, good, version, (), raw) for raw in (RAW_BODIES if body else RAW_BODIES[:2])),
        *(Sent(method, template.replace(part(template), ref), version, (), body) for ref in UGLY if part(template)),
        Sent(method, good, nonsense, (), body),
        *(Sent(method, good, tuple((name, values[n % len(values)]) for name, values in QUERIES.items()), (), body) for n in range(4)),
        *(Sent(method, good, version, (header,), body) for header in (("Content-Type", "text/plain"), *FOREIGN)),
        Sent(method, "/v1.24" + good, version, (), body, "chunked"),
        Sent(method, "/v1.48" + good, version, (), body),
    ]  # fmt: skip


def part(template: str) -> str:
    return next((part for part in template.split("/") if part.startswith("{")), "")


def test_every_route_hears_nonsense_in_every_place_and_stays_polite(capsys) -> None:
    for n, route in enumerate(ROUTES):
        with Bench() as bench:
            for sent in odd_ones(*route):
                hear(bench, "manager-1", sent)
            hear(bench, "worker-1", sent)
            if n % 8 == 0:
                bench.look_around()
    assert "swarmlab:" not in capsys.readouterr().err
