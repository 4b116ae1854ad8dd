"""Incident drills: something is broken, somebody is paged, diagnoses and repairs, and the trace is graded.

The incidents are files, `data/incidents/`; their format is explained in the README there.
"""

from .drill import Drill

__all__ = ["Drill"]
