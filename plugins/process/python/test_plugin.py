"""The helper keeps the protocol: tests talk over pipes with a real plugin in a process of its own.

    python3 -m unittest test_plugin
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import unittest
from unittest import mock

import stock_scheduler_plugin

FOLDER = os.path.dirname(os.path.abspath(__file__))
START, END = "2025-06-02", "2025-06-04"

try:
    import pandas
except ImportError:
    pandas = None


def write_plugin(folder, source):
    """Writes a plugin of the given source, and says where it is."""
    path = os.path.join(folder, "mine.py")
    with open(path, "w", encoding="utf-8") as file:
        file.write("from stock_scheduler_plugin import *\nimport time, datetime as dt\nplugin = Plugin('mine', '1.0.0')\n")
        file.write(textwrap.dedent(source) + "\nplugin.run()\n")
    return path


class Child:
    """A plugin of the given source, and the host's end of its pipes."""

    def __init__(self, source, **environment):
        self._folder = tempfile.TemporaryDirectory()
        path = write_plugin(self._folder.name, source)
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
        self._log = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [sys.executable, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**inherited, "PYTHONPATH": FOLDER, **environment},
        )
        # A plugin that hangs fails its test.
        self._watch = threading.Timer(30, self._process.kill)
        self._watch.start()
        self._last = 0
        self.cancelled = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._watch.cancel()
        self._process.kill()
        self._process.wait()
        for closed in (self._process.stdin, self._process.stdout, self._log):
            closed.close()
        self._folder.cleanup()

    def write(self, line):
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def send(self, method, **params):
        self._last += 1
        self.write(json.dumps({"id": self._last, "method": method, "params": params}))
        return self._last

    def cancel(self, number):
        self.write(json.dumps({"method": "cancel", "params": {"id": number}}))

    def read(self):
        """The next answer to a request that somebody waits for; the others are noted in `cancelled`."""
        while True:
            answer = json.loads(self._process.stdout.readline())
            if answer.get("error", {}).get("kind") != "cancelled":
                return answer
            self.cancelled.append(answer["id"])

    def ask(self, method, **params):
        number = self.send(method, **params)
        answer = self.read()
        assert answer.pop("id") == number, answer
        return answer

    def describe(self, config=None):
        return self.ask("describe", protocol=1, config=config)

    def fetch_later(self, symbol="AAPL", start=START, end=END, interval="1d", options=None):
        return self.send("fetch", symbol=symbol, start=start, end=end, interval=interval, options=options)

    def fetch(self, symbol="AAPL", **more):
        number = self.fetch_later(symbol, **more)
        answer = self.read()
        assert answer.pop("id") == number, answer
        return answer

    def end(self):
        """Ends its input; answers what it still wrote, its exit code and its log."""
        self._process.stdin.close()
        rest = self._process.stdout.read().decode()
        code = self._process.wait(timeout=20)
        return rest, code, self.log()

    def log(self):
        self._log.seek(0)
        return self._log.read().decode()


def fetcher(body, head="concurrency=1"):
    """The source of a plugin whose fetcher has this body."""
    return f"@plugin.fetcher({head})\ndef fetch(request):\n" + textwrap.indent(textwrap.dedent(body).strip("\n"), "    ")


HOST = """
import json, subprocess, sys, time
plugin = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
fetch = {"symbol": "AAPL", "start": "2025-06-02", "end": "2025-06-04", "interval": "1d", "options": None}
for request in enumerate([("describe", {"protocol": 1, "config": None}), ("fetch", fetch)]):
    number, (method, params) = request
    plugin.stdin.write(json.dumps({"id": number, "method": method, "params": params}).encode() + b"\\n")
plugin.stdin.flush()
time.sleep(600)
"""


def seconds_after_its_host(source):
    """How long a plugin that logs its process id when it is asked goes on after its host, a process, was killed; 20 at most."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", HOST, sys.executable, write_plugin(folder, source)]
        host = subprocess.Popen(command, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": FOLDER})
        plugin = int(host.stderr.readline())
        watch = threading.Timer(20, os.kill, [plugin, signal.SIGKILL])
        watch.start()
        host.kill()
        begun = time.monotonic()
        # Its log ends with it.
        log = host.stderr.read()
        watch.cancel()
        host.stderr.close()
        host.wait()
        assert log == b"", log
        return time.monotonic() - begun


def bars(text):
    return fetcher(f"return {{'zone': 'UTC', 'bars': {text}}}")


class Describing(unittest.TestCase):
    def test_a_plugin_says_what_it_is(self):
        source = """
            @plugin.fetcher(intervals=["1d", "1h"], concurrency=8, requests_per_second=5, burst=5, timeout_seconds=20,
                            example=("AAPL", dt.date(2025, 6, 2), "2025-06-04"), unknown_symbol="NO-SUCH")
            def fetch(request): ...
            @plugin.schedule("lunar", schema={"type": "object"}, example={"day": 1})
            def lunar(spec, zone, after): yield
            @plugin.listener(events=["JobFinished"])
            def tell(event): ...
        """
        with Child(source) as child:
            self.assertEqual(child.describe(), {"result": {
                "protocol": 1, "name": "mine", "version": "1.0.0",
                "fetcher": {"intervals": ["1d", "1h"], "concurrency": 8, "requests_per_second": 5, "burst": 5,
                            "timeout_seconds": 20, "unknown_symbol": "NO-SUCH",
                            "example": {"symbol": "AAPL", "start": "2025-06-02", "end": "2025-06-04"}},
                "schedules": {"lunar": {"schema": {"type": "object"}, "example": {"day": 1}}},
                "listener": {"events": ["JobFinished"], "concurrency": 1}}})

    def test_the_configuration_is_at_hand(self):
        with Child(fetcher("raise Denied(plugin.config['key'])")) as child:
            child.describe({"key": "k-1"})
            self.assertEqual(child.fetch(), {"error": {"kind": "denied", "message": "k-1"}})

    def test_without_configuration_it_is_empty(self):
        with Child(fetcher("raise Denied(repr(plugin.config))")) as child:
            child.describe(None)
            self.assertEqual(child.fetch()["error"]["message"], "{}")

    def test_a_wrong_configuration_is_said_with_its_place(self):
        source = """
            @plugin.configure
            def configure(config):
                if "key" not in config:
                    raise Invalid("there is no key", "/key")
                config["key"].upper()
        """
        with Child(source) as child:
            error = {"kind": "invalid", "message": "there is no key", "pointer": "/key"}
            self.assertEqual(child.describe({}), {"error": error})
            message = "AttributeError: 'int' object has no attribute 'upper' (mine.py, line 9)"
            error = {"kind": "invalid", "message": message, "pointer": ""}
            self.assertEqual(child.describe({"key": 1}), {"error": error})
            self.assertIn("result", child.describe({"key": "k"}))


class Errors(unittest.TestCase):
    def test_each_error_has_its_kind(self):
        at = "dt.datetime(2025, 6, 2, 21, tzinfo=dt.timezone.utc)"
        written = "2025-06-02T21:00:00+00:00"
        for raised, expected in {
            "UnknownSymbol('x')": {"kind": "unknown_symbol"},
            "NoData('x')": {"kind": "no_data"},
            "NotReady('x')": {"kind": "not_ready"},
            f"NotReady('x', {at})": {"kind": "not_ready", "retry_at": written},
            "Denied('x')": {"kind": "denied"},
            "Malformed('x')": {"kind": "malformed"},
            "RateLimited('x')": {"kind": "rate_limited"},
            "RateLimited('x', retry_after=0)": {"kind": "rate_limited", "retry_after": 0},
            "RateLimited('x', 2.5)": {"kind": "rate_limited", "retry_after": 3},
            f"QuotaExhausted('x', until={written!r})": {"kind": "quota_exhausted", "until": written},
            "Unavailable('x')": {"kind": "unavailable"},
            "Invalid('x')": {"kind": "invalid", "pointer": ""},
            "Invalid('x', pointer='/a')": {"kind": "invalid", "pointer": "/a"},
            "Refused('x')": {"kind": "refused"},
            "Gone('x')": {"kind": "gone"},
        }.items():
            with self.subTest(raised), Child(fetcher(f"raise {raised}")) as child:
                self.assertEqual(child.fetch(), {"error": {**expected, "message": "x"}})

    def test_an_error_without_words_says_its_kind(self):
        with Child(fetcher("raise UnknownSymbol")) as child:
            self.assertEqual(child.fetch()["error"]["message"], "unknown symbol")

    def test_any_other_exception_is_unavailable_with_its_place_and_its_traceback_is_logged(self):
        for body, message in {
            "{}['no']": "KeyError: 'no'",
            "1 / 0": "ZeroDivisionError: division by zero",
            "exit('done')": "SystemExit: done",
            "raise RateLimited(30)": "TypeError: the message of RateLimited comes first and is text, not 30",
            "raise NoData('x', until=1)": "TypeError: NoData has nothing beside its message, not {'until': 1}",
        }.items():
            for width in (1, 2):
                with self.subTest(body, width=width), Child(fetcher(body, f"concurrency={width}")) as child:
                    message_and_place = f"{message} (mine.py, line 6)"
                    self.assertEqual(child.fetch(), {"error": {"kind": "unavailable", "message": message_and_place}})
                    self.assertIn("Traceback", child.log())
                    self.assertIn("in fetch", child.log())

    def test_the_place_is_the_innermost_of_the_plugin_itself(self):
        for body, place in {
            "json.loads('no')": "mine.py, line 10",
            "broken()": "mine.py, line 5",
            "package()": "mine.py, line 10",
            "return {'zone': 'UTC', 'bars': ({'date': 1 / 0} for day in request.days())}": "mine.py, line 10",
        }.items():
            for head in ("def fetch", "async def fetch"):
                source = "\n".join([
                    "import json, os",
                    "def broken(): return 1 / 0",
                    "installed = os.path.join(os.path.dirname(__file__), 'venv/site-packages/x.py')",
                    "exec(compile('def package(): 1 / 0', installed, 'exec'))",
                    fetcher(body).replace("def fetch", head),
                ])
                with self.subTest(body, head=head), Child(source) as child:
                    self.assertTrue(child.fetch()["error"]["message"].endswith(f"({place})"), child.log())

    def test_what_is_not_there_is_said(self):
        with Child("") as child:
            for method, message in {
                "dance": "there is no method 'dance'",
                "fetch": "this plugin has no fetcher",
                "deliver": "this plugin has no listener",
                "fires": "there is no schedule 'lunar'",
            }.items():
                self.assertEqual(child.ask(method, kind="lunar")["error"]["message"], message)

    def test_text_that_is_no_unicode_is_written_all_the_same(self):
        with Child(fetcher("raise Denied('\\udcff')")) as child:
            self.assertEqual(child.fetch()["error"]["message"], "?")


class Streams(unittest.TestCase):
    def test_what_prints_goes_to_the_log(self):
        source = """
            import os, subprocess, sys
            print("while loading")
            print("at once", flush=True)
            os.write(1, b"from a library while loading")
        """ + "\n" + textwrap.indent(fetcher("""
            print("from print")
            sys.__stdout__.write("from the old stdout"); sys.__stdout__.flush()
            os.write(1, b"from a library")
            subprocess.run(["echo", "from a child"])
            raise NoData("quiet")
        """), " " * 12)
        for unbuffered in ("", "1"):
            with self.subTest(unbuffered=unbuffered), Child(source, PYTHONUNBUFFERED=unbuffered) as child:
                self.assertEqual(child.fetch()["error"]["message"], "quiet")
                rest, code, log = child.end()
                self.assertEqual((rest, code), ("", 0))
                for where in ("while loading", "at once", "from a library while loading", "from print",
                              "from the old stdout", "from a library", "from a child"):
                    self.assertIn(where, log)

    def test_what_reads_does_not_take_requests(self):
        source = "import subprocess, sys\nsys.stdin.read()\n" + fetcher("""
            raise NoData(repr((subprocess.run(["cat"], stdout=-1).stdout, sys.stdin.read())))
        """)
        with Child(source) as child:
            first, second = child.fetch_later(), child.fetch_later()
            for number in (first, second):
                answer = child.read()
                self.assertEqual((answer["id"], answer["error"]["message"]), (number, "(b'', '')"))

    def test_it_ends_with_its_input(self):
        for width in (1, 4):
            with self.subTest(width=width), Child(fetcher("raise NoData", f"concurrency={width}")) as child:
                child.fetch()
                self.assertEqual(child.end(), ("", 0, ""))

    def test_what_is_under_way_when_the_input_ends_is_answered(self):
        for width in (1, 4):
            source = fetcher("time.sleep(0.2)\nraise NoData(request.symbol)", f"concurrency={width}")
            with self.subTest(width=width), Child(source) as child:
                for symbol in "ABC":
                    child.fetch_later(symbol)
                rest, code, _ = child.end()
                messages = [json.loads(line)["error"]["message"] for line in rest.splitlines()]
                self.assertEqual((sorted(messages), code), (["A", "B", "C"], 0))

    def test_it_ends_soon_after_its_host_was_killed_even_in_the_middle_of_a_call(self):
        asleep = "print(os.getpid())\ntime.sleep(600)"
        coroutine = fetcher(asleep.replace("time", "await asyncio")).replace("def fetch", "async def fetch")
        for how, source in [
            ("in turn", "import os\n" + fetcher(asleep)),
            ("on threads", "import os\n" + fetcher(asleep, "concurrency=2")),
            ("in a coroutine", "import asyncio, os\n" + coroutine),
        ]:
            with self.subTest(how):
                self.assertLess(seconds_after_its_host(source), 10)

    def test_what_is_under_way_when_its_host_was_killed_may_come_to_an_end(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "left")
            body = f"print(os.getpid())\ntime.sleep(0.5)\nopen({path!r}, 'w').close()\nraise NoData"
            self.assertLess(seconds_after_its_host("import os\n" + fetcher(body)), 1.8)
            self.assertTrue(os.path.exists(path))

    def test_a_line_that_is_no_request_is_logged_and_passed_over(self):
        with Child(fetcher("raise NoData")) as child:
            for line in ("hello", "[1]", "{}", '{"method": "later", "more": 1}'):
                child.write(line)
            self.assertEqual(child.fetch()["error"]["kind"], "no_data")
            self.assertIn("this line is no request: b'hello", child.log())


class Tracebacks(unittest.TestCase):
    """In this process, with a clock of their own."""

    def setUp(self):
        self.plugin = stock_scheduler_plugin.Plugin("mine", "1.0.0")
        self.log, self.now = [], 1000.0
        for name, value in {
            "stock_scheduler_plugin.time.monotonic": lambda: self.now,
            "sys.stderr": mock.Mock(write=self.log.append),
        }.items():
            patch = mock.patch(name, value)
            patch.start()
            self.addCleanup(patch.stop)

        @self.plugin.fetcher()
        def fetch(request):
            if request.symbol == "A":
                raise KeyError(request.symbol)
            return {"bars": 1 / 0}

    def fetch(self, symbol):
        return self.plugin.answer("fetch", {"symbol": symbol, "start": START, "end": END})

    def test_a_traceback_is_one_write(self):
        self.fetch("A")

        self.assertEqual(len(self.log), 1)
        self.assertRegex(self.log[0], r"(?s)^Traceback.*in fetch\n.*KeyError: 'A'\n$")

    def test_the_same_traceback_comes_once_a_minute_and_says_how_often_it_came(self):
        for seconds in (0, 10, 49, 2):
            self.now += seconds
            self.fetch("A")

        self.assertEqual(len(self.log), 2)
        more = "(and 2 times more in the minute after it was last shown)"
        self.assertEqual(self.log[1].splitlines()[-2:], ["KeyError: 'A'", more])

    def test_another_type_or_place_is_another_traceback(self):
        for symbol in "ABAB":
            self.fetch(symbol)

        last_lines = [write.splitlines()[-1] for write in self.log]
        self.assertEqual(last_lines, ["KeyError: 'A'", "ZeroDivisionError: division by zero"])

    def test_the_message_says_it_every_time(self):
        messages = [self.fetch("A")["error"]["message"] for _ in range(3)]

        self.assertEqual(len(set(messages)), 1)
        self.assertRegex(messages[0], r"^KeyError: 'A' \(test_plugin.py, line \d+\)$")


class SeveralAtOnce(unittest.TestCase):
    MEETING = fetcher("""
        if request.symbol == "B":
            met.set()
        elif not met.wait(20):
            raise NoData("nobody came")
        raise NoData(request.symbol)
    """, "concurrency=2")

    def test_a_later_request_is_answered_before_a_slow_one(self):
        with Child("import threading\nmet = threading.Event()\n" + self.MEETING) as child:
            first, second = child.fetch_later("A"), child.fetch_later("B")
            answers = [child.read(), child.read()]
        self.assertEqual({answer["id"]: answer["error"]["message"] for answer in answers}, {first: "A", second: "B"})

    def test_async_functions_share_one_loop(self):
        source = "import asyncio\nmet = []\n" + fetcher("""
            met.append(asyncio.get_event_loop())
            while len(met) < 2:
                await asyncio.sleep(0.01)
            raise NoData(str(len(set(met))))
        """, "concurrency=2").replace("def fetch", "async def fetch")
        with Child(source) as child:
            child.fetch_later("A")
            child.fetch_later("B")
            self.assertEqual([child.read()["error"]["message"] for _ in "AB"], ["1", "1"])

    def test_no_more_are_under_way_than_were_promised(self):
        source = "import threading\nlock, most, now = threading.Lock(), 0, 0\n" + fetcher("""
            global most, now
            with lock:
                now += 1
                most = max(most, now)
            time.sleep(0.02)
            with lock:
                now -= 1
            raise NoData(str(most))
        """, "concurrency=3")
        with Child(source) as child:
            for _ in range(12):
                child.fetch_later()
            self.assertEqual(max(int(child.read()["error"]["message"]) for _ in range(12)), 3)

    def test_a_slow_fetcher_does_not_hold_up_the_listener(self):
        source = fetcher("time.sleep(60)") + "\n@plugin.listener()\ndef tell(event): ..."
        with Child(source) as child:
            child.fetch_later()
            number = child.send("deliver", id="1", event="JobFinished")
            self.assertEqual(child.read(), {"id": number, "result": {}})

    def test_a_cancelled_request_does_not_keep_the_plugin_alive(self):
        for head in ("def fetch", "async def fetch"):
            source = fetcher("""
                if request.symbol == "A":
                    time.sleep(60)
                raise NoData(request.symbol)
            """, "concurrency=2").replace("def fetch", head)
            if head.startswith("async"):
                source = "import asyncio\n" + source.replace("time.sleep", "await asyncio.sleep")
            with self.subTest(head), Child(source) as child:
                slow = child.fetch_later("A")
                child.cancel(slow)
                self.assertEqual(child.fetch("B")["error"]["message"], "B")
                rest, code, log = child.end()
                # That it was cancelled may be answered after B.
                late = [json.loads(line)["id"] for line in rest.splitlines()]
                self.assertIn((late, code, log), [([], 0, ""), ([slow], 0, "")])

    def test_a_cancelled_coroutine_is_cancelled(self):
        source = "import asyncio\nseen = set()\n" + fetcher("""
            waits_for = {"A": "nothing", "B": "A began", "C": "A was cancelled"}[request.symbol]
            seen.add(f"{request.symbol} began")
            try:
                while waits_for not in seen:
                    await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                seen.add(f"{request.symbol} was cancelled")
                raise
            raise NoData
        """, "concurrency=2").replace("def fetch", "async def fetch")
        with Child(source) as child:
            first = child.fetch_later("A")
            child.fetch("B")
            child.cancel(first)
            child.fetch("C")
            self.assertEqual(child.cancelled, [first])
            self.assertEqual(child.end(), ("", 0, ""))

    def test_a_fetcher_can_see_that_it_was_cancelled(self):
        source = fetcher("""
            if request.symbol == "A":
                while not request.cancelled:
                    time.sleep(0.01)
                print("seen")
                done.set()
            done.wait(20)
            raise NoData
        """, "concurrency=2")
        with Child("import threading\ndone = threading.Event()\n" + source) as child:
            child.cancel(child.fetch_later("A"))
            child.fetch("B")
            self.assertEqual(child.log(), "seen\n")


class Bars(unittest.TestCase):
    def test_bars_and_actions_are_written_as_the_protocol_has_them(self):
        source = fetcher("""
            return {"zone": "America/New_York", "currency": "USD", "bars": (
                {"date": day, "open": 1, "high": 2.5, "low": 0.1 + 0.2, "close": None, "adj_close": float("nan"),
                 "volume": 100.0, "final": False, "extra": {"vwap": 1.5, "gap": float("nan")}}
                for day in request.days()), "actions": [
                {"date": "2025-06-02", "kind": "split", "ratio": 4}, {"date": request.start, "kind": "dividend", "amount": 0.5}]}
        """)
        with Child(source) as child:
            result = child.fetch()["result"]
        bar = {"open": 1, "high": 2.5, "low": 0.30000000000000004, "close": None, "adj_close": None, "volume": 100,
               "final": False, "extra": {"vwap": 1.5}}
        self.assertEqual(result, {"zone": "America/New_York", "currency": "USD",
                                  "bars": [{"date": START, **bar}, {"date": "2025-06-03", **bar}],
                                  "actions": [{"date": START, "kind": "split", "ratio": 4},
                                              {"date": START, "kind": "dividend", "amount": 0.5}]})

    def test_dates_and_times_may_be_given_in_many_ways(self):
        zone = "dt.timezone(dt.timedelta(hours=-4))"
        for given, name, written in [
            ("dt.date(2025, 6, 2)", "date", START),
            ("dt.datetime(2025, 6, 2, 17)", "date", START),
            (f"dt.datetime(2025, 6, 2, 23, tzinfo={zone})", "date", START),
            ("'2025-06-02'", "date", START),
            ("'2025-06-02T17:00:00Z'", "date", START),
            (f"dt.datetime(2025, 6, 2, 9, 30, tzinfo={zone})", "time", "2025-06-02T09:30:00-04:00"),
            ("'2025-06-02T13:30:00Z'", "time", "2025-06-02T13:30:00Z"),
        ]:
            with self.subTest(given), Child(bars(f"[{{'{name}': {given}, 'close': 1}}]")) as child:
                self.assertEqual(child.fetch()["result"]["bars"], [{name: written, "close": 1}])

    def test_names_of_columns_may_be_those_of_pandas(self):
        with Child(bars("[{'Date': request.start, 'Adj Close': 1.5, 'Volume': None}]")) as child:
            self.assertEqual(child.fetch()["result"]["bars"], [{"date": START, "adj_close": 1.5, "volume": 0}])

    def test_a_wrong_return_is_malformed_and_says_what_is_wrong(self):
        day = "'date': request.start"
        for text, message in {
            "5": "`bars` is 5, expected a list of dicts or a DataFrame",
            "'x'": "`bars` is 'x', expected a list of dicts or a DataFrame",
            "{}": "`bars` is {}, expected a list of dicts or a DataFrame",
            "None": "`bars` is None, expected a list of dicts or a DataFrame",
            "[3]": "bars[0] is 3, expected a dict",
            "[{'close': 1.5}]": "bars[0] has no `date` and no `time`",
            f"[{{{day}}}, {{'date': None}}]": "bars[1]: `date` is None, expected a date or text like 2025-06-02",
            "[{'date': '02.06.2025'}]": "bars[0]: `date` is '02.06.2025', expected a date or text like 2025-06-02",
            f"[{{{day}, 'open': '1.5'}}]": "bars[0]: `open` is '1.5', expected a finite number or None",
            f"[{{{day}, 'open': float('inf')}}]": "bars[0]: `open` is inf, expected a finite number or None",
            f"[{{{day}, 'volume': -1}}]": "bars[0]: `volume` is -1, expected a whole number that is not negative",
            f"[{{{day}, 'extra': 1}}]": "bars[0]: `extra` is 1, expected a dict of numbers",
            f"[{{{day}, 'price': 1}}]": "bars[0] has the unknown field 'price'; there are date, time, open, high, low, "
                                        "close, adj_close, volume, final, extra",
            "[{'time': dt.datetime(2025, 6, 2)}]":
                "bars[0]: `time` is datetime.datetime(2025, 6, 2, 0, 0), expected a datetime with a time zone, or RFC 3339 text",
        }.items():
            with self.subTest(text), Child(bars(text)) as child:
                self.assertEqual(child.fetch(), {"error": {"kind": "malformed", "message": message}})

    def test_a_wrong_answer_around_the_bars_is_malformed_too(self):
        for body, message in {
            "return None": 'the fetcher returned None, expected {"zone": …, "bars": […]}',
            "return [1] * 99": 'the fetcher returned [' + "1, " * 25 + '1..., expected {"zone": …, "bars": […]}',
            "return {'bars': [{'date': request.start}]}":
                'the fetcher returned no `zone`, expected a name like "America/New_York"',
            "return {'zone': 'UTC', 'bars': [{'date': request.start}], 'actions': [{'kind': 'split', 'ratio': 2}]}":
                "actions[0] has no `date`",
            "return {'zone': 'UTC', 'bars': [{'date': request.start}], 'currency': {1, 2}}":
                "the answer cannot be written: Object of type set is not JSON serializable",
        }.items():
            with self.subTest(body), Child(fetcher(body)) as child:
                self.assertEqual(child.fetch(), {"error": {"kind": "malformed", "message": message}})

    def test_no_bars_are_no_data(self):
        with Child(bars("[]")) as child:
            message = "no bars of AAPL from 2025-06-02 until 2025-06-04"
            self.assertEqual(child.fetch(), {"error": {"kind": "no_data", "message": message}})

    def test_a_request_is_read(self):
        source = fetcher("raise NoData(repr((request.symbol, str(request.start), str(request.end), request.interval, "
                         "request.options, request.intraday, len(request.days()), len(request.weekdays()))))")
        with Child(source) as child:
            message = child.fetch("X", end="2025-06-09", interval="5m", options={"a": 1})["error"]["message"]
            self.assertEqual(message, "('X', '2025-06-02', '2025-06-09', '5m', {'a': 1}, True, 7, 5)")
            message = child.fetch("X", interval="1mo")["error"]["message"]
            self.assertEqual(message, "('X', '2025-06-02', '2025-06-04', '1mo', {}, False, 2, 2)")


FAKE_FRAME = '''
class Column:
    def __init__(self, values, tz=None): self.values, self.tz = values, tz
    def tolist(self): return self.values

class Frame:
    def __init__(self, columns, index, tz=None): self.columns, self._columns, self.index = list(columns), columns, Column(index, tz)
    def __getitem__(self, name): return Column(self._columns[name])
'''
FRAME = '''{"Open": [1.0, float("nan")], "High": [2.0, 2.5], "LOW": [0.5, 1.0], "close": [1.5, 2.0], "Adj Close": [0.75, 2.0],
    "Volume": [100, 200], "Dividends": [0.0, 0.25], "Stock Splits": [2.0, 0.0], "Vwap": [1.25, float("nan")],
    "Repaired?": [False, True]}'''


class Frames(unittest.TestCase):
    EXPECTED = {
        "zone": "America/New_York",
        "currency": None,
        "bars": [
            {"date": START, "open": 1.0, "high": 2.0, "low": 0.5, "close": 1.5, "adj_close": 0.75, "volume": 100,
             "extra": {"vwap": 1.25}},
            {"date": "2025-06-03", "open": None, "high": 2.5, "low": 1.0, "close": 2.0, "adj_close": 2.0, "volume": 200,
             "extra": {}},
        ],
        "actions": [
            {"date": "2025-06-03", "kind": "dividend", "amount": 0.25},
            {"date": START, "kind": "split", "ratio": 2.0},
        ],
    }

    def test_what_looks_like_a_data_frame_becomes_bars_and_actions(self):
        source = FAKE_FRAME + fetcher(f"return {{'zone': 'America/New_York', 'bars': Frame({FRAME}, request.days())}}")
        with Child(source) as child:
            self.assertEqual(child.fetch(), {"result": self.EXPECTED})

    def test_its_zone_may_be_that_of_the_index_and_its_dates_a_column(self):
        frame = "Frame({'Date': request.days(), ('Close', 'AAPL'): [1.5, 2.0]}, [0, 1], 'Asia/Tokyo')"
        with Child(FAKE_FRAME + fetcher(f"return {{'bars': {frame}}}")) as child:
            result = child.fetch()["result"]
        self.assertEqual((result["zone"], result["bars"][0]), ("Asia/Tokyo", {"date": START, "close": 1.5}))

    def test_the_columns_of_several_symbols_are_refused(self):
        frame = "Frame({('Close', 'A'): [1.5], ('Close', 'B'): [2.0]}, request.days())"
        with Child(FAKE_FRAME + bars(frame)) as child:
            message = "the DataFrame has the columns ['Close', 'Close'], expected those of one symbol"
            self.assertEqual(child.fetch()["error"]["message"], message)

    @unittest.skipUnless(pandas, "pandas is not installed")
    def test_a_data_frame_becomes_bars_and_actions(self):
        index = "pd.date_range(request.start, periods=2, tz='America/New_York')"
        with Child("import pandas as pd\n" + fetcher(f"return {{'bars': pd.DataFrame({FRAME}, index={index})}}")) as child:
            self.assertEqual(child.fetch(), {"result": self.EXPECTED})

    @unittest.skipUnless(pandas, "pandas is not installed")
    def test_an_intraday_data_frame_has_times(self):
        index = "pd.date_range('2025-06-02 09:30', periods=1, tz='America/New_York')"
        frame = f"pd.DataFrame({{'Close': [None], 'Volume': pd.array([None], dtype='Int64')}}, index={index})"
        with Child("import pandas as pd\n" + fetcher(f"return {{'bars': {frame}}}")) as child:
            bar = {"time": "2025-06-02T09:30:00-04:00", "close": None, "volume": 0}
            self.assertEqual(child.fetch(interval="5m")["result"]["bars"], [bar])


class Schedules(unittest.TestCase):
    EVERY = '''
@plugin.schedule("every")
def every(spec, zone, after):
    """Every so many hours."""
    at = dt.datetime(2025, 6, 2, tzinfo=dt.timezone.utc)
    while spec.get("until", "9999") > str(at):
        yield Fire(at, skip="noon", notes=["lunch"]) if at.hour == 12 else at
        at += dt.timedelta(hours=spec["hours"])
    if spec.get("unknown"):
        yield UnknownFrom(at, "nobody knows")
'''

    def fires(self, child, after, count, **spec):
        return child.ask("fires", kind="every", spec=spec, zone="Asia/Tokyo", after=after, count=count)["result"]

    def test_fires_come_in_pages_strictly_after_the_instant(self):
        with Child(self.EVERY) as child:
            first = self.fires(child, "2025-06-02T00:00:00+00:00", 2, hours=6)
            second = self.fires(child, first["fires"][-1]["at"], 2, hours=6)
            between = self.fires(child, "2025-06-02T17:59:59.999999999Z", 1, hours=6)
        noon = {"at": "2025-06-02T12:00:00+00:00", "skip": "noon", "notes": ["lunch"]}
        self.assertEqual(first, {"fires": [{"at": "2025-06-02T06:00:00+00:00"}, noon]})
        self.assertEqual(second, {"fires": [{"at": "2025-06-02T18:00:00+00:00"}, {"at": "2025-06-03T00:00:00+00:00"}]})
        self.assertEqual(between, {"fires": [{"at": "2025-06-02T18:00:00+00:00"}]})

    def test_fewer_fires_say_why(self):
        after, last = "2025-06-02T17:00:00+00:00", {"at": "2025-06-02T18:00:00+00:00"}
        with Child(self.EVERY) as child:
            self.assertEqual(self.fires(child, after, 3, hours=6, until="2025-06-03"), {"fires": [last], "ends": "never"})
            self.assertEqual(self.fires(child, after, 1, hours=6, until="2025-06-03"), {"fires": [last]})
            unknown = {"unknown_from": "2025-06-03T00:00:00+00:00", "reason": "nobody knows"}
            self.assertEqual(self.fires(child, after, 3, hours=6, until="2025-06-03", unknown=True),
                             {"fires": [last], "ends": unknown})

    def test_the_first_and_the_last_instant_have_an_answer(self):
        with Child(self.EVERY) as child:
            self.assertEqual(len(self.fires(child, "-262143-01-01T00:00:00+00:00", 2, hours=6)["fires"]), 2)
            self.assertEqual(self.fires(child, "+262142-12-31T23:59:59.999999999+00:00", 2, hours=6),
                             {"fires": [], "ends": "never"})

    def test_fires_in_no_order_or_without_a_zone_are_an_error(self):
        for given, message in {
            "after + dt.timedelta(2); yield after + dt.timedelta(1)":
                "the schedule fires at 2025-06-03 00:00:00+00:00 after it has fired at 2025-06-04 00:00:00+00:00",
            "dt.datetime(2025, 6, 3)": "ValueError: datetime.datetime(2025, 6, 3, 0, 0) is no instant, "
                                       "expected a datetime with a time zone or RFC 3339 text",
        }.items():
            source = f"@plugin.schedule('every')\ndef every(spec, zone, after): yield {given}"
            with self.subTest(given), Child(source) as child:
                answer = child.ask("fires", kind="every", spec={}, zone="UTC", after="2025-06-02T00:00:00+00:00", count=3)
                self.assertEqual(answer["error"]["message"], message)

    def test_a_schedule_is_checked_and_described(self):
        checked = self.EVERY.replace('("every")', '("every", check=check)')
        source = '''
def check(spec, zone):
    if spec["hours"] > 24:
        raise Invalid("hours are more than a day", "/hours")
    return spec.get("words", f"every {spec['hours']} hours in {zone}")
''' + checked
        with Child(source) as child:
            ask = lambda **spec: child.ask("schedule", kind="every", spec=spec, zone="Asia/Tokyo")
            self.assertEqual(ask(hours=6), {"result": {"description": "every 6 hours in Asia/Tokyo"}})
            words = {"description": "so", "zone": "UTC"}
            self.assertEqual(ask(hours=6, words=words), {"result": words})
            error = {"kind": "invalid", "message": "hours are more than a day", "pointer": "/hours"}
            self.assertEqual(ask(hours=48), {"error": error})

    def test_without_a_check_the_first_fire_is_tried_and_the_docstring_describes(self):
        with Child(self.EVERY) as child:
            ask = lambda **spec: child.ask("schedule", kind="every", spec=spec, zone="Asia/Tokyo")
            self.assertEqual(ask(hours=6), {"result": {"description": "Every so many hours."}})
            message = "AttributeError: 'str' object has no attribute 'get' (mine.py, line 9)"
            error = {"kind": "invalid", "message": message, "pointer": ""}
            self.assertEqual(child.ask("schedule", kind="every", spec="6", zone="UTC"), {"error": error})


class Listeners(unittest.TestCase):
    def test_an_event_is_told_with_all_that_belongs_to_it(self):
        source = """
            @plugin.listener()
            async def tell(event):
                print(event.id, event.event, event.data, event.job, event.attempt)
        """
        job = {"job_id": "1", "name": "Main", "stock_ids": ["A"], "tags": []}
        with Child(source) as child:
            answer = child.ask("deliver", id="7-0", event="JobFinished", data={"failed": 0}, attempt=2, job=job)
            self.assertEqual(answer, {"result": {}})
            self.assertEqual(child.log(), f"7-0 JobFinished {{'failed': 0}} {job} 2\n")

    def test_its_errors_have_their_kinds(self):
        source = "@plugin.listener()\ndef tell(event): raise {'a': Gone('x'), 'b': KeyError('x')}[event.id]"
        with Child(source) as child:
            ask = lambda number: child.ask("deliver", id=number, event="JobFinished", data={}, attempt=1, job=None)
            self.assertEqual(ask("a"), {"error": {"kind": "gone", "message": "x"}})
            self.assertEqual(ask("b"), {"error": {"kind": "unavailable", "message": "KeyError: 'x' (mine.py, line 5)"}})


class ByHand(unittest.TestCase):
    def run_by_hand(self, source, *arguments, config="null", stdin=subprocess.DEVNULL):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "mine.py")
            with open(path, "w", encoding="utf-8") as file:
                file.write(f"from stock_scheduler_plugin import *\nplugin = Plugin('mine', '1')\n{source}\nplugin.run()\n")
            environment = {**os.environ, "PYTHONPATH": FOLDER, "PLUGIN_CONFIG": config}
            done = subprocess.run([sys.executable, path, *arguments], env=environment, stdin=stdin,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
            return done.stdout.decode(), done.stderr.decode()

    def test_a_symbol_can_be_tried(self):
        source = bars("[{'date': day, 'close': plugin.config['price']} for day in request.days()]")
        out, _ = self.run_by_hand(source, "--try", "AAPL", START, "2025-06-03", config='{"price": 1.5}')
        expected = {"zone": "UTC", "currency": None, "bars": [{"date": START, "close": 1.5}]}
        self.assertEqual(json.loads(out), {"result": expected})

    def test_what_prints_while_trying_is_printed(self):
        out, _ = self.run_by_hand("print('a banner')\n" + fetcher("raise NoData"), "--try", "AAPL")
        self.assertEqual(out.splitlines()[0], "a banner")

    def test_one_that_is_denied_hears_which_environment_it_will_have(self):
        for raised, hints in (("Denied('no key')", 1), ("NoData('x')", 0)):
            with self.subTest(raised):
                out, log = self.run_by_hand(fetcher(f"raise {raised}"), "--try", "AAPL")
                self.assertIn("error", json.loads(out))
                self.assertEqual((len(log.splitlines()), log.count("PATH, HOME, LANG, LC_ALL, TZ, TMPDIR")), (hints, hints))

    def test_programs_that_only_import_a_plugin_print_as_ever(self):
        plugin = "from stock_scheduler_plugin import *\nplugin = Plugin('mine', '1')\nif __name__ == '__main__': plugin.run()\n"
        test = "import unittest, mine\n{}class It(unittest.TestCase):\n    def test_it(self): print('seen')\n"
        direct = test.format("from stock_scheduler_plugin import NoData\n")
        for name, source, words in (
            ("a test", test.format("") + "unittest.main()", ["program.py"]),
            ("a test that imports the helper", direct + "unittest.main()", ["program.py"]),
            ("unittest", direct, ["-m", "unittest", "program.py"]),
            ("a line", "", ["-c", "from stock_scheduler_plugin import Plugin; Plugin('x', '1'); print('seen')"]),
            ("a script", "import mine; print('seen')", ["program.py"]),
        ):
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                for file, text in (("mine.py", plugin), ("program.py", source)):
                    with open(os.path.join(folder, file), "w", encoding="utf-8") as opened:
                        opened.write(text)
                done = subprocess.run([sys.executable, *words], cwd=folder, env={**os.environ, "PYTHONPATH": FOLDER},
                                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
                self.assertEqual((done.stdout.decode().strip(), done.returncode), ("seen", 0), done.stderr.decode())

    @unittest.skipUnless(hasattr(os, "openpty"), "there are no terminals")
    def test_in_a_terminal_it_says_what_it_is(self):
        host, terminal = os.openpty()
        os.write(host, b"\x04")
        out, log = self.run_by_hand("", stdin=terminal)
        os.close(host)
        os.close(terminal)
        self.assertEqual(out, "")
        self.assertIn("mine is a plugin of stock-scheduler", log)
        self.assertIn('stock-scheduler plugin check "python3 ', log)


if __name__ == "__main__":
    unittest.main()
