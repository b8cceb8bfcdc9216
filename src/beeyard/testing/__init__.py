"""Fakes on the project's seams, for its own tests and for those of whoever builds on it."""

from beeyard.testing.clock import FakeClock
from beeyard.testing.engine import Act, FakeEngine
from beeyard.testing.runner import FakeRunner, FakeRunning

__all__ = ["Act", "FakeClock", "FakeEngine", "FakeRunner", "FakeRunning"]
