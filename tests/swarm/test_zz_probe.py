import time
from typing import Any
from beeyard.process import Command
from beeyard.swarm import Manager

def test_probe(real_swarm: Any, manager: Manager) -> None:
    m, w = real_swarm.on("manager-1"), real_swarm.on("worker-2")
    def say(r, *argv):
        d = r.run(Command(list(argv), timeout=60), check=False)
        print(round(time.monotonic(),1), argv, d.code, d.stdout[-600:], d.stderr[-600:], flush=True)
    say(m, "docker", "node", "promote", "worker-2")
    for _ in range(6):
        say(m, "docker", "node", "ls"); time.sleep(1)
    say(m, "docker", "node", "update", "--availability=drain", "worker-2")
    say(m, "docker", "node", "demote", "worker-2")
    for _ in range(20):
        say(m, "docker", "node", "ls")
        say(w, "docker", "info", "--format", "{{json .Swarm}}")
        time.sleep(1)
    say(w, "docker", "swarm", "leave")
    say(w, "docker", "info", "--format", "{{json .Swarm}}")
    say(w, "journalctl", "-u", "docker", "-n", "30", "--no-pager")
