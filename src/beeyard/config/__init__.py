"""`config`: `beeyard.yml` in, `ClusterSpec` out. The first stage."""

from beeyard.config.certificates import root_certificate
from beeyard.config.check import Finding, Level, check, require
from beeyard.config.find import FILE_NAME, find
from beeyard.config.load import load
from beeyard.config.model import INFRASTRUCTURE, ClusterSpec, InfrastructureService, json_schema
from beeyard.config.network import Subnet, subnets
from beeyard.config.nodes import NodePlan, nodes
from beeyard.config.secrets import SecretSource
from beeyard.config.sections import (
    Acme,
    Application,
    ClusterRegistry,
    Database,
    Dns,
    Efs,
    ExternalRegistry,
    Image,
    Ingress,
    Managers,
    Registry,
    Ssh,
    Workers,
)
from beeyard.config.starter import starter

__all__ = [
    "FILE_NAME",
    "INFRASTRUCTURE",
    "Acme",
    "Application",
    "ClusterRegistry",
    "ClusterSpec",
    "Database",
    "Dns",
    "Efs",
    "ExternalRegistry",
    "Finding",
    "Image",
    "InfrastructureService",
    "Ingress",
    "Level",
    "Managers",
    "NodePlan",
    "Registry",
    "SecretSource",
    "Ssh",
    "Subnet",
    "Workers",
    "check",
    "find",
    "json_schema",
    "load",
    "nodes",
    "require",
    "root_certificate",
    "starter",
    "subnets",
]
