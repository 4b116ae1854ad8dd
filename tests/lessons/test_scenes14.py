"""The demo lab as lesson 14 shows it: the service list climbs, a greeting's way, lines, dashboards, the narrowest place."""

import pytest

from swarmlab.lessons import scenes14
from swarmlab.viz import ink
from swarmlab.viz.callfold import legs, shares
from swarmlab.viz.dashboard import draw_dashboard, panels, tell_dashboard
from swarmlab.viz.filmstrip import draw_filmstrip
from swarmlab.viz.greeting import draw_waits, draw_way, narrowest, tell_waits, tell_way, where
from swarmlab.viz.loglist import chosen, draw_lines, tell_lines


@pytest.fixture(scope="module")
def busy():
    """The lab with three clients, after twenty seconds of greetings."""
    cluster = scenes14.evening()
    scenes14.scale(cluster, scenes14.CLIENT, 3)
    scenes14.greeted(cluster, 60, 20)
    return cluster


def test_right_after_the_deploy_a_global_service_wants_the_nodes_that_match():
    cluster = scenes14.lab()
    scenes14.deploy(cluster)
    table = scenes14.climb(cluster, seconds=30, step=30)
    assert len(table) == 14
    assert table["0 s"]["elastic_elasticsearch"] == "0/3" and table["0 s"]["elastic_metricbeat-host"] == "0/4"
    for wanted in table["30 s"]:
        have, _, want = wanted.partition("/")
        assert have == want
    assert sum(int(each.partition("/")[2]) for each in table["30 s"]) == 22


def test_one_greeting_passes_three_tasks_one_of_them_the_balancer():
    cluster = scenes14.evening()
    number = scenes14.greet(cluster)
    client, balancer, broker = (leg.task for leg in legs(cluster.trace, number))
    assert client == "rabbitmq_python-client.1" and balancer == "rabbitmq_rabbit.1"
    assert broker.rpartition(".")[0] in scenes14.BROKERS
    words = tell_way(cluster.trace, number)
    assert f"on {where(cluster.trace)[broker]}" in words
    assert ink.png(ink.figure_of(draw_way(cluster.trace, number)))


def test_three_times_the_clients_are_not_three_times_the_throughput_and_the_narrowest_place_moves():
    rates, places = {}, {}
    for clients in 1, 3:
        cluster = scenes14.evening()
        scenes14.scale(cluster, scenes14.CLIENT, clients)
        rates[clients] = scenes14.eager(cluster, 10)
        places[clients] = narrowest(shares(scenes14.rows(cluster)))
    assert 1.6 < rates[3] / rates[1] < 2.2
    assert places[1] == scenes14.CLIENT and places[3] in scenes14.BROKERS


def test_bars_of_waits_name_the_narrowest_place(busy):
    runs = {"three clients": scenes14.rows(busy)}
    assert f"longest at {narrowest(shares(runs['three clients'])).partition('_')[2]}" in tell_waits(runs)
    assert ink.png(ink.figure_of(draw_waits(runs)))


def test_lines_are_chosen_by_service_node_and_text(busy):
    lines = busy.logs()
    found = chosen(lines, service=scenes14.CLIENT, contains="GREETING")
    assert 0 < len(found) < len(lines)
    assert {line.service for line in found} == {scenes14.CLIENT}
    assert len(chosen(lines, node="worker-1")) < len(lines) and chosen(lines, contains="no such text") == []
    assert tell_lines(found, {"service": "x"}).startswith(f"{len(found)} lines with service 'x', of 3 tasks")


@pytest.mark.parametrize("count", [0, 1, 5000])
def test_any_number_of_lines_can_be_drawn(busy, count):
    lines = (busy.logs() * 10)[:count]
    fig = ink.figure_of(draw_lines(lines))
    assert ink.png(fig)
    assert fig.get_figheight() == pytest.approx(1.4 + 0.2 * min(count, 10)), "no room for lines that there are not"


def test_the_picture_of_the_board_names_all_fourteen_services_within_its_edges():
    cluster = scenes14.evening()
    fig = draw_filmstrip(cluster.trace, [cluster.now])
    fig.canvas.draw()
    boxes = [text.get_window_extent() for text in fig.texts]
    assert min(box.x0 for box in boxes) >= 0 and max(box.x1 for box in boxes) <= fig.bbox.x1
    said = " ".join(text.get_text() for text in fig.texts)
    assert all(f" {service.name}" in said for service in cluster.services)
    places = [ax.get_window_extent().y0 for ax in fig.axes]
    assert 0 <= min(box.y0 for box in boxes) and max(box.y1 for box in boxes) <= min(places)


def test_a_dashboard_counts_each_request_once(busy):
    measured, rows = busy.measured(), scenes14.rows(busy)
    by_service = panels(measured, rows, "service")[2].lines
    by_node = panels(measured, rows, "node")[2].lines
    totals = [sum(value for line in lines.values() for _, value in line) for lines in (by_service, by_node)]
    assert totals[0] == pytest.approx(totals[1])
    assert set(by_node) == {"manager-1", "worker-1", "worker-2", "worker-3"}


@pytest.mark.parametrize("by", ["node", "service"])
def test_dashboards_are_drawn_and_told(busy, by):
    measured, rows = busy.measured(), scenes14.rows(busy)
    drawn = draw_dashboard(measured, rows, by, focus=[scenes14.CLIENT], bands=[(60, 70, "load")])
    assert ink.png(drawn) and tell_dashboard(measured, rows, by).startswith(f"By {by}, every 10 s. CPU: most on")


def test_a_dashboard_without_measurements_is_empty():
    assert ink.png(draw_dashboard([], []))
    assert tell_dashboard([], []) == "By node, every 10 s. nothing was measured."
    with pytest.raises(ValueError, match="by 'node' or by 'service'"):
        panels([], [], "stack")


def test_a_lost_worker_under_load_is_noticed_by_missing_heartbeats_and_healed():
    cluster = scenes14.burn()
    bar = scenes14.outage_of(cluster, "a worker burns")
    noticed, healed = ((bar[name] - bar["fault"]) / 1e6 for name in ("noticed", "healed"))
    assert 9 <= noticed <= 16.5 and healed < 40
    assert bar["lost"] and max(bar["lost"]) < bar["healed"]


def test_the_last_position_of_every_knob_can_be_drawn(busy):
    drawn, words = scenes14.load_knobs(220, 4, 3)
    assert ink.png(ink.figure_of(drawn)) and "answered" in words
    drawn, words = scenes14.log_view(busy)(scenes14.CLIENT, "worker-3", "200")
    assert ink.png(ink.figure_of(drawn)) and "with service" in words
    drawn, words = scenes14.focus_view(busy)("rabbitmq_rabbit3", "service")
    assert ink.png(ink.figure_of(drawn)) and "By service" in words
