"""Mitogen's strategy `mitogen_linear`, with its processes on whichever processor is free.

Mitogen pins them (its `affinity.py`): with two or three processors, all that carries messages to
the first, and Ansible with all its workers to the others by turns. That is for a machine where
nothing else runs; beside Terraform, they wait for each other while the other processor idles.

No package: Ansible loads this file from its folder, and it is not part of what `eject` hands over.
"""

from typing import Any

import ansible_mitogen.affinity
import ansible_mitogen.loaders
import ansible_mitogen.strategy

ansible_mitogen.affinity.policy = ansible_mitogen.affinity.Policy()

_Linear: Any = ansible_mitogen.loaders.strategy_loader.get("linear", class_only=True)


class StrategyModule(ansible_mitogen.strategy.StrategyMixin, _Linear):  # type: ignore[misc]
    """The name that Ansible looks for."""
