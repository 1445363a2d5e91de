"""What the plugin makes of its vendor's answers, and that it speaks with the host. None of it asks the real vendor.

    python3 test_{{name}}.py
"""

import json
import os
import subprocess
import sys
import unittest
from unittest import mock

import {{name}} as mine


def fetch(symbol, start="2025-06-02", end="2025-06-13", options=None):
    return "fetch", {"symbol": symbol, "start": start, "end": end, "interval": "1d", "options": options}


class WithAFakeVendor(unittest.TestCase):
    """In this process: a vendor that answers what a test says, and notes what it was asked."""

    def setUp(self):
        patch = mock.patch.object(mine, "ask_vendor")
        self.vendor = patch.start()
        self.addCleanup(patch.stop)
        self.vendor.return_value = [
            {"day": "2025-06-02", "o": 10.0, "h": 12.0, "l": 9.0, "c": 11.0, "adjusted": 5.5, "v": 700},
        ]

    def answer(self, request):
        return mine.plugin.answer(*request)

    def test_its_rows_become_bars(self):
        series = self.answer(fetch("AAPL"))["result"]

        self.assertEqual((series["zone"], series["currency"]), ("America/New_York", "USD"))
        self.assertEqual(series["bars"], [{
            "date": "2025-06-02", "open": 10.0, "high": 12.0, "low": 9.0, "close": 11.0, "adj_close": 5.5, "volume": 700,
        }])

    def test_it_is_asked_for_what_the_host_and_the_job_want(self):
        self.answer(fetch("aapl", "2025-06-02", "2025-06-13", {"feed": "iex"}))

        symbol, first, last, feed = self.vendor.call_args[0]
        self.assertEqual((symbol, str(first), str(last), feed), ("AAPL", "2025-06-02", "2025-06-12", "iex"))

    def test_a_symbol_that_it_does_not_know_is_said_to_be_unknown(self):
        self.vendor.return_value = None

        self.assertEqual(self.answer(fetch("XYZZY"))["error"]["kind"], "unknown_symbol")

    def test_dates_without_rows_have_no_data(self):
        self.vendor.return_value = []

        self.assertEqual(self.answer(fetch("AAPL"))["error"]["kind"], "no_data")

    def test_a_wrong_configuration_is_refused(self):
        error = self.answer(describe({"level": "high"}))["error"]

        self.assertEqual((error["kind"], error["pointer"]), ("invalid", "/level"))


{{> over_pipes.py}}

    def test_it_says_what_it_is_and_that_a_symbol_is_unknown(self):
        # With a real vendor, describe() alone is enough.
        described, unknown = self.answers(describe(), fetch("NO-SUCH"))

        self.assertEqual((described["result"]["protocol"], described["result"]["name"]), (1, "{{name}}"))
        self.assertIn("fetcher", described["result"])
        self.assertEqual(unknown["error"]["kind"], "unknown_symbol")


if __name__ == "__main__":
    unittest.main()
