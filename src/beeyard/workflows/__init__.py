"""What beeyard does, as ordered steps over the stages."""

from beeyard.workflows.cluster import Cluster
from beeyard.workflows.down import Kept
from beeyard.workflows.down import down as run_down
from beeyard.workflows.plan import plan as run_plan
from beeyard.workflows.plan_report import ClusterPlan
from beeyard.workflows.progress import Event, Listener, Phase, Progress
from beeyard.workflows.provision import provision as run_provision
from beeyard.workflows.status import Status, hosts_of
from beeyard.workflows.status import status as run_status
from beeyard.workflows.up import UpResult
from beeyard.workflows.up import up as run_up

__all__ = [
    "Cluster",
    "ClusterPlan",
    "Event",
    "Kept",
    "Listener",
    "Phase",
    "Progress",
    "Status",
    "UpResult",
    "hosts_of",
    "run_down",
    "run_plan",
    "run_provision",
    "run_status",
    "run_up",
]
