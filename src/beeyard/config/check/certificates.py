"""Whether an authority can sign the certificates, and whether beeyard can verify them then."""

from collections.abc import Iterator

from beeyard.config.certificates import root_certificate
from beeyard.config.check.finding import Finding
from beeyard.config.check.project import Project
from beeyard.errors import ConfigError

_ROOT = ("ingress", "acme", "root_certificate")


def root(project: Project) -> Iterator[Finding]:
    """The file with the authority's root, where one is named."""
    try:
        root_certificate(project.spec.ingress.acme, project.base)
    except ConfigError as error:
        yield project.finding("error", _ROOT, error.what, error.fix or "", error.why)


def staging(project: Project) -> Iterator[Finding]:
    """Nobody trusts what Let's Encrypt's staging signs. Of other authorities that is not known."""
    acme = project.spec.ingress.acme
    if acme.server == "letsencrypt-staging" and acme.root_certificate is None:
        yield project.finding(
            "warning",
            ("ingress", "acme", "server"),
            "on AWS `up` can't verify the certificates of this authority",
            "Name its roots with `root_certificate` (letsencrypt.org/docs/staging-environment has "
            "them), or use `letsencrypt`.",
            "No system trusts the roots of Let's Encrypt's staging environment.",
        )


def several_managers(project: Project) -> Iterator[Finding]:
    """The authority asks one of the managers, and Traefik need not run there."""
    count = project.spec.managers.count
    if count > 1:
        yield project.finding(
            "warning",
            ("managers", "count"),
            f"on AWS certificates may not be issued with {count} managers",
            "On AWS use 1, until beeyard makes a load balancer.",
            "Traefik runs on one of them. Let's Encrypt validates at the first address of a name, "
            "and goes on to no other where nobody listens.",
        )
