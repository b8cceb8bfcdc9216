"""Where backups lie: `backups/<kind>/<id>/` in the state bucket, the manifest written last.

What has no manifest is no backup. Data goes from the node straight to S3, in parts to presigned
URLs, so that a node needs no rights of its own. Source: Amazon S3 user guide, "Uploading and
copying objects using multipart upload" and its limits.
"""

import secrets
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from botocore.exceptions import ClientError

from beeyard.backup.model import KINDS, Backup, Kind, Leftover, Listing, Manifest, Proof
from beeyard.cloud.api import Aws, in_words
from beeyard.errors import CloudError

PREFIX = "backups/"
DATA, MANIFEST, PROOF = "data.age", "manifest.json", "proof.json"
#: Bytes of each of the first parts, which the node holds in memory: after so many alike, they grow
#: by as much, as its program has it. S3 takes 5 MiB to 5 GiB, the last one less.
PART = 32 * 1024 * 1024
ALIKE = 250
#: How many presigned URLs a node is given at least: for 281 GiB in all.
PARTS = 2000
#: How many parts S3 takes.
MOST_PARTS = 10_000
#: How many times as large as the largest of its kind a backup may be.
_GROWTH = 3
#: Seconds for which a presigned URL lets in.
_VALID = 12 * 3600


def parts_for(largest: int) -> int:
    """How many parts a backup may need where the largest of its kind has so many bytes. Pure."""
    parts = PARTS
    while parts < MOST_PARTS and room_of(parts) < _GROWTH * largest:
        parts += ALIKE
    return parts


def room_of(parts: int) -> int:
    """How many bytes so many parts take. Pure."""
    steps, rest = divmod(parts, ALIKE)
    return PART * (ALIKE * steps * (steps + 1) // 2 + rest * (steps + 1))


@dataclass(frozen=True)
class Place:
    """Where one backup lies, or will."""

    kind: Kind
    id: str

    @property
    def folder(self) -> str:
        return f"{PREFIX}{self.kind}/{self.id}/"

    @property
    def data(self) -> str:
        return f"{self.folder}{DATA}"


@dataclass(frozen=True)
class Upload:
    """An upload that has begun: a URL for each part in order, to be PUT to."""

    place: Place
    id: str
    urls: tuple[str, ...]


@dataclass(frozen=True)
class Store:
    """The backups of a cluster. All methods raise CloudError.

    as_nodes  the same API at the URL by which nodes reach it, which is signed with the rest
    """

    aws: Aws
    bucket: str
    as_nodes: Aws

    @staticmethod
    def place(kind: Kind, now: datetime) -> Place:
        """Where a new backup goes. The random part keeps two of the same second apart."""
        stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        return Place(kind, f"{stamp}-{secrets.token_hex(2)}")

    def begin(self, place: Place, parts: int = PARTS) -> Upload:
        """Begin an upload of so many parts at most."""
        with in_words():
            begun = self._s3.create_multipart_upload(Bucket=self.bucket, Key=place.data)
            urls = tuple(
                self._presigned("upload_part", place, UploadId=begun["UploadId"], PartNumber=number)
                for number in range(1, parts + 1)
            )
        return Upload(place, begun["UploadId"], urls)

    def complete(self, upload: Upload, etags: Sequence[str]) -> None:
        """Make one object of the parts that were put, whose ETags S3 answered with."""
        parts = [{"PartNumber": n, "ETag": etag} for n, etag in enumerate(etags, start=1)]
        with in_words():
            self._s3.complete_multipart_upload(
                Bucket=self.bucket,
                Key=upload.place.data,
                UploadId=upload.id,
                MultipartUpload={"Parts": parts},
            )

    def abort(self, upload: Upload) -> None:
        """Forget the parts of an upload that failed."""
        with in_words():
            self._s3.abort_multipart_upload(
                Bucket=self.bucket, Key=upload.place.data, UploadId=upload.id
            )

    def keep(self, manifest: Manifest) -> Backup:
        """Write the manifest: from now on it is a backup."""
        place = Place(manifest.kind, manifest.id)
        self._put(place, MANIFEST, manifest.encode(), IfNoneMatch="*")
        return Backup(manifest)

    def prove(self, backup: Backup, proof: Proof) -> Backup:
        """Put down what became of a try to restore it."""
        self._put(Place(backup.kind, backup.id), PROOF, proof.encode())
        return Backup(backup.manifest, proof)

    def download_url(self, place: Place) -> str:
        """A URL that gives the encrypted object for some hours, to whoever has it."""
        with in_words():
            return self._presigned("get_object", place)

    def list(self, kinds: Sequence[Kind] = KINDS) -> Listing:
        """All that is there: whole backups, and what is left of others."""
        with in_words():
            sizes = {kind: self._sizes(kind) for kind in kinds}
            there = [
                (Place(kind, id_), files) for kind in kinds for id_, files in sizes[kind].items()
            ]
            # Each manifest is an object of its own.
            with ThreadPoolExecutor(8) as pool:
                found = list(pool.map(lambda one: self._read(*one), there))
            found += [
                Leftover(kind, id_, "its upload was cut short")
                for kind in kinds
                for id_ in self._uploads(kind)
                if id_ not in sizes[kind]
            ]
        found.sort(key=lambda one: one.id, reverse=True)
        return Listing(
            tuple(one for one in found if isinstance(one, Backup)),
            tuple(one for one in found if isinstance(one, Leftover)),
        )

    def largest(self, kind: Kind) -> int:
        """Bytes of the largest data of that kind, whole or not; 0 where there is none."""
        with in_words():
            return max((files.get(DATA, 0) for files in self._sizes(kind).values()), default=0)

    def newest_good(self, kind: Kind) -> Backup | None:
        """As `Listing.newest_good`, by reading no more manifests than it takes."""
        with in_words():
            for id_, files in sorted(self._sizes(kind).items(), reverse=True):
                found = self._read(Place(kind, id_), files)
                if isinstance(found, Backup) and found.is_good:
                    return found
        return None

    def find(self, kind: Kind, id_: str | None = None) -> Backup:
        """The backup of that name; None: the newest that is good, and not of what a
        restore was to replace."""
        listing = self.list((kind,))
        if id_ is None:
            found = listing.newest_good(kind)
        else:
            found = next((one for one in listing.of(kind) if one.id == id_), None)
        if found is None:
            cut = next((one.why for one in listing.leftovers if one.id == id_), None)
            what = f"{kind} {id_}" if id_ else f"{kind} that is good"
            raise CloudError(
                f"there is no backup {what}",
                where=f"s3://{self.bucket}/{PREFIX}{kind}/",
                why=cut,
                fix="see what there is: beeyard backup ls",
            )
        return found

    def had_manifest(self, place: Place) -> bool:
        """Whether it was whole once, as far as S3 has kept it: there is a manifest in any version.
        What hides a good one, or is newer than we can read, can be mended."""
        key = f"{place.folder}{MANIFEST}"
        with in_words():
            return any(one["Key"] == key for one in self._versions(key))

    def remove(self, place: Place) -> None:
        """Remove it for good, with every version of it; the manifest first, so that what is left of
        a removal that is cut short is no backup."""
        with in_words():
            for upload in self._pending(place.folder):
                self._s3.abort_multipart_upload(
                    Bucket=self.bucket, Key=upload["Key"], UploadId=upload["UploadId"]
                )
            found = sorted(
                self._versions(place.folder), key=lambda one: not one["Key"].endswith(MANIFEST)
            )
            for one in found:
                self._s3.delete_object(
                    Bucket=self.bucket, Key=one["Key"], VersionId=one["VersionId"]
                )

    @cached_property
    def _s3(self) -> Any:
        return self.aws.client("s3")

    @cached_property
    def _signer(self) -> Any:
        return self.as_nodes.client("s3")

    def _presigned(self, method: str, place: Place, **parameters: Any) -> str:
        given = {"Bucket": self.bucket, "Key": place.data, **parameters}
        return str(self._signer.generate_presigned_url(method, Params=given, ExpiresIn=_VALID))

    def _put(self, place: Place, name: str, data: bytes, **condition: str) -> None:
        with in_words():
            self._s3.put_object(
                Bucket=self.bucket,
                Key=f"{place.folder}{name}",
                Body=data,
                ContentType="application/json",
                **condition,
            )

    def _get(self, place: Place, name: str) -> bytes | None:
        try:
            found = self._s3.get_object(Bucket=self.bucket, Key=f"{place.folder}{name}")
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "NoSuchKey":
                return None
            raise
        return bytes(found["Body"].read())

    def _sizes(self, kind: Kind) -> dict[str, dict[str, int]]:
        """The sizes of the files of each backup, by their names."""
        sizes: dict[str, dict[str, int]] = {}
        start = f"{PREFIX}{kind}/"
        pages = self._s3.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self.bucket, Prefix=start):
            for one in page.get("Contents", []):
                id_, _, name = one["Key"].removeprefix(start).partition("/")
                sizes.setdefault(id_, {})[name] = one["Size"]
        return sizes

    def _read(self, place: Place, files: dict[str, int]) -> Backup | Leftover:
        data = self._get(place, MANIFEST) if MANIFEST in files else None
        if data is None:
            return Leftover(place.kind, place.id, "it was cut short: it has no manifest")
        try:
            manifest = Manifest.decode(data, where=f"{place.folder}{MANIFEST}")
        except CloudError as error:
            return Leftover(place.kind, place.id, error.brief)
        if (manifest.kind, manifest.id) != (place.kind, place.id):
            why = f"its manifest is that of {manifest.kind} {manifest.id}"
            return Leftover(place.kind, place.id, why)
        if files.get(DATA) != manifest.size:
            there = f"has {files[DATA]} bytes" if DATA in files else "is gone"
            return Leftover(
                place.kind, place.id, f"its data {there}; the manifest says {manifest.size}"
            )
        proof = self._get(place, PROOF) if PROOF in files else None
        return Backup(manifest, Proof.decode(proof) if proof else None)

    def _versions(self, start: str) -> Iterator[dict[str, Any]]:
        """Those of all objects whose key begins so, and the marks that they were deleted."""
        pages = self._s3.get_paginator("list_object_versions")
        for page in pages.paginate(Bucket=self.bucket, Prefix=start):
            yield from page.get("Versions", [])
            yield from page.get("DeleteMarkers", [])

    def _pending(self, start: str) -> Iterator[dict[str, Any]]:
        pages = self._s3.get_paginator("list_multipart_uploads")
        for page in pages.paginate(Bucket=self.bucket, Prefix=start):
            yield from page.get("Uploads", [])

    def _uploads(self, kind: Kind) -> set[str]:
        start = f"{PREFIX}{kind}/"
        return {
            str(one["Key"]).removeprefix(start).partition("/")[0] for one in self._pending(start)
        }
