"""`plan` on the command line: what it prints, and its exit codes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from beeyard.cli import cluster
from beeyard.workflows import ClusterPlan
from beeyard.workflows.plan_report import Layer, Remark, Step
from cli.said import Cli, WriteFile

Finds = Callable[[Layer], None]


@pytest.fixture
def finds(monkeypatch: pytest.MonkeyPatch) -> Finds:
    """`finds(layer)`: what there is to be found."""

    @contextmanager
    def opened(_: object) -> Iterator[None]:
        yield None

    def of(layer: Layer) -> None:
        found = ClusterPlan("shop", "eu-central-1", "aws", None, "", (layer,))
        monkeypatch.setattr(cluster, "open_cluster", opened)
        monkeypatch.setattr(cluster, "run_plan", lambda _: found)

    return of


@pytest.mark.parametrize(
    ("layer", "code", "changes"),
    [
        (Layer("cloud"), 0, 0),
        (Layer("cloud", stays=(Remark("shop", "stays"),)), 0, 0),
        (Layer("cloud", (Step("efs", "create", "a"),)), 2, 1),
        (Layer("cloud", unseen=(Remark("efs", "no answer"),)), 2, 0),
    ],
)
def test_whether_there_is_anything_to_change_is_the_exit_code(
    cli: Cli, finds: Finds, layer: Layer, code: int, changes: int
) -> None:
    finds(layer)
    said: Any = cli("plan")
    assert (said.code, said.err) == (code, "")
    assert said.out.startswith("shop in eu-central-1 (aws): ")
    said = cli("plan", "--json")
    assert (said.code, said.err) == (code, "")
    assert (said.data["pending"], said.data["changes"]) == (code == 2, changes)


def test_an_error_keeps_its_own_code(cli: Cli, file: WriteFile) -> None:
    file()
    said = cli("plan", "--json")
    assert (said.code, said.data["what"]) == (5, "there are no AWS credentials")
