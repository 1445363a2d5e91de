"""The plugin answers as the host expects it, over pipes as the host has them.

    python3 test_{{name}}.py
"""

import json
import os
import subprocess
import sys
import unittest

PLUGIN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "{{name}}.py")


def answers(*requests):
    """What a plugin that is started anew answers to these requests, in their order."""
    lines = [json.dumps({"id": at, "method": method, "params": params}) for at, (method, params) in enumerate(requests)]
    done = subprocess.run([sys.executable, PLUGIN], input="\n".join(lines).encode(), stdout=subprocess.PIPE, timeout=60)
    return sorted(map(json.loads, done.stdout.splitlines()), key=lambda answer: answer["id"])


def describe(config=None):
    return "describe", {"protocol": 1, "config": config}


def fetch(symbol, start="2025-06-02", end="2025-06-14"):
    return "fetch", {"symbol": symbol, "start": start, "end": end, "interval": "1d", "options": None}


class Answers(unittest.TestCase):
    def test_it_says_what_it_is(self):
        described = answers(describe())[0]["result"]

        self.assertEqual((described["protocol"], described["name"]), (1, "{{name}}"))
        self.assertIn("fetcher", described)

    def test_there_is_a_bar_for_each_weekday(self):
        series = answers(describe(), fetch("AAPL"))[1]["result"]

        dates = [bar["date"] for bar in series["bars"]]
        self.assertEqual((dates[0], dates[-1], len(dates)), ("2025-06-02", "2025-06-13", 10))

    def test_asking_twice_gives_the_same(self):
        first, second = answers(describe(), fetch("AAPL"), fetch("AAPL"))[1:]

        self.assertEqual(first["result"], second["result"])

    def test_an_unknown_symbol_is_said_to_be_unknown(self):
        self.assertEqual(answers(describe(), fetch("NO-SUCH"))[1]["error"]["kind"], "unknown_symbol")

    def test_a_weekend_has_no_data(self):
        self.assertEqual(answers(describe(), fetch("AAPL", "2025-06-07", "2025-06-09"))[1]["error"]["kind"], "no_data")

    def test_the_configuration_moves_all_prices(self):
        series = answers(describe({"level": 500}), fetch("AAPL"))[1]["result"]

        self.assertTrue(all(bar["close"] >= 400 for bar in series["bars"]))

    def test_a_wrong_configuration_is_refused(self):
        error = answers(describe({"level": "high"}))[0]["error"]

        self.assertEqual((error["kind"], error["pointer"]), ("invalid", "/level"))


if __name__ == "__main__":
    unittest.main()
