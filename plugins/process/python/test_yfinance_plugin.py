"""What the yfinance plugin answers is stored as the Python system stored it, for every daily answer that was recorded.

    python3 -m unittest test_yfinance_plugin

Needs the packages of examples/requirements.txt, and the recordings in ../shared (or $STOCK_SCHEDULER_SHARED); where they
are missing, these tests say so and are skipped.
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest

from tests_support.local_provider import LocalProvider

FOLDER = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(FOLDER, "..", "..", "..")
SHARED = os.environ.get("STOCK_SCHEDULER_SHARED", os.path.join(ROOT, "..", "shared"))
YAHOO = os.path.join(SHARED, "data", "yahoo")
FOLDERS = [os.path.join(YAHOO, part) for part in ("recorded", "synthetic")]

try:
    import pandas
    import yfinance
except ImportError:
    yfinance = None

# Where nothing was stored, this is why; the same kinds as those of the Rust fetcher.
REFUSED = {
    "AAPL_1d_empty_n0": "malformed",
    "AAPL_1d_empty_n0_v2": "no_data",
    "AAPL_1d_empty_n0_v3": "no_data",
    "APS.AX_1d_empty_n0": "no_data",
    "MUV2.DE_1d_2017-11-27_n124_v2": "malformed",
    "XSP.TO_1d_empty_n0": "no_data",
    "err_400_no_data_for_range": "no_data",
    "err_400_no_data_for_range_2": "no_data",
    "err_401_invalid_crumb": "denied",
    "err_404_not_found": "unknown_symbol",
    "err_422_1m_30days": "no_data",
    "err_422_5m_60days": "no_data",
    "err_429_too_many_requests": "rate_limited",
}

# Rows outside the request are kept by yfinance and left out by the plugin.
DIFFERENT_ON_PURPOSE = "two_overrun"


def read_json(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return json.load(file)


def cases():
    """Name, dates and stored text of every recording that was asked for daily bars."""
    for folder in FOLDERS:
        for entry in read_json(folder, "index.json"):
            name = os.path.splitext(entry["file"])[0]
            for case in read_json(folder, name + ".expected.json")["cases"]:
                if case["case"] == "seed" and case["args"]["interval"] == "1d":
                    yield name, case["args"]["start"], case["args"]["end"], case["stored"]


def stored(series):
    """The text that pandas makes of a series with adjusted prices, as the scheduler stores it."""
    frame = pandas.DataFrame(series["bars"])
    for name in ("open", "high", "low", "close", "adj_close"):
        frame[name] = frame[name].astype(float)
    ratio = frame["adj_close"] / frame["close"]
    # A date begins at its first instant, which is not midnight where a clock change left that out.
    begins = pandas.to_datetime(frame["date"]).dt.tz_localize(series["zone"], ambiguous=True, nonexistent="shift_forward")
    columns = {"Date": begins.dt.tz_localize(None), "Close": frame["adj_close"]}
    columns.update({name.title(): frame[name] * ratio for name in ("high", "low", "open")})
    shown = pandas.DataFrame({**columns, "Volume": frame["volume"]})
    values = shown.drop(columns="Date")
    shown = shown[~(values.isna() | (values == 0)).all(axis=1)]
    return shown.to_json(orient="records", date_format="epoch", date_unit="ms")


@unittest.skipUnless(yfinance, "the package yfinance is not installed")
@unittest.skipUnless(os.path.isdir(YAHOO), f"there are no recordings in {YAHOO}")
class Recorded(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.provider = LocalProvider(*FOLDERS)
        cls.cache = tempfile.TemporaryDirectory()
        program = os.path.join(FOLDER, "examples", "yfinance_plugin.py")
        cls.process = subprocess.Popen([sys.executable, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": FOLDER})
        config = {"base_url": cls.provider.url, "cache": cls.cache.name}
        cls.described = cls.ask("describe", {"protocol": 1, "config": config})

    @classmethod
    def tearDownClass(cls):
        cls.process.stdin.close()
        cls.process.wait(timeout=20)
        cls.process.stdout.close()
        cls.provider.close()
        cls.cache.cleanup()

    @classmethod
    def ask(cls, method, params):
        cls.process.stdin.write(json.dumps({"id": 1, "method": method, "params": params}).encode() + b"\n")
        cls.process.stdin.flush()
        return json.loads(cls.process.stdout.readline())

    @classmethod
    def fetch(cls, symbol, start, end):
        return cls.ask("fetch", {"symbol": symbol, "start": start, "end": end, "interval": "1d", "options": None})

    def test_recorded_answers_give_what_was_stored(self):
        asked = 0
        for name, start, end, expected in cases():
            asked += 1
            with self.subTest(name):
                answer = self.fetch(name, start, end)
                if name in REFUSED:
                    self.assertEqual(answer.get("error", {}).get("kind"), REFUSED[name], answer)
                    continue
                if name == DIFFERENT_ON_PURPOSE:
                    expected = expected[: expected.index("},")] + "}]"
                self.assertIn("result", answer, answer)
                self.assertEqual(stored(answer["result"]), expected)
        self.assertEqual(asked, 78)

    def test_a_symbol_that_is_not_recorded_is_unknown(self):
        self.assertEqual(self.fetch("NOBODY", "2020-01-01", "2020-02-01")["error"]["kind"], "unknown_symbol")

    def test_the_bar_of_an_open_session_is_not_final(self):
        for name, final in [("AAPL_1d_2025-02-18_n125", False), ("AAPL_1d_2025-02-18_n125_v2", True)]:
            dates = {case: (start, end) for case, start, end, _ in cases()}
            bars = self.fetch(name, *dates[name])["result"]["bars"]
            self.assertEqual(([bar["final"] for bar in bars[:-1]], bars[-1]["final"]), ([True] * (len(bars) - 1), final))

    def test_bars_of_another_length_than_asked_for_are_refused(self):
        answer = self.fetch("AAPL_1mo_2019-11-01_n61", "2019-11-01", "2024-11-01")
        self.assertEqual(answer.get("error", {}).get("kind"), "malformed", answer)

    def test_the_package_is_the_one_that_was_recorded(self):
        with open(os.path.join(FOLDER, "examples", "requirements.txt"), encoding="utf-8") as file:
            self.assertEqual(file.read().strip(), f"yfinance=={self.described['result']['version']}")


if __name__ == "__main__":
    unittest.main()
