"""Plugins that do everything wrong: the argument says what."""

import json
import os
import signal
import subprocess
import sys
import time

MODE = sys.argv[1]


def say(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def bars(request):
    date = request["params"]["start"]
    return {"id": request["id"], "result": {"zone": "UTC", "bars": [{"date": date, "close": 1}]}}


def requests():
    """The requests after describe, which is answered."""
    for line in sys.stdin:
        request = json.loads(line)
        if request["method"] == "describe":
            result = {"protocol": 1, "name": "bad", "version": "1", "fetcher": {}, "schedules": {"every": {}}}
            say({"id": request["id"], "result": result})
        elif request["method"] != "cancel":
            yield request


def forever():
    while True:
        time.sleep(60)


def banner():
    print("Loading model...", flush=True)
    forever()


def protocol_2():
    request = json.loads(sys.stdin.readline())
    say({"id": request["id"], "result": {"protocol": 2, "name": "bad", "version": "1", "fetcher": {}}})
    forever()


def describes_nothing():
    request = json.loads(sys.stdin.readline())
    say({"id": request["id"], "result": {"protocol": 1, "name": "bad", "version": "1"}})
    forever()


def never_described():
    forever()


def exits():
    print("Traceback:", file=sys.stderr)
    print("ModuleNotFoundError: No module named 'pandas'", file=sys.stderr)
    sys.exit(3)


def killed():
    os.kill(os.getpid(), signal.SIGKILL)


def unasked():
    for request in requests():
        say({"id": 4_000_000, "result": {}})


def twice():
    for request in requests():
        say(bars(request))
        say(bars(request))


def mute():
    for _ in requests():
        pass


def mute_once():
    first = None
    for request in requests():
        if first is None:
            first = request
            continue
        say(bars(first)) if first != "said" else None
        first = "said"
        say(bars(request))


def long_line():
    for _ in requests():
        for _ in range(100):
            sys.stdout.write("x" * 1_000_000)
        sys.stdout.write("\n")
        sys.stdout.flush()


def not_a_number():
    for request in requests():
        answer = bars(request)
        answer["result"]["bars"][0]["close"] = float("nan")
        say(answer)


def wrong_types():
    answers = [
        lambda id: {"id": id},
        lambda id: {"id": id, "result": []},
        lambda id: {"id": id, "error": "boom"},
        lambda id: {"id": id, "error": {"kind": "boom", "message": "it went boom"}},
    ]
    for request, answer in zip(requests(), answers):
        say(answer(request["id"]))


def grandchild():
    """What it started keeps its output open."""
    subprocess.Popen(["sleep", "600"])
    for _ in requests():
        sys.exit(4)


def stubborn():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    subprocess.Popen(["sleep", "600"])
    for request in requests():
        say(bars(request))
    forever()


def chatty_end():
    """Writes more than a pipe holds when its input ends."""
    for request in requests():
        say(bars(request))
    for _ in range(10):
        sys.stdout.write("x" * 100_000)
        sys.stdout.flush()
    sys.exit(0)


def tidies_up():
    """Takes its time when its input ends, and leaves a file behind."""
    for request in requests():
        say(bars(request))
    time.sleep(0.1)
    with open(sys.argv[2], "w") as file:
        file.write("tidy")


def closes_stdout():
    for _ in requests():
        os.close(1)
        forever()


def closes_stdin():
    for request in requests():
        os.close(0)
        say(bars(request))
        forever()


def floods_stderr():
    for request in requests():
        for number in range(3_000):
            os.write(2, b"line %d %s\n" % (number, b"x" * 5_000))
        say(bars(request))


def floods_stdout():
    for request in requests():
        while True:
            say({"id": request["id"], "result": {}})


def dies_midway():
    got = 0
    for _ in requests():
        got += 1
        if got == 8:
            print("out of memory", file=sys.stderr, flush=True)
            os._exit(7)


def answers_and_dies():
    for request in requests():
        say(bars(request))
        os._exit(0)


def hungry():
    for request in requests():
        try:
            keep = bytearray(1 << 30)
        except MemoryError:
            print("MemoryError", file=sys.stderr, flush=True)
            os._exit(5)
        say(bars(request))


globals()[MODE]()
