"""A plugin that keeps the protocol: a fetcher, a schedule and a listener."""

import datetime as dt
import json
import sys
import time

UTC = dt.timezone.utc


def say(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


class Failure(Exception):
    def __init__(self, kind, message, **more):
        self.error = {"kind": kind, "message": message, **more}


def describe(params):
    if params["config"] == {"key": "wrong"}:
        raise Failure("invalid", "the key is not known", pointer="/key")
    if params["config"] and "answer" in params["config"]:
        return params["config"]["answer"]
    return {
        "protocol": 1,
        "name": "good",
        "version": "1.2.3",
        "config_schema": {"type": "object"},
        "fetcher": {
            "intervals": ["1d", "1h"],
            "concurrency": 4,
            "requests_per_second": 5,
            "burst": 6,
            "requests_per_hour": 1000,
            "timeout_seconds": 20,
            "options_schema": {"type": "object", "properties": {"error": {"type": "string"}}},
            "example": {"symbol": "AAPL", "start": "2025-06-02", "end": "2025-06-05"},
            "unknown_symbol": "NO-SUCH",
        },
        "schedules": {"every": {"schema": {"type": "object"}, "example": {"hours": 6}}},
        "listener": {"events": ["FireMissed"], "concurrency": 2},
    }


def fetch(params):
    options = params["options"] or {}
    if "error" in options:
        raise Failure(**options["error"])
    if params["symbol"] == "NO-SUCH":
        raise Failure("unknown_symbol", 'the vendor does not know "NO-SUCH"')
    if "answer" in options:
        return options["answer"]
    day = dt.date.fromisoformat(params["start"])
    end = dt.date.fromisoformat(params["end"])
    bars = []
    while day < end:
        bar = {"open": 1, "high": 2.5, "low": 1, "close": 2, "volume": day.day}
        if params["interval"] == "1h":
            bar["time"] = f"{day}T09:30:00-04:00"
        else:
            bar["date"] = str(day)
        bars.append(bar)
        day += dt.timedelta(days=1)
    return {"zone": "America/New_York", "currency": "USD", "bars": bars}


def hours(spec):
    if not isinstance(spec.get("hours"), int):
        raise Failure("invalid", f"hours is {json.dumps(spec.get('hours'))}, expected a number", pointer="/hours")
    return spec["hours"]


def schedule(params):
    spec = params["spec"]
    result = {"description": f"every {hours(spec)} hours"}
    if "zone" in spec:
        result["zone"] = spec["zone"]
    return result


def fires(params):
    spec = params["spec"]
    if "answer" in spec:
        return spec["answer"]
    if spec.get("slow"):
        time.sleep(spec["slow"])
    step = dt.timedelta(hours=hours(spec))
    epoch = dt.datetime(1900, 1, 1, tzinfo=UTC)
    until = dt.datetime.fromisoformat(spec.get("until", "9000-01-01T00:00:00+00:00"))
    after = dt.datetime.fromisoformat(params["after"])
    at = epoch + ((after - epoch) // step + 1) * step
    told = []
    while len(told) < params["count"] and at < until:
        told.append({"at": at.isoformat()})
        if at.day == 25 and at.month == 12:
            told[-1]["skip"] = "Christmas"
        at += step
    if len(told) == params["count"]:
        return {"fires": told}
    return {"fires": told, "ends": spec.get("ends", "never")}


def deliver(params):
    for word in ("unavailable", "rate_limited", "refused", "gone"):
        if params["id"] == word:
            raise Failure(word, f"it is {word}", retry_after=7)
    return {}


def main():
    log, waiting = None, set()
    for line in sys.stdin:
        request = json.loads(line)
        method, params = request["method"], request["params"]
        if method == "describe" and params["config"] and "log" in params["config"]:
            log = open(params["config"]["log"], "a")
        if log:
            log.write(line)
            log.flush()
        if method == "cancel":
            if params["id"] in waiting:
                waiting.remove(params["id"])
                say({"id": params["id"], "error": {"kind": "cancelled", "message": "nobody waits"}})
            continue
        if method == "fetch" and params["symbol"] == "WAIT":
            waiting.add(request["id"])
            continue
        try:
            say({"id": request["id"], "result": globals()[method](params)})
        except Failure as failure:
            say({"id": request["id"], "error": failure.error})


main()
