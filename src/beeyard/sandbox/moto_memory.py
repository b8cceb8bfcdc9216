"""What stands in moto's memory alone: passwords, and the credentials that EC2 lends instances."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from beeyard.sandbox.world import Lent
from beeyard.secret import Secret

#: Seconds for which credentials are good, and before their end others take their place. On AWS it
#: is about six hours, with at least five minutes left.
_GOOD_FOR = 6 * 3600
_RENEWED = 3600


class Passwords:
    """The passwords of the DB instances."""

    def __init__(self, account: str, region: str) -> None:
        self._account = account
        self._region = region

    def of(self, identifier: str) -> Secret:
        # Not before moto was told of its machine images, which it reads when it is imported.
        from moto.rds.models import rds_backends  # noqa: PLC0415

        database = rds_backends[self._account][self._region].databases[identifier]
        # The public property refuses to be read, as the API does.
        return Secret(database._master_user_password or "")  # noqa: SLF001


class Lender:
    """Has credentials made of the roles of instance profiles, as EC2 does by STS.

    Not through the API: EC2 itself asks for them, whose rights nobody restricts."""

    def __init__(self, account: str, region: str, clock: Callable[[], float] = time.time) -> None:
        self._account = account
        self._region = region
        self._clock = clock
        #: By instance, with the time at which they end.
        self._lent: dict[str, tuple[Lent, float]] = {}

    def lend(self, instance_id: str, profile_arn: str | None) -> Lent | None:
        """The credentials of an instance with that profile; None where it has no role."""
        found = self._role(profile_arn)
        if found is None:
            self._lent.pop(instance_id, None)
            return None
        profile_id, role_arn = found
        lent, end = self._lent.get(instance_id, (None, 0.0))
        role = role_arn.rpartition("/")[2]
        fits = lent and (lent.profile_arn, lent.role) == (profile_arn, role)
        if not lent or not fits or end - self._clock() < _RENEWED:
            lent = self._made(instance_id, str(profile_arn), profile_id, role_arn)
            self._lent[instance_id] = (lent, self._clock() + _GOOD_FOR)
        return lent

    def forget(self, instance_id: str) -> None:
        """The instance is gone."""
        self._lent.pop(instance_id, None)

    def _role(self, profile_arn: str | None) -> tuple[str, str] | None:
        """The profile's ID and its role's ARN."""
        from moto.iam.models import iam_backends  # noqa: PLC0415

        for profile in iam_backends[self._account][self._partition].get_instance_profiles():
            if profile.arn == profile_arn and profile.roles:
                return str(profile.id), str(profile.roles[0].arn)
        return None

    def _made(self, instance_id: str, profile_arn: str, profile_id: str, role_arn: str) -> Lent:
        from moto.sts.models import sts_backends  # noqa: PLC0415

        assumed = sts_backends[self._account][self._partition].assume_role(
            region_name=self._region,
            role_session_name=instance_id,
            role_arn=role_arn,
            policy="",
            duration=_GOOD_FOR,
            external_id="",
        )
        now = self._clock()
        return Lent(
            profile_arn=profile_arn,
            profile_id=profile_id,
            role=role_arn.rpartition("/")[2],
            access_key_id=assumed.access_key_id,
            secret_access_key=Secret(assumed.secret_access_key),
            token=Secret(assumed.session_token),
            since=_written(now),
            until=_written(now + _GOOD_FOR),
        )

    @property
    def _partition(self) -> str:
        from moto.utilities.utils import get_partition  # noqa: PLC0415

        return str(get_partition(self._region))


def _written(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class Secrets:
    """Both."""

    passwords: Passwords
    lender: Lender
