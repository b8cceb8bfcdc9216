"""A text in the state bucket that several machines write: each only over what it has seen.

S3 makes an object only where there is none (`If-None-Match: *`), and replaces it only where it is
still the one that was read (`If-Match`); source: docs.aws.amazon.com/AmazonS3/latest/userguide,
"conditional-requests".
"""

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from beeyard.cloud.api import Aws, in_words

_NOT_SO = {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"}
_NONE = {"NoSuchKey", "NoSuchBucket", "404"}


@dataclass(frozen=True)
class Seen:
    """What was read; `mark` (its ETag) None: there is none."""

    text: str
    mark: str | None


@dataclass(frozen=True)
class SharedText:
    """The object `key` of a bucket."""

    aws: Aws
    bucket: str
    key: str

    def read(self) -> Seen:
        """What is there. Raises CloudError."""
        with in_words():
            try:
                found = self._s3.get_object(Bucket=self.bucket, Key=self.key)
            except ClientError as error:
                if _code(error) in _NONE:
                    return Seen("", None)
                raise
            return Seen(found["Body"].read().decode(), str(found["ETag"]))

    def write(self, text: str, seen: Seen) -> bool:
        """Put `text` in the place of what was seen; False if it is no longer what was seen.

        Raises CloudError.
        """
        condition = {"IfNoneMatch": "*"} if seen.mark is None else {"IfMatch": seen.mark}
        with in_words():
            try:
                self._s3.put_object(
                    Bucket=self.bucket,
                    Key=self.key,
                    Body=text.encode(),
                    ContentType="text/plain",
                    **condition,
                )
            except ClientError as error:
                if _code(error) in _NOT_SO:
                    return False
                raise
        return True

    @property
    def address(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @property
    def _s3(self) -> Any:
        return self.aws.client("s3")


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
