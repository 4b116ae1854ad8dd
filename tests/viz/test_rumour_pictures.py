"""How news spreads, how a task leaves, who carries the load: what the pictures and the words count is the same."""

from math import ceil

import pytest

from swarmlab import Cluster
from swarmlab.viz import ink
from swarmlab.viz.leaving import Leaving, draw_leaving, leaving, stale, tell_leaving
from swarmlab.viz.rumour import draw_rumour, heard_in, last_of, rounds_of, shares_of, tell_rumour
from swarmlab.viz.skew import busiest, draw_skew, tell_skew

SECOND = 1_000_000
HEARD = [0, 1, 1, 2, 2, 2, 3, None]
STOPPED = Leaving("web.1 stopped", 10 * SECOND, 17 * SECOND, (("a", 10 * SECOND), ("b", 11 * SECOND)), 12 * SECOND)
GONE = Leaving("web.2 unplugged", 10 * SECOND, 10 * SECOND, (("a", 19 * SECOND), ("b", None)), until=40 * SECOND)


def words(drawn):
    return [text.get_text() for text in ink.figure_of(drawn).findobj(lambda a: hasattr(a, "get_text"))]


@pytest.fixture(scope="module")
def run():
    """A service of three; the machine of one loses power; later the service is scaled down."""
    cluster = Cluster(managers=1, workers=3, seed=5)
    cluster.docker("service create --name web --replicas 3 -p 8080:80 nginx")
    cluster.run_for(20)
    machines = {node.id: node.machine for node in cluster.nodes}
    cluster.crash(next(machines[task.node] for task in cluster.tasks if task.name == "web.3"))
    for _ in range(10):
        cluster.request("http://manager-1:8080/", timeout=1)
    cluster.run_for(40)
    cluster.docker("service scale --detach web=1")
    cluster.run_for(10)
    return cluster


def test_shares_grow_and_count_those_who_never_hear():
    assert shares_of(HEARD) == [1 / 8, 3 / 8, 6 / 8, 7 / 8] and shares_of([None]) == [0.0]
    assert "half know after round 2" in tell_rumour(HEARD) and tell_rumour(HEARD).endswith("1 never heard.")
    assert tell_rumour(HEARD, upto=1) == "Round 1 of 3: 3 of 8 nodes know, after 200 ms."


def test_every_node_prints_the_round_in_which_it_heard():
    fig = draw_rumour(HEARD)
    assert [text.get_text() for text in fig.axes[0].texts] == ["0", "1", "1", "2", "2", "2", "3"]
    assert [text.get_text() for text in draw_rumour(HEARD, upto=1).axes[0].texts] == ["0", "1", "1"]
    assert "7 of 8 nodes know" in words(fig) and "1 never hear of it" in words(fig)


def test_many_nodes_are_an_image_with_a_square_each():
    heard = [n % 9 for n in range(2000)]
    (image,) = draw_rumour(heard).axes[0].images
    assert image.get_array().size >= 2000 and (image.get_array() >= 3).sum() == 2000
    assert (draw_rumour(heard, upto=3).axes[0].images[0].get_array() >= 3).sum() == sum(n <= 3 for n in heard)


def test_the_rounds_of_a_simulated_rumour_are_taken_as_they_are():
    rumours = pytest.importorskip("swarmlab.traffic.rumours")
    step, own = rumours.spread(500, seed=1), rumours.spread(500, seed=1, lockstep=False)
    assert shares_of(step)[-1] == 1 and last_of(step) == step.heard.max()
    assert last_of(own) == own.heard.max() and len(shares_of(own)) == ceil(last_of(own)) + 1
    assert "500 of 500 nodes know" in words(draw_rumour(own))
    assert "half know after round" in tell_rumour(step)


def test_a_few_nodes_of_a_real_run_are_named():
    assert "w-2" in words(draw_rumour({"manager-1": 0, "worker-2": 1}))
    with pytest.raises(ValueError, match="there are no nodes"):
        draw_rumour([])


def test_times_become_rounds_that_have_begun():
    assert rounds_of({"a": 0, "b": 1, "c": 200_000, "d": 200_001, "e": None}) == {
        "a": 0,
        "b": 1,
        "c": 1,
        "d": 2,
        "e": None,
    }


def test_stale_begins_when_the_task_answers_no_more():
    assert stale(STOPPED) == {"a": 0.0, "b": 0.0} and stale(GONE) == {"a": 9.0, "b": None}
    assert tell_leaving(STOPPED).endswith("it ended after 7.00 s, nobody was stale, no request lost.")
    assert "1 node never dropped it, stale for up to 9.00 s" in tell_leaving(GONE)


def test_only_stale_rows_are_vermillion():
    def wrong(rows):
        from matplotlib.colors import to_hex

        return [p for p in draw_leaving(rows).patches if to_hex(p.get_facecolor()) == ink.WRONG]

    sample = 1  # that of the key
    assert len(wrong([STOPPED])) == sample and len(wrong([STOPPED, GONE])) == sample + 2


def test_in_a_real_run_news_reaches_every_node(run):
    heard = heard_in(run.trace, "web.1")
    assert len(heard) == 4 and min(heard.values()) == 0
    assert set(rounds_of(heard).values()) <= set(range(10))
    with pytest.raises(ValueError, match=r"no node got 'db\.1' in its tables"):
        heard_in(run.trace, "db.1")


def test_an_unplugged_task_is_stale_until_gossip_gives_its_machine_up(run):
    row = leaving(run.trace, "web.3")
    assert row.title == "web.3 unplugged" and row.ended == row.begun and len(row.withdrawn) == 3
    failed = dict(row.failed)
    assert all(stale(row)[node] > 1 and when >= failed[node] for node, when in row.withdrawn)
    assert row.lost and "nobody was stale" not in tell_leaving(row)


def test_a_task_stopped_in_order_is_out_of_all_tables_before_it_ends(run):
    command = [record for record in run.trace.records if type(record.fact).__name__ == "Commanded"][-1]
    left = [
        r.fact.task for r in run.trace.records if type(r.fact).__name__ == "BackendRemoved" and r.time > command.time
    ]
    row = leaving(run.trace, left[0], command)
    assert row.title.endswith("stopped in order") and row.ended > max(when for _, when in row.withdrawn)
    assert set(stale(row).values()) == {0.0} and not row.lost and not row.failed
    assert min(when for _, when in row.withdrawn) + 2 * SECOND == row.signal <= row.ended


def test_a_task_that_nobody_knows_cannot_leave(run):
    with pytest.raises(ValueError, match=r"no node ever sent requests to 'db\.1'"):
        leaving(run.trace, "db.1")


def test_skew_is_measured_against_the_fair_share():
    assert busiest({"a": 3, "b": 1, "c": 0, "d": 0}) == 3.0 and busiest([2, 2]) == 1.0 and busiest([0, 0]) == 0.0
    said = words(draw_skew({"TTL 0 s": [5, 5], "TTL 600 s": {"a": 10, "b": 0}}))
    assert "TTL 600 s\nbusiest: 2.00 × its share" in said and "idle" in said
    assert tell_skew({"TTL 600 s": [10, 0]}) == (
        "Requests per replica. TTL 600 s: the busiest carries 2.00 times its share, 1 idle."
    )
    with pytest.raises(ValueError, match="7 panels: at most 6"):
        draw_skew({str(n): [1] for n in range(7)})
