"""What `plugin new --lang python` writes works as it is: its own tests pass.

    python3 -m unittest test_templates
"""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

FOLDER = os.path.dirname(os.path.abspath(__file__))
TEMPLATE = os.path.join(FOLDER, "..", "templates", "python")
HELPER = os.path.join(FOLDER, "stock_scheduler_plugin.py")


def write_plugin(name, folder):
    """Writes the template as the command does: `{{name}}` in names and texts, and the helper beside it."""
    for file in os.listdir(TEMPLATE):
        with open(os.path.join(TEMPLATE, file), encoding="utf-8") as source:
            text = source.read().replace("{{name}}", name)
        with open(os.path.join(folder, file.replace("{{name}}", name)), "w", encoding="utf-8") as target:
            target.write(text)
    shutil.copy(HELPER, folder)


class PythonTemplate(unittest.TestCase):
    def test_a_new_plugin_passes_its_own_tests(self):
        for name in ("prices", "my-prices"):
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                write_plugin(name, folder)
                done = subprocess.run([sys.executable, f"test_{name}.py"], cwd=folder, stderr=subprocess.PIPE, timeout=120)
                self.assertEqual(done.returncode, 0, done.stderr.decode())
                self.assertIn("Ran 7 tests", done.stderr.decode())

    def test_a_new_plugin_can_be_tried_by_hand(self):
        with tempfile.TemporaryDirectory() as folder:
            write_plugin("prices", folder)
            words = [sys.executable, "prices.py", "--try", "AAPL", "2025-06-02", "2025-06-03"]
            done = subprocess.run(words, cwd=folder, stdout=subprocess.PIPE, timeout=60)
            self.assertIn('"date": "2025-06-02"', done.stdout.decode())


if __name__ == "__main__":
    unittest.main()
