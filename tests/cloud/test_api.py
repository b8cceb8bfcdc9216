"""What beeyard itself asks AWS, of a real API on loopback; and what it says when AWS refuses."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from beeyard.cloud import rights, state_bucket
from beeyard.cloud.api import Account, Aws
from beeyard.errors import CloudError, render
from beeyard.sandbox import environment
from beeyard.secret import Secret
from cloud.example import ELSEWHERE, MANAGER, REGION, at, outputs
from cloud.moto import Moto, make_database

LOG_IN = (
    "sign in to AWS: `aws configure`, `aws sso login`, or AWS_PROFILE / AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY in the environment; or rehearse without AWS: `beeyard --sandbox up`"
)


def refusal(aws: Aws, call: Callable[[Aws], object] = Aws.account) -> CloudError:
    with pytest.raises(CloudError) as caught:
        call(aws)
    return caught.value


def test_who_we_are(aws: Aws) -> None:
    assert aws.account() == Account("123456789012", "arn:aws:sts::123456789012:user/moto")


class TestInstances:
    def launch(self, aws: Aws, cluster: str) -> str:
        tags = [{"Key": "beeyard:cluster", "Value": cluster}]
        image = aws.client("ec2").describe_images()["Images"][0]["ImageId"]
        made = aws.client("ec2").run_instances(
            ImageId=image,
            MinCount=1,
            MaxCount=1,
            TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
        )
        return str(made["Instances"][0]["InstanceId"])

    def test_the_states_of_ours(self, aws: Aws) -> None:
        runs, stops, stranger = [self.launch(aws, name) for name in ("shop", "shop", "other")]
        aws.client("ec2").stop_instances(InstanceIds=[stops])
        wanted = [replace(MANAGER, instance_id=one) for one in (runs, stops, stranger, "i-gone")]

        states = aws.instance_states(outputs(nodes=tuple(wanted)))

        assert states == {runs: "running", stops: "stopped"}

    def test_those_that_are_stopped_are_started(self, aws: Aws) -> None:
        stopped = self.launch(aws, "shop")
        aws.client("ec2").stop_instances(InstanceIds=[stopped])

        aws.start_instances([stopped])

        wanted = outputs(nodes=(replace(MANAGER, instance_id=stopped),))
        assert aws.instance_states(wanted) == {stopped: "running"}

    def test_one_that_is_well_fails_no_check(self, aws: Aws) -> None:
        assert aws.failed_checks(self.launch(aws, "shop")) == ()

    def test_one_that_is_not_in_the_outputs_is_not_asked_for(self, aws: Aws) -> None:
        self.launch(aws, "shop")
        assert aws.instance_states(outputs()) == {}


class TestDatabase:
    @pytest.fixture
    def database(self, aws: Aws) -> str:
        make_database(aws.client("rds"))
        return "shop"

    def test_a_new_password_is_taken_on(self, aws: Aws, database: str) -> None:
        sent: list[str] = []
        aws.client("rds").meta.events.register(
            "before-parameter-build.rds.ModifyDBInstance",
            lambda params, **_: sent.append(params["MasterUserPassword"]),
        )
        aws.set_database_password(database, Secret("the-real-one"))
        assert sent == ["the-real-one"]

    def test_snapshots_are_listed_and_removed(self, aws: Aws, database: str) -> None:
        rds = aws.client("rds")
        own = rds.describe_db_snapshots(DBInstanceIdentifier=database)["DBSnapshots"]
        assert [entry["SnapshotType"] for entry in own] == ["automated"]
        assert aws.snapshots(database) == []  # RDS's own go with the database
        rds.create_db_snapshot(DBInstanceIdentifier=database, DBSnapshotIdentifier="shop-final")
        assert aws.snapshots(database) == ["shop-final"]

        aws.delete_snapshot("shop-final")

        assert aws.snapshots(database) == []

    def test_one_that_is_not_there(self, aws: Aws) -> None:
        error = refusal(aws, lambda aws: aws.set_database_password("gone", Secret("hush-hush")))
        assert error.what == "AWS refused ModifyDBInstance"
        assert "DBInstance gone not found" in str(error.why)
        assert "hush-hush" not in render(error)


class TestCredentials:
    def test_none(self) -> None:
        error = refusal(Aws(replace(ELSEWHERE, environment={}), REGION))
        assert render(error) == (
            "error: there are no AWS credentials\n"
            "  why:   Unable to locate credentials\n"
            f"  do:    {LOG_IN}"
        )

    def test_half(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA1")
        error = refusal(Aws(replace(ELSEWHERE, environment={}), REGION))
        assert error.what == "there are no AWS credentials"
        assert error.why == "Partial credentials found in env, missing: AWS_SECRET_ACCESS_KEY"
        assert error.fix == LOG_IN

    def test_a_profile_that_is_not_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_PROFILE", "work")
        error = refusal(Aws(replace(ELSEWHERE, environment={}), REGION))
        assert error.what == "there are no AWS credentials"
        assert error.why == "The config profile (work) could not be found"
        assert error.fix == LOG_IN

    def test_unknown_to_aws(self, moto: Moto) -> None:
        moto.ask_for_credentials()
        error = refusal(Aws(at(moto.endpoint), REGION))
        assert error.what == "AWS does not know your credentials"
        assert "InvalidClientTokenId" in str(error.why)
        assert error.fix == LOG_IN

    def test_unknown_to_s3(self, moto: Moto) -> None:
        moto.ask_for_credentials()
        aws = Aws(at(moto.endpoint), REGION)
        error = refusal(aws, lambda aws: tuple(state_bucket.outputs(aws, "state", ("efs",))))
        assert error.what == "AWS does not know your credentials"
        assert error.fix == LOG_IN

    @pytest.mark.parametrize("code", ["ExpiredToken", "RequestExpired"])
    def test_expired(self, code: str) -> None:
        with refusing(code, "The security token included in the request is expired") as endpoint:
            error = refusal(Aws(at(endpoint), REGION))
        assert render(error) == (
            "error: your AWS credentials have expired\n"
            f"  why:   An error occurred ({code}) when calling the GetCallerIdentity operation: "
            "The security token included in the request is expired\n"
            f"  do:    {LOG_IN}"
        )

    def test_too_few_rights(self) -> None:
        said = "User: arn:aws:iam::1:user/x is not authorized to perform: sts:GetCallerIdentity"
        with refusing("AccessDenied", said) as endpoint:
            error = refusal(Aws(at(endpoint), REGION))
        assert error.what == "AWS did not allow sts:GetCallerIdentity"
        assert said in str(error.why)
        assert error.fix == rights.FIX


class TestAnotherWorld:
    """The operator's own settings, each of which would do for AWS itself, have no say in it."""

    @pytest.fixture
    def rehearsed(self, moto: Moto, tmp_path: Path) -> Aws:
        return Aws(at(moto.endpoint, environment=environment.variables(tmp_path, REGION)), REGION)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("AWS_PROFILE", "a-profile-that-is-nowhere"),
            ("AWS_DEFAULT_PROFILE", "a-profile-that-is-nowhere"),
            ("AWS_SESSION_TOKEN", "of-another-world"),
            ("HTTP_PROXY", "http://127.0.0.1:9"),
            ("http_proxy", "http://127.0.0.1:9"),
            ("ALL_PROXY", "http://127.0.0.1:9"),
        ],
    )
    def test_of_the_environment(
        self, rehearsed: Aws, monkeypatch: pytest.MonkeyPatch, name: str, value: str
    ) -> None:
        monkeypatch.setenv(name, value)
        assert rehearsed.account().id == "123456789012"

    @pytest.mark.parametrize("name", ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"])
    def test_of_a_file(
        self, rehearsed: Aws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
    ) -> None:
        (tmp_path / "broken").write_text("no section\n")
        monkeypatch.setenv(name, str(tmp_path / "broken"))
        assert rehearsed.account().id == "123456789012"


class TestNetwork:
    def test_nobody_listens(self) -> None:
        with refusing("x", "x") as endpoint:
            pass
        error = refusal(Aws(at(endpoint), REGION))
        assert error.what == "the AWS API does not answer"
        assert endpoint in str(error.why)
        assert error.fix == (
            "see that the network is up; `beeyard sandbox status` tells of a rehearsal"
        )


@contextmanager
def refusing(code: str, message: str) -> Iterator[str]:
    """An AWS API that answers every request with that error, as AWS's query protocol writes it."""
    body = (
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>"
        f"<Message>{message}</Message></Error><RequestId>1</RequestId></ErrorResponse>"
    ).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(403)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Keep the tests' output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1", "eu-central-1"])
def test_urls_are_signed_as_every_bucket_accepts(aws: Aws, region: str) -> None:
    signer = Aws(aws.target, region).client("s3")
    url = signer.generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "k"})
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in url
