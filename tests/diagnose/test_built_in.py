"""Verifiers that `diagnose` computes on bare files, and judgements that need no verifier beside them."""

from pathlib import Path

import numpy as np
import pytest

from summ_collapse.cli import main
from summ_collapse.diagnose.built_in import Shown, scored
from summ_collapse.errors import InputError
from summ_collapse.metrics.text_distance import Space
from summ_collapse.models.embedding import Embedder
from summ_collapse.run import reopen
from tests.diagnose.bare_files import ROWS, arguments, entry_of, kept_texts, quality_of, sentences, write_jsonl


def test_length_is_what_its_scores_in_a_file_would_be(tmp_path, data, ask) -> None:
    short = [{"id": row["id"], "score": -len(row["candidate"].split())} for row in data["candidates"]]
    computed = ask([*arguments(tmp_path / "one", data), "--verifier", "length,prefer=short"])
    given = ask(arguments(tmp_path / "two", {**data, "short": short}))
    for table in ("verifiers", "stratified", "rankings"):
        ours, theirs = (
            [row | {"name": ""} for row in found[table] if row["name"] == name]
            for found, name in ((computed, "length,prefer=short"), (given, "short"))
        )
        assert ours
        assert ours == theirs


def test_copy_rate_reads_the_documents(tmp_path, data, ask) -> None:
    """Every other document has the candidate's words in it: those are kept."""
    documents = [
        {"id": row["id"], "document": row["candidate"] if number % 2 else "other words"}
        for number, row in enumerate(data["candidates"])
    ]
    path = write_jsonl(tmp_path / "documents.jsonl", documents)
    words = [*arguments(tmp_path, data), "--verifier", "copy-rate", "--documents", path]
    assert entry_of(ask([*words, "--rates", 0.5]), "copy-rate", 0.5)["threshold"] == 1.0
    write_jsonl(path, documents[1:])
    assert main([*map(str, words)]) == 2


def test_agreement_finds_what_other_samples_say(tmp_path, data, ask) -> None:
    """Three samples a document, one of them another document's summary: the two that agree are kept."""
    summaries = [row["summary"] for row in data["references"]]
    candidates = [
        {"id": row["id"], "sample": sample, "candidate": summaries[place if sample else place - 1]}
        for place, row in enumerate(data["references"])
        for sample in range(3)
    ]
    found = ask([*arguments(tmp_path, {"candidates": candidates, "references": data["references"]}), "--verifier", "agreement"])
    kept = entry_of(found, "agreement", 0.5)
    assert kept["against_random"] == "better than random"
    assert kept["kept_error"] < kept["p"] / 2


def test_one_judgement_alone_answers_whether_the_pool_is_good(tmp_path, data, ask, capsys) -> None:
    right = quality_of(data) >= 0.25
    labels = [{"id": row["id"], "score": float(one)} for row, one in zip(data["candidates"], right, strict=True)]
    path = write_jsonl(tmp_path / "labels.jsonl", labels)
    candidates = write_jsonl(tmp_path / "candidates.jsonl", data["candidates"])
    words = ["diagnose", "--candidates", str(candidates), "--scores", f"labels={path}", "--oracle", "labels"]
    assert main(words) == 0
    told = sentences(capsys.readouterr().out)
    assert f"The pool: p = {100 * (1 - right.mean()):.1f} [" in told
    assert "the right ones outvote the wrong" in told
    alone = ask(arguments(tmp_path / "references", {name: data[name] for name in ("candidates", "references")}))
    assert alone["verifiers"] == []
    assert alone["baselines"][0]["p"] == pytest.approx(1 - right.mean())
    assert alone["recommended"] is None


def test_labels_of_all_candidates_count_for_all_with_references_for_some(tmp_path, data, ask) -> None:
    quality = [{"id": row["id"], "score": score} for row, score in zip(data["candidates"], quality_of(data), strict=True)]
    some = {**data, "references": data["references"][:50], "truth": quality}
    without = {name: rows for name, rows in some.items() if name != "references"}
    found = ask([*arguments(tmp_path / "one", some), "--oracle", "truth"])
    assert found["pools"][0]["labelled"] == ROWS
    bare = ask([*arguments(tmp_path / "two", without), "--oracle", "truth"])
    of_references = [
        [(entry.pop("mmd"), entry.pop("a_distance")) for entry in (*one["verifiers"], *one["stratified"])]
        for one in (found, bare)
    ]
    assert found == bare
    assert None not in of_references[0][0]
    assert set(of_references[1]) == {(None, None)}
    assert found["baselines"][0]["p"] == pytest.approx(float(np.mean(quality_of(data) < 0.25)))


def test_a_model_on_disk_gives_the_scores_that_it_gives_in_a_run(small_run: tuple[Path, Path]) -> None:
    run = reopen(small_run[1])
    place = {stage: run.place(run.experiment.stages[stage]).artifact() for stage in ("prepare/data", "generate/generator")}
    model, judged = (run.place(run.experiment.stages[stage]).artifact() for stage in ("train/generator", "verify/self"))
    assert model is not None
    assert judged is not None
    candidates = place["generate/generator"].table("candidates").to_pylist()
    texts = {row["id"]: row["document"] for row in place["prepare/data"].table("train").to_pylist()}
    expected = {row["id"]: row["score"] for row in judged.table("scores").to_pylist()}
    task = run.experiment.recipe.task
    keys = [(row["id"], row["sample"]) for row in candidates]
    given = keys, [row["candidate"] for row in candidates], [texts[row["id"]] for row in candidates]
    found = scored(f"perplexity,model={model.path}", *given, Shown(task.prompt, task.max_document_tokens))
    # Batches are others, and with them the last digits of float32.
    np.testing.assert_allclose(found, [expected[row["id"]] for row in candidates], rtol=1e-5)
    with pytest.raises(InputError, match=r"--max-document-tokens 1024: .* the model has 112"):
        scored(f"perplexity,model={model.path}", *given, Shown(task.prompt))


def test_texts_are_compared_by_the_embeddings_of_a_model_on_disk(
    tmp_path: Path, small_run: tuple[Path, Path], data, ask, capsys
) -> None:
    run = reopen(small_run[1])
    model = run.place(run.experiment.stages["pretrain/base"]).artifact()
    assert model is not None
    words = arguments(tmp_path, data)
    found, by_words = ask([*words, "--embed", model.path]), ask(words)
    assert (found["embed"], by_words["embed"]) == (str(model.path), None)
    entry = entry_of(found, "good", 0.125)
    space = Space.embedded([row["summary"] for row in data["references"]], Embedder(str(model.path)))
    distances = space.distances(kept_texts(data, "good", 0.125))
    assert (entry["mmd"], entry["a_distance"]) == (pytest.approx(distances.mmd), distances.a_distance)
    assert entry["mmd"] != entry_of(by_words, "good", 0.125)["mmd"]
    assert main([*words, "--wide", "--embed", str(model.path)]) == 0
    assert f"from the real texts, by {model.path}." in sentences(capsys.readouterr().out)
    assert main([*words, "--embed", str(model.path)]) == 2
    assert "--embed: expected --wide, --json or --out with it" in capsys.readouterr().err
    assert main([*words, "--wide", "--embed", str(tmp_path / "nowhere")]) == 2
    assert f"--embed: expected a model's folder on disk, found none at {tmp_path / 'nowhere'}" in capsys.readouterr().err
