"""What every warm worker needs, imported once in the server that forks them."""

import gc
import signal
from importlib import import_module

from summ_collapse.launch.quiet import quieten
from summ_collapse.launch.stopping import SIGNALS

HEAVY = (
    "summ_collapse.stages.pretrain",
    "summ_collapse.stages.train",
    "summ_collapse.stages.generate",
    "summ_collapse.stages.verify",
    "summ_collapse.stages.evaluate",
    "summ_collapse.models.likelihood",
    "transformers.models.llama.modeling_llama",
)

# A signal to the whole group must not end the server, and with it the workers: the run asks each of them itself.
for _number in SIGNALS:
    signal.signal(_number, signal.SIG_IGN)
quieten()
for _name in HEAVY:
    import_module(_name)
gc.freeze()  # what is imported stays for good, and workers share its memory as long as nobody writes to it
