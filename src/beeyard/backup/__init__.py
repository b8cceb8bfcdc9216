"""Stage `backup`: backups as they lie in the state bucket, who can open them, and which are kept.

It knows nothing of what is in them: what each kind is taken from, and restored to, is a module of
the nodes' program (`provision/ansible/roles/backups`) and a `Part` of `workflows.backups`.
"""

from beeyard.backup.model import KINDS, Backup, Fact, Kind, Leftover, Listing, Manifest, Proof
from beeyard.backup.store import Place, Store

__all__ = [
    "KINDS",
    "Backup",
    "Fact",
    "Kind",
    "Leftover",
    "Listing",
    "Manifest",
    "Place",
    "Proof",
    "Store",
]
