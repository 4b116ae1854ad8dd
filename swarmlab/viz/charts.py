"""Rows as figures: task lanes, the filmstrip, the outage bar, elections, placements; and `show`, which gives every figure its words.

Every function that draws takes `ax=` and returns the axes; the filmstrip, made of several, returns its figure.
"""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import ink
from .addressmap import draw_addresses, tell_addresses
from .alertticks import draw_alerts, tell_alerts
from .arrivals import draw_arrivals, tell_arrivals
from .attempts import draw_attempts, tell_attempts
from .authors import draw_authors, tell_authors
from .balancers import draw_balancers, tell_balancers
from .beliefs import draw_beliefs, tell_beliefs
from .bytebox import draw_bytes, tell_bytes
from .capacity import draw_capacity, tell_capacity
from .certificates import draw_certificate, draw_rotation, tell_certificate, tell_rotation
from .clients import draw_clients, tell_clients
from .copymap import draw_copies, tell_copies
from .cuts import draw_cuts
from .detecting import draw_detectors, tell_detectors
from .diskview import draw_disk, tell_disk
from .doors import draw_ports, draw_token, tell_ports, tell_token
from .dots import draw_dots, tell_dots
from .filmstrip import draw_filmstrip
from .foreseen import draw_foreseen, tell_foreseen
from .handshake import draw_handshake, tell_handshake
from .history import draw_history, tell_history
from .ladder import draw_ladder, draw_logs, ladder_strip, tell_ladder, tell_logs
from .lanes import draw_tasks
from .leaving import draw_leaving, tell_leaving
from .lenses import draw_lenses, tell_lenses
from .outagebar import draw_outage, key_instants, lost_requests
from .outagepage import draw_outages, outage_table, tell_outages
from .packetpath import draw_packet, packet_strip, tell_packet
from .placement import draw_placement, placement_strip, tell_placement
from .planner import draw_planner, tell_planner
from .probes import draw_probes, tell_probes
from .queues import draw_queues, tell_queues
from .ring import draw_ring, draw_spacetime, election_strip, tell_election, tell_ring, tell_spacetime
from .rumour import draw_rumour, tell_rumour
from .scaling import draw_loads, draw_scaling, tell_loads, tell_scaling
from .skew import draw_skew, tell_skew
from .stackfile import stack_file, tell_stack
from .storm import draw_storm, tell_storm
from .strategies import draw_strategies, tell_strategies
from .symptoms import draw_symptoms, tell_symptoms
from .tailcurve import draw_tail, tell_tail
from .theorycurves import draw_theory, tell_theory
from .tips import draw_tip, tell_tip
from .tries import draw_tries, tell_tries
from .turns import draw_connections, draw_turns, tell_connections, tell_turns
from .updates import draw_update, tell_update
from .whyboard import draw_why, tell_why, why_board
from .zones import draw_quorum, draw_zones, tell_quorum, tell_zones

__all__ = [
    "draw_addresses",
    "draw_alerts",
    "draw_arrivals",
    "draw_attempts",
    "draw_authors",
    "draw_balancers",
    "draw_beliefs",
    "draw_bytes",
    "draw_capacity",
    "draw_certificate",
    "draw_clients",
    "draw_connections",
    "draw_copies",
    "draw_cuts",
    "draw_detectors",
    "draw_disk",
    "draw_dots",
    "draw_filmstrip",
    "draw_foreseen",
    "draw_handshake",
    "draw_history",
    "draw_ladder",
    "draw_leaving",
    "draw_lenses",
    "draw_loads",
    "draw_logs",
    "draw_outage",
    "draw_outages",
    "draw_packet",
    "draw_placement",
    "draw_planner",
    "draw_ports",
    "draw_probes",
    "draw_queues",
    "draw_quorum",
    "draw_ring",
    "draw_rotation",
    "draw_rumour",
    "draw_scaling",
    "draw_skew",
    "draw_spacetime",
    "draw_storm",
    "draw_strategies",
    "draw_symptoms",
    "draw_tail",
    "draw_tasks",
    "draw_theory",
    "draw_tip",
    "draw_token",
    "draw_tries",
    "draw_turns",
    "draw_update",
    "draw_why",
    "draw_zones",
    "election_strip",
    "key_instants",
    "ladder_strip",
    "lost_requests",
    "outage_table",
    "packet_strip",
    "placement_strip",
    "show",
    "stack_file",
    "tell_addresses",
    "tell_alerts",
    "tell_arrivals",
    "tell_attempts",
    "tell_authors",
    "tell_balancers",
    "tell_beliefs",
    "tell_bytes",
    "tell_capacity",
    "tell_certificate",
    "tell_clients",
    "tell_connections",
    "tell_copies",
    "tell_detectors",
    "tell_disk",
    "tell_dots",
    "tell_election",
    "tell_foreseen",
    "tell_handshake",
    "tell_history",
    "tell_ladder",
    "tell_leaving",
    "tell_lenses",
    "tell_loads",
    "tell_logs",
    "tell_outage",
    "tell_outages",
    "tell_packet",
    "tell_placement",
    "tell_planner",
    "tell_ports",
    "tell_probes",
    "tell_queues",
    "tell_quorum",
    "tell_ring",
    "tell_rotation",
    "tell_rumour",
    "tell_scaling",
    "tell_skew",
    "tell_spacetime",
    "tell_stack",
    "tell_storm",
    "tell_strategies",
    "tell_symptoms",
    "tell_tail",
    "tell_theory",
    "tell_tip",
    "tell_token",
    "tell_tries",
    "tell_turns",
    "tell_update",
    "tell_why",
    "tell_zones",
    "why_board",
]

LEAST_ALT = 20  # characters


def show(fig: Figure | Axes, alt: str) -> None:
    """Display a figure in a lesson and say below it in words what it shows (20 characters or more); close it.

    The words are also the alternative text of the picture. They help everybody, and nbval compares them.
    """
    if len(alt.strip()) < LEAST_ALT:
        raise ValueError(f"alt={alt!r}: say in {LEAST_ALT} characters or more what the figure shows")
    from base64 import b64encode

    from IPython.display import display
    from matplotlib import pyplot

    whole = ink.figure_of(fig)
    data = {"image/png": b64encode(ink.png(whole)).decode(), "text/plain": alt}
    size = {"alt": alt, "width": round(whole.get_figwidth() * ink.CSS)}
    pyplot.close(whole)
    display(data, raw=True, metadata={"image/png": size})
    print(alt)


def tell_outage(rows: Any) -> str:
    """Outage bars in words, with their numbers: what `show` needs beside `draw_outage`."""
    bars: list[dict] = [rows] if isinstance(rows, dict) else list(rows)
    return " ".join(_tell(bar) for bar in bars)


def _tell(bar: dict) -> str:
    said: list[str] = []
    last = bar["fault"]
    for name in ("noticed", "decided", "healed"):
        if bar[name] is not None:
            said.append(f"{name} {'after ' * (not said)}{_wait(bar[name] - last)}{' later' * bool(said)}")
            last = bar[name]
    lost = bar.get("lost", 0)
    lost = lost if isinstance(lost, int) else len(lost)
    requests = f"; {lost} request{'s' * (lost != 1)} lost" if lost else ""
    title = str(bar.get("title", bar["machine"])).replace("\n", " ")
    return f"{title[:1].upper()}{title[1:]}: {', '.join(said) or 'never noticed'}{requests}."


def _wait(duration: int) -> str:
    return f"{duration / 1e6:.1f} s" if duration >= 100_000 else f"{duration / 1e3:.1f} ms"
