"""Signing in to a registry on Amazon ECR, anew before a sign-in ends."""

from collections.abc import Callable

from beeyard.apps import Credentials
from beeyard.apps.registry_auth import EndingAuth, Lent
from beeyard.cloud.api import Aws
from beeyard.cloud.ecr import ecr_sign_in
from beeyard.config import ClusterSpec, ExternalRegistry
from beeyard.config.sections import Ecr
from beeyard.errors import BeeyardError, CloudError
from beeyard.waiting import Clock


def ecr_of(spec: ClusterSpec) -> Ecr | None:
    """The registry on ECR that images are pushed to; None where it is another."""
    return spec.registry.ecr if isinstance(spec.registry, ExternalRegistry) else None


def ecr_auth(spec: ClusterSpec, aws: Callable[[str], Aws], clock: Clock) -> EndingAuth | None:
    """Who we are for that registry; None where there is none. `aws`: AWS's API in a region, asked
    as whoever may sign in; asked for anew each time, since those credentials may end as well."""
    found = ecr_of(spec)
    if found is None or not isinstance(spec.registry, ExternalRegistry):
        return None

    host = spec.registry.host.partition("/")[0]

    def ask() -> Lent:
        try:
            made = ecr_sign_in(aws(found.region))
        except BeeyardError as error:
            why = f"{error.what}: {error.why}" if error.why else error.what
            raise CloudError(f"there is no sign-in to {host}", why=why, fix=error.fix) from error
        return Lent(Credentials(made.username, made.password), made.lasts)

    return EndingAuth(host, ask, clock)
