"""The vault of AWS Backup, by a real API."""

from beeyard.cloud import backup_vault
from beeyard.cloud.api import Aws


def test_it_is_made_once(aws: Aws) -> None:
    name = backup_vault.name("shop")
    assert [backup_vault.ensure(aws, name) for _ in range(2)] == [True, False]
    found = aws.client("backup").list_backup_vaults()["BackupVaultList"]
    assert [one["BackupVaultName"] for one in found] == ["beeyard-shop"]
