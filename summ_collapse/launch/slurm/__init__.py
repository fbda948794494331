"""SLURM: what a site wants to be told, the job scripts, the queue."""
