"""The section `backups` of `beeyard.yml`: when they are taken, and which are kept."""

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema, field_validator

from beeyard.config.names import matches
from beeyard.config.refusal import Wrong, refusal, refuse_all
from beeyard.config.sections import Section

_TIME = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
_DAY = 24 * 60


def _check_time(value: str) -> str:
    if not matches(_TIME, value):
        raise refusal(Wrong(f"`{value}` is no time of day", 'Hours and minutes: "03:00".'))
    return value


Time = Annotated[
    str, AfterValidator(_check_time), WithJsonSchema({"type": "string", "pattern": _TIME})
]


class Keep(Section):
    """Which backups are kept, of each kind."""

    daily: int = Field(
        default=7, ge=1, le=366, description="Of so many days, the newest of the day."
    )
    weekly: int = Field(
        default=4, ge=0, le=520, description="Of so many weeks, the newest of the week."
    )


class Backups(Section):
    """When backups are taken, and which are kept."""

    times: tuple[Time, ...] = Field(
        default=("03:00",),
        strict=False,
        description="Times of day at which the first manager takes one of each kind, in UTC and in "
        "quotes; empty: only `beeyard backup create` does.",
    )
    keep: Keep = Field(default=Keep(), description="Which are kept, of each kind.")
    aws_backup_days: int = Field(
        default=35,
        ge=0,
        le=3650,
        description="Days for which AWS Backup keeps its own daily copy of the shared files; 0: it "
        "makes none. Not in a rehearsal.",
    )

    @field_validator("times")
    @classmethod
    def _check_times(cls, times: tuple[str, ...]) -> tuple[str, ...]:
        refuse_all(
            [
                Wrong(f"`{time}` is named twice", "Name it once.", at=(index,))
                for index, time in enumerate(times)
                if time in times[:index]
            ]
        )
        return times

    @property
    def is_scheduled(self) -> bool:
        """Whether any are taken without being asked for."""
        return bool(self.times)

    @property
    def longest_gap(self) -> timedelta | None:
        """The longest time between two that are scheduled; None where none are."""
        if not self.times:
            return None
        minutes = sorted(60 * int(time[:2]) + int(time[3:]) for time in self.times)
        following = [*minutes[1:], minutes[0] + _DAY]
        return timedelta(minutes=max(b - a for a, b in zip(minutes, following, strict=True)))
