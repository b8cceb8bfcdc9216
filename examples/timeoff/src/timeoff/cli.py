"""The `timeoff` command."""

import argparse
import getpass
import logging
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from timeoff.database import connect, transaction
from timeoff.errors import TimeOffError
from timeoff.models import utcnow
from timeoff.settings import Settings

log = logging.getLogger("timeoff")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; gives the exit code."""
    signal.signal(signal.SIGTERM, _stop)
    _log_to_stderr()
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.run(arguments, Settings.from_env(os.environ)))
    except TimeOffError as error:
        print(f"timeoff: {error}", file=sys.stderr)
        return 1


def _log_to_stderr() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    # A proxy and the engine ask for health every second or two; that is not worth a line.
    logging.getLogger("uvicorn.access").addFilter(lambda record: "/healthz" not in str(record.args))


def _stop(signum: int, _frame: FrameType | None) -> NoReturn:
    # As process 1 of a container there is no default action: without this a replica that waits
    # for its database could not be stopped. The server installs its own handler later.
    raise SystemExit(128 + signum)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="timeoff", description="Leave management.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="migrate, put demo data in if asked to, and serve")
    serve.add_argument("--no-migrate", action="store_true", help="the database is ready")
    serve.set_defaults(run=_serve)
    commands.add_parser("migrate", help="bring the database up to date").set_defaults(run=_migrate)
    commands.add_parser("seed", help="put the demo data in").set_defaults(run=_seed)
    admin = commands.add_parser("create-admin", help="make an administrator")
    admin.add_argument("email")
    admin.add_argument("name")
    admin.set_defaults(run=_create_admin)
    return parser


def _migrate(_arguments: argparse.Namespace, settings: Settings) -> int:
    from timeoff.migrate import upgrade  # noqa: PLC0415  (Alembic is needed by this alone)

    engine = connect(settings.database_url)
    revision = upgrade(engine, settings.startup_seconds)
    engine.dispose()
    log.info("database is at revision %s", revision)
    return 0


def _seed(_arguments: argparse.Namespace, settings: Settings) -> int:
    from timeoff.seed import seed  # noqa: PLC0415

    if settings.demo_password is None:
        log.info("no demo data: TIMEOFF_DEMO_PASSWORD is not set")
        return 0
    engine = connect(settings.database_url)
    seed(engine, settings.demo_password, settings.startup_seconds, utcnow())
    engine.dispose()
    return 0


def _serve(arguments: argparse.Namespace, settings: Settings) -> int:
    if not arguments.no_migrate:
        _migrate(arguments, settings)
        _seed(arguments, settings)
        # A fresh process without Alembic: a replica serves for weeks, and migrates once.
        command = [sys.executable, "-m", "timeoff", "serve", "--no-migrate"]
        os.execv(sys.executable, command)  # noqa: S606
    from timeoff.lifecycle import Lifecycle  # noqa: PLC0415
    from timeoff.server import make_server  # noqa: PLC0415
    from timeoff.web.app import create_app  # noqa: PLC0415

    lifecycle = Lifecycle()
    server = make_server(create_app(settings, lifecycle), settings, lifecycle)
    server.run()
    return 0 if server.started else 1


def _create_admin(arguments: argparse.Namespace, settings: Settings) -> int:
    from timeoff.people import Profile, create_user  # noqa: PLC0415

    password = _ask_password()
    profile = Profile(arguments.email, arguments.name, is_admin=True)
    _migrate(arguments, settings)
    engine = connect(settings.database_url)
    with transaction(engine) as db:
        create_user(db, None, profile, password)
    engine.dispose()
    print(f"{arguments.email} is an administrator.")
    return 0


def _ask_password() -> str:
    if sys.stdin.isatty():
        return getpass.getpass("Password: ")
    return sys.stdin.readline().rstrip("\n")
