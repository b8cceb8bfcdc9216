"""Signing in to a registry on Amazon ECR, anew before a sign-in ends."""

from collections.abc import Callable

from beeyard.apps import Credentials
from beeyard.apps.registry_auth import EndingAuth, Lent
from beeyard.cloud.api import Aws
from beeyard.cloud.ecr import ecr_sign_in
from beeyard.config import ClusterSpec, ExternalRegistry
from beeyard.errors import BeeyardError, CloudError
from beeyard.waiting import Clock


def ecr_auth(spec: ClusterSpec, aws: Callable[[str], Aws], clock: Clock) -> EndingAuth | None:
    """Who we are for the registry that images are pushed to; None where it is not on ECR.

    `aws`: AWS's API in a region, asked as whoever may sign in. It is called for each sign-in, since
    those credentials may end as well, and may raise BeeyardError.
    """
    if not isinstance(spec.registry, ExternalRegistry) or spec.registry.ecr is None:
        return None
    host, region = spec.registry.host.partition("/")[0], spec.registry.ecr.region

    def ask() -> Lent:
        try:
            made = ecr_sign_in(aws(region))
        except BeeyardError as error:
            what = f"there is no sign-in to {host}"
            raise CloudError(what, why=error.brief, fix=error.fix) from error
        return Lent(Credentials(made.username, made.password), made.lasts)

    return EndingAuth(host, ask, clock)
