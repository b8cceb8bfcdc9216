"""The vault that AWS Backup copies the shared files into: made before the first copy, and kept.

It costs nothing by itself, and what is in it goes by its own time, so nothing has to remove it.
"""

from botocore.exceptions import ClientError

from beeyard.cloud.api import Aws, in_words


def name(cluster: str) -> str:
    """The vault's name: one per cluster, in its account and region."""
    return f"beeyard-{cluster}"


def ensure(aws: Aws, vault: str) -> bool:
    """Make it if it is not there; gives True if it was made now. Raises CloudError."""
    with in_words():
        try:
            aws.client("backup").create_backup_vault(BackupVaultName=vault)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "AlreadyExistsException":
                return False
            raise
    return True
