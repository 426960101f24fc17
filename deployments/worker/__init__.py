"""The warm worker: Prefect's work pool type `warm`, whose runs start in a forked, preloaded process.

`warm.py` is the worker, `zygote.py` the process that forks, `nursery.py` the worker's side of it, `wakes.py` what
starts a run at once, `stranded.py` what finds the runs whose queue was deleted, `shortcuts.py` what need not be asked
twice; `prefect_inside.py` and `known.py` alone touch what Prefect doesn't promise to keep.
"""
