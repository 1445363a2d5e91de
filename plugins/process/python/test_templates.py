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


def write_plugin(name, folder, old="", new=""):
    """Writes the template as the command does: `{{name}}` in names and texts, and the helper beside it.

    In the plugin itself, `old` becomes `new`.
    """
    for file in os.listdir(TEMPLATE):
        with open(os.path.join(TEMPLATE, file), encoding="utf-8") as source:
            text = source.read().replace("{{name}}", name)
        with open(os.path.join(folder, file.replace("{{name}}", name)), "w", encoding="utf-8") as target:
            target.write(text)
    shutil.copy(HELPER, folder)
    if old:
        path = os.path.join(folder, f"{name}.py")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        assert old in text, old
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace(old, new))


def run_tests(name, folder):
    return subprocess.run([sys.executable, f"test_{name}.py"], cwd=folder, stderr=subprocess.PIPE, timeout=120)


class PythonTemplate(unittest.TestCase):
    def test_a_new_plugin_passes_its_own_tests(self):
        for name in ("prices", "my_prices", "fetch"):
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                write_plugin(name, folder)
                done = run_tests(name, folder)
                self.assertEqual(done.returncode, 0, done.stderr.decode())
                self.assertIn("Ran 6 tests", done.stderr.decode())

    def test_a_library_that_prints_while_it_loads_does_no_harm(self):
        with tempfile.TemporaryDirectory() as folder:
            write_plugin("prices", folder, "import math\n", "import math\nprint('a banner', flush=True)\n")
            self.assertEqual(run_tests("prices", folder).returncode, 0)

    def test_its_tests_name_a_line_that_is_no_answer(self):
        first = "from stock_scheduler_plugin"
        with tempfile.TemporaryDirectory() as folder:
            write_plugin("prices", folder, first, "print('a banner', flush=True)\n" + first)
            done = run_tests("prices", folder)
            self.assertEqual(done.returncode, 1)
            self.assertIn("no JSON, where only answers may be: b'a banner'", done.stderr.decode())

    def test_its_tests_and_its_example_see_a_bar_of_the_end(self):
        with tempfile.TemporaryDirectory() as folder:
            write_plugin("prices", folder, " - timedelta(days=1)", "")
            self.assertIn("test_it_is_asked_for_what_the_host", run_tests("prices", folder).stderr.decode())
            words = [sys.executable, "prices.py", "--try", "AAPL", "2025-06-02", "2025-06-13"]
            done = subprocess.run(words, cwd=folder, stdout=subprocess.PIPE, timeout=60)
            self.assertIn('"date": "2025-06-13"', done.stdout.decode())

    def test_a_new_plugin_can_be_tried_by_hand(self):
        with tempfile.TemporaryDirectory() as folder:
            write_plugin("prices", folder)
            words = [sys.executable, "prices.py", "--try", "AAPL", "2025-06-02", "2025-06-03"]
            done = subprocess.run(words, cwd=folder, stdout=subprocess.PIPE, timeout=60)
            self.assertIn('"date": "2025-06-02"', done.stdout.decode())


if __name__ == "__main__":
    unittest.main()
