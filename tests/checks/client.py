"""A script against the client that openapi-python-client makes of the document: a job's life."""

import sys
import time

from stock_scheduler_client import Client
from stock_scheduler_client.api.data import get_latest_dataset
from stock_scheduler_client.api.jobs import create_job, delete_job, get_job, list_jobs, patch_job, update_job
from stock_scheduler_client.api.runs import get_execution, list_fires, list_history, run_job
from stock_scheduler_client.api.service import get_status
from stock_scheduler_client.models import (
    DailySchedule,
    DailyScheduleKind,
    Execution,
    Job,
    JobChange,
    JobInput,
    JobPatch,
    JobReply,
    MisfirePolicy,
    Problem,
    RunInput,
    RunStatus,
)

client = Client(base_url=sys.argv[1], raise_on_unexpected_status=True)

order = JobInput(
    name="From Python",
    stock_ids=["AAPL", "FAIL"],
    schedule=DailySchedule(kind=DailyScheduleKind.DAILY, time="17:00", timezone="America/New_York"),
    fetcher="demo",
    misfire=MisfirePolicy.SKIP,
)
created = create_job.sync(client=client, body=order)
assert isinstance(created, JobReply), created

job = get_job.sync(created.job_id, client=client)
assert isinstance(job, Job) and job == created.job, job
assert job.next_run.hour == 17 and job.next_run.utcoffset() is not None, job.next_run
assert job.schedule == order.schedule and job.last_execution is None

changed = update_job.sync(job.job_id, client=client, body=JobChange(name="Changed"), if_match='"1"')
assert isinstance(changed, JobReply) and changed.job.revision == 2, changed
stale = update_job.sync(job.job_id, client=client, body=JobChange(name="Late"), if_match='"1"')
assert isinstance(stale, Problem) and stale.status == 412, stale
patched = patch_job.sync(job.job_id, client=client, body=JobPatch(keep=2, end_date=None))
assert isinstance(patched, JobReply) and patched.job.keep == 2, patched
refused = create_job.sync(client=client, body=JobInput(name="", stock_ids=[]))
assert isinstance(refused, Problem) and [error.pointer for error in refused.errors] == ["/name", "/stock_ids"], refused

started = run_job.sync(job.job_id, client=client, body=RunInput(stock_ids=["AAPL", "FAIL"]))
while (run := get_execution.sync(started.execution_id, client=client)).status == RunStatus.RUNNING:
    time.sleep(0.05)
assert isinstance(run, Execution) and run.status == RunStatus.PARTIAL_SUCCESS, run
assert (run.fetched_stocks, run.failed_stocks) == (["AAPL"], ["FAIL"]) and run.symbols[1].error.message

rows = get_latest_dataset.sync(client=client, symbol="AAPL")
assert rows and rows[-1].close > 0 and rows[-1].volume > 0, rows
assert [run.execution_id for run in list_history.sync(job.job_id, client=client)] == [started.execution_id]
assert list_fires.sync(job.job_id, client=client) == []
jobs = list_jobs.sync(client=client, active_only=True, limit=10)
assert [job.last_execution.status for job in jobs] == [RunStatus.PARTIAL_SUCCESS], jobs
assert get_status.sync(client=client).next_fire.job_id == job.job_id

deleted = delete_job.sync(job.job_id, client=client)
missing = get_job.sync(job.job_id, client=client)
assert isinstance(missing, Problem) and missing.detail == "Job not found", missing
print(f'Python: a whole round; at last "{deleted.message}"')
