#!/bin/bash
# sbatch cluster/slurm.sh: one task a node, which takes all of the node's GPUs.
#SBATCH --job-name=qrgan-cifar10
#SBATCH --nodes=8
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --time=24:00:00
#SBATCH --signal=TERM@120
#SBATCH --requeue
#SBATCH --open-mode=append

export QRKERAS_CACHE="$SLURM_SUBMIT_DIR/cache"
export QRKERAS_CLUSTER_PORT=12355
export NCCL_SOCKET_IFNAME=ib0

srun --kill-on-bad-exit=0 qrkeras train qrgan-cifar10 --batch-size 4096 --devices all --run-dir runs/qrgan-cifar10
status=$?

# A worker was lost: all begin again, from the last checkpoint. Bad input, status 2, stays as it is.
if [ "$status" -ge 128 ]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
