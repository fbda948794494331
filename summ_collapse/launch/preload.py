"""What every warm worker needs, imported once in the server that forks them."""

import gc
from importlib import import_module

from summ_collapse.launch.quiet import quieten

HEAVY = (
    "summ_collapse.stages.pretrain",
    "summ_collapse.stages.train",
    "summ_collapse.stages.generate",
    "summ_collapse.stages.verify",
    "summ_collapse.stages.evaluate",
    "summ_collapse.models.likelihood",
    "transformers.models.llama.modeling_llama",
)

quieten()
for _name in HEAVY:
    import_module(_name)
gc.freeze()  # what is imported stays for good, and workers share its memory as long as nobody writes to it
