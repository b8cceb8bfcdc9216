"""Does every address answer, at every way in, over TLS that is verified?"""

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from beeyard.apps import NO_CERTIFICATE, AppUrl, ProbeResult, await_answer, probe
from beeyard.cloud import Outputs
from beeyard.config import ClusterSpec
from beeyard.errors import UnverifiedError
from beeyard.swarm import Manager, Patience, Snapshot, await_converged
from beeyard.workflows.certificates import ask_again, why_none
from beeyard.workflows.cluster import Cluster
from beeyard.workflows.progress import Phase
from beeyard.workflows.site import urls_of

#: Seconds for the first certificates to be issued and the routers to be known; and after how many
#: a certificate that is not there is asked for again.
DEADLINE, REFUSED = 120.0, 30.0


def urls(cluster: Cluster, outputs: Outputs, left_out: Mapping[str, str]) -> list[AppUrl]:
    """The dashboards' addresses, then the applications'. `left_out`: services that do not run."""
    port = outputs.ingress.https_port
    return [
        *dashboards(cluster.spec, port, left_out),
        *urls_of(cluster.spec, cluster.base, port),
    ]


def dashboards(spec: ClusterSpec, port: int, left_out: Mapping[str, str]) -> list[AppUrl]:
    """The addresses of the infrastructure services that run."""
    paths = {"traefik": "/dashboard/", "registry": "/v2/", "portainer": "/", "ci": "/healthz"}
    running = [name for name in ("traefik", *spec.infrastructure) if name not in left_out]
    return [AppUrl(f"{name}.{spec.domain}", paths[name], port, name, name) for name in running]


def probe_urls(
    cluster: Cluster, outputs: Outputs, left_out: Mapping[str, str]
) -> list[ProbeResult]:
    """Ask every address once, at every way in."""
    ingress = outputs.ingress

    def ask(pair: tuple[AppUrl, str]) -> ProbeResult:
        url, address = pair
        return probe(
            url.url, address, https_port=ingress.https_port, ca_pem=ingress.acme.root_certificate
        )

    pairs = [
        (url, address) for url in urls(cluster, outputs, left_out) for address in ingress.addresses
    ]
    with ThreadPoolExecutor(max_workers=8) as pool:
        return list(pool.map(ask, pairs))


def await_services(
    cluster: Cluster,
    manager: Manager,
    phase: Phase,
    names: Collection[str] | None = None,
    *,
    deadline: float,
) -> Snapshot:
    """Wait until services (None: all) run, `deadline` seconds at most, and tell how far they are.
    Raises SwarmError."""
    return await_converged(
        manager,
        names,
        patience=Patience(deadline=deadline),
        clock=cluster.clock,
        progress=lambda seen: phase.say(f"{seen.service}: {seen.note or 'runs'}"),
    )


def await_infrastructure(
    cluster: Cluster,
    outputs: Outputs,
    manager: Manager,
    left_out: Mapping[str, str],
    phase: Phase,
) -> None:
    """Wait until the infrastructure services run and answer: images are pushed through them.

    Raises SwarmError or UnverifiedError.
    """
    running = dashboards(cluster.spec, outputs.ingress.https_port, left_out)
    stacks = {url.service for url in running}
    names = [one.name for one in manager.snapshot().services if one.stack in stacks]
    await_services(cluster, manager, phase, names, deadline=DEADLINE)
    _await(cluster, outputs, running, manager, phase)
    phase.result = f"{len(names)} services run, {len(running)} addresses answer"


def await_urls(
    cluster: Cluster,
    outputs: Outputs,
    left_out: Mapping[str, str],
    manager: Manager,
    phase: Phase,
) -> list[ProbeResult]:
    """Wait until every address answers. Raises UnverifiedError with all of those that do not."""
    answers = _await(cluster, outputs, urls(cluster, outputs, left_out), manager, phase)
    phase.result = f"{sum(answer.ok for answer in answers)} answer over verified TLS"
    return answers


def _await(
    cluster: Cluster, outputs: Outputs, wanted: Sequence[AppUrl], manager: Manager, phase: Phase
) -> list[ProbeResult]:
    found = _answers(cluster, outputs, wanted, phase, REFUSED)
    late = {url: one for url, one in found.items() if isinstance(one, UnverifiedError)}
    if any(NO_CERTIFICATE in (error.why or "") for error in late.values()):
        phase.say("Traefik is told to ask for certificates again")
        ask_again(manager, cluster.clock)
    if late:
        found |= _answers(cluster, outputs, tuple(late), phase, DEADLINE - REFUSED)
    failures = {url: one for url, one in found.items() if isinstance(one, UnverifiedError)}
    if failures:
        raise UnverifiedError(
            f"{len(failures)} of {len(wanted)} addresses do not answer",
            why="\n".join(_whys(manager, failures)),
            fix="see `beeyard status`; running the command again goes on from here",
        )
    return [one for results in found.values() if isinstance(results, list) for one in results]


def _whys(manager: Manager, failures: Mapping[AppUrl, UnverifiedError]) -> list[str]:
    said = [(url.host, f"{failure.what}: {failure.why}") for url, failure in failures.items()]
    lacking = {host for host, words in said if NO_CERTIFICATE in words}
    heard = why_none(manager, lacking) if lacking else {}
    return [f"{words}: {heard[host]}" if NO_CERTIFICATE in words else words for host, words in said]


def _answers(
    cluster: Cluster, outputs: Outputs, wanted: Sequence[AppUrl], phase: Phase, deadline: float
) -> dict[AppUrl, list[ProbeResult] | UnverifiedError]:
    """What each address said, or why it did not within `deadline` seconds."""
    ingress = outputs.ingress

    def await_one(url: AppUrl) -> list[ProbeResult] | UnverifiedError:
        try:
            return await_answer(
                url.url,
                ingress.addresses,
                https_port=ingress.https_port,
                ca_pem=ingress.acme.root_certificate,
                deadline=deadline,
                clock=cluster.clock,
                progress=lambda result: phase.say(f"{url.url}: {result.problem}"),
            )
        except UnverifiedError as error:
            return error

    with ThreadPoolExecutor(max_workers=8) as pool:
        return dict(zip(wanted, pool.map(await_one, wanted), strict=True))
