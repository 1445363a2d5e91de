"""What the OpenAPI document cannot say, told to schemathesis."""

from base64 import b64encode
from itertools import count

import schemathesis
from hypothesis import strategies
from schemathesis import GenerationMode

schemathesis.openapi.format(
    "iana-time-zone",
    strategies.sampled_from(["UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Pacific/Chatham"]),
)
schemathesis.openapi.format("fetcher", strategies.sampled_from(["demo", "yfinance"]))
schemathesis.openapi.format("exchange", strategies.sampled_from(["XNYS", "XLON", "XTKS", "24/7"]))
schemathesis.openapi.format("span", strategies.sampled_from(["90s", "15m", "1h"]))
schemathesis.openapi.format("cron", strategies.sampled_from(["0 17 * * MON-FRI", "*/20 9-16 * * 1-5", "@daily", "0 6 L * ?"]))
schemathesis.openapi.format(
    "password",
    strategies.binary(min_size=24, max_size=64).map(lambda secret: f"whsec_{b64encode(secret).decode()}"),
)


@schemathesis.hook
def map_headers(context, headers):
    """Half of the conditions can be met: a revision is nothing that could be guessed."""
    if headers and len(headers.get("If-Match", "")) % 2:
        headers["If-Match"] = "*"
    return headers


requests = count()


@schemathesis.hook
def before_call(context, case, kwargs):
    """A key that comes again is answered as it first was, by a job that another scenario has deleted since."""
    key = (case.headers or {}).get("Idempotency-Key")
    if key and len(key) <= 255:
        case.headers["Idempotency-Key"] = f"{key[:240]}{next(requests)}"


# Laws between fields, or between a body and what is stored: the pointer of a refused field, and words of the sentence.
LAWS = [
    ("/start_date", "is after end_date"),
    ("/schedule_time", "is required"),
    ("/schedule_time", "cannot be cleared"),
    ("/stock_ids/", "is not one of the job's symbols"),
    ("/start_date", "fire time"),
    ("/schedule", "never"),
    ("/schedule/every", ""),
    ("/schedule/offset", ""),
    ("/misfire/cap", "goes with fire_all"),
    ("/active_until", "leaves no fire"),
    ("/max_fires", "the fires so far"),
    ("/job_id", "there is no such job"),
    ("/schedule/job", "there is no such job"),
    ("/schedule/job", "circle"),
    ("/after", "beside schedule"),
    ("/jitter", "follows another"),
    # Which addresses are public is known where they are told.
    ("/url", ""),
    # What may stand in a fetcher's options is the fetcher's own affair.
    ("/fetcher/options", ""),
]


@schemathesis.check
def refused_by_a_law(ctx, response, case):
    """A request that fits the document is refused as invalid only by a law that the document cannot say."""
    generated = case.meta.generation.mode if case.meta else None
    if response.status_code not in (400, 422) or generated != GenerationMode.POSITIVE:
        return
    problem = response.json()
    # A cursor comes from the page before.
    if "cursor" in problem["detail"]:
        return
    if response.status_code == 400:
        raise AssertionError(f"not read although it fits the document: {problem['detail']}")
    for error in problem["errors"]:
        if not any(error["pointer"].startswith(at) and words in error["message"] for at, words in LAWS):
            raise AssertionError(f"refused although it fits the document: {error['message']}")
