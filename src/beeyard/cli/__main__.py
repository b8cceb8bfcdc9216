"""`python -m beeyard.cli`."""

from beeyard.cli.main import run

run()
