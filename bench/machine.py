"""The machine that is measured on: no figure means anything without it."""

import os
import platform

import psutil


def describe() -> dict[str, object]:
    """Cores, memory, kernel, and how busy it is (load average of the last minute)."""
    return {
        "cores": os.cpu_count(),
        "memory": f"{psutil.virtual_memory().total / 1e9:.1f} GB",
        "kernel": platform.release(),
        "load before": f"{os.getloadavg()[0]:.1f}",
    }
