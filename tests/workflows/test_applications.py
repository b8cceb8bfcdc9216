"""Which secrets are missing, and what they are made from."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from beeyard.cloud.api import Aws
from beeyard.errors import CloudError, ConfigError, render
from beeyard.inventory import DATABASE_PASSWORD, secret_variable
from beeyard.secret import Secret
from beeyard.swarm import Snapshot
from beeyard.workflows import Cluster
from beeyard.workflows.applications import hand_over, missing_secrets
from cloud.example import REGION, at, spec
from cloud.moto import Moto, make_database

MakeCluster = Callable[..., Cluster]


def swarm(*secrets: str) -> Snapshot:
    return Snapshot(datetime(2030, 1, 1, tzinfo=UTC), (), (), (), (), secrets)


def applications(**secrets: dict[str, str]) -> dict[str, Any]:
    return {name: {"path": name, "secrets": sources} for name, sources in secrets.items()}


class TestMissing:
    APPLICATIONS = applications(
        shop={"shop_key": "generate", "shop_url": "database-url"}, wiki={"wiki_key": "generate"}
    )

    @pytest.mark.parametrize(
        ("held", "missing"),
        [
            (None, ["shop_key", "shop_url", "wiki_key"]),
            (swarm(), ["shop_key", "shop_url", "wiki_key"]),
            (swarm("shop_key", "another"), ["shop_url", "wiki_key"]),
            (swarm("shop_key", "shop_url", "wiki_key"), []),
            # Set by `beeyard secret set`: up makes none, and asks for none.
            (swarm("shop_key.0123456789ab", "shop_url", "wiki_key.old"), ["wiki_key"]),
        ],
    )
    def test_what_the_swarm_does_not_hold(self, held: Snapshot | None, missing: list[str]) -> None:
        assert list(missing_secrets(spec(applications=self.APPLICATIONS), held)) == missing

    def test_each_with_its_application(self) -> None:
        found = missing_secrets(spec(applications=self.APPLICATIONS), None)
        assert {name: application.path for name, application in found.items()} == {
            "shop_key": "shop",
            "shop_url": "shop",
            "wiki_key": "wiki",
        }


class TestSources:
    @pytest.fixture
    def refused(self, make_cluster: MakeCluster) -> Callable[[str], ConfigError]:
        def of(source: str) -> ConfigError:
            with pytest.raises(ConfigError) as caught:
                hand_over(
                    make_cluster(applications=applications(shop={"token": source})), None, None
                )
            return caught.value

        return of

    def test_the_operators_variable(
        self, make_cluster: MakeCluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SHOP_TOKEN", " hush ")
        cluster = make_cluster(applications=applications(shop={"token": "env:SHOP_TOKEN"}))
        assert hand_over(cluster, None, None) == {secret_variable("token"): Secret(" hush ")}

    def test_a_file_beside_the_configuration_without_its_last_newline(
        self, make_cluster: MakeCluster, tmp_path: Path
    ) -> None:
        (tmp_path / "token.txt").write_text("first\nlast\n")
        cluster = make_cluster(applications=applications(shop={"token": "file:token.txt"}))
        assert hand_over(cluster, None, None) == {secret_variable("token"): Secret("first\nlast")}

    def test_what_the_swarm_holds_is_not_asked_for(self, make_cluster: MakeCluster) -> None:
        cluster = make_cluster(applications=applications(shop={"token": "env:NOT_SET_ANYWHERE"}))
        assert hand_over(cluster, swarm("token"), None) == {}

    def test_what_is_made_on_the_cluster_is_not_handed_over(
        self, make_cluster: MakeCluster
    ) -> None:
        cluster = make_cluster(applications=applications(shop={"key": "generate"}))
        assert hand_over(cluster, None, None) == {}

    @pytest.mark.parametrize("value", [None, ""])
    def test_a_variable_without_a_value(
        self,
        refused: Callable[[str], ConfigError],
        monkeypatch: pytest.MonkeyPatch,
        value: str | None,
    ) -> None:
        monkeypatch.delenv("SHOP_TOKEN", raising=False)
        if value is not None:
            monkeypatch.setenv("SHOP_TOKEN", value)
        assert render(refused("env:SHOP_TOKEN")) == (
            "error: the variable SHOP_TOKEN is empty\n"
            "  where: secret token (env:SHOP_TOKEN)\n"
            "  do:    export SHOP_TOKEN=…"
        )

    def test_a_file_that_is_not_there(
        self, refused: Callable[[str], ConfigError], tmp_path: Path
    ) -> None:
        assert render(refused("file:gone.txt")) == (
            f"error: there is no file {tmp_path}/gone.txt\n"
            "  where: secret token (file:gone.txt)\n"
            "  do:    make it, or name another"
        )

    def test_a_file_that_is_not_text(
        self, refused: Callable[[str], ConfigError], tmp_path: Path
    ) -> None:
        (tmp_path / "key.bin").write_bytes(b"hush\xff")
        error = refused("file:key.bin")
        assert error.what == f"the file {tmp_path}/key.bin can't be read as text"
        assert "hush" not in render(error)


class TestDatabase:
    APPLICATIONS = applications(
        shop={"shop_url": "database-url"}, wiki={"wiki_url": "database-url"}
    )

    @pytest.fixture
    def cluster(self, make_cluster: MakeCluster, moto: Moto) -> Cluster:
        return make_cluster(at(moto.endpoint), database={}, applications=self.APPLICATIONS)

    def make_database(self, cluster: Cluster) -> None:
        make_database(Aws(cluster.target, REGION).client("rds"))

    def test_its_password_is_set_anew_and_handed_over_once(self, cluster: Cluster) -> None:
        self.make_database(cluster)

        first = hand_over(cluster, None, "shop")
        second = hand_over(cluster, swarm("shop_url"), "shop")

        assert list(first) == list(second) == [DATABASE_PASSWORD]
        assert first[DATABASE_PASSWORD] != second[DATABASE_PASSWORD]
        assert len(first[DATABASE_PASSWORD].reveal()) == 32

    def test_it_is_left_alone_where_nobody_needs_it(self, cluster: Cluster) -> None:
        # There is none: any call would be refused.
        assert hand_over(cluster, swarm("shop_url", "wiki_url"), "shop") == {}
        assert hand_over(cluster, None, None) == {}

    def test_one_that_is_gone(self, cluster: Cluster) -> None:
        with pytest.raises(CloudError, match="AWS refused ModifyDBInstance"):
            hand_over(cluster, None, "shop")
