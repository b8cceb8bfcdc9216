"""What a manager says of its Swarm, to whoever brings one back; as JSON on standard output.

python3 -I DIR/swarm.py seen      what the Swarm is: a digest of each thing, and of /etc/beeyard
python3 -I DIR/swarm.py record    which copy this manager was restored from, and how far
python3 -I DIR/swarm.py compared  note what it had otherwise than the backup: lines, as JSON on
                                  standard input
python3 -I DIR/swarm.py ended     note that all that follows a restore was done
"""

import json
import sys
from pathlib import Path
from typing import Any

# Python is told to look nowhere for modules (-I); these lie beside this one.
sys.path.insert(0, str(Path(__file__).parent))

from raft_copy import kept
from raft_engine import Engine
from raft_restore import compared, ended, record
from raft_seen import facts, seen
from words import Failed, say


def main(arguments: list[str]) -> Any:
    """Do what is asked for; gives what is to be said of it."""
    match arguments:
        case ["seen"]:
            return {**facts(seen(Engine())), **kept()}
        case ["record"]:
            return record()
        case ["compared"]:
            return compared(json.load(sys.stdin))
        case ["ended"]:
            return ended()
    raise Failed(__doc__ or "")


if __name__ == "__main__":
    try:
        answer = main(sys.argv[1:])
    except (Failed, OSError) as error:
        say(str(error))
        sys.exit(1)
    sys.stdout.write(json.dumps(answer) + "\n")
