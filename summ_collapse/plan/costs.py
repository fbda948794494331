"""What a stage costs on a GPU: floating-point operations, peak memory and hours, from its model's shape alone.

Operations follow appendix B of the PaLM paper (Chowdhery et al. 2022), the bytes of a training QLoRA's paper (Dettmers et
al. 2023) and what autograd was seen to keep of a Llama. Hours are operations over peak times efficiency, except where
decoding is bound by reading memory. Adapters are merged in inference, and cost nothing there.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from summ_collapse.errors import InputError
from summ_collapse.plan.architecture import Architecture
from summ_collapse.plugins import nearest
from summ_collapse.stages.size import Work

MASTER_BYTES = 4  # float32 master weights; their gradients are float32 too
ADAM_BYTES = 8  # two float32 moments
NF4_BYTES = 0.5 + 1 / 64 + 4 / (64 * 256)  # 4 bits, an 8-bit scale for 64 weights, and a float32 scale for 256 of those
START_SECONDS = 60.0  # until ranks of a launch have imported their libraries, have their contexts and have met
LOAD_BYTES_PER_SECOND = 2e9  # what a fast local disk or a good shared file system gives one process
SHARDED = ("fsdp", "zero3")
# Layers whose weights are gathered at once where they are sharded: the one at work, and the next one, fetched ahead.
GATHERED_LAYERS = 2

# The share of a device's memory that tensors can fill, beside the CUDA context and gaps between blocks.
USABLE = 0.95

# Parts of the peak memory of a device, in bytes.
Memory = dict[str, int]


@dataclass(frozen=True)
class Gpu:
    """A device's ceilings, as its vendor states them; dense arithmetic, not sparse."""

    bfloat16_tflops: float
    float32_tflops: float
    memory_gb: float
    bandwidth_tb_s: float

    def flops_per_second(self, dtype_bytes: int) -> float:
        """Peak arithmetic in a compute type of 2 or 4 bytes; float32 without TF32, as torch computes by default."""
        return 1e12 * (self.bfloat16_tflops if dtype_bytes == 2 else self.float32_tflops)


GPUS = {
    "h200": Gpu(989, 67, 141, 4.8),
    "h100": Gpu(989, 67, 80, 3.35),
    "a100-80gb": Gpu(312, 19.5, 80, 2.039),
    "a100-40gb": Gpu(312, 19.5, 40, 1.555),
    "l40s": Gpu(362, 91.6, 48, 0.864),
    "a10g": Gpu(70, 31.5, 24, 0.6),
    "rtx4090": Gpu(165.2, 82.6, 24, 1.008),
}


def gpu(name: str) -> Gpu:
    """The GPU of that name; InputError lists the choices."""
    if name not in GPUS:
        raise InputError(f"--gpu: unknown GPU {name!r}{nearest(name, GPUS)}; expected one of {', '.join(GPUS)}")
    return GPUS[name]


@dataclass(frozen=True, kw_only=True)
class Workload(Work):
    """The work of one stage with the shape of its model."""

    architecture: Architecture
    dtype_bytes: int
    eager: bool = False

    @property
    def longest(self) -> int:
        """The longest sequence, which no model reads past its positions."""
        return min(self.longest_prompt + self.longest_completion, self.architecture.positions)


def flops(workload: Workload, recomputed: bool = False) -> int | None:
    """Floating-point operations of all rows, padding not counted; None where their number or length is not known.

    Those of the model: what gradient checkpointing computes once more is in them only where `recomputed` (model FLOPs against
    hardware FLOPs, in the words of the PaLM paper).
    """
    if workload.rows is None or workload.prompt is None or workload.completion is None:
        return None
    if workload.trains:
        return workload.rows * _training_flops(workload, workload.prompt + workload.completion, recomputed)
    if workload.scores:
        return _scoring_flops(workload, workload.rows, workload.prompt, workload.completion)
    prefill = _prefills(workload) * _forward_flops(workload.architecture, workload.prompt, logits=1)
    return prefill + workload.rows * _decoding_flops(workload.architecture, workload.prompt, workload.completion)


def _prefills(workload: Workload) -> int:
    """How many prompts are read: one for all samples of a document."""
    assert workload.rows is not None
    return math.ceil(workload.rows / workload.sharing)


def _attention_flops(architecture: Architecture, tokens: int) -> int:
    """4·L·H·Q·T² of a forward pass: queries times keys, and weights times values; a causal mask is not taken off.

    Three times that, with a backward pass, are the 12·L·H·Q·T a token of Chowdhery et al. 2022, appendix B.
    """
    return 4 * architecture.layers * architecture.query_width * tokens**2


def _forward_flops(architecture: Architecture, tokens: int, logits: int) -> int:
    """2N a token, with the vocabulary's share for the `logits` positions that are predicted from, and attention."""
    linear = 2 * (architecture.layers_matmul_parameters * tokens + architecture.vocabulary_parameters * logits)
    return linear + _attention_flops(architecture, tokens)


def _scoring_flops(workload: Workload, rows: int, prompt: int, completion: int) -> int:
    """Whole sequences; or prompts, and then completions that attend to them and to themselves."""
    shape = workload.architecture
    if workload.sharing == 1:
        return rows * _forward_flops(shape, prompt + completion, logits=completion + 1)
    to_prompts = 4 * shape.layers * shape.query_width * completion * prompt
    prompts = math.ceil(rows / workload.sharing) * _forward_flops(shape, prompt, logits=1)
    return prompts + rows * (_forward_flops(shape, completion, logits=completion) + to_prompts)


def _decoding_flops(architecture: Architecture, prompt: int, completion: int) -> int:
    """2N a generated token, which attends to the prompt and to half of the completion on average."""
    attended = completion * prompt + completion**2 // 2
    return 2 * architecture.matmul_parameters * completion + 4 * architecture.layers * architecture.query_width * attended


def _training_flops(workload: Workload, tokens: int, recomputed: bool) -> int:
    """One row: 2N forward, 2N for the gradients of activations, and 2 for each parameter that gets a gradient itself.

    So 6N a token in full fine-tuning (Kaplan et al. 2020), 4N and 6 for each parameter of the adapter in LoRA. Gradient
    checkpointing goes forward through the layers once more, which is counted where `recomputed`.
    """
    assert workload.training is not None
    shape = workload.architecture
    adapter = shape.lora_parameters(workload.training.rank) if workload.training.adapter else 0
    weight_gradients = adapter if workload.training.adapter else shape.matmul_parameters
    linear = 4 * (shape.matmul_parameters + adapter) + 2 * weight_gradients
    total = linear * tokens + 3 * _attention_flops(shape, tokens)
    if recomputed and workload.training.gradient_checkpointing:
        total += 2 * (shape.layers_matmul_parameters + adapter) * tokens + _attention_flops(shape, tokens)
    return total


def memory(workload: Workload, shape: str, devices: int) -> Memory:
    """Peak bytes on each device by part, and `total`, for a stage that uses `devices` in a launch shape.

    The parts' peaks are added up, as they meet when backward starts. Not counted: the CUDA context, and what the allocator
    cannot use (`USABLE` is for these); the small and short-lived, such as the buffers in which DDP sums gradients.
    """
    parts = _training_memory(workload, shape, devices) if workload.trains else _inference_memory(workload)
    return {**parts, "total": sum(parts.values())}


def _training_memory(workload: Workload, shape: str, devices: int) -> Memory:
    """Full: 16 bytes a parameter (master, gradient, two moments) and a copy in the compute type; LoRA: so for the adapter.

    Sharding divides all of these by the devices, beside the layers that are gathered at the time.
    """
    training, model, dtype = workload.training, workload.architecture, workload.dtype_bytes
    assert training is not None
    trained = model.lora_parameters(training.rank) if training.adapter else model.parameters
    working_copy = dtype if dtype < MASTER_BYTES else 0
    weights = _frozen_bytes(model, training.method, dtype) + trained * (MASTER_BYTES + working_copy)
    gradients, optimizer = MASTER_BYTES * trained, ADAM_BYTES * trained
    if shape in SHARDED and devices > 1:
        largest = max(model.layer_matmul_parameters, model.vocabulary_parameters)
        gathered = GATHERED_LAYERS * dtype * largest
        # One layer's gradients are whole in the compute type, and in float32 while ranks add them up.
        reduced = (dtype + MASTER_BYTES) * largest if not training.adapter else 0
        weights, optimizer = weights / devices + gathered, optimizer // devices
        gradients = gradients // devices + reduced
    tokens = training.rows_a_pass(devices) * workload.longest
    return {
        "weights": int(weights),
        "gradients": gradients,
        "optimizer": optimizer,
        "activations": tokens * _kept_activations(workload),
        # In the compute type, as log-probabilities and as gradients, these two in float32.
        "logits": tokens * model.vocabulary * (dtype + 2 * MASTER_BYTES),
        "kv_cache": 0,
    }


def _frozen_bytes(architecture: Architecture, method: str, dtype_bytes: int) -> float:
    """Bytes of the base below an adapter; QLoRA leaves embeddings, the map to logits and norms in the compute type."""
    if method == "full":
        return 0.0
    quantised = architecture.layers_matmul_parameters if method == "qlora" else 0
    return NF4_BYTES * quantised + dtype_bytes * (architecture.parameters - quantised)


def _kept_activations(workload: Workload) -> int:
    """Bytes a token that backward finds: c bytes an element in the compute type, h, q, i the model's three widths.

    A layer keeps float32 for its two norms, 16h (8h below an adapter, whose norms are frozen); the inputs of q, k, v, gate
    and up, 5ch (under autocast each is a cast of its own; in float32 they are shared: 8h), and below an adapter that of o,
    cq; the queries, keys, values and result of attention, 4cq; and gate, its SiLU, up and their product, 4ci. Eager
    attention adds (4 + c) bytes for each head and position attended to. With gradient checkpointing each layer keeps only
    what comes in, and one is rebuilt at a time.
    """
    assert workload.training is not None
    model, dtype = workload.architecture, workload.dtype_bytes
    hidden = model.hidden_size
    adapter = workload.training.adapter
    norms = (8 if adapter else 16) * hidden
    casts = dtype * (5 * hidden + (model.query_width if adapter else 0))
    inputs = casts if dtype < MASTER_BYTES else 8 * hidden
    layer = norms + inputs + 4 * dtype * (model.query_width + model.intermediate_size)
    if workload.eager:
        layer += (MASTER_BYTES + dtype) * model.heads * workload.longest
    if not workload.training.gradient_checkpointing:
        return model.layers * layer
    # Float32 embeddings make the residual stream float32, autocast or not.
    incoming = (dtype if adapter else MASTER_BYTES) * hidden
    return model.layers * incoming + layer


def _inference_memory(workload: Workload) -> Memory:
    """Weights and cache in the compute type, one layer's activations of the whole batch, and the logits that are asked for.

    A token of a layer holds two hidden vectors, and then the queries, keys, values and result of attention or three
    vectors of the MLP. Scores need the logits of every completion token, generation of the last token alone; there are
    also a float32 copy and its softmax.
    """
    model, dtype = workload.architecture, workload.dtype_bytes
    tokens = _tokens_a_pass(workload)
    scores = tokens * workload.longest * model.heads * (MASTER_BYTES + dtype) if workload.eager else 0
    cached = workload.batch * workload.longest if workload.generates or workload.sharing > 1 else 0
    widest = 2 * model.hidden_size + max(4 * model.query_width, 3 * model.intermediate_size)
    predicted = workload.longest_completion + 1 if workload.scores else 1
    return {
        "weights": dtype * model.parameters,
        "gradients": 0,
        "optimizer": 0,
        "activations": tokens * dtype * widest + scores,
        "logits": workload.batch * predicted * model.vocabulary * (dtype + 2 * MASTER_BYTES),
        "kv_cache": cached * model.kv_bytes_per_token(dtype),
    }


def _tokens_a_pass(workload: Workload) -> int:
    """Tokens of the largest forward pass; where prompts are shared, they and the completions have passes of their own."""
    if workload.sharing == 1:
        return workload.batch * workload.longest
    prompts = max(1, workload.batch // workload.sharing)
    return max(prompts * min(workload.longest_prompt, workload.longest), workload.batch * workload.longest_completion)


def device_seconds(workload: Workload, on: Gpu, efficiency: float) -> float | None:
    """Seconds of one device, loading not counted; `efficiency` is the share (0-1] of its arithmetic and bandwidth reached."""
    operations = flops(workload, recomputed=True)
    if operations is None or workload.rows is None or workload.prompt is None or workload.completion is None:
        return None
    rate = on.flops_per_second(workload.dtype_bytes) * efficiency
    if workload.kind != "generate":
        return operations / rate
    prefill = _prefills(workload) * _forward_flops(workload.architecture, workload.prompt, logits=1) / rate
    # A batch goes on until its longest row ends, which among dozens of rows is close to the limit.
    steps = workload.longest_completion if workload.batch > 1 else workload.completion
    batches = math.ceil(workload.rows / workload.batch)
    cached = workload.batch * (workload.prompt + steps / 2) * workload.architecture.kv_bytes_per_token(workload.dtype_bytes)
    read = workload.dtype_bytes * workload.architecture.matmul_parameters + cached
    arithmetic = workload.batch * _decoding_flops(workload.architecture, workload.prompt, 1) / rate
    return prefill + batches * steps * max(read / (1e12 * on.bandwidth_tb_s * efficiency), arithmetic)


def load_seconds(workload: Workload) -> float:
    """Seconds until the weights are read from disk, in the compute type, whatever the number of devices."""
    return workload.dtype_bytes * workload.architecture.parameters / LOAD_BYTES_PER_SECOND


def shortage(found: Mapping[str, int], name: str) -> str | None:
    """Why a peak does not fit the GPU of that name, with its largest part; None where it fits."""
    available = gpu(name).memory_gb
    if found["total"] <= USABLE * available * 1e9:
        return None
    part = max((part for part in found if part != "total"), key=lambda part: found[part])
    return (
        f"needs {found['total'] / 1e9:.1f} GB a device, and {name} has {available:g} GB ({USABLE * available:.1f} usable); "
        f"most of it is {part.replace('_', ' ')} ({found[part] / 1e9:.1f} GB)"
    )
