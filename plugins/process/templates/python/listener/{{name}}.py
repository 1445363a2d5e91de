"""The plugin `{{name}}` of stock-scheduler: writes down what failed, until `send` tells somebody of yours."""

# First, before your vendor's library: what that prints while it loads would otherwise be taken for an answer.
from stock_scheduler_plugin import Invalid, Plugin, Unavailable

plugin = Plugin("{{name}}", "0.1.0", config_schema={
    "type": "object",
    "properties": {"path": {"type": "string", "description": "The file to write to; without it, the service's log."}},
    "additionalProperties": False,
})


@plugin.configure
def configure(config):
    """Looks at the settings once, before the first event: the place to open a connection."""
    path = config.get("path", "{{name}}.txt")
    if not isinstance(path, str) or not path:
        raise Invalid(f"path is {path!r}, expected the path of a file", "/path")


# One at a time, so that they come in their order. Without `events`, it is told of everything.
@plugin.listener(events=["StockFailed"], concurrency=1)
def deliver(event):
    """Tells of one event. Try once and say what came of it: the host waits and tries again, for a day."""
    if event.event == "StockFailed":
        job = event.job["name"] if event.job else "a job that is gone"
        # What comes twice, after a lost answer, has the same id: so whoever reads it can tell.
        send(f"{event.id} {job}: {event.data['stock_id']} failed: {event.data['message']}")
    # Somebody tries this listener out.
    elif event.event == "Test":
        send(f"{event.id} {event.data['message']}")


def send(line):
    """Tells somebody. Put your chat, your queue or your HTTP request here."""
    path = plugin.config.get("path")
    if path is None:
        print(line)
        return
    try:
        with open(path, "a", encoding="utf-8") as file:
            file.write(line + "\n")
    except OSError as error:
        # `Refused` would give this event up, `Gone` disable the listener; `RateLimited` says for how long to wait.
        raise Unavailable(f"cannot write to {path}: {error.strerror}") from error


if __name__ == "__main__":
    plugin.run()
