"""`backup`: data taken to S3, listed, proved by a restore into a scratch place, and put back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from beeyard.backup import Backup, Kind, Listing, Manifest, Place, Proof, Store
from beeyard.backup.compare import differences
from beeyard.backup.keys import Ask, check_reader, unwrap
from beeyard.backup.model import BEFORE
from beeyard.backup.node import Damaged, Node, Use
from beeyard.backup.retention import outdated
from beeyard.backup.store import parts_for
from beeyard.cloud.api import Aws
from beeyard.config.ssh_keys import key_of
from beeyard.errors import BeeyardError, HostError, Refused, UnverifiedError
from beeyard.workflows.alone import alone_in
from beeyard.workflows.backup_pages import behind_pages
from beeyard.workflows.backup_parts import Described, Part, Settings, parts_of
from beeyard.workflows.backup_words import (
    asked_for,
    incomplete,
    not_all,
    not_kept,
    not_restored,
)
from beeyard.workflows.cloud import bucket_of
from beeyard.workflows.cluster import Cluster
from beeyard.workflows.hosts import Hosts
from beeyard.workflows.operators import own_key
from beeyard.workflows.progress import Phase

#: Shows what will be put back, and over what; raises Refused if the user does not want it.
Confirm = Callable[[str], None]


@dataclass(frozen=True)
class Reader:
    """The SSH key that opens backups on this machine; `ask` for its passphrase, if it has one."""

    key: Path
    ask: Ask


@dataclass(frozen=True)
class Tried:
    """What came of a verify or a restore. `seconds` is how long it took (RTO), `age` how old the
    data is that it gives (RPO); `before`: the backup of what was there before a restore."""

    backup: Backup
    seconds: float
    age: float
    problems: tuple[str, ...] = ()
    before: str | None = None


@dataclass(frozen=True)
class Backups:
    """The backups of a cluster, and its nodes."""

    hosts: Hosts
    store: Store
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    @property
    def cluster(self) -> Cluster:
        return self.hosts.cluster

    def create(self, kinds: Sequence[Kind] = ()) -> tuple[Backup, ...]:
        """Take a backup of each of these kinds (none: of all that the cluster has), then remove
        those that are kept no more. One that fails, or is incomplete, keeps no other from being
        taken; what went wrong is raised at the end. Whoever calls it holds the cluster's lock, so
        that none is of the middle of a restore."""
        made: list[Backup] = []
        failed: list[BeeyardError] = []
        for part in _parts(self.cluster, kinds):
            try:
                made.append(self.take(part))
            except BeeyardError as error:
                failed.append(error)
        failed += [incomplete(one) for one in made if one.manifest.left_out]
        self.tidy([one.kind for one in made])
        if failed:
            raise not_all(made, failed)
        return tuple(made)

    def take(self, part: Part, *, before: str | None = None) -> Backup:
        """Take one backup. What is left of one that fails is removed.

        before  the backup that is to replace what is there; what is gone is nothing to keep then
        """
        settings = self._settings(part) | ({"may_be_gone": True} if before else {})
        with self.cluster.progress.phase(f"backup of {part.what}") as phase:
            place = self.store.place(part.kind, self.now())
            upload = self.store.begin(place, parts_for(self.store.largest(part.kind)))
            try:
                taken = self._node(part, phase).take(
                    part.kind, settings, readers(self.cluster), upload.urls
                )
                self.store.complete(upload, taken.etags)
            except BaseException:
                self.store.abort(upload)
                raise
            made = self.store.keep(
                Manifest(
                    kind=part.kind,
                    id=place.id,
                    cluster=self.cluster.spec.name,
                    taken_at=taken.taken_at,
                    seconds=taken.seconds,
                    size=taken.size,
                    plain=taken.plain,
                    sha256=taken.sha256,
                    key=taken.key,
                    readers=readers(self.cluster),
                    facts=taken.facts,
                    versions={**taken.versions, **({BEFORE: before} if before else {})},
                )
            )
            left_out = ", ".join(made.manifest.left_out)
            phase.result = f"{place.id}: {taken.size} bytes" + (
                f", INCOMPLETE: without {left_out}" if left_out else ""
            )
        return made

    def verify(self, kind: Kind, id_: str | None, reader: Reader) -> Tried:
        """Restore a backup (None: the newest) into a scratch place, and compare. What came of it is
        put down beside it."""
        part = _parts(self.cluster, [kind])[0]
        newest = next(iter(self.store.list((kind,)).of(kind)), None)
        backup = self.store.find(kind, id_ or (newest.id if newest else None))
        with self.cluster.progress.phase(f"verify {kind} {backup.id}") as phase:
            tried = self._try("verify", part, backup, reader, phase)
            phase.result = tried.problems[0] if tried.problems else "as it was"
        return tried

    def restore(
        self,
        kind: Kind,
        id_: str | None,
        reader: Reader,
        confirm: Confirm,
        *,
        keep_before: bool = True,
    ) -> Tried:
        """Put a backup back (None: the newest good one), after another look that it is whole, and,
        if `keep_before`, after a backup of what is there now."""
        part = _parts(self.cluster, [kind])[0]
        if not part.restores:
            raise Refused(f"{part.what} can't be put back by this command", fix=part.instead)
        backup = self.store.find(kind, id_)
        confirm(asked_for(self.cluster, part, backup, keep_before=keep_before))
        doing = f"backup restore {kind}"
        with alone_in(self.cluster, doing):
            with self.cluster.progress.phase(f"read {kind} {backup.id}") as phase:
                self._refuse_broken(part, backup, reader, phase)
                phase.result = "whole"
            # First: what is written after what is there was backed up would be in neither.
            with behind_pages(self.hosts, part.behind(self.cluster.spec), doing):
                before = self._take_before(part, backup) if keep_before else None
                tried = self._put_back(part, backup, reader, before)
        return Tried(tried.backup, tried.seconds, tried.age, before=before.id if before else None)

    def _put_back(self, part: Part, backup: Backup, reader: Reader, before: Backup | None) -> Tried:
        try:
            with self.cluster.progress.phase(f"restore {part.kind}") as phase:
                tried = self._try("restore", part, backup, reader, phase)
                phase.result = tried.problems[0] if tried.problems else "as it was"
        except HostError as error:
            why = error.why or error.what
            raise not_restored(self.cluster, part, backup, [why], before) from error
        if tried.problems:
            raise not_restored(self.cluster, part, backup, tried.problems, before)
        return tried

    def _take_before(self, part: Part, backup: Backup) -> Backup:
        """What is there now, be it broken, may be all that there is of the newest data."""
        try:
            return self.take(part, before=backup.id)
        except BeeyardError as error:
            raise not_kept(part, backup, error) from error

    def tidy(self, kinds: Sequence[Kind], listing: Listing | None = None) -> int:
        """Remove backups that are kept no more, and, from before yesterday, what never had a
        manifest; gives how many. `listing`: of these kinds, where it is known."""
        keep = self.cluster.spec.backups.keep
        now = self.now()
        listing = listing or self.store.list(kinds)
        gone = [
            Place(one.kind, one.id)
            for kind in kinds
            for one in outdated(listing.of(kind), now, daily=keep.daily, weekly=keep.weekly)
        ]
        yesterday = (now - timedelta(days=1)).strftime("%Y%m%dT%H%M%SZ")
        old = [
            Place(one.kind, one.id)
            for one in listing.leftovers
            if one.kind in kinds and one.id < yesterday
        ]
        gone += [place for place in old if not self.store.had_manifest(place)]
        for place in gone:
            self.store.remove(place)
        return len(gone)

    def open(self, backup: Backup, reader: Reader) -> tuple[str, Any]:
        """The URL of a backup's object, and the key (an age identity) that decrypts it: for a
        node's standard input, and nowhere else."""
        identity = unwrap(backup.manifest.key, reader.key, reader.ask)
        return self.store.download_url(Place(backup.kind, backup.id)), identity

    def _try(self, what: Use, part: Part, backup: Backup, reader: Reader, phase: Phase) -> Tried:
        url, identity = self.open(backup, reader)
        # Until one is put back to its end, what is taken is no backup to go back to.
        settings = self._settings(part) | {"putting_back": backup.id}
        started = self.cluster.clock.monotonic()
        problems: tuple[str, ...]
        try:
            found = self._node(part, phase).use(what, backup.manifest, settings, url, identity)
            problems = differences(backup.manifest.facts, found)
        except Damaged as error:
            problems = (error.why or error.what,)
        seconds = self.cluster.clock.monotonic() - started
        age = (self.now() - backup.manifest.taken_at).total_seconds()
        # A restore that differs says more of the place than of the backup: what was put down stays.
        if what == "verify" or not problems:
            how: Literal["verify", "restore"] = "restore" if what == "restore" else "verify"
            backup = self.store.prove(backup, Proof(self.now(), how, seconds, problems))
        return Tried(backup, seconds, age, problems)

    def _refuse_broken(self, part: Part, backup: Backup, reader: Reader, phase: Phase) -> None:
        """Nothing of what is there is touched for a backup that is not whole."""
        url, identity = self.open(backup, reader)
        found = self._node(part, phase).use(
            "read", backup.manifest, self._settings(part), url, identity
        )
        if problems := differences(backup.manifest.facts, found):
            raise UnverifiedError(
                f"the backup {backup.id} is not what its manifest says; nothing was changed",
                why="\n".join(problems),
                fix="take another one: beeyard backup ls",
            )

    def _settings(self, part: Part) -> Settings:
        return part.settings(Described(self.cluster.spec, self.hosts.outputs))

    def _node(self, part: Part, phase: Phase) -> Node:
        name = part.node(self.hosts)
        return Node(self.hosts.run_on(name, sudo=True), name, phase.say)


def open_backups(hosts: Hosts) -> Backups:
    """The backups of the cluster whose nodes these are."""
    return Backups(hosts, store_of(hosts.cluster))


def store_of(cluster: Cluster) -> Store:
    """Where a cluster's backups lie, whether it is there or not."""
    as_nodes = Aws(cluster.target.as_nodes_see_it, cluster.spec.region)
    return Store(cluster.aws, bucket_of(cluster), as_nodes)


def readers(cluster: Cluster) -> tuple[str, ...]:
    """The SSH public keys that open new backups: the operators', or the cluster's own."""
    ssh = cluster.spec.ssh
    # Whoever runs this is one of them, where there are any: it is the same for all who do.
    lines = [(f"ssh.operators.{name}", line) for name, line in ssh.operators.items()]
    lines = lines or [(f"{cluster.key}.pub", own_key(cluster))]
    checked = [check_reader(line, where=where) for where, line in lines]
    return tuple({key_of(line): line for line in reversed(checked)}.values())


def _parts(cluster: Cluster, kinds: Sequence[Kind]) -> tuple[Part, ...]:
    there = parts_of(cluster.spec)
    for kind in kinds:
        if kind not in {part.kind for part in there}:
            raise Refused(
                f"there is nothing of the kind {kind} to back up",
                why=f"{cluster.spec.name} has none of it, by its beeyard.yml",
                fix=f"there are: {', '.join(part.kind for part in there)}",
            )
    return tuple(part for part in there if not kinds or part.kind in kinds)
