"""Measurements against the peers, each a module that runs alone: `python -m benchmarks.wire --json`."""
