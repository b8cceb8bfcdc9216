"""Pipelines in the `.drone.yml` format: read, decided, run."""
