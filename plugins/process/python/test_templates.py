"""What `plugin new --lang python` writes works as it is: its own tests pass.

    python3 -m unittest test_templates
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

FOLDER = os.path.dirname(os.path.abspath(__file__))
TEMPLATE = os.path.join(FOLDER, "..", "templates", "python")
HELPER = os.path.join(FOLDER, "stock_scheduler_plugin.py")


ROLES = ("fetcher", "schedule", "listener")


def template(*path):
    with open(os.path.join(TEMPLATE, *path), encoding="utf-8") as file:
        return file.read()


def write_plugin(name, folder, old="", new="", role="fetcher"):
    """Writes the template as the command does: parts, `{{name}}` and `{{role}}` filled in, and the helper beside it.

    In the plugin itself, `old` becomes `new`.
    """
    for file in os.listdir(os.path.join(TEMPLATE, role)):
        text = re.sub(r"\{\{> (.+)\}\}\n", lambda part: template(part[1]), template(role, file))
        text = text.replace("{{name}}", name).replace("{{role}}", role)
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
        for role in ROLES:
            for name in ("prices", "my_prices", "fetch", "fires", "deliver"):
                with self.subTest(role=role, name=name), tempfile.TemporaryDirectory() as folder:
                    write_plugin(name, folder, role=role)
                    done = run_tests(name, folder)
                    self.assertEqual(done.returncode, 0, done.stderr.decode())
                    self.assertRegex(done.stderr.decode(), "Ran [67] tests")

    @unittest.skipUnless(hasattr(sys, "stdlib_module_names"), "this Python cannot say what its library has")
    def test_the_modules_of_the_standard_library_are_known(self):
        modules = {name for name in sys.stdlib_module_names if re.fullmatch("[a-z][a-z0-9_]*", name)}

        self.assertEqual(modules - set(template("standard_library.txt").split()), set())

    def test_each_test_fails_where_its_role_is_broken(self):
        for role, old, new in (
            ("schedule", "timedelta(days=spec", "-timedelta(days=spec"),
            ("schedule", "full_moon.isoweekday() % 7", "full_moon.isoweekday()"),
            ("listener", "raise Unavailable(", "print("),
            ("listener", "{event.id} {job}", "{event.attempt} {job}"),
        ):
            with self.subTest(role=role, new=new), tempfile.TemporaryDirectory() as folder:
                write_plugin("mine", folder, old, new, role)
                self.assertEqual(run_tests("mine", folder).returncode, 1)

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
