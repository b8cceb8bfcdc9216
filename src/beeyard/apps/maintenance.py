"""A page that says "back soon" (503) in place of an application, which runs on untouched behind it.

It is a service of the application's stack: the HAProxy that every manager has already, as the proxy
before the engine's socket. Traefik prefers its routers, which have the rules of the application's
own, by their priority. Its labels turn it on only when its tasks are there, and off before they go:
so no request meets a task that is not ready, or not there any more.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from beeyard.apps.bundle import Bundle
from beeyard.apps.canary_labels import read
from beeyard.apps.contents import Content, ensure, remove
from beeyard.apps.deploy import deploy_to
from beeyard.apps.oneoff import remove_service
from beeyard.apps.probe import MAINTENANCE, probe
from beeyard.apps.site import Say, Site
from beeyard.apps.urls import AppUrl, label_urls
from beeyard.errors import AppError, UnverifiedError
from beeyard.swarm import Manager, Patience, Service, Snapshot, await_converged
from beeyard.swarm.services import change_service, with_labels
from beeyard.waiting import Timeout, wait_until

#: The service's name in the application's stack, and its label.
SERVICE = "maintenance"
LABEL = "beeyard.maintenance"
#: The label that says which work put the page up by itself, and is to take it down.
BY = "beeyard.maintenance.by"
#: What has the image: a service on every manager.
_IMAGE_OF = "traefik_socket-proxy"
_NETWORK = "traefik_proxy"
_ENABLE = "traefik.enable"
_PORT = 8080
_RETRY_AFTER = 60
_PATIENCE = Patience(deadline=120.0, settle=1.0)
# Traefik asks the Swarm every second; 2 s were seen.
_TAKEN_UP = 30.0

# Traefik keeps connections to its servers for 90 s without a request: they must not end before that
# on this side, for a request may be on its way.
_CONFIGURATION = f"""\
global
    log stdout format raw local0 notice
    maxconn 2000
    lua-load /answer.lua
defaults
    mode http
    timeout connect 5s
    timeout client 120s
    timeout http-request 10s
    timeout http-keep-alive 120s
frontend page
    bind :{_PORT}
    http-request use-service lua.answer
"""
# `http-request return` would answer before it has read what a client sends, and hang up on it:
# Traefik makes a 502 of that.
_ANSWER = f"""\
local file = assert(io.open("/page.html"))
local page = file:read("*a")
file:close()
core.register_service("answer", "http", function(applet)
    repeat
        local part = applet:receive(16384)
    until part == nil or #part == 0
    applet:set_status(503)
    applet:add_header("Content-Type", "text/html; charset=utf-8")
    applet:add_header("Content-Length", tostring(#page))
    applet:add_header("Retry-After", "{_RETRY_AFTER}")
    applet:add_header("Cache-Control", "no-store")
    applet:add_header("{MAINTENANCE}", "on")
    applet:start_response()
    if applet.method ~= "HEAD" then
        applet:send(page)
    end
end)
"""
_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Back soon</title>
<style>
html { color-scheme: light dark; font: 1.1rem/1.5 system-ui, sans-serif }
body { margin: 0; min-height: 100vh; display: grid; place-content: center; padding: 1rem }
</style>
</head>
<body>
<main>
<h1>Back soon</h1>
<p>This application is being worked on. Please try again in a few minutes.</p>
</main>
</body>
</html>
"""


@dataclass(frozen=True)
class Gates:
    """Where an application is asked for: its addresses, at each of the cluster's own addresses."""

    urls: Sequence[AppUrl]
    addresses: Sequence[str]
    ca_pem: str | None

    def show_page(self) -> list[bool]:
        """For every answer, whether it is the page."""
        results = [
            probe(url.url, address, https_port=url.port, ca_pem=self.ca_pem)
            for url in self.urls
            for address in self.addresses
        ]
        return [result.maintenance for result in results if result.listening]


@dataclass(frozen=True)
class Maintenance:
    """The page of one application. `check` is called before each step, and raises where somebody
    else may be at work (`Lock.check`)."""

    site: Site
    application: str
    gates: Gates
    check: Callable[[], None]

    def put_up(self, say: Say, by: str = "") -> None:
        """Show the page at all addresses; where it is shown, bring it up to date.

        by  the work that takes it down again; empty: whoever asked for the page does

        Raises AppError for an application without addresses, SwarmError where the page's tasks
        don't come up, UnverifiedError where Traefik does not send requests there.
        """
        snapshot = self.site.manager.snapshot()
        there = page_of(snapshot, self.application)
        shown = there is not None and there.labels.get(_ENABLE) == "true"
        made = contents(self.application)
        bundle = stack(snapshot, self.application, made, shown=shown, by=by)
        self.check()
        ensure(self.site.manager.client, self.application, made.values())
        deploy_to(self.site, self.application, bundle)
        await_converged(
            self.site.manager,
            [self._service],
            patience=_PATIENCE,
            clock=self.site.clock,
            progress=lambda seen: say(f"{seen.service}: {seen.running}/{seen.wanted} {seen.note}"),
        )
        self.check()
        self._show(wanted=True)
        self._await(wanted=True)

    def take_down(self, say: Say) -> None:
        """Let the application answer again, and remove the page.

        Raises UnverifiedError where Traefik goes on sending requests to the page.
        """
        self.check()
        if page_of(self.site.manager.snapshot(), self.application) is not None:
            self._show(wanted=False)
            self._await(wanted=False)
            say("requests go to the application again")
            self.check()
            remove_service(self.site, self._service)
        left = self.site.manager.snapshot().configs
        prefix = _config_prefix(self.application)
        remove(
            self.site.manager.client,
            "configs",
            [name for name in left if name.startswith(prefix)],
        )

    @property
    def _service(self) -> str:
        return f"{self.application}_{SERVICE}"

    def _show(self, *, wanted: bool) -> None:
        labels = {_ENABLE: "true" if wanted else "false"}
        change_service(self.site.manager, self._service, lambda spec: with_labels(spec, labels))

    def _await(self, *, wanted: bool) -> None:
        def seen() -> bool:
            answers = self.gates.show_page()
            return bool(answers) and all(answers) if wanted else not any(answers)

        if not self.gates.urls:
            # Rules for patterns of hosts: there is none that could be asked for.
            return
        try:
            wait_until(seen, clock=self.site.clock, deadline=_TAKEN_UP, interval=0.3)
        except Timeout:
            what = "does not show" if wanted else "still shows"
            raise UnverifiedError(
                f"{self.application} {what} its maintenance page",
                where=", ".join(url.url for url in self.gates.urls),
                why=f"Traefik has not taken it up within {_TAKEN_UP:g} s",
                fix="see the log of traefik_traefik, then run the command again",
            ) from None


def page_of(snapshot: Snapshot, application: str) -> Service | None:
    """The service that shows an application's page, if there is one.

    Raises AppError where the application has a service of that name itself.
    """
    for service in snapshot.stack(application):
        if service.name == f"{application}_{SERVICE}":
            if LABEL in service.labels:
                return service
            raise AppError(
                f"{application} has a service called {SERVICE} itself",
                fix="give it another name in the stack file, and deploy",
            )
    return None


def urls(snapshot: Snapshot, application: str, port: int) -> list[AppUrl]:
    """The addresses at which the application that runs is asked for, each once."""
    found = {
        (url.host, url.path): url
        for service in _routed(snapshot, application)
        for url in label_urls(service.name, service.labels, port)
    }
    return sorted(found.values())


def contents(application: str) -> dict[str, Content]:
    """What HAProxy reads, as Docker configs, by the paths that it has there."""
    return {
        "/usr/local/etc/haproxy/haproxy.cfg": _content(application, "proxy", _CONFIGURATION),
        "/answer.lua": _content(application, "answer", _ANSWER),
        "/page.html": _content(application, "page", _PAGE),
    }


def stack(
    snapshot: Snapshot,
    application: str,
    made: Mapping[str, Content],
    *,
    shown: bool,
    by: str = "",
) -> Bundle:
    """The stack of the one service that shows the page; `shown`: Traefik is to use it; `by`: the
    work that put it up. Pure.

    Raises AppError where the cluster has no image for it, or the application no router.
    """
    document = {
        "version": "3.8",
        "services": {
            SERVICE: {
                "image": _image(snapshot),
                "configs": [{"source": one.name, "target": path} for path, one in made.items()],
                "networks": [_NETWORK],
                "healthcheck": {
                    # There is neither curl nor wget in the image.
                    "test": ["CMD", "bash", "-c", _CHECK],
                    "interval": "2s",
                    "timeout": "3s",
                    "retries": 3,
                    "start_period": "10s",
                },
                # It ends at once: Traefik sends it nothing any more by then.
                "stop_signal": "SIGTERM",
                "deploy": {
                    "replicas": 2,
                    "endpoint_mode": "dnsrr",
                    # Only managers are sure to have the image.
                    "placement": {"constraints": ["node.role == manager"]},
                    "resources": {"limits": {"cpus": "0.50", "memory": "128M"}},
                    "update_config": {"order": "start-first"},
                    "labels": {
                        key: value.replace("$", "$$")
                        for key, value in labels(snapshot, application, shown=shown).items()
                    }
                    | ({BY: by} if by else {}),
                },
            }
        },
        "networks": {_NETWORK: {"external": True}},
        "configs": {one.name: {"external": True, "name": one.name} for one in made.values()},
    }
    # JSON is YAML in which nothing is taken for something else, such as `on` for a boolean.
    return Bundle(json.dumps(document, indent=1))


def labels(snapshot: Snapshot, application: str, *, shown: bool) -> dict[str, str]:
    """The page's labels: a router for every one of the application's, which comes just before it.

    The rules of others that are more special than the application's stay before both. Raises
    AppError if there is none.
    """
    routers = list(_routers(snapshot, application))
    if not routers:
        raise AppError(
            f"{application} has no address at which a page could be shown",
            why="none of its services that run has a router of Traefik's among its labels",
            fix=f"see `beeyard status`; beeyard deploy {application} brings it up",
        )
    name = f"beeyard-{application}-{SERVICE}"
    balancer = f"traefik.http.services.{name}.loadbalancer"
    made = {
        LABEL: "true",
        _ENABLE: "true" if shown else "false",
        "traefik.swarm.network": _NETWORK,
        f"{balancer}.server.port": str(_PORT),
        f"{balancer}.healthcheck.path": "/",
        f"{balancer}.healthcheck.status": "503",
        f"{balancer}.healthcheck.interval": "1s",
        f"{balancer}.healthcheck.timeout": "2s",
        f"traefik.http.middlewares.{name}.retry.attempts": "2",
    }
    for router, options in routers:
        own = {
            key: value
            for key, value in options.items()
            # What the application does with its requests is not for the page.
            if key not in ("service", "priority") and not key.startswith("middlewares")
        }
        own |= {"service": name, "middlewares": name, "priority": str(_priority(options) + 1)}
        prefix = f"traefik.http.routers.beeyard-{router}-{SERVICE}"
        made |= {f"{prefix}.{key}": value for key, value in own.items()}
    return made


_CHECK = (
    f'exec 3<>/dev/tcp/127.0.0.1/{_PORT} && printf "GET / HTTP/1.0\\r\\n\\r\\n" >&3 '
    '&& grep -q " 503 " <&3'
)


def _routers(snapshot: Snapshot, application: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    for service in _routed(snapshot, application):
        for router, options in sorted(read(service.labels).routers.items()):
            if options.get("rule"):
                yield router, options


def _routed(snapshot: Snapshot, application: str) -> list[Service]:
    """The application's own services that Traefik routes to."""
    return [
        service
        for service in snapshot.stack(application)
        if LABEL not in service.labels
        and service.labels.get(_ENABLE, "").lower() in ("true", "1", "t")
    ]


def _priority(options: Mapping[str, str]) -> int:
    """Where a router says nothing (or 0), the length of its rule counts (Traefik 3, "Priority")."""
    said = options.get("priority", "")
    return int(said) if said.isdecimal() and int(said) else len(options["rule"])


def _image(snapshot: Snapshot) -> str:
    for service in snapshot.services:
        if service.name == _IMAGE_OF:
            return service.image
    raise AppError(
        "there is no image for the maintenance page",
        why=f"the service {_IMAGE_OF}, which has it, does not run",
        fix="run `beeyard provision --tags deploy_infra`, then this again",
    )


def _config_prefix(application: str) -> str:
    return f"beeyard.{application}.{SERVICE}."


def _content(application: str, key: str, text: str) -> Content:
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    name = f"{_config_prefix(application)}{key}.{digest}"
    return Content("configs", key, name, text.encode())


def is_on(manager: Manager, application: str) -> bool:
    """Whether an application's page is there."""
    return page_of(manager.snapshot(), application) is not None
