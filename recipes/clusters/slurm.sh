#!/bin/bash
# The GPT on two machines of eight GPUs under Slurm: `sbatch recipes/clusters/slurm.sh`, from the book's folder.
#
# Slurm starts one torchrun on each machine, and torchrun one process for each GPU. All machines must see this folder:
# the checkpoints stand in it, and the job goes on from them when Slurm starts it again.
#SBATCH --job-name=gpt
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=32
#SBATCH --time=02:00:00
#SBATCH --requeue
set -euo pipefail

meeting=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1) # the first machine, where the others ask who is there
export OMP_NUM_THREADS=1

srun torchrun \
    --nnodes="$SLURM_NNODES" \
    --nproc-per-node="$SLURM_GPUS_ON_NODE" \
    --rdzv-id="$SLURM_JOB_ID" \
    --rdzv-backend=c10d \
    --rdzv-endpoint="$meeting:29500" \
    --max-restarts=3 \
    recipes/gpt.py
