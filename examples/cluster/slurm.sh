#!/bin/bash
# Two nodes with 8 GPUs each under Slurm: `sbatch examples/cluster/slurm.sh`. One task a node: it starts a process for each GPU.
# The folders of the data, the model and the run, and the Python environment, lie on a file system that the nodes share.
#SBATCH --job-name=iovqa
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=64
#SBATCH --time=24:00:00
# Five minutes before the end: the first node leaves a checkpoint.
#SBATCH --signal=TERM@300
# Submitted once more, or requeued, the job goes on from its last checkpoint.
#SBATCH --requeue
#SBATCH --open-mode=append
set -euo pipefail

# What the nodes know each other by; srun passes it on.
IOVQA_TOKEN=$(openssl rand -hex 32)
export IOVQA_TOKEN

recipe=${RECIPE:-recipe.yaml}
source "${IOVQA_ENVIRONMENT:-iovqa-torch}/bin/activate"

# A task that fails ends all, and none waits for a first node that has gone.
srun --kill-on-bad-exit=1 --wait=60 iovqa train "$recipe" --engine torch --resume
