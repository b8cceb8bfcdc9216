"""A step's settings, as the runner hands them to a plugin: variables named `PLUGIN_<NAME>`.

A list comes joined by commas. Source: docs.drone.io, "Plugin Overview", "Plugin Inputs".
"""

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

_PREFIX = "PLUGIN_"
_TRUE = {"true", "1", "t", "yes", "on"}
_FALSE = {"false", "0", "f", "no", "off"}
_OFF = {"", "false", "no", "off"}
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")


class Refusal(Exception):
    """Why the step fails, in words."""


@dataclass
class Settings:
    """Settings by name. Those that nobody asked for are refused by `refuse_others`."""

    environment: Mapping[str, str]
    _asked: set[str] = field(default_factory=set, init=False)

    def text(self, *names: str, default: str = "", variable: str = "") -> str:
        """The first of the settings `names` that is not empty, else the variable (for a secret that
        comes without a setting), else the default."""
        self._asked.update(names)
        for key in (*(_PREFIX + name.upper() for name in names), variable):
            if value := self.environment.get(key):
                return value
        return default

    def words(self, *names: str) -> list[str]:
        """A list."""
        return [word for part in self.text(*names).split(",") if (word := part.strip())]

    def truth(self, name: str, *, default: bool = False) -> bool:
        """Yes or no. Raises Refusal for anything else."""
        value = self.text(name).strip().lower()
        if value in _TRUE | _FALSE:
            return value in _TRUE
        if value:
            raise Refusal(f"{name} is `{value}`: write true or false")
        return default

    def seconds(self, name: str, default: str) -> float:
        """A time such as `90s` or `1m30s`, in seconds. Raises Refusal for a number without unit."""
        value = self.text(name, default=default).replace(" ", "")
        parts = _DURATION.findall(value)
        if not parts or "".join(number + unit for number, unit in parts) != value:
            raise Refusal(f"{name} is `{value}`: write a time with its unit, such as 30s or 2m")
        return sum(float(number) * _UNITS[unit] for number, unit in parts)

    def refuse_others(self, why: Mapping[str, str]) -> None:
        """Raise Refusal if there is a setting that was not asked for, and that is not off.

        `why` gives reasons for those that the published plugin knows.
        """
        given = {
            key.removeprefix(_PREFIX).lower()
            for key, value in self.environment.items()
            if key.startswith(_PREFIX) and value.strip().lower() not in _OFF
        }
        wrong = [
            f"{name}: {why.get(name, 'this plugin has no such setting')}"
            for name in sorted(given - self._asked)
        ]
        if wrong:
            raise Refusal("; ".join(wrong))


def run(main: Callable[[], None]) -> int:
    """The exit code of a plugin; a refusal is shown as one line."""
    # Lines are shown as they come, also where nobody is at a terminal.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    try:
        main()
    except Refusal as refusal:
        print(f"error: {refusal}")
        return 1
    return 0
