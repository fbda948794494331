"""ROUGE is rouge-score's, to the last bit; and so is the `evaluate` metric that is loaded by its path."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from rouge_score import rouge_scorer

import summ_collapse
from summ_collapse.metrics.rouge import KINDS, NAMES, score_pairs

SEED = 20
METRIC = Path(summ_collapse.__file__).parent / "metrics" / "evaluate_rouge.py"
# Stems, plurals and digits; then accents, other scripts, characters that grow when lowered, and words of punctuation alone.
PLAIN = "a his hi the runs running Runner relational conditional ponies caresses flying dies skies news 12 3rd U.S. e-mail"
ODD = "café CAFÉ naïve straße İstanbul ΣΊΣΥΦΟΣ 東京 Привет हिन्दी ½ ² ﬁre 👍🏽 zero\u200bwidth don't snake_case ... -- !? “ ” _ '"
WORDS = [*PLAIN.split(), *ODD.split()]
BLANKS = (" ", " ", " ", " ", "  ", "\n", "\n\n", "\t", "\r\n", "\u00a0", "\u2028", "")
CORNERS = ("", " ", "\n", "\n\n\n", "...", "?!\n--", "_", "é", "東京", "a", "a\na", "A a\n", "running\nruns", "the " * 200)


def text(rng: random.Random) -> str:
    words = rng.choices(WORDS[: rng.choice((4, 12, len(WORDS)))], k=rng.randrange(25))
    return "".join(word + rng.choice(BLANKS) for word in words)


def pairs(count: int) -> tuple[list[str], list[str]]:
    """Predictions and references: all corners with each other, then random texts, every third pair nearly equal."""
    rng = random.Random(SEED)
    found = [(prediction, reference) for prediction in CORNERS for reference in CORNERS]
    while len(found) < count:
        reference = text(rng)
        found.append((reference + text(rng)[:20] if len(found) % 3 == 0 else text(rng), reference))
    return [prediction for prediction, _ in found], [reference for _, reference in found]


@pytest.mark.parametrize("part", ["fmeasure", "recall"])
def test_every_score_equals_rouge_score_to_the_last_bit(part: str) -> None:
    predictions, references = pairs(4000)
    names = [name for name in NAMES if name.endswith("_recall") == (part == "recall")]
    ours = score_pairs(predictions, references, names)
    scorer = rouge_scorer.RougeScorer(list(KINDS), use_stemmer=True)
    theirs = [scorer.score(reference, prediction) for prediction, reference in zip(predictions, references, strict=True)]
    assert list(ours) == names
    for kind, name in zip(KINDS, names, strict=True):
        expected = [getattr(score[kind], part) for score in theirs]
        differing = [row for row, pair in enumerate(zip(ours[name].tolist(), expected, strict=True)) if pair[0] != pair[1]]
        assert not differing, f"seed {SEED}, {name}: {predictions[differing[0]]!r} against {references[differing[0]]!r}"
        assert 0 < sum(expected) < len(expected)


def test_a_score_does_not_depend_on_what_else_is_asked_for() -> None:
    predictions, references = pairs(300)
    together = score_pairs(predictions, references, NAMES)
    for name in NAMES:
        assert score_pairs(predictions, references, [name])[name].tolist() == together[name].tolist()


def test_lsum_sees_the_sentences_that_newlines_make() -> None:
    prediction, reference = "a storm came\nmany homes are dark", "many homes are dark\na storm came"
    scores = score_pairs([prediction], [reference], ["rougeL", "rougeLsum"])
    assert scores["rougeLsum"].tolist() == [1.0]
    assert scores["rougeL"].tolist() == [4 / 7]


def test_recall_is_the_share_of_the_reference_that_is_found() -> None:
    scores = score_pairs(["one two three four"], ["one two"], ["rouge1_recall", "rouge2_recall", "rouge1"])
    assert {name: values.tolist() for name, values in scores.items()} == {
        "rouge1_recall": [1.0],
        "rouge2_recall": [1.0],
        "rouge1": [2 / 3],
    }


def test_no_pairs_give_no_scores() -> None:
    assert score_pairs([], [], ["rouge1"])["rouge1"].shape == (0,)


def test_unequal_numbers_of_texts_are_an_error() -> None:
    with pytest.raises(ValueError, match="shorter"):
        score_pairs(["one", "two"], ["one"], ["rouge1"])


def test_evaluate_loads_the_metric_by_its_path_without_a_network(tmp_path: Path) -> None:
    predictions, references = pairs(400)
    script = """
import json, sys
import evaluate
metric = evaluate.load(sys.argv[1])
given = json.load(sys.stdin)
print(json.dumps([metric.compute(**given), metric.compute(**given, aggregate=False)]))
"""
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script, str(METRIC)],
        input=json.dumps({"predictions": predictions, "references": references}),
        capture_output=True,
        text=True,
        env=environment,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    means, scores = json.loads(done.stdout)
    ours = score_pairs(predictions, references, KINDS)
    assert scores == {name: values.tolist() for name, values in ours.items()}
    assert means == {name: float(values.mean()) for name, values in ours.items()}
