"""Sets up a Prefect server: the blocks and their forms, the work pool, and every procedure as a deployment.

`python -m deployments.setup` may be repeated at any time: it changes only what it is told. Blocks are filled in in
the UI, or from COUNTERSIGN_<BLOCK>_<FIELD> variables; with `--sandbox` they are filled from the stand-ins.
`--deploy` makes the deployments anew and touches nothing else.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Mapping
from typing import Any

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentUpdate, WorkPoolCreate
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL
from prefect.workers.base import BaseWorker

from deployments import sandbox_blocks
from deployments.blocks import BLOCKS, CREDENTIALS, BadSetup, given_by, register_all, save, saved, title
from deployments.environment import CODE_VARIABLE, WORK_POOL, UnknownWorkerType, worker_type_from_shell
from deployments.health import until_answers
from tasks.settings import CountersignSettings


async def set_up_from_environment(environment: Mapping[str, str] = os.environ) -> None:
    """Save each block of which the environment gives a field; its other fields stay as they are in the server."""
    await register_all()
    for section, kind in BLOCKS.items():
        given = given_by(environment, section)
        if given:
            await save(kind, {**(await saved(kind) or {}), **given})
            print(f"{title(kind)}: saved {', '.join(given)} from the environment")
        elif await saved(kind) is None:
            print(f"{title(kind)}: not filled in yet; its form is in the UI under Blocks")


async def set_up_for_sandbox(sandbox_url: str, webhook: str) -> None:
    """Fill the blocks from the sandbox. A block with a real vendor's address, and settings made by hand, are kept."""
    await register_all()
    async with httpx.AsyncClient(timeout=10) as http:
        told = (await http.get(f"{sandbox_url}/_sandbox/credentials")).raise_for_status().json()
    for section, values in sandbox_blocks.credentials(told, webhook).items():
        kind = CREDENTIALS[section]
        before = await saved(kind)
        if before is not None and not sandbox_blocks.is_on_this_machine(before):
            print(f"{title(kind)}: left alone, it holds a real vendor's address")
            continue
        await save(kind, values)
        print(f"{title(kind)}: saved")
    await save(CountersignSettings, await _settings(told, sandbox_url))
    print(f"{title(CountersignSettings)}: saved")


async def _settings(told: Mapping[str, Any], sandbox_url: str) -> dict[str, Any]:
    ui_url = str(PREFECT_API_URL.value()).removesuffix("/api")
    fresh = sandbox_blocks.settings(told, sandbox_url, ui_url)
    where = {name: fresh[name] for name in sandbox_blocks.WHERE}
    return {**fresh, **(await saved(CountersignSettings) or {}), **where}


async def ensure_work_pool() -> None:
    """Create the work pool, of the chosen type, unless there is one. Raises `BadSetup` on a type not installed here.

    One of the other type is kept, with the runs that wait in it: Prefect can't change a pool's type, and workers of
    both types serve either.
    """
    wanted = worker_type_from_shell()
    worker = BaseWorker.get_worker_class_from_type(wanted)
    if worker is None:
        raise BadSetup(f"This Python knows no worker type {wanted!r}: run `make`, which installs ours")
    async with get_client() as client:
        try:
            found = await client.read_work_pool(WORK_POOL)
        except ObjectNotFound:
            template = worker.get_default_base_job_template()
            await client.create_work_pool(WorkPoolCreate(name=WORK_POOL, type=wanted, base_job_template=template))
            return
    if found.type != wanted:
        print(f"Work pool {WORK_POOL}: stays of type {found.type}; a {wanted} worker serves it, after a warning")


async def deploy_all() -> None:
    """Deploy every flow of the present directory's prefect.yaml, asking nothing; raises `BadSetup`.

    Without the variable that says where the code is: so the deployments name no path of this machine, and each
    worker's own environment says it.
    """
    environment = {name: value for name, value in os.environ.items() if name != CODE_VARIABLE}
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    deploying = await asyncio.create_subprocess_exec(*command, env=environment)
    if await deploying.wait() != 0:
        raise BadSetup("prefect deploy failed; what it said stands above")


async def refuse_unknown_parameters() -> None:
    """Have the API refuse parameters that a flow doesn't know; by itself it takes them, and the run crashes."""
    async with get_client() as client:
        for deployment in await client.read_deployments():
            schema = deployment.parameter_openapi_schema
            if schema is not None and deployment.work_pool_name == WORK_POOL:
                strict = {**schema, "additionalProperties": False}
                await client.update_deployment(deployment.id, DeploymentUpdate(parameter_openapi_schema=strict))


async def keep_schedules_in_our_zone() -> None:
    """Have what runs at an hour of the day run at that hour of the settings' time zone, whatever prefect.yaml says."""
    zone = (await saved(CountersignSettings) or {}).get("time_zone")
    async with get_client() as client:
        for deployment in await client.read_deployments() if zone else []:
            for one in deployment.schedules:
                if isinstance(one.schedule, CronSchedule) and one.schedule.timezone != zone:
                    there = CronSchedule(cron=one.schedule.cron, timezone=zone, day_or=one.schedule.day_or)
                    await client.update_deployment_schedule(deployment.id, one.id, schedule=there)


async def set_up(sandbox_url: str | None, webhook: str) -> None:
    """Everything; the blocks are filled from the sandbox when there is one, else from the environment."""
    await ensure_work_pool()
    blocks = set_up_for_sandbox(sandbox_url, webhook) if sandbox_url else set_up_from_environment()
    await asyncio.gather(deploy_all(), blocks)
    await mend_deployments()


async def deploy_again() -> None:
    """Every flow as a deployment, as the whole set-up leaves it; the blocks and the work pool stay as they are."""
    await deploy_all()
    await mend_deployments()


async def mend_deployments() -> None:
    """What deploying by Prefect's own command leaves otherwise than it shall be, each time."""
    await refuse_unknown_parameters()
    await keep_schedules_in_our_zone()


def main() -> None:
    """Ends with 1, and a line that says why, when something is wrong."""
    parser = argparse.ArgumentParser(prog="deployments.setup", description=__doc__)
    parser.add_argument("--sandbox", metavar="URL", help="wait for the sandbox there, and fill the blocks from it")
    parser.add_argument("--webhook", metavar="URL", default="", help="where the sandbox's DocuSign reports to")
    parser.add_argument("--deploy", action="store_true", help="only deploy every flow again")
    chosen = parser.parse_args()
    if chosen.sandbox:
        until_answers(f"{chosen.sandbox}/_sandbox/clock")
        until_answers(f"{PREFECT_API_URL.value()}/health")
    try:
        asyncio.run(deploy_again() if chosen.deploy else set_up(chosen.sandbox, chosen.webhook))
    except (BadSetup, UnknownWorkerType, httpx.HTTPError) as error:
        sys.exit(f"Set-up failed: {error}")


if __name__ == "__main__":
    main()
