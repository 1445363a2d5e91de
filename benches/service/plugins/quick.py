"""A fetcher that answers at once, with five bars."""

from stock_scheduler_plugin import Plugin

plugin = Plugin("quick", "1.0.0")
PRICES = {"open": 101.25, "high": 103.5, "low": 100.75, "close": 102.125, "adj_close": 102.125, "volume": 51234567}
BARS = [{"date": f"2025-06-0{day}", **PRICES} for day in range(2, 7)]


@plugin.fetcher(concurrency=8)
def fetch(request):
    return {"zone": "America/New_York", "currency": "USD", "bars": BARS}


plugin.run()
