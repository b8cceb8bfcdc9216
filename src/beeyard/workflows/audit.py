"""The audit log from the operators' side: entries that commands leave, the whole log verified, and
its head kept in S3."""

import base64
import binascii
import io
import platform
import re
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from beeyard.audit import chain, inbox
from beeyard.audit import head as heads
from beeyard.audit.chain import Chain
from beeyard.audit.entry import Entry, Head, Outcome, Plain, Who
from beeyard.cloud import state_bucket
from beeyard.config import nodes
from beeyard.errors import BeeyardError, CloudError, ConfigError, Refused, UnverifiedError
from beeyard.holder import user
from beeyard.process import Command, Runner, SshRunner
from beeyard.provision.files import files_in
from beeyard.workflows.ci import Api, open_api
from beeyard.workflows.cluster import Cluster
from beeyard.workflows.hosts import Hosts

#: Arguments: the controller's folder, and the entry's name. The folder must be there: else a node
#: whose shared files are not mounted would keep it to itself.
_LEAVE = (
    'umask 077 && cd "$1" && mkdir -p audit/inbox && cd audit/inbox && '
    'cat > ".$2" && sync ".$2" && mv ".$2" "$2"'
)
#: The newest file first: whatever is written meanwhile, those that it goes on from are whole. tar
#: says 1 where a file grew while it was read.
_READ = (
    'set -o pipefail; cd "$1/audit" && '
    'find . -maxdepth 1 -type f -name "*.jsonl" | LC_ALL=C sort -r | '
    "{ tar -czf - --no-recursion -T -; [ $? -le 1 ]; } | base64 -w 0"
)
_FILE = re.compile(r"\./(\d{8}-\d{6}\.jsonl)")


@dataclass(frozen=True)
class Change:
    """What a command is about to change. `on` empty: the cluster. Until its end, the command may
    add to `details`; no secret belongs there but as a Secret."""

    what: str
    on: str = ""
    details: dict[str, Plain] = field(default_factory=dict)


@dataclass(frozen=True)
class Verified:
    """What became of a look at the log.

    heads   how many were compared that S3 held
    kept    the one that S3 holds now, if it is of this log; None: none could be kept
    unkept  why it could not
    """

    chain: Chain
    heads: int
    kept: Head | None = None
    unkept: str = ""

    @property
    def ok(self) -> bool:
        return not self.chain.problems


@contextmanager
def noted(cluster: Cluster, change: Change | None, warn: Callable[[str], None]) -> Iterator[None]:
    """Around a change: at its end, what came of it is left for the audit log, where the cluster has
    one. Where that can't be, `warn` hears why, and the change stands.

    Nothing is left of what the user did not want, or what was wrong in a file: it changed nothing.
    Nor of what failed before this machine ever came to a node.
    """
    if change is None or not cluster.spec.runs_pipelines:
        yield
        return
    try:
        yield
    except (Refused, ConfigError):
        raise
    except BaseException as error:
        if _ssh_config(cluster).exists():
            change.details["why"] = error.what if isinstance(error, BeeyardError) else _name(error)
            _note(cluster, change, "failed", warn)
        raise
    _note(cluster, change, "done", warn)


def leave(manager: Runner, folder: str, entry: Entry) -> str:
    """Put an entry into the inbox of the log in `folder`, the controller's; its file's name.

    manager   runs on a node that has the shared files, as root
    Raises BeeyardError.
    """
    name = inbox.name(entry.at)
    argv = ["sh", "-c", _LEAVE, "sh", folder, name]
    manager.run(Command(argv, input=inbox.body(entry), timeout=30))
    return name


def fetch(manager: Runner, folder: str, into: Path) -> None:
    """Copy the files of the log in `folder` to this machine. Raises UnverifiedError."""
    said = manager.run(Command(["bash", "-c", _READ, "bash", folder], timeout=600), check=False)
    if said.code != 0:
        raise UnverifiedError(
            "the audit log can't be read", where=f"{folder}/audit", why=said.tail() or None
        )
    try:
        data = base64.b64decode(said.stdout, validate=True)
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
            for member in archive:
                _copy(archive, member, into)
    except (binascii.Error, tarfile.TarError, EOFError, OSError) as error:
        raise UnverifiedError("the audit log did not arrive whole", why=str(error)) from error


def verify_log(hosts: Hosts) -> Verified:
    """Read the whole log from the shared files, compare it with the heads in S3, and, where nothing
    is wrong, keep its head there.

    What is kept is what the active copy calls its head: an entry beyond that may yet be no part of
    the log. Raises UnverifiedError where the log can't be read, CloudError.
    """
    cluster, log = hosts.cluster, _log(hosts)
    bucket = _bucket(cluster)
    # Before the log is read: so what they are of has been written.
    kept = heads.all_kept(cluster.aws, bucket, log)
    now, unkept = _head_or_why(hosts)
    with tempfile.TemporaryDirectory(prefix="beeyard-audit-") as place:
        fetch(hosts.manager, _folder(cluster), Path(place))
        found = chain.verify(Path(place), *kept, *([now] if now else []))
    if found.problems:
        return Verified(found, len(kept), unkept="something is wrong")
    if now is not None and now not in kept[:1]:
        heads.keep(cluster.aws, bucket, log, now)
    return Verified(found, len(kept), now, unkept)


def keep_head(hosts: Hosts) -> Head:
    """Put the log's head into S3, as the active copy says it; the log itself is not read.

    Raises UnverifiedError where a head there is of another log, or of a longer one; PipelineError,
    CloudError.
    """
    cluster, log = hosts.cluster, _log(hosts)
    bucket = _bucket(cluster)
    kept = heads.kept(cluster.aws, bucket, log)
    with open_api(hosts) as api:
        now = head_by(api)
    if kept is not None and kept.entries >= now.entries and kept != now:
        raise UnverifiedError(
            "the audit log is not the one whose head is in S3",
            why=f"that is of entry {kept.entries}, and the log says that it has {now.entries}",
            fix="see what is wrong: beeyard audit verify",
        )
    if kept != now:
        heads.keep(cluster.aws, bucket, log, now)
    return now


def head_by(api: Api) -> Head:
    """The log's last entry that is sure to stay."""
    said = api.get("/api/audit/head")
    return Head(int(said["entries"]), str(said["hash"]))


def _note(cluster: Cluster, change: Change, outcome: Outcome, warn: Callable[[str], None]) -> None:
    # Whoever may sign in to the nodes has the cluster's own token, an admin's.
    who = Who(user(), "admin", "cli")
    details = {**change.details, "host": platform.node()}
    entry = Entry(who, change.what, change.on or cluster.spec.name, outcome, details=details)
    try:
        leave(_manager(cluster), _folder(cluster), entry)
    except (BeeyardError, OSError) as error:
        why = (error.why or error.what) if isinstance(error, BeeyardError) else str(error)
        warn(f"the audit log has no entry of this: {why}")


def _manager(cluster: Cluster) -> Runner:
    """The first manager, as the change found it: the cloud is not asked once more, for it may be
    why that failed, and who was interrupted does not want to wait."""
    return SshRunner(
        cluster.runner, _ssh_config(cluster), next(iter(nodes(cluster.spec))), sudo=True
    )


def _ssh_config(cluster: Cluster) -> Path:
    return files_in(cluster.provision_folder).ssh_config


def _name(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _copy(archive: tarfile.TarFile, member: tarfile.TarInfo, into: Path) -> None:
    named, data = _FILE.fullmatch(member.name), archive.extractfile(member)
    if named is None or data is None:
        raise tarfile.TarError(f"there is a strange file in it: {member.name}")
    with data, (into / named[1]).open("wb") as file:
        shutil.copyfileobj(data, file)


def _head_or_why(hosts: Hosts) -> tuple[Head | None, str]:
    try:
        with open_api(hosts) as api:
            return head_by(api), ""
    except BeeyardError as error:
        return None, error.what


def _folder(cluster: Cluster) -> str:
    """The controller's data, as nodes see it."""
    return f"{cluster.spec.efs.path}/infra/ci"


def _bucket(cluster: Cluster) -> str:
    return state_bucket.name(cluster.spec.name, cluster.aws.account(), cluster.spec.region)


def _log(hosts: Hosts) -> str:
    files = hosts.outputs.shared_files
    if files is None:
        raise CloudError("the cluster has no shared files yet", fix="make them: beeyard up")
    return files.file_system_id
