"""Load by schedule (open loop): a request is sent when it is due, answered or not the ones before.

A program of its own, so that nothing that is measured beside it can hold it up. It sends until it
is interrupted (SIGINT), waits for the answers that are out, and writes down every exchange.
"""

import argparse
import asyncio
import gc
import itertools
import json
import secrets
import signal
import ssl
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import h11

from bench.load.connection import Connection
from bench.load.exchange import Exchange, Ingress, write

#: What is said on standard error once all connections stand and the first request is due.
SENDING = "sending"
#: One request in so many is a POST. Has no divisor in common with the number of connections, so
#: that each of them carries both.
_POSTS = 3
#: One in so many takes long: such are under way at any moment, as a replica is told to end.
_LONG = 100
_LONG_SECONDS = 4.0
#: Less than the generator is given to end, once it is interrupted (beeyard.process).
_TIMEOUT_SECONDS = 15.0


@dataclass(frozen=True)
class Plan:
    """Requests per second, over so many connections."""

    ingress: Ingress
    rate: float
    connections: int


class Generator:
    """Sends one plan's requests. `exchanges` are those that have ended."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._tls = ssl.create_default_context(cafile=plan.ingress.ca)
        self._run = secrets.token_hex(4)
        self._due: asyncio.Queue[Exchange] = asyncio.Queue()
        self._open: dict[float, Exchange] = {}
        self.exchanges: list[Exchange] = []

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop` is set, and until all is answered or given up.

        Raises OSError if no connection can be made to begin with.
        """
        connections = [
            Connection(self._plan.ingress, self._tls) for _ in range(self._plan.connections)
        ]
        await asyncio.gather(*(connection.open() for connection in connections))
        workers = [asyncio.create_task(self._work(connection)) for connection in connections]
        sys.stderr.write(f"{SENDING}\n")
        sys.stderr.flush()
        await self._schedule(stop)
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                await self._due.join()
        except TimeoutError:
            self._give_up()
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        for connection in connections:
            connection.close()

    async def _schedule(self, stop: asyncio.Event) -> None:
        began = time.monotonic()
        for number in itertools.count():
            due = began + number / self._plan.rate
            if (early := due - time.monotonic()) > 0:
                await asyncio.sleep(early)
            if stop.is_set():
                return
            entry = "" if number % _POSTS else f"{self._run}-{number}"
            takes = 0.0 if number % _LONG else _LONG_SECONDS
            one = Exchange(entry, takes, due, None, due, None)
            self._open[due] = one
            self._due.put_nowait(one)

    async def _work(self, connection: Connection) -> None:
        while True:
            one = await self._due.get()
            try:
                self._end(await _exchange(connection, one))
            finally:
                self._due.task_done()

    def _end(self, one: Exchange) -> None:
        del self._open[one.scheduled]
        self.exchanges.append(one)

    def _give_up(self) -> None:
        now = time.monotonic()
        for one in list(self._open.values()):
            self._end(replace(one, done=now, error="no answer until the end"))


async def _exchange(connection: Connection, one: Exchange) -> Exchange:
    """Send it and wait for its answer; a failure is an end, too."""
    sent = None
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            await connection.open()
            sent = time.monotonic()
            query = f"?seconds={one.takes:g}" if one.takes else ""
            if one.id:
                body = json.dumps({"id": one.id}).encode()
                connection.send("POST", f"/entries{query}", body)
            else:
                connection.send("GET", f"/{query}")
            status = await connection.answer()
    except TimeoutError:
        connection.close()
        error = f"no answer in {_TIMEOUT_SECONDS:g} s"
        return replace(one, sent=sent, done=time.monotonic(), error=error)
    except (OSError, h11.RemoteProtocolError) as failure:
        connection.close()
        error = f"{type(failure).__name__}: {failure}"
        return replace(one, sent=sent, done=time.monotonic(), error=error)
    return replace(one, sent=sent, done=time.monotonic(), status=status)


async def _main(plan: Plan, output: Path) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
    # Nothing here is made in circles, and a collection would be felt as latency.
    gc.disable()
    generator = Generator(plan)
    await generator.run(stop)
    write(generator.exchanges, output)


def main() -> int:
    """Send what the arguments ask for; gives the exit code."""
    parser = argparse.ArgumentParser(prog="bench.load.generator")
    parser.add_argument("--address", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", required=True, help="name in the request and in the certificate")
    parser.add_argument("--ca", type=Path, required=True, help="who signed the certificate (PEM)")
    parser.add_argument("--rate", type=float, required=True, help="requests per second")
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--output", type=Path, required=True, help="a line for each exchange")
    given = parser.parse_args()
    ingress = Ingress(given.address, given.port, given.host, given.ca)
    try:
        asyncio.run(_main(Plan(ingress, given.rate, given.connections), given.output))
    except OSError as error:
        sys.stderr.write(f"no connection to {given.host} at {given.address}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
