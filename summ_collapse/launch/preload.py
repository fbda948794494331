"""What every warm worker needs, imported once in the server that forks them: whatever the installed stages say they import."""

import signal
from importlib import import_module

from summ_collapse.launch.process import quieten, set_aside
from summ_collapse.launch.stopping import SIGNALS
from summ_collapse.plugins import installed, plugin

# transformers imports a model's own module at its first use.
ALWAYS = ("transformers.models.llama.modeling_llama",)

# A signal to the whole group must not end the server, and with it the workers: the run asks each of them itself.
for _number in SIGNALS:
    signal.signal(_number, signal.SIG_IGN)
quieten()
for _name in (*ALWAYS, *(name for stage in installed("stages") for name in plugin("stages", stage).preload)):
    import_module(_name)
set_aside()  # and workers share its memory as long as nobody writes to it
