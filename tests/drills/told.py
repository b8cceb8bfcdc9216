"""What is told of drills while they go on, all of which take hours, and in the end."""

import pytest

from drills.table import drills_of, lines


class Told:
    """A plugin of pytest: how each drill ended, as soon as it has, and of a red one why; then the
    table of all. For the process that tells: with pytest-xdist, that one reads no conftest.py below
    the first."""

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
        # After the dots of pytest-xdist, which end no line.
        terminal.write_line(f"\n{drill.name}: {drill.result}, {drill.seconds:.0f} s")
        for failed in (one for one in reports if one.failed):
            terminal.write_line(failed.longreprtext)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        drills = drills_of(one for reports in self._reports.values() for one in reports)
        if drills:
            terminalreporter.section("drills")
            for line in lines(drills):
                terminalreporter.write_line(line)
