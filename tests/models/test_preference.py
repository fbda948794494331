"""Training on pairs: its loss by hand, weights, what it leads to, and that it goes on as it was interrupted."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import LlamaForCausalLM
from trl import DPOConfig, DPOTrainer
from trl.trainer.utils import add_fused_lm_head

from summ_collapse.models.encoder import Encoder
from summ_collapse.models.likelihood import sequence_likelihoods
from summ_collapse.models.pairs import EncodedPairs, PairIds, PairText, encode, write
from summ_collapse.models.preference import Preference, preference, preference_losses
from summ_collapse.models.tiny import make_model, train_tokenizer
from summ_collapse.models.training import Fit, Trained, fit
from summ_collapse.recipe.blocks import Tiny
from summ_collapse.recipe.preference import PreferenceTraining
from summ_collapse.store import digest
from summ_collapse.tasks.prompt import Prompt
from summ_collapse.tasks.reasoning import Reasoning

TASK = Reasoning.model_validate({"kind": "reasoning", "rows": 20, "test": 2, "steps": 2, "max_document_tokens": 60})
TOKENIZER = train_tokenizer(TASK.vocabulary(), "word", 300, 128)
ENCODER = Encoder(TOKENIZER, Prompt.parse(TASK.prompt), 60)
BETA = 0.3

pytestmark = pytest.mark.usefixtures("one_thread")


def model(seed: int = 0) -> LlamaForCausalLM:
    return make_model(Tiny(layers=1, width=32, heads=2, positions=128, vocabulary=300, seed=seed), TOKENIZER)


def pairs() -> list[PairIds]:
    """The right first step beside a wrong one, and a whole solution beside a shorter one; of ten problems."""
    made = TASK.splits()["all"].slice(0, 10)
    texts = []
    for document, solution in zip(made["document"].to_pylist(), made["summary"].to_pylist(), strict=True):
        step = solution[: solution.index(" 2)")]
        texts.append(PairText(document, "1)", step.removeprefix("1)"), " 1 + 1 = 3", False, False))
        texts.append(PairText(document, "", solution, solution[: solution.index(" answer")], True, True))
    found = [one for one in encode(ENCODER, texts) if one is not None]
    assert len(found) == len(texts)
    return found


def references(of: LlamaForCausalLM, ours: list[PairIds]) -> list[tuple[float, float]]:
    sides = [
        sequence_likelihoods(of, ENCODER.pad, [one.prompt + side for one, side in found], [len(side) for _, side in found], 4)
        for found in ([(one, one.chosen) for one in ours], [(one, one.rejected) for one in ours])
    ]
    return list(zip(*(side.tolist() for side in sides), strict=True))


def written(folder: Path, weights: list[float] | None = None) -> EncodedPairs:
    ours = pairs()
    write(folder / "pairs.arrow", ours, references(model(), ours), weights or [1.0] * len(ours))
    return EncodedPairs.at(folder / "pairs.arrow")


def trained(folder: Path, rows: EncodedPairs, stop_at: int | None = None, **changes: object) -> tuple[Trained, Path]:
    folder.mkdir(exist_ok=True)
    out = folder / "out"
    out.mkdir(exist_ok=True)
    training = PreferenceTraining.model_validate(
        {"steps": 12, "learning_rate": 1e-3, "batch_size": 8, "micro_batch_size": 4, "beta": BETA, **changes}
    )
    steps: list[int] = []
    settings = Fit(
        training,
        0,
        torch.float32,
        folder,
        2,
        lambda done, total: steps.append(done),
        stop=lambda: bool(stop_at and steps[-1] >= stop_at),
    )
    return fit(model(), TOKENIZER, rows, settings, out, objective=preference(BETA, training.likelihood)), out


def by_hand(of: LlamaForCausalLM, ours: list[PairIds], before: list[tuple[float, float]]) -> np.ndarray:
    """-log sigmoid of beta times the margin, a pair at a time, in float64."""
    double = of.double()

    def likelihood(prompt: list[int], side: list[int]) -> float:
        with torch.no_grad():
            logarithms = double(torch.tensor([prompt + side])).logits[0].log_softmax(-1)
        return float(sum(logarithms[len(prompt) - 1 + place, token] for place, token in enumerate(side)))

    margins = [
        BETA * ((likelihood(one.prompt, one.chosen) - chosen) - (likelihood(one.prompt, one.rejected) - rejected))
        for one, (chosen, rejected) in zip(ours, before, strict=True)
    ]
    return np.logaddexp(0, -np.array(margins))


def test_the_loss_is_the_formula(tmp_path: Path) -> None:
    """Of a model that is not the reference, on a fixed batch; and TRL's own loss of the same batch."""
    ours = pairs()
    rows = written(tmp_path)
    arguments = DPOConfig(
        output_dir=str(tmp_path),
        beta=BETA,
        max_length=None,
        precompute_ref_log_probs=True,
        report_to="none",
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        remove_unused_columns=False,
    )
    trainer = Preference(model=model(seed=1), args=arguments, train_dataset=rows.table, processing_class=TOKENIZER)
    batch = trainer.data_collator([rows.table[row] for row in range(len(rows))])
    with torch.no_grad():
        losses = preference_losses(trainer.model, batch, BETA)
        theirs = DPOTrainer._compute_loss(
            trainer, trainer.model, {key: value for key, value in batch.items() if key != "weight"}, False
        )
    expected = by_hand(model(seed=1), ours, references(model(), ours))
    assert np.abs(losses.numpy() - expected).max() <= 1e-6
    assert abs(float(losses.mean()) - float(theirs)) <= 1e-6


def test_the_better_side_gains_on_the_worse(tmp_path: Path) -> None:
    rows = written(tmp_path)
    done, out = trained(tmp_path / "run", rows, steps=40)
    ours = pairs()
    before, after = (
        np.array(references(of, ours)) for of in (model(), LlamaForCausalLM.from_pretrained(out, dtype=torch.float32))
    )
    gained = (after - before) @ np.array([1, -1])
    assert done.finished
    assert (gained > 0).mean() > 0.9
    assert done.loss < np.log(2)


def test_a_weight_is_as_many_pairs_and_none_is_no_pair(tmp_path: Path) -> None:
    ours, before = pairs(), references(model(), pairs())
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    write(tmp_path / "a" / "pairs.arrow", ours[:4], before[:4], [2.0, 1.0, 0.0, 1.0])
    chosen = [0, 0, 1, 3]
    write(tmp_path / "b" / "pairs.arrow", [ours[row] for row in chosen], [before[row] for row in chosen], [1.0] * 4)
    found = [
        trained(
            tmp_path / name,
            EncodedPairs.at(tmp_path / name / "pairs.arrow"),
            steps=1,
            batch_size=4,
            schedule="constant",
            adam_beta2=0.5,
        )[1]
        for name in ("a", "b")
    ]
    first, second = (LlamaForCausalLM.from_pretrained(out, dtype=torch.float32).state_dict() for out in found)
    for name, tensor in first.items():
        # Adam divides by the gradient's own size, so gradients that differ by rounding alone are compared where they count.
        assert ((tensor - second[name]).abs() <= 1e-6).float().mean() > 0.99, name


@pytest.mark.parametrize("method", ["full", "lora"])
def test_what_was_stopped_ends_in_the_same_bytes(method: str, tmp_path: Path) -> None:
    rows = written(tmp_path)
    _, undisturbed = trained(tmp_path / "one", rows, method=method)
    stopped, _ = trained(tmp_path / "two", rows, stop_at=5, method=method)
    assert not stopped.finished
    done, out = trained(tmp_path / "two", rows, method=method)
    assert (done.finished, done.resumed_from > 0) == (True, True)
    files = [path.name for path in sorted(undisturbed.iterdir())]
    assert any(name.endswith("safetensors") for name in files)
    assert [digest(out / name) for name in files] == [digest(undisturbed / name) for name in files]


def test_the_chosen_sides_likelihood_can_count_too(tmp_path: Path) -> None:
    ours = pairs()
    base = model()
    add_fused_lm_head(base, outputs=("log_probs",))
    rows = written(tmp_path)
    arguments = DPOConfig(
        output_dir=str(tmp_path),
        precompute_ref_log_probs=True,
        report_to="none",
        use_cpu=True,
        bf16=False,
        remove_unused_columns=False,
    )
    trainer = Preference(model=model(), args=arguments, train_dataset=rows.table, processing_class=TOKENIZER)
    batch = trainer.data_collator([rows.table[row] for row in range(len(rows))])
    with torch.no_grad():
        beside = preference_losses(base, batch, BETA, 0.5) - preference_losses(base, batch, BETA)
    lengths = np.array([len(one.chosen) for one in ours])
    expected = -0.5 * np.array(references(model(), ours))[:, 0] / lengths
    assert np.abs(beside.numpy() - expected).max() <= 1e-5


def test_sides_that_share_no_prefix_are_no_pair() -> None:
    document = TASK.splits()["all"]["document"][0].as_py()
    apart = PairText(document, "1) 7", "5 + 1 = 6", " + 5 = 12", False, False)  # "75": another word than the prefix's
    empty = PairText(document, "1) 7", "", " + 5 = 12", False, False)
    assert encode(ENCODER, [apart, empty]) == [None, None]
