"""Where examples come from and how a prompt is written. One file a task; entry-point group `summ_collapse.tasks`."""
