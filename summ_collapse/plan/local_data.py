"""What a plan can count of data that lies on this machine: rows, and roughly the tokens of a row."""

from typing import Any

from summ_collapse.errors import InputError
from summ_collapse.recipe.resolve import Names, pinned, references
from summ_collapse.tasks.task import Task

SAMPLE = 1000  # rows whose words are counted
TOKENS_A_WORD = 4 / 3  # of English, by the usual subword vocabularies


def counted(task: Task, names: Names) -> dict[str, int]:
    """Rows (train, test) and mean tokens, as `Task.expected` gives them; empty where the data is not on this machine.

    Rows that `prepare` will reject are still among them.
    """
    found = list(references(task))
    known = {one.key: names[one.key] for one in found if one.key in names and not names[one.key].unresolved}
    if not found or len(known) < len(found) or not all(one.local for one in found):
        return {}
    try:
        splits = pinned(task, known).splits()
    except InputError:  # which check and run tell
        return {}
    if "all" in splits:
        rows = splits["all"].num_rows
        labelled = rows - splits["all"]["summary"].null_count
        held_out = task.test_rows(labelled)
        counts = {"train": rows - held_out, "test": held_out}
    else:
        counts = {split: table.num_rows for split, table in splits.items()}
    sample = next(iter(splits.values())).slice(0, SAMPLE)
    means = {f"{name}_tokens": _mean_tokens(sample[name].to_pylist()) for name in ("document", "summary")}
    return counts | {name: tokens for name, tokens in means.items() if tokens}


def _mean_tokens(texts: list[Any]) -> int:
    words = [len(text.split()) for text in texts if text]
    return round(TOKENS_A_WORD * sum(words) / len(words)) if words else 0
