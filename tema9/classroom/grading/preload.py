"""What every process that judges needs, imported once by the one that they are forked from: see `workers`."""

import gc
import importlib

gc.disable()  # imports leave little to collect, and a collection looks at all that they have made
# torch asks for its dynamo at the first seed, the sandbox matplotlib for its list of fonts.
for _name in ("tema9.classroom.grading.judge", "torch._dynamo", "matplotlib"):
    importlib.import_module(_name)
gc.freeze()  # nor does any of the forks' collections
gc.enable()
