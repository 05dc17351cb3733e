"""The launcher: who started this program, and what SLURM, torchrun and Kubernetes call it."""

import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

_VARIABLES = {
    "slurm_job": "SLURM_JOB_ID",
    "slurm_array_job": "SLURM_ARRAY_JOB_ID",
    "slurm_array_task": "SLURM_ARRAY_TASK_ID",
    "slurm_submit_host": "SLURM_SUBMIT_HOST",
    "torchrun": "TORCHELASTIC_RUN_ID",
}
_WORLD_SIZES = ("WORLD_SIZE", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE")
"""Set by torchrun, Accelerate, DeepSpeed; by Open MPI; by MPICH. SLURM_NTASKS counts other programs, too."""

_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def launcher_ids(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return what is known of who started this program: ``slurm_job``, ``torchrun``, ``kubernetes_pod``, …"""
    found = {name: environment.get(variable, "") for name, variable in _VARIABLES.items()}
    if found["torchrun"] == "none":  # torchrun's word for a run without an id
        del found["torchrun"]
    if environment.get("KUBERNETES_SERVICE_HOST"):
        found["kubernetes_pod"] = environment.get("POD_NAME") or socket.gethostname()
        found["kubernetes_namespace"] = environment.get("POD_NAMESPACE") or _namespace()
    return {name: value for name, value in found.items() if value}


def ranks(environment: Mapping[str, str] = os.environ) -> int:
    """Return how many processes were started together for one program, as launchers of ranks say it."""
    counts = (environment.get(name, "") for name in _WORLD_SIZES)
    return max((int(count) for count in counts if count.isdecimal()), default=1)


def _namespace() -> str:
    try:
        return _NAMESPACE.read_text("utf-8").strip()
    except OSError:
        return ""


def script_name() -> str:
    """Return what the program is called: its script or package; ``python`` where it has neither."""
    path = Path(sys.argv[0] if sys.argv else "")
    name = path.parent.name if path.stem == "__main__" else path.stem
    return name if name and not name.startswith("-") else "python"
