"""Where the parts of a backup are put: to URLs signed for us, or by the rights of the instance."""

import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from typing import IO, Any, Protocol

from words import Failed, say

#: Bytes of each of the first parts, held in memory; after so many, parts are larger by as much, and
#: after so many more again: S3 takes 10,000. As `beeyard.backup.store` reckons.
PART = 32 * 1024 * 1024
ALIKE = 250
_TRIES = 5
_TIMEOUT = 120.0


def parts_of(stream: IO[bytes]) -> Iterator[bytes]:
    """The stream in parts. Where they are counted nothing is known of its length."""
    number = 1
    while part := stream.read(size_of(number)):
        yield part
        number += 1


def size_of(number: int) -> int:
    """Bytes of a part, counted from 1."""
    return PART * (1 + (number - 1) // ALIKE)


class Parts(Protocol):
    def put(self, number: int, data: bytes) -> str:
        """Put part `number`, counted from 1; gives its ETag."""
        ...


class ToUrls:
    """To one URL for each part."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = urls

    def put(self, number: int, data: bytes) -> str:
        if number > len(self._urls):
            most = sum(map(size_of, range(1, number))) // 1024**2
            raise Failed(
                f"the backup is larger than {most} MiB, for which URLs were given, by the largest "
                "one of its kind: take one by the schedule (systemctl start beeyard-backup), which "
                "needs none; then try again"
            )
        for left in reversed(range(_TRIES)):
            try:
                return _put(self._urls[number - 1], data)
            except OSError as error:
                text = words(error)
                if not left or not _may_pass(error):
                    raise Failed(f"S3 did not take part {number}: {text}") from error
                say(f"S3 did not take part {number} ({text}); trying again")
                time.sleep(2.0 ** (_TRIES - 1 - left))
        raise AssertionError


def _put(url: str, data: bytes) -> str:
    request = urllib.request.Request(url, data=data, method="PUT")
    # Else urllib says that it is a form, which was not signed.
    request.add_header("Content-Type", "application/octet-stream")
    with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:
        return str(answer.headers["ETag"])


def _may_pass(error: OSError) -> bool:
    return (
        not isinstance(error, urllib.error.HTTPError)
        or error.code in {408, 429}
        or error.code >= 500
    )


def words(error: OSError) -> str:
    if isinstance(error, urllib.error.HTTPError):
        # Not the URL, which lets in whoever has it.
        return f"{error.code} {error.reason}"
    return str(getattr(error, "reason", error))


class ByRole:
    """By boto3, to one object of a bucket. `finish` makes it; `forget` drops what was put."""

    def __init__(self, s3: Any, bucket: str, key: str) -> None:
        self._s3 = s3
        self._where = {"Bucket": bucket, "Key": key}
        self._id = s3.create_multipart_upload(**self._where)["UploadId"]

    def put(self, number: int, data: bytes) -> str:
        answer = self._s3.upload_part(
            **self._where, UploadId=self._id, PartNumber=number, Body=data
        )
        return str(answer["ETag"])

    def finish(self, etags: Sequence[str]) -> None:
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, start=1)]
        self._s3.complete_multipart_upload(
            **self._where, UploadId=self._id, MultipartUpload={"Parts": parts}
        )

    def forget(self) -> None:
        self._s3.abort_multipart_upload(**self._where, UploadId=self._id)
