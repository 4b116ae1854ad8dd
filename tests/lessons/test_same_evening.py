"""The evenings of lessons 14 to 15b are the same wherever they are played: another hash seed, time zone, language, order."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
ELSEWHERE = {"PYTHONHASHSEED": "12345", "TZ": "Asia/Tokyo", "LC_ALL": "C", "PYTHONPATH": str(ROOT)}
HERE = {"PYTHONHASHSEED": "0", "PYTHONPATH": str(ROOT)}
PLAYED = """
import sys
sys.path.insert(0, "tests/drills")
import players
from swarmlab.drills import Drill
from swarmlab.lessons import alerts15, scenes14, scenes14b

def lab():
    cluster = scenes14.evening()
    return cluster.trace.digest(), cluster.docker("service ls").stdout, cluster.logs(), cluster.measured()

def torn():
    return scenes14b.broken("a worker burns").trace.digest(), scenes14b.row_of("brokers cut apart", 3)

def alerts():
    return alerts15.rings(alerts15.night("a worker is lost"))

def drills():
    for which in (2, 7, 10):
        drill = Drill(which, 7)
        players.right(drill)
        yield str(drill.brief), str(drill.grade()), str(drill.debrief()), drill.cluster.trace.digest()

played = [lab, torn, alerts, lambda: list(drills())]
order = range(4) if sys.argv[1] == "forth" else range(3, -1, -1)
found = {n: played[n]() for n in order}
print(sorted(found.items()))
"""


def play(order, environment):
    run = [sys.executable, "-c", PLAYED, order]
    return subprocess.Popen(run, env={**os.environ, **environment}, stdout=subprocess.PIPE, cwd=ROOT)


def test_evenings_drills_and_alarms_are_the_same_elsewhere_and_in_another_order():
    here, there = play("forth", HERE), play("back", ELSEWHERE)
    told = [one.communicate()[0] for one in (here, there)]
    assert here.returncode == there.returncode == 0
    assert told[0] == told[1] and len(told[0]) > 10_000
