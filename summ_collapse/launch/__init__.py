"""Where stages run: this process, local workers, the ranks of an accelerate launch; `slurm` for clusters."""
