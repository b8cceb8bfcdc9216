"""What is told of drills while they go on: all of them take hours."""

import pytest

from drills.table import drills_of


class Told:
    """A plugin of pytest: how each drill ended, as soon as it has, and of a red one why."""

    def __init__(self) -> None:
        self._reports: dict[str, list[pytest.TestReport]] = {}
        self._config: pytest.Config | None = None

    def pytest_configure(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if "drill" not in report.keywords or self._config is None:
            return
        reports = self._reports.setdefault(report.nodeid, [])
        reports.append(report)
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        if report.when != "teardown" or terminal is None:
            return
        (drill,) = drills_of(reports)
        terminal.ensure_newline()
        terminal.write_line(f"{drill.name}: {drill.result}, {drill.seconds:.0f} s")
        for failed in (one for one in reports if one.failed):
            terminal.write_line(failed.longreprtext)
