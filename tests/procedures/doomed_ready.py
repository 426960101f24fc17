"""What the process that forks the doomed ones has done before, as the warm worker's has: a death costs a quarter."""

import gc
import importlib

from deployments.worker.prefect_inside import report_steps_by_their_ends, share_certificates
from deployments.worker.zygote import LATER, complete_models, read_templates
from tests.procedures.conftest import all_flows
from vendors.http import trusted

for later in LATER:
    importlib.import_module(later)
all_flows()
complete_models()
read_templates()
report_steps_by_their_ends()
share_certificates()
trusted()
gc.collect()
gc.freeze()
