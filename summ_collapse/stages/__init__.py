"""The work, one file a stage. A stage is a function of its context: configuration, input artifacts, seed.

Each module has `run(context) -> Outcome`; it writes its files below `context.out`, keeps chunk files and checkpoints in
`context.work`, and never looks at anything else.
"""
