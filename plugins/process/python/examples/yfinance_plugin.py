"""Yahoo's prices by the package yfinance, which asks and understands: what it makes of an answer is what is stored.

    pip install -r requirements.txt
    stock-scheduler plugin check "python3 yfinance_plugin.py"

Its configuration may hold `base_url`, an address to ask instead of Yahoo's, and `cache`, a folder in which yfinance keeps
the symbols' zones.
"""

# First: what prints from here on, while it loads too, goes to the log and not between the answers.
from stock_scheduler_plugin import Denied, Malformed, NoData, Plugin, RateLimited, Unavailable, UnknownSymbol

import threading
from urllib.parse import urlsplit

import yfinance
from curl_cffi.requests import Session
from yfinance.data import YfData
from yfinance.exceptions import YFDataException, YFPricesMissingError, YFRateLimitError

PRICES = ["Open", "High", "Low", "Close", "Adj Close"]
ACTIONS = {"Dividends": ("dividend", "amount"), "Stock Splits": ("split", "ratio"), "Capital Gains": ("capital_gain", "amount")}

plugin = Plugin("yfinance", yfinance.__version__, config_schema={
    "type": "object",
    "properties": {"base_url": {"type": "string"}, "cache": {"type": "string"}},
    "additionalProperties": False,
})


class Wire(Session):
    """The session in which yfinance asks; remembers what each thread's last chart request was answered."""

    def __init__(self):
        super().__init__(impersonate="chrome")
        self._last = threading.local()

    def request(self, method, url, *arguments, **named):
        base = plugin.config.get("base_url")
        if base:
            url = base.rstrip("/") + urlsplit(url).path
        is_chart = "/v8/finance/chart/" in url
        if is_chart:
            self._last.answer = None
        answer = super().request(method, url, *arguments, **named)
        if is_chart:
            self._last.answer = answer
        return answer

    def last(self):
        return getattr(self._last, "answer", None)

    def forget(self):
        self._last.answer = None


wire = Wire()


@plugin.configure
def configure(config):
    # Its errors are ours to sort; otherwise it would log them and answer an empty frame.
    yfinance.config.debug.hide_exceptions = False
    if config.get("cache"):
        yfinance.set_tz_cache_location(config["cache"])


@plugin.fetcher(
    intervals=["1d", "1wk", "1mo", "3mo", "1h", "30m", "15m", "5m", "1m"],
    concurrency=2,
    requests_per_second=0.5,
    burst=5,
    requests_per_hour=1000,
    example=("AAPL", "2025-06-02", "2025-06-06"),
    unknown_symbol="NO-SUCH-SYMBOL",
)
def fetch(request):
    wire.forget()
    # It keeps every answer about the past, failures too; asked again, it shall ask again.
    YfData.cache_get.cache_clear()
    try:
        ticker = yfinance.Ticker(request.symbol, session=wire)
        frame = ticker.history(start=str(request.start), end=str(request.end), interval=request.interval,
                               auto_adjust=False, actions=True, prepost=False, timeout=20)
        meta = ticker.history_metadata
    except Exception as error:
        raise refusal(error, wire.last(), request) from error
    # Yahoo answers with longer bars where it has none of the length asked for; those of 30m, yfinance makes of 15m.
    length = meta.get("dataGranularity", request.interval)
    if length != request.interval and request.interval != "30m":
        raise Malformed(f"yahoo's bars of {request.symbol} are of {length}, not of {request.interval}")
    days = frame.index.date
    frame = frame[(days >= request.start) & (days < request.end)]
    actions = [
        {"date": day, "kind": kind, value: amount}
        for column, (kind, value) in ACTIONS.items() if column in frame.columns
        for day, amount in zip(frame.index, frame[column]) if amount
    ]
    bars = frame[PRICES + ["Volume"]]
    # A payment on a day without a bar is a row of its own, without prices.
    bars = bars[~(bars.isna() | (bars == 0)).all(axis=1)]
    return {"currency": meta["currency"], "bars": bars.assign(final=is_final(bars, meta)), "actions": actions,
            "zone": meta["exchangeTimezoneName"]}


def is_final(bars, meta):
    """Whether each bar is settled: all but those of a session whose last price is older than its end."""
    regular, last = meta.get("currentTradingPeriod", {}).get("regular"), meta.get("regularMarketTime")
    if not regular or last is None or last >= regular["end"]:
        return True
    return bars.index.date < regular["start"].date()


def refusal(error, answer, request):
    """The error to raise for what yfinance raised, by what Yahoo answered."""
    status = answer.status_code if answer is not None else None
    about = f"yahoo answered {status} for {request.symbol} from {request.start} until {request.end}: {error}"
    if isinstance(error, YFRateLimitError) or status in (429, 999):
        seconds = answer.headers.get("retry-after", "") if answer is not None else ""
        return RateLimited(about, retry_after=int(seconds) if seconds.isdigit() else None)
    if status is None:
        return Unavailable(f"cannot ask yahoo for {request.symbol}: {type(error).__name__}: {error}")
    if status in (408, 425) or status >= 500 or isinstance(error, YFDataException):
        return Unavailable(about)
    if status == 404:
        return UnknownSymbol(about)
    # Of an empty list of quotes, yfinance takes the first.
    if status in (400, 422) or status == 200 and isinstance(error, (YFPricesMissingError, IndexError)):
        return NoData(about)
    if status >= 400:
        return Denied(about)
    return Malformed(f"{about} ({type(error).__name__})")


plugin.run()
