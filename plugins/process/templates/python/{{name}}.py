"""The plugin `{{name}}` of stock-scheduler: made-up prices, until `fetch` asks your vendor for real ones."""

import math

from stock_scheduler_plugin import Invalid, Plugin, UnknownSymbol

plugin = Plugin("{{name}}", "0.1.0", config_schema={
    "type": "object",
    "properties": {"level": {"type": "number", "description": "The price around which all others are."}},
    "additionalProperties": False,
})


@plugin.configure
def configure(config):
    """Looks at the settings once, before the first fetch: the place to open a connection to your vendor."""
    level = config.get("level", 100.0)
    if not isinstance(level, (int, float)) or level <= 1:
        raise Invalid(f"level is {level!r}, expected a number above 1", "/level")


@plugin.fetcher(intervals=["1d"], concurrency=8, example=("AAPL", "2025-06-02", "2025-06-14"), unknown_symbol="NO-SUCH")
def fetch(request):
    """The bars of one symbol. Ask your vendor once and say what came: the host waits, limits and asks again."""
    if request.symbol.upper() == "NO-SUCH":
        raise UnknownSymbol(f"there is no symbol {request.symbol}")
    return {
        "zone": "America/New_York",
        "currency": "USD",
        "bars": [bar(request.symbol.upper(), day) for day in request.weekdays()],
    }


def bar(symbol, day):
    """A bar that is the same whenever it is asked for."""
    opened, closed = price(symbol, day.toordinal() - 1), price(symbol, day.toordinal())
    return {
        "date": day,
        "open": opened,
        "high": max(opened, closed) + 0.5,
        "low": min(opened, closed) - 0.5,
        "close": closed,
        # Adjusted for later splits and dividends, of which there are none.
        "adj_close": closed,
        "volume": 1_000_000,
    }


def price(symbol, day):
    level = plugin.config.get("level", 100.0)
    return round(level * (1 + 0.2 * math.sin(day / 30 + sum(symbol.encode()))), 2)


if __name__ == "__main__":
    plugin.run()
