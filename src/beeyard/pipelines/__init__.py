"""Pipelines in the `.drone.yml` format: read, decided, run."""

from beeyard.pipelines.conditions import (
    Status,
    Verdict,
    decide,
    pipeline_verdict,
    skip_word,
    step_may_run,
    step_verdict,
)
from beeyard.pipelines.environment import (
    Build,
    Stage,
    System,
    step_variables,
    substitutions,
)
from beeyard.pipelines.environment import variables as pipeline_variables
from beeyard.pipelines.event import Author, Event, EventKind, Repository
from beeyard.pipelines.graph import CLONE, Graph, circles, order, without
from beeyard.pipelines.graph import of_pipelines as pipeline_graph
from beeyard.pipelines.graph import of_steps as step_graph
from beeyard.pipelines.masking import MASK, Masker, Masks, unmasked
from beeyard.pipelines.model import (
    Clone,
    Conditions,
    FromSecret,
    Limits,
    Match,
    Mount,
    Pipeline,
    Platform,
    Step,
    Value,
    Volume,
)
from beeyard.pipelines.parse import FILE_NAME, decode, parse
from beeyard.pipelines.secrets import SecretPolicy
from beeyard.pipelines.secrets import asked_for as secrets_asked_for
from beeyard.pipelines.secrets import granted as granted_secrets
from beeyard.pipelines.secrets import key as secret_key
from beeyard.pipelines.secrets import missing as missing_secrets
from beeyard.pipelines.secrets import verdict as secret_verdict
from beeyard.pipelines.settings import variables as plugin_variables
from beeyard.pipelines.substitute import Substituted, substitute

__all__ = [
    "CLONE",
    "FILE_NAME",
    "MASK",
    "Author",
    "Build",
    "Clone",
    "Conditions",
    "Event",
    "EventKind",
    "FromSecret",
    "Graph",
    "Limits",
    "Masker",
    "Masks",
    "Match",
    "Mount",
    "Pipeline",
    "Platform",
    "Repository",
    "SecretPolicy",
    "Stage",
    "Status",
    "Step",
    "Substituted",
    "System",
    "Value",
    "Verdict",
    "Volume",
    "circles",
    "decide",
    "decode",
    "granted_secrets",
    "missing_secrets",
    "order",
    "parse",
    "pipeline_graph",
    "pipeline_variables",
    "pipeline_verdict",
    "plugin_variables",
    "secret_key",
    "secret_verdict",
    "secrets_asked_for",
    "skip_word",
    "step_graph",
    "step_may_run",
    "step_variables",
    "step_verdict",
    "substitute",
    "substitutions",
    "unmasked",
    "without",
]
