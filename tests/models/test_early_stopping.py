"""Early stopping: the weights with the least loss on what is held out are kept, however often the training was interrupted."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from summ_collapse.models.encoded import EncodedRows
from summ_collapse.models.encoder import Encoder
from summ_collapse.models.likelihood import completion_likelihoods
from summ_collapse.models.tiny import make_model, train_tokenizer
from summ_collapse.models.training import Fit, Trained, fit
from summ_collapse.recipe.blocks import Tiny, Training
from summ_collapse.tasks.newswire_articles import examples
from summ_collapse.tasks.prompt import Prompt

EXAMPLES = examples(40, 7)
DOCUMENTS, SUMMARIES = EXAMPLES["document"].to_pylist(), EXAMPLES["summary"].to_pylist()
TINY = Tiny(layers=1, width=32, heads=2, positions=128, vocabulary=600)
PLAIN = {"steps": 60, "learning_rate": 8e-3, "batch_size": 8, "schedule": "constant", "dropout": 0.1}

pytestmark = pytest.mark.usefixtures("one_thread")


def trained(
    folder: Path, training: Training, stop_at: int | None = None, checkpoint_steps: int = 7
) -> tuple[Trained, dict[str, torch.Tensor], list[float]]:
    """On 12 rows, which it learns by heart within sixty steps; what it says, its weights, and the losses that it looked at."""
    tokenizer = train_tokenizer(DOCUMENTS + SUMMARIES, "word", 600, 128)
    model, encoder = make_model(TINY, tokenizer), Encoder(tokenizer, Prompt.parse("{document} TL;DR:"), 64)
    (folder / "out").mkdir(parents=True, exist_ok=True)
    looked: list[float] = []
    steps: list[int] = []

    def held_out(looked_at: torch.nn.Module) -> float:
        total, tokens = completion_likelihoods(looked_at, encoder, DOCUMENTS[12:], SUMMARIES[12:], 8)
        looked.append(-float(total.sum()) / int(tokens.sum()))
        return looked[-1]

    settings = Fit(
        training,
        0,
        torch.float32,
        folder / "work",
        checkpoint_steps,
        lambda done, _: steps.append(done),
        stop=lambda: stop_at is not None and steps[-1] >= stop_at,
        held_out=held_out,
    )
    rows = EncodedRows.of(encoder.encode(DOCUMENTS[:12], SUMMARIES[:12]))
    found = fit(model, tokenizer, rows, settings, folder / "out", below="base")
    saved = list((folder / "out").glob("*.safetensors"))
    return found, load_file(saved[0]) if saved else {}, looked


@pytest.mark.parametrize("method", ["full", "lora"])
def test_the_best_weights_are_kept_and_training_ends(tmp_path: Path, method: str) -> None:
    training = Training(**PLAIN, method=method, early_stopping={"every": 5, "patience": 2})
    found, weights, looked = trained(tmp_path / "early", training)
    assert found.finished
    assert found.stopping is not None
    best = looked.index(min(looked))
    assert found.stopping.step == 5 * (best + 1)
    assert found.stopping.loss == looked[best]
    assert len(looked) == best + 3 < 12  # two looks after the best, and long before the sixtieth step
    assert found.steps == 5 * (best + 3)
    # They are the weights of a training of which the first so many steps are the same.
    until = training.model_copy(update={"early_stopping": None, "steps": found.stopping.step})
    same = trained(tmp_path / "until", until)[1]
    assert weights.keys() == same.keys()
    assert all(torch.equal(weights[name], same[name]) for name in weights)


def test_a_training_whose_loss_falls_to_the_end_takes_all_steps(tmp_path: Path) -> None:
    training = Training(**{**PLAIN, "learning_rate": 1e-4, "steps": 12}, early_stopping={"every": 5, "patience": 1})
    found, weights, looked = trained(tmp_path / "early", training)
    assert (found.steps, found.stopping and found.stopping.step, len(looked)) == (12, 12, 3)
    plain = trained(tmp_path / "plain", training.model_copy(update={"early_stopping": None}))[1]
    assert all(torch.equal(weights[name], plain[name]) for name in weights)


@pytest.mark.parametrize("stop_at", [3, 8, 16, 22, 25])
def test_an_interrupted_training_ends_in_the_same_weights(tmp_path: Path, stop_at: int) -> None:
    training = Training(**PLAIN, early_stopping={"every": 5, "patience": 2})
    undisturbed, weights, _ = trained(tmp_path / "undisturbed", training)
    first, _, _ = trained(tmp_path / "stopped", training, stop_at)
    assert first.finished == (stop_at >= undisturbed.steps)
    second, again, _ = trained(tmp_path / "stopped", training)
    assert (second.steps, second.stopping) == (undisturbed.steps, undisturbed.stopping)
    assert all(torch.equal(weights[name], again[name]) for name in weights)


def test_a_training_that_ended_takes_no_further_step(tmp_path: Path) -> None:
    """As where it is killed after its last step, before anything is published."""
    training = Training(**PLAIN, early_stopping={"every": 5, "patience": 2})
    first, weights, _ = trained(tmp_path, training, checkpoint_steps=5)
    again, same, _ = trained(tmp_path, training, checkpoint_steps=5)
    assert first.finished
    assert (again.steps, again.stopping) == (first.steps, first.stopping)
    assert all(torch.equal(weights[name], same[name]) for name in weights)


def test_weights_of_steps_that_are_taken_again_are_not_taken(tmp_path: Path) -> None:
    """A kill between two checkpoints, after a new best: what is on disk is of a later step than training resumes from."""
    training = Training(**PLAIN, early_stopping={"every": 5, "patience": 2})
    undisturbed, weights, _ = trained(tmp_path / "undisturbed", training)
    trained(tmp_path / "killed", training, stop_at=8)
    # As other ranks may have come to it, which do not take the same steps to the last digit.
    best = tmp_path / "killed" / "work" / "best.safetensors"
    wiped = {name: torch.zeros_like(weight) for name, weight in load_file(best).items()}
    save_file(wiped, best, {"step": "15", "loss": "0.5"})
    found, again, _ = trained(tmp_path / "killed", training)
    assert found.stopping == undisturbed.stopping
    assert all(torch.equal(weights[name], again[name]) for name in weights)


def test_orders_of_an_ensemble_differ_and_are_their_own(tmp_path: Path) -> None:
    plain = Training(**{**PLAIN, "steps": 4})
    weights = [
        trained(tmp_path / str(place), plain.model_copy(update={"order": order}))[1]
        for place, order in enumerate([None, 1, 1, 2])
    ]
    name = "model.layers.0.self_attn.q_proj.weight"
    first, one, same, two = (found[name] for found in weights)
    assert torch.equal(one, same)
    assert not torch.equal(first, one)
    assert not torch.equal(one, two)
