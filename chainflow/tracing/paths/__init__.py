"""Paths and flows: which ways value can have gone between two sets, forward in time, and how much at most."""

from chainflow.tracing.paths.find import paths, to_nearest
from chainflow.tracing.paths.flow import Flow, max_flow
from chainflow.tracing.paths.result import NoPath, Path, Paths, Step

__all__ = ["Flow", "NoPath", "Path", "Paths", "Step", "max_flow", "paths", "to_nearest"]
