"""A fetcher that answers until a file is there; then it answers once, and goes wrong as its first argument says."""

import json
import os
import signal
import sys
import time

MODE, STORM = sys.argv[1:]
DESCRIPTION = {"protocol": 1, "name": "faulty", "version": "1.0.0", "fetcher": {"concurrency": 4}}
# Nothing of this outlives a measurement that is broken off for longer.
FOREVER = 60


def say(message):
    os.write(1, json.dumps(message).encode() + b"\n")


def crash():
    os._exit(3)


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


def hang():
    """Answers nothing, and listens all the same."""


def banner():
    print("Loading model...", flush=True)


def unasked():
    say({"id": 4_000_000_000, "result": {}})


def flood_stdout():
    for _ in range(20):
        os.write(1, b"x" * 1_000_000)


def flood_stderr():
    for _ in range(20_000):
        os.write(2, b"x" * 1_000 + b"\n")
    crash()


def grandchild():
    """What it started holds its output."""
    if os.fork() == 0:
        time.sleep(FOREVER)
    crash()


def close_stdout():
    os.close(1)
    time.sleep(FOREVER)


def stubborn():
    """Will not be asked to end, nor what it started."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.fork() == 0:
        time.sleep(FOREVER)
    unasked()
    time.sleep(FOREVER)


go_wrong, has_answered = globals()[MODE], False
for line in sys.stdin:
    request = json.loads(line)
    is_storm = os.path.exists(STORM)
    if request["method"] == "describe":
        say({"id": request["id"], "result": DESCRIPTION})
    elif request["method"] == "fetch" and is_storm and has_answered:
        go_wrong()
    elif request["method"] == "fetch":
        bar = {"date": request["params"]["start"], "close": 1, "volume": 1}
        say({"id": request["id"], "result": {"zone": "UTC", "bars": [bar]}})
        has_answered = is_storm
if MODE == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(FOREVER)
