"""The warm worker: Prefect's work pool type `warm`, whose runs start in a forked, preloaded process.

`warm.py` is the worker, `zygote.py` the process that forks, `nursery.py` the worker's side of it, `wakes.py` what
starts a run at once; `prefect_inside.py` alone touches what Prefect doesn't promise to keep.
"""
