"""The two files for clusters, as far as text can be tested: no cluster runs here."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from torch.distributed.run import get_args_parser

BOOK = Path(__file__).resolve().parents[2]
CLUSTERS = BOOK / "recipes" / "clusters"
BATCH_SIZE = int(re.search(r"^BATCH_SIZE = (\d+)$", (BOOK / "recipes" / "gpt.py").read_text(), re.MULTILINE)[1])


def validate(arguments, *, machines, gpus, meeting):
    """torchrun understands the arguments, and they fit the cluster and the recipe."""
    parsed = get_args_parser().parse_args(arguments)
    assert (parsed.nnodes, parsed.nproc_per_node) == (str(machines), str(gpus))
    assert (parsed.rdzv_backend, parsed.rdzv_endpoint) == ("c10d", f"{meeting}:29500")
    assert parsed.rdzv_id and parsed.max_restarts == 3
    assert parsed.training_script_args == [] and (BOOK / parsed.training_script).samefile(BOOK / "recipes" / "gpt.py")
    assert BATCH_SIZE % (machines * gpus) == 0  # every process has its share of a batch


@pytest.mark.skipif(sys.platform == "win32", reason="needs bash")
def test_slurm_starts_one_torchrun_a_machine(tmp_path):
    """Run by bash, with stand-ins for Slurm's two commands."""
    script = CLUSTERS / "slurm.sh"
    subprocess.run(["bash", "-n", script], check=True)
    asked = dict(re.findall(r"^#SBATCH --([a-z-]+)=(\S+)$", script.read_text(), re.MULTILINE))
    assert asked["ntasks-per-node"] == "1"
    for name, body in {"scontrol": 'echo "$3" | tr , "\\n"', "srun": 'printf "%s\\n" "$@"'}.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{body}\n")
        (tmp_path / name).chmod(0o755)
    told = {
        "SLURM_JOB_NODELIST": "first,second",
        "SLURM_NNODES": asked["nodes"],
        "SLURM_GPUS_ON_NODE": asked["gpus-per-node"],
        "SLURM_JOB_ID": "17",
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
    }
    done = subprocess.run(["bash", script], env=told, capture_output=True, text=True, check=True)
    command, *arguments = done.stdout.split()
    assert command == "torchrun"
    validate(arguments, machines=int(asked["nodes"]), gpus=int(asked["gpus-per-node"]), meeting="first")


def test_kubernetes_starts_one_torchrun_a_pod():
    service, job = yaml.safe_load_all((CLUSTERS / "kubernetes.yaml").read_text())
    name, pods, pod = job["metadata"]["name"], job["spec"]["completions"], job["spec"]["template"]["spec"]
    assert (service["kind"], job["kind"], job["spec"]["completionMode"]) == ("Service", "Job", "Indexed")
    assert job["spec"]["parallelism"] == pods  # all at once: they wait for each other
    assert service["spec"]["selector"] == {"job-name": name} and service["spec"]["clusterIP"] == "None"
    assert pod["subdomain"] == service["metadata"]["name"]
    [container] = pod["containers"]
    assert container["command"] == ["torchrun"]
    gpus = container["resources"]["limits"]["nvidia.com/gpu"]
    validate(container["args"], machines=pods, gpus=gpus, meeting=f"{name}-0.{pod['subdomain']}")
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    paths = [Path(mount["mountPath"]) for mount in container["volumeMounts"]]
    assert Path(container["workingDir"]) / "recipes" / "checkpoints" in paths  # where recipes/gpt.py writes them
