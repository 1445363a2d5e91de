"""What the plugin tells, what becomes of it when it cannot, and that it speaks with the host.

    python3 test_{{name}}.py
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest

import {{name}} as mine

JOB = {"job_id": "tech", "name": "Tech", "stock_ids": ["AAPL"], "tags": []}


def failed(symbol, job=JOB, attempt=1):
    data = {"job_id": "tech", "stock_id": symbol, "kind": "no_data", "message": "no rows", "attempts": 1}
    return "deliver", {"id": "7-0", "event": "StockFailed", "data": data, "job": job, "attempt": attempt}


def a_test():
    return "deliver", {"id": "8-0", "event": "Test", "data": {"message": "a test"}, "job": None, "attempt": 1}


class InThisProcess(unittest.TestCase):
    """With a file of its own, in which it writes what it tells."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "told.txt")
        self.answer(describe({"path": self.path}))

    def answer(self, request):
        return mine.plugin.answer(*request)

    def told(self):
        with open(self.path, encoding="utf-8") as file:
            return file.read().splitlines()

    def test_a_failure_is_told(self):
        self.assertEqual(self.answer(failed("AAPL")), {"result": {}})

        self.assertEqual(self.told(), ["7-0 Tech: AAPL failed: no rows"])

    def test_a_job_may_be_gone(self):
        self.answer(failed("AAPL", job=None))

        self.assertEqual(self.told(), ["7-0 a job that is gone: AAPL failed: no rows"])

    def test_what_comes_twice_has_the_same_id(self):
        self.answer(failed("AAPL"))
        self.answer(failed("AAPL", attempt=2))

        self.assertEqual({line.split()[0] for line in self.told()}, {"7-0"})

    def test_somebody_may_try_it_out(self):
        self.answer(a_test())

        self.assertEqual(self.told(), ["8-0 a test"])

    def test_what_cannot_be_told_is_told_later(self):
        self.answer(describe({"path": os.path.join(self.path, "no", "such", "folder")}))

        self.assertEqual(self.answer(failed("AAPL"))["error"]["kind"], "unavailable")

    def test_a_wrong_configuration_is_refused(self):
        error = self.answer(describe({"path": 7}))["error"]

        self.assertEqual((error["kind"], error["pointer"]), ("invalid", "/path"))


{{> over_pipes.py}}

    def test_it_says_what_it_is_and_is_told(self):
        described, told = self.answers(describe(), a_test())

        self.assertEqual((described["result"]["protocol"], described["result"]["name"]), (1, "{{name}}"))
        self.assertEqual(described["result"]["listener"]["events"], ["StockFailed"])
        self.assertEqual(told["result"], {})


if __name__ == "__main__":
    unittest.main()
