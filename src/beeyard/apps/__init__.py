"""Applications: a stack file rendered for the cluster, its images, its releases, their rollout."""

from beeyard.apps.build import (
    Builder,
    BuildPlan,
    BuiltImage,
    LocalBuilder,
    ManagerBuilder,
    build_ahead,
    ensure_image,
)
from beeyard.apps.bundle import Bundle, fingerprints
from beeyard.apps.canary_steps import Entrance
from beeyard.apps.context import BuildContext, Context, FilesContext
from beeyard.apps.lock import Lock
from beeyard.apps.oneoff import Ended, run_once
from beeyard.apps.plan import Plan, planned
from beeyard.apps.probe import (
    NO_CERTIFICATE,
    Certificate,
    ProbeResult,
    answered,
    await_answer,
    probe,
)
from beeyard.apps.recovery import recover
from beeyard.apps.registry import Credentials, registry_login
from beeyard.apps.release import Hook, Origin, Receipt, Release, Verdict
from beeyard.apps.releases import (
    Entry,
    Releases,
    chosen,
    current,
    left_behind,
    next_number,
    unfinished,
)
from beeyard.apps.rollout import Rollout, Terms, Trial
from beeyard.apps.site import Say, Site, Stage
from beeyard.apps.stack import Rendered, Stack, load_stack, render
from beeyard.apps.traffic import Prober, Traffic
from beeyard.apps.urls import AppUrl, app_urls, label_urls

__all__ = [
    "NO_CERTIFICATE",
    "AppUrl",
    "BuildContext",
    "BuildPlan",
    "Builder",
    "BuiltImage",
    "Bundle",
    "Certificate",
    "Context",
    "Credentials",
    "Ended",
    "Entrance",
    "Entry",
    "FilesContext",
    "Hook",
    "LocalBuilder",
    "Lock",
    "ManagerBuilder",
    "Origin",
    "Plan",
    "ProbeResult",
    "Prober",
    "Receipt",
    "Release",
    "Releases",
    "Rendered",
    "Rollout",
    "Say",
    "Site",
    "Stack",
    "Stage",
    "Terms",
    "Traffic",
    "Trial",
    "Verdict",
    "answered",
    "app_urls",
    "await_answer",
    "build_ahead",
    "chosen",
    "current",
    "ensure_image",
    "fingerprints",
    "label_urls",
    "left_behind",
    "load_stack",
    "next_number",
    "planned",
    "probe",
    "recover",
    "registry_login",
    "render",
    "run_once",
    "unfinished",
]
