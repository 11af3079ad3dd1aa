"""The imports that every process that judges needs, made once by the process from which `workers` forks them."""

import gc
import importlib

gc.disable()  # a collection would look at all the objects that imports make, and find little to collect
# torch imports its dynamo when it is first given a seed; the sandbox asks matplotlib for its list of fonts.
for _name in ("tema9.classroom.grading.judge", "torch._dynamo", "matplotlib"):
    importlib.import_module(_name)
gc.freeze()  # the collections of the forked processes do not look at these objects either
gc.enable()
