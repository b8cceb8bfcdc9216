"""Applications: a stack file rendered for the cluster, its images, its rollout, its addresses."""

from beeyard.apps.build import (
    Builder,
    BuildPlan,
    BuiltImage,
    LocalBuilder,
    ManagerBuilder,
    build_ahead,
    ensure_image,
)
from beeyard.apps.context import Context
from beeyard.apps.deploy import Deployment, ServiceChange, deploy
from beeyard.apps.probe import Certificate, ProbeResult, answered, await_answer, probe
from beeyard.apps.registry import Credentials, registry_login
from beeyard.apps.stack import Rendered, Stack, load_stack, render
from beeyard.apps.urls import AppUrl, app_urls, interpolate, label_urls

__all__ = [
    "AppUrl",
    "BuildPlan",
    "Builder",
    "BuiltImage",
    "Certificate",
    "Context",
    "Credentials",
    "Deployment",
    "LocalBuilder",
    "ManagerBuilder",
    "ProbeResult",
    "Rendered",
    "ServiceChange",
    "Stack",
    "answered",
    "app_urls",
    "await_answer",
    "build_ahead",
    "deploy",
    "ensure_image",
    "interpolate",
    "label_urls",
    "load_stack",
    "probe",
    "registry_login",
    "render",
]
