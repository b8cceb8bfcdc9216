"""Stage `cloud`: `ClusterSpec` to `Outputs`, by Terraform."""

from beeyard.cloud.cluster_lock import ClusterHeld, ClusterLock
from beeyard.cloud.outputs import (
    Acme,
    Database,
    EngineSource,
    Ingress,
    Node,
    Outputs,
    Record,
    SharedFiles,
)
from beeyard.cloud.target import AWS, FileSystemStyle, Target

__all__ = [
    "AWS",
    "Acme",
    "ClusterHeld",
    "ClusterLock",
    "Database",
    "EngineSource",
    "FileSystemStyle",
    "Ingress",
    "Node",
    "Outputs",
    "Record",
    "SharedFiles",
    "Target",
]
