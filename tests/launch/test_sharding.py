"""What is trained in shards is saved whole: plain transformers and peft load it, with the logits that the ranks saw."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors import safe_open
from transformers import AutoModelForCausalLM

from summ_collapse.models.sharding import cast
from tests.conftest import ENVIRONMENT

SCRIPT = Path(__file__).with_name("sharded_training.py")


@pytest.mark.parametrize("method", [pytest.param("full", marks=pytest.mark.slow), "lora"])
def test_a_model_sharded_over_two_ranks_is_saved_whole(method: str, tmp_path: Path) -> None:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*launcher, str(SCRIPT), str(tmp_path), method],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**ENVIRONMENT, "OMP_NUM_THREADS": "1"},
        cwd=SCRIPT.parents[2],
    )
    assert done.returncode == 0, done.stderr[-3000:]
    seen = torch.load(tmp_path / "logits.pt")
    base = AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    untrained = base(input_ids=seen["ids"]).logits
    if method == "full":
        model = AutoModelForCausalLM.from_pretrained(tmp_path / "trained")
    else:
        model = PeftModel.from_pretrained(base, tmp_path / "trained")
    with torch.no_grad():
        logits = model(input_ids=seen["ids"]).logits
    # One rank computes on what it gathered from two: the same numbers, but for how sums are blocked.
    torch.testing.assert_close(logits, seen["logits"], rtol=1e-5, atol=1e-5)
    assert (logits - untrained).abs().max() > 1e-2, "the training changed nothing, so equal logits show nothing"


def test_casting_keeps_tied_weights_tied() -> None:
    shared = torch.randn(4, 2)
    made = cast({"embed": shared, "head": shared, "other": torch.randn(3), "steps": torch.tensor([1])}, torch.bfloat16)
    assert made["embed"].data_ptr() == made["head"].data_ptr()
    assert {name: tensor.dtype for name, tensor in made.items() if name != "steps"} == dict.fromkeys(
        ("embed", "head", "other"), torch.bfloat16
    )
    assert made["steps"].dtype == torch.int64


def test_what_is_saved_is_safetensors_alone(tmp_path: Path) -> None:
    from summ_collapse.models.loading import save
    from tests.launch.sharded_training import TEXTS, TINY, make_model, train_tokenizer

    tokenizer = train_tokenizer(TEXTS, "word", 300, 64)
    save(make_model(TINY, tokenizer), tokenizer, tmp_path)
    weights = [path for path in tmp_path.iterdir() if path.suffix not in (".json", ".jinja")]
    assert [path.name for path in weights] == ["model.safetensors"]
    with safe_open(weights[0], "pt") as file:
        assert len(list(file.keys())) > 0
