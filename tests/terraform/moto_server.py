"""`python moto_server.py PORT`: moto's server as the sandbox runs it, in a process of its own.

Port 0 takes a free one; the server says which. MOTO_AMIS_PATH must be set before the start.
"""

import sys

from moto.server import main

from beeyard.sandbox import moto_answers

if __name__ == "__main__":
    moto_answers.apply()
    main(["-H", "127.0.0.1", "-p", sys.argv[1]])
