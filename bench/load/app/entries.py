# mypy: disable-error-code="import-not-found, untyped-decorator, unused-ignore"
"""What the application answers: entries, each committed before it is acknowledged."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from sqlalchemy import Column, Engine, MetaData, String, Table, create_engine, func, select
from sqlalchemy.dialects.mysql import BIGINT
from sqlalchemy.engine import make_url
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

#: The most that one answer holds.
PAGE = 20_000
_LONGEST_SECONDS = 10.0
_CONNECTIONS = 8

_METADATA = MetaData()
#: `id` is not unique on purpose: an entry that came twice must be seen twice.
_ENTRIES = Table(
    "entries",
    _METADATA,
    Column("number", BIGINT, primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False),
)


def open_database(url: str) -> Engine:
    """An engine on the database of that address, in which there is the table. Its connections are
    open already: a replica is healthy once it is as quick as the others."""
    engine = create_engine(
        make_url(url).set(drivername="mysql+pymysql"),
        pool_size=_CONNECTIONS,
        pool_recycle=300,
        connect_args={"connect_timeout": 5, "read_timeout": 20, "write_timeout": 20},
    )
    _METADATA.create_all(engine)
    opened = [engine.connect() for _ in range(_CONNECTIONS)]
    for connection in opened:
        connection.execute(select(_ENTRIES.c.id).limit(1))
        connection.close()
    return engine


class Entries:
    """The endpoints. `draining` says whether this replica is on its way out."""

    def __init__(self, engine: Engine, version: str, draining: Callable[[], bool]) -> None:
        self._engine = engine
        self._version = version
        self._draining = draining

    def application(self) -> Starlette:
        """The application, for a server."""
        return Starlette(
            routes=[
                Route("/", self.home),
                Route("/healthz", self.health),
                Route("/entries", self.add, methods=["POST"]),
                Route("/entries", self.page),
                Route("/entries/count", self.count),
            ]
        )

    async def home(self, request: Request) -> Response:
        """A page: which release this is. `?seconds=` says how long it takes."""
        await asyncio.sleep(_asked(request))
        return self._answer(PlainTextResponse(f"entries {self._version}\n"))

    async def health(self, _request: Request) -> Response:
        """200; 503 when draining. It does not ask the database, on which all replicas depend
        alike: another replica would be no better."""
        if self._draining():
            return PlainTextResponse("draining\n", status_code=503)
        return PlainTextResponse("ok\n")

    async def add(self, request: Request) -> Response:
        """Commit `{"id": …}`, then answer 201. `?seconds=` says how long it takes; the entry is
        committed when half of that is over."""
        entry = json.loads(await request.body())["id"]
        half = _asked(request) / 2
        await asyncio.sleep(half)
        await run_in_threadpool(self._insert, entry)
        await asyncio.sleep(half)
        return self._answer(JSONResponse({"id": entry}, status_code=201))

    async def page(self, request: Request) -> Response:
        """Pairs of number and id, in order, those after number `after`; PAGE of them at most."""
        after = int(request.query_params.get("after", "0"))
        rows = await run_in_threadpool(self._rows, after)
        return self._answer(JSONResponse([[number, entry] for number, entry in rows]))

    async def count(self, _request: Request) -> Response:
        """How many there are, and the highest number."""
        rows, last = await run_in_threadpool(self._count)
        return self._answer(JSONResponse({"rows": rows, "last": last}))

    def _answer(self, response: Response) -> Response:
        if self._draining():
            # The proxy keeps connections open; this makes it use another replica's.
            response.headers["Connection"] = "close"
        return response

    def _insert(self, entry: str) -> None:
        with self._engine.begin() as connection:
            connection.execute(_ENTRIES.insert().values(id=entry))

    def _rows(self, after: int) -> list[Any]:
        query = select(_ENTRIES.c.number, _ENTRIES.c.id).where(_ENTRIES.c.number > after)
        with self._engine.connect() as connection:
            return list(connection.execute(query.order_by(_ENTRIES.c.number).limit(PAGE)))

    def _count(self) -> tuple[int, int]:
        query = select(func.count(), func.coalesce(func.max(_ENTRIES.c.number), 0))
        with self._engine.connect() as connection:
            rows, last = connection.execute(query.select_from(_ENTRIES)).one()
            return rows, last


def _asked(request: Request) -> float:
    return min(float(request.query_params.get("seconds", "0")), _LONGEST_SECONDS)
