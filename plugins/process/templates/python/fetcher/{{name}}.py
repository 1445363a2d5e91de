"""The plugin `{{name}}` of stock-scheduler: made-up prices, until `ask_vendor` asks your vendor for real ones."""

# First, before your vendor's library: what that prints while it loads would otherwise be taken for an answer.
from stock_scheduler_plugin import Invalid, Plugin, UnknownSymbol

import math
from datetime import timedelta

plugin = Plugin("{{name}}", "0.1.0", config_schema={
    "type": "object",
    "properties": {"level": {"type": "number", "description": "The price around which all others are."}},
    "additionalProperties": False,
})

# What a job may say beside the plugin's name.
OPTIONS = {
    "type": "object",
    "properties": {"feed": {"enum": ["sip", "iex"], "description": "All exchanges, or IEX alone."}},
    "additionalProperties": False,
}


@plugin.configure
def configure(config):
    """Looks at the settings once, before the first fetch: the place to open a connection to your vendor."""
    level = config.get("level", 100.0)
    if not isinstance(level, (int, float)) or level <= 1:
        raise Invalid(f"level is {level!r}, expected a number above 1", "/level")


@plugin.fetcher(
    intervals=["1d"],
    concurrency=8,
    # A week and most of another. The end is a day with a bar, so that `plugin check` sees whether it is left out.
    example=("AAPL", "2025-06-02", "2025-06-13"),
    unknown_symbol="NO-SUCH",
    options_schema=OPTIONS,
)
def fetch(request):
    """The bars of one symbol. Ask your vendor once and say what came: the host waits, limits and asks again."""
    # The host's end is the first date not wanted; most vendors mean the last one wanted.
    last = request.end - timedelta(days=1)
    rows = ask_vendor(request.symbol.upper(), request.start, last, request.options.get("feed", "sip"))
    if rows is None:
        raise UnknownSymbol(f"there is no symbol {request.symbol}")
    return {"zone": "America/New_York", "currency": "USD", "bars": [bar(row) for row in rows]}


def bar(row):
    """A row of the vendor's as the host has it."""
    return {
        "date": row["day"],
        "open": row["o"],
        "high": row["h"],
        "low": row["l"],
        "close": row["c"],
        # The close adjusted for later splits and dividends. Left out, it is the close.
        "adj_close": row["adjusted"],
        "volume": row["v"],
    }


def ask_vendor(symbol, first, last, feed):
    """What the vendor has from the date `first` until `last`, both wanted; None if it does not know the symbol.

    Made up, and the same whenever it is asked for. Put your vendor's library or your HTTP request here.
    """
    if symbol == "NO-SUCH":
        return None
    days = [first + timedelta(days=count) for count in range((last - first).days + 1)]
    return [row(symbol, day, feed) for day in days if day.weekday() < 5]


def row(symbol, day, feed):
    opened, closed = price(symbol, day.toordinal() - 1), price(symbol, day.toordinal())
    return {
        "day": day.isoformat(),
        "o": opened,
        "h": max(opened, closed) + 0.5,
        "l": min(opened, closed) - 0.5,
        "c": closed,
        "adjusted": closed,
        "v": 1_000_000 if feed == "sip" else 30_000,
    }


def price(symbol, day):
    level = plugin.config.get("level", 100.0)
    return round(level * (1 + 0.2 * math.sin(day / 30 + sum(symbol.encode()))), 2)


if __name__ == "__main__":
    plugin.run()
