"""What a stage needs beside its GPUs: memory of the node's CPUs, and disk."""

from summ_collapse.plan.costs import ADAM_BYTES, MASTER_BYTES, Workload

PROCESS_BYTES = 4_000_000_000  # a rank: libraries, the CUDA context's share of the host, buffers of communication
BYTES_A_TOKEN = 6  # of text, with what Python adds to a string
COPIES = 3  # of a table of texts: as it was read, as Python's strings, as what is written


def host_bytes(workload: Workload | None, rows: int | None, tokens_a_row: int, shape: str, ranks: int) -> int:
    """Peak memory of one node, in bytes, for a stage with `ranks` processes on it.

    Weights are read onto the devices; in a launch that shards they lie in the CPUs' memory first: of all ranks under ZeRO-3, of
    the first one under FSDP. A whole model that was trained is gathered there in float32 and stored in the compute type.
    Texts are held by every process that works on them, encoded rows by none (they are mapped).
    """
    texts = (rows or 0) * tokens_a_row * BYTES_A_TOKEN * COPIES
    if workload is None:
        return PROCESS_BYTES + texts
    holders = 1 if workload.trains else ranks  # the first rank encodes for all
    needed = ranks * PROCESS_BYTES + holders * texts
    masters = MASTER_BYTES * workload.architecture.parameters
    full = workload.trains and workload.training is not None and not workload.training.adapter
    frozen = 0 if full else workload.dtype_bytes * workload.architecture.parameters
    if shape in ("fsdp", "zero3"):
        needed += (masters if full else frozen) * (ranks if shape == "zero3" else 1)
    if full:
        needed += masters + stored_bytes(workload)
    return needed


def stored_bytes(workload: Workload) -> int:
    """Bytes of what a training leaves: a model in the compute type, an adapter in float32."""
    training, model = workload.training, workload.architecture
    if training is None:
        return 0
    return MASTER_BYTES * model.lora_parameters(training.rank) if training.adapter else workload.dtype_bytes * model.parameters


def checkpoint_bytes(workload: Workload) -> int:
    """Bytes of one checkpoint: float32 masters and two moments of all that is trained."""
    training, model = workload.training, workload.architecture
    if training is None:
        return 0
    trained = model.lora_parameters(training.rank) if training.adapter else model.parameters
    return (MASTER_BYTES + ADAM_BYTES) * trained
