"""Where examples come from and how a prompt is written. One file a task; entry-point group `summ_collapse.tasks`.

A task is a light options class (`recipe.Options`) with

    prompt, max_document_tokens, split_seed, max_rejected   what every stage needs to know
    splits()         examples as {"train", "test"} or {"all"}: tables with id, document, summary
    test_rows(rows)  how many of `rows` to hold out where there is no test split
    expected()       rows and tokens that a plan can count on before any data is read; empty where unknown

What its `DataName` fields stand for (digests, commits) goes into fingerprints by itself.
"""
