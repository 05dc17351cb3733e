"""SLURM, torchrun and Kubernetes are known by their environment."""

from freak_core.runs.launcher_ids import launcher_ids


def test_the_launcher_is_known() -> None:
    assert launcher_ids({"TORCHELASTIC_RUN_ID": "none"}) == {}
    assert launcher_ids({"SLURM_JOB_ID": "7", "SLURM_SUBMIT_HOST": "login1", "TORCHELASTIC_RUN_ID": "t"}) == {
        "slurm_job": "7",
        "slurm_submit_host": "login1",
        "torchrun": "t",
    }
    in_a_pod = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "POD_NAME": "vit-0", "POD_NAMESPACE": "lab"}
    assert launcher_ids(in_a_pod) == {"kubernetes_pod": "vit-0", "kubernetes_namespace": "lab"}
