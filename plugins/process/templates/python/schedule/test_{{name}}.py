"""When the plugin fires, what it refuses, and that it speaks with the host.

    python3 test_{{name}}.py
"""

import json
import os
import subprocess
import sys
import unittest

import {{name}} as mine

ZONE = "America/New_York"


def schedule(spec):
    return "schedule", {"kind": "{{name}}", "spec": spec, "zone": ZONE}


def fires(spec, after="2025-01-01T00:00:00+00:00", count=2):
    return "fires", {"kind": "{{name}}", "spec": spec, "zone": ZONE, "after": after, "count": count}


class InThisProcess(unittest.TestCase):
    """What each question is answered."""

    def answer(self, request):
        return mine.plugin.answer(*request)

    def instants(self, request):
        return [fire["at"] for fire in self.answer(request)["result"]["fires"]]

    def test_it_knows_its_dates(self):
        for day in ("1818-03-22", "1943-04-25", "1981-04-19", "2000-04-23", "2024-03-31", "2025-04-20", "2049-04-18"):
            self.assertEqual(str(mine.feast(int(day[:4]))), day)

    def test_it_fires_at_the_time_of_day_of_the_zone(self):
        found = self.instants(fires({"time": "09:00"}))

        self.assertEqual(found, ["2025-04-20T13:00:00+00:00", "2026-04-05T13:00:00+00:00"])

    def test_so_many_days_after_or_before(self):
        for days, instant in ((1, "2025-04-21T13:00:00+00:00"), (-50, "2025-03-01T14:00:00+00:00")):
            self.assertEqual(self.instants(fires({"time": "09:00", "days_after": days}, count=1)), [instant])

    def test_the_next_fire_is_strictly_after(self):
        found = self.instants(fires({"time": "09:00"}, after="2025-04-20T13:00:00+00:00", count=1))

        self.assertEqual(found, ["2026-04-05T13:00:00+00:00"])

    def test_it_says_in_words_when_it_fires(self):
        words = self.answer(schedule({"time": "09:00", "days_after": 1}))["result"]["description"]

        self.assertEqual(words, "1 days after Easter Sunday at 09:00 (America/New_York)")

    def test_a_wrong_time_is_refused(self):
        error = self.answer(schedule({"time": "25:00"}))["error"]

        self.assertEqual((error["kind"], error["pointer"]), ("invalid", "/time"))


{{> over_pipes.py}}

    def test_it_says_what_it_is_and_when_it_fires(self):
        described, found = self.answers(describe(), fires({"time": "09:00"}, count=1))

        self.assertEqual((described["result"]["protocol"], described["result"]["name"]), (1, "{{name}}"))
        self.assertIn("{{name}}", described["result"]["schedules"])
        self.assertEqual(found["result"]["fires"], [{"at": "2025-04-20T13:00:00+00:00"}])


if __name__ == "__main__":
    unittest.main()
