"""The AWS API, as far as beeyard itself calls it: who we are, the state bucket, RDS's password."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
    WaiterError,
)
from botocore.exceptions import ConnectionError as NoConnection

from beeyard.cloud import rights
from beeyard.cloud.outputs import Outputs
from beeyard.cloud.target import Target
from beeyard.errors import CloudError
from beeyard.secret import Secret

_LOG_IN = (
    "sign in to AWS: `aws configure`, `aws sso login`, or AWS_PROFILE / AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY in the environment; or rehearse without AWS: `beeyard --sandbox up`"
)
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
_INVALID = {
    "InvalidClientTokenId",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "AuthFailure",
    "UnrecognizedClientException",
}
#: botocore's names for what it would else ask this process's environment for.
_SETTINGS = {
    "AWS_PROFILE": "profile",
    "AWS_CONFIG_FILE": "config_file",
    "AWS_SHARED_CREDENTIALS_FILE": "credentials_file",
}
#: Several threads may use a client at once, but none a session (boto3's guides to both): clients
#: are made one at a time.
_MAKING = threading.Lock()


@dataclass(frozen=True)
class Account:
    """Who we are on AWS."""

    id: str
    arn: str


@dataclass(frozen=True)
class Aws:
    """Calls the AWS API of a target in one region."""

    target: Target
    region: str

    @cached_property
    def _session(self) -> boto3.Session:
        with _in_words():
            return session(self.target.environment, self.region)

    @cached_property
    def _clients(self) -> dict[str, Any]:
        return {}

    def client(self, service: str) -> Any:
        """A boto3 client, made once; calls through it belong inside `in_words`."""
        with _MAKING, _in_words():
            if service not in self._clients:
                self._clients[service] = self._made(service)
            return self._clients[service]

    def _made(self, service: str) -> Any:
        return self._session.client(
            service,
            endpoint_url=self.target.endpoint,
            config=Config(
                # Of S3, boto3 would sign URLs for older regions as buckets made since 2020
                # do not accept. Source: Amazon S3 user guide, "AWS Signature Version 2".
                signature_version="s3v4" if service == "s3" else None,
                connect_timeout=5,
                read_timeout=30,
                retries={"max_attempts": 4, "mode": "standard"},
                # None: as the environment says. A proxy can't reach an API on this machine.
                proxies={} if self.target.endpoint else None,
            ),
        )

    def account(self) -> Account:
        """The account that the credentials belong to; raises CloudError with what to do."""
        with _in_words():
            identity = self.client("sts").get_caller_identity()
        return Account(identity["Account"], identity["Arn"])

    def instance_states(self, outputs: Outputs) -> dict[str, str]:
        """Each instance's state (`running`, `stopped`, …) by its ID; those gone are not in it."""
        wanted = {node.instance_id for node in outputs.nodes}
        pages = self.client("ec2").get_paginator("describe_instances")
        with _in_words():
            # Filtered by tag: asking for an ID that is gone would be an error.
            found = pages.paginate(
                Filters=[{"Name": "tag:beeyard:cluster", "Values": [outputs.name]}]
            )
            instances = [
                instance
                for page in found
                for reservation in page["Reservations"]
                for instance in reservation["Instances"]
            ]
        return {
            instance["InstanceId"]: instance["State"]["Name"]
            for instance in instances
            if instance["InstanceId"] in wanted
        }

    def start_instances(self, instance_ids: Sequence[str]) -> None:
        """Start instances that are stopped, or about to be, and wait until EC2 says they run."""
        ec2, ids = self.client("ec2"), list(instance_ids)
        with _in_words():
            ec2.get_waiter("instance_stopped").wait(InstanceIds=ids)
            ec2.start_instances(InstanceIds=ids)
            ec2.get_waiter("instance_running").wait(InstanceIds=ids)

    def failed_checks(self, instance_id: str) -> tuple[str, ...]:
        """Which of EC2's own checks an instance that runs fails: `instance`, `system`."""
        with _in_words():
            said = self.client("ec2").describe_instance_status(InstanceIds=[instance_id])
        return tuple(
            check
            for status in said["InstanceStatuses"]
            for check in ("instance", "system")
            if status[f"{check.title()}Status"]["Status"] == "impaired"
        )

    def set_database_password(self, identifier: str, password: Secret) -> None:
        """Set the database administrator's password, and wait until RDS has taken it on."""
        rds = self.client("rds")
        with _in_words():
            rds.modify_db_instance(
                DBInstanceIdentifier=identifier,
                MasterUserPassword=password.reveal(),
                ApplyImmediately=True,
            )
            rds.get_waiter("db_instance_available").wait(
                DBInstanceIdentifier=identifier, WaiterConfig={"Delay": 5, "MaxAttempts": 120}
            )

    def snapshots(self, identifier: str) -> list[str]:
        """Names of the snapshots that are kept of a database; RDS's own go with the database."""
        pages = self.client("rds").get_paginator("describe_db_snapshots")
        with _in_words():
            found = pages.paginate(DBInstanceIdentifier=identifier, SnapshotType="manual")
            entries = [entry for page in found for entry in page["DBSnapshots"]]
        return [entry["DBSnapshotIdentifier"] for entry in entries]

    def delete_snapshot(self, snapshot: str) -> None:
        """Remove a database snapshot for good."""
        with _in_words():
            self.client("rds").delete_db_snapshot(DBSnapshotIdentifier=snapshot)


def session(environment: Mapping[str, str], region: str) -> boto3.Session:
    """A session with what `environment` holds, before what this process's own environment says."""
    core = botocore.session.get_session()
    for variable, setting in _SETTINGS.items():
        if variable in environment:
            core.set_config_variable(setting, environment[variable])
    return boto3.Session(
        aws_access_key_id=environment.get("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=environment.get("AWS_SECRET_ACCESS_KEY"),
        aws_session_token=environment.get("AWS_SESSION_TOKEN"),
        region_name=region,
        botocore_session=core,
    )


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except (NoCredentialsError, PartialCredentialsError, ProfileNotFound) as error:
        raise CloudError("there are no AWS credentials", why=str(error), fix=_LOG_IN) from error
    except (TokenRetrievalError, UnauthorizedSSOTokenError) as error:
        raise CloudError("your AWS session has ended", why=str(error), fix=_LOG_IN) from error
    except (HTTPClientError, NoConnection) as error:
        raise CloudError(
            "the AWS API does not answer",
            why=str(error),
            fix="see that the network is up; `beeyard sandbox status` tells of a rehearsal",
        ) from error
    except ClientError as error:
        raise _client_error(error) from error
    except WaiterError as error:
        raise CloudError(
            "AWS took longer than was waited for", why=str(error), fix="run this again later"
        ) from error
    except BotoCoreError as error:
        raise CloudError("the AWS API could not be used", why=str(error), fix=_LOG_IN) from error


in_words: Callable[[], Any] = _in_words


def _client_error(error: ClientError) -> CloudError:
    code = error.response.get("Error", {}).get("Code", "")
    if code in _EXPIRED:
        return CloudError("your AWS credentials have expired", why=str(error), fix=_LOG_IN)
    if code in _INVALID:
        return CloudError("AWS does not know your credentials", why=str(error), fix=_LOG_IN)
    if "Denied" in code or code == "UnauthorizedOperation":
        return rights.denied(rights.missing_right(str(error)), error.operation_name, why=str(error))
    if code in {"403", "Forbidden"} and error.operation_name.startswith("Head"):
        # An answer to HEAD has no words. Only S3 is asked so.
        return rights.denied(rights.right_of("s3", error.operation_name), why=str(error))
    return CloudError(f"AWS refused {error.operation_name}", why=str(error))
