PLUGIN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "{{name}}.py")


def describe(config=None):
    return "describe", {"protocol": 1, "config": config}


class OverPipes(unittest.TestCase):
    """As the host runs it: a process of its own, a line for each question and each answer."""

    def answers(self, *requests):
        """What a plugin that is started anew answers to these requests, in their order."""
        lines = [json.dumps({"id": at, "method": name, "params": params}) for at, (name, params) in enumerate(requests)]
        done = subprocess.run([sys.executable, PLUGIN], input="\n".join(lines).encode(), stdout=subprocess.PIPE, timeout=60)
        return sorted(map(self.read, done.stdout.splitlines()), key=lambda answer: answer["id"])

    def read(self, line):
        try:
            return json.loads(line)
        except ValueError:
            self.fail(f"the plugin wrote a line that is no JSON, where only answers may be: {line!r}")
