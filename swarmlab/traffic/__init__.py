"""Requests, by the dozen or by the million: workloads, queues, measures."""
