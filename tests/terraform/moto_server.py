"""`python moto_server.py PORT`: moto's server as the sandbox runs it, in a process of its own.

Port 0 takes a free one; the server says which. MOTO_AMIS_PATH must be set before the start.
"""

import sys
from typing import Any

from moto.ec2.models.instances import Instance
from moto.server import main

from beeyard.sandbox import moto_answers


def remove_interfaces_of_the_terminated() -> None:
    """Remove a terminated instance's network interfaces, and so free their private addresses.

    That is EC2's default for interfaces made at launch. moto keeps the addresses as long as Python
    keeps the instance; a manager could never be replaced by one at the same address.
    """
    original = Instance.terminate

    def terminate(self: Instance) -> Any:
        for interface in self.nics.values():
            interface.delete_on_termination = interface.id in self.ec2_backend.enis
        return original(self)

    Instance.terminate = terminate  # type: ignore[method-assign]


if __name__ == "__main__":
    moto_answers.apply()
    remove_interfaces_of_the_terminated()
    main(["-H", "127.0.0.1", "-p", sys.argv[1]])
