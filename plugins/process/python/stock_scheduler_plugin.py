"""Makes a plugin for stock-scheduler of Python functions. Copy this file beside yours; it needs Python 3.8 and no more.

    from stock_scheduler_plugin import Plugin, UnknownSymbol  # first, before your vendor's library

    plugin = Plugin("mine", "1.0.0")

    @plugin.fetcher(intervals=["1d"], concurrency=8, example=("AAPL", "2025-06-02", "2025-06-04"))
    def fetch(request):
        bars = [{"date": day, "open": 1.0, "high": 2.0, "low": 0.5, "close": 1.5, "volume": 100} for day in request.days()]
        return {"zone": "America/New_York", "currency": "USD", "bars": bars}

    plugin.run()

Raise what went wrong as one of the errors below: the host acts on its kind. Any other exception is "unavailable", which is
asked again later; its message says where it came from, and its traceback goes to the log, the same one once a minute.

What is printed goes to the log too, from the moment that the program imports this file: the answers have a way of their
own. So import it first, in the file that is run: what a library prints before would be taken for an answer. With `--try`, at
a terminal, and where a test or another program imports your file, printing is as ever.

The protocol is described in PROTOCOL.md, in the folder plugins/process of stock-scheduler; you need not read it.
"""

import asyncio
import inspect
import itertools
import json
import math
import os
import queue
import re
import select
import sys
import threading
import time
import traceback
from datetime import date, datetime, timedelta, timezone

PROTOCOL = 1
_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)


# What can go wrong, by what the host does about it.


class PluginError(Exception):
    """The base of all errors below: a message for people, and for some kinds one detail for the host.

    The message says what was tried and what came. Times are aware datetimes or RFC 3339 text.
    """

    kind = "unavailable"
    detail = None

    def __init__(self, message="", *detail, **named):
        if not isinstance(message, str):
            raise TypeError(f"the message of {type(self).__name__} comes first and is text, not {message!r}")
        super().__init__(message or self.kind.replace("_", " "))
        given = {**dict(zip([self.detail], detail)), **named}
        if len(detail) > 1 or not given.keys() <= {self.detail}:
            raise TypeError(f"{type(self).__name__} has {self.detail or 'nothing'} beside its message, not {given}")
        self.details = {name: _DETAILS[name](value) for name, value in given.items() if value is not None}

    def answer(self):
        """The answer to a request that failed so."""
        return {"error": {"kind": self.kind, "message": str(self), **self.details}}


class UnknownSymbol(PluginError):
    """The provider does not know the symbol. Not asked again."""
    kind = "unknown_symbol"


class NoData(PluginError):
    """The provider knows the symbol and has nothing for the dates asked. Not asked again."""
    kind = "no_data"


class NotReady(PluginError):
    """The data is not settled yet. Asked again at `retry_at`."""
    kind, detail = "not_ready", "retry_at"


class Denied(PluginError):
    """The provider refuses us: credentials, address or contract. Not asked again."""
    kind = "denied"


class Malformed(PluginError):
    """The provider's answer cannot be understood. Asked once more."""
    kind = "malformed"


class RateLimited(PluginError):
    """Too many requests. The whole plugin rests, for `retry_after` seconds where the other side said so."""
    kind, detail = "rate_limited", "retry_after"


class QuotaExhausted(PluginError):
    """The allowance is used up. Nobody is asked before `until`."""
    kind, detail = "quota_exhausted", "until"


class Unavailable(PluginError):
    """The other side cannot be reached, is broken or did not answer in time. Tried again, less and less often."""


class Invalid(PluginError):
    """The configuration or a schedule is wrong. `pointer` says where, as a JSON pointer: "/day"."""
    kind, detail = "invalid", "pointer"

    def __init__(self, message="", pointer=""):
        super().__init__(message, pointer)


class Refused(PluginError):
    """A listener's other side will never take this event. Not told again."""
    kind = "refused"


class Gone(PluginError):
    """A listener's other side wants no events any more. The listener is disabled."""
    kind = "gone"


# What the functions of a plugin are given and what they give.


class Request:
    """One question to a fetcher: the bars of `symbol` from the date `start` until the day before the date `end`.

    `interval` is the length of a bar ("1d", "1wk", "1h", "5m"), `options` what the job says to this fetcher ({} if
    nothing).
    """

    def __init__(self, params, call=None):
        self.symbol = params["symbol"]
        self.start = date.fromisoformat(params["start"])
        self.end = date.fromisoformat(params["end"])
        self.interval = params.get("interval") or "1d"
        self.options = params.get("options") or {}
        self._call = call

    @property
    def intraday(self):
        """Whether bars are shorter than a day, so that each has a `time` and not a `date`."""
        return self.interval[-1] in "mh"

    @property
    def cancelled(self):
        """Whether nobody waits for the answer any more; worth a look in a long loop."""
        return self._call is not None and self._call.cancelled

    def days(self):
        """All dates asked for."""
        return [self.start + timedelta(days) for days in range((self.end - self.start).days)]

    def weekdays(self):
        """The dates asked for that are no Saturday and no Sunday."""
        return [day for day in self.days() if day.weekday() < 5]


class Event:
    """One event on its way to a listener. `id` is the same at every try; `attempt` counts the tries from 1."""

    def __init__(self, params):
        self.id = params["id"]
        self.event = params["event"]
        self.data = params.get("data") or {}
        self.job = params.get("job")
        self.attempt = params.get("attempt", 1)


class Fire:
    """A fire of a schedule at an aware datetime; with `skip`, nothing runs at it and that is why."""

    def __init__(self, at, skip=None, notes=()):
        self.at, self.skip, self.notes = at, skip, notes


class UnknownFrom:
    """Yielded last by a schedule that cannot say what comes from the aware datetime `at` on, and why."""

    def __init__(self, at, reason):
        self.at, self.reason = at, reason


# The plugin itself.


class Plugin:
    """A plugin of functions: decorate them, then `run()`.

    `config` is what the configuration gives this plugin, {} if nothing. `config_schema` is its JSON Schema.
    """

    def __init__(self, name, version, config_schema=None):
        self.config = {}
        self._description = {"protocol": PROTOCOL, "name": name, "version": version}
        if config_schema is not None:
            self._description["config_schema"] = config_schema
        self._configure = self._fetch = self._deliver = None
        self._schedules = {}
        self._loop = None
        self._loop_lock = threading.Lock()
        self._folder = os.path.dirname(os.path.abspath(sys._getframe(1).f_code.co_filename))
        self._tracebacks = _Tracebacks()

    def configure(self, function):
        """Marks function(config), called once before all others. It may raise `Invalid`."""
        self._configure = function
        return function

    def fetcher(self, intervals=("1d",), concurrency=1, example=None, **more):
        """Marks function(request), which returns {"zone", "currency", "bars", "actions"}; it may be `async`.

        `bars` is a list of dicts or a pandas DataFrame: `date` (or `time`, for bars shorter than a day), `open`, `high`,
        `low`, `close`, `adj_close`, `volume`, `final` and `extra`. `adj_close` is the close adjusted for later splits and
        dividends; left out, it is the close. `actions` is a list of dicts of `date`, `kind` ("dividend", "split",
        "capital_gain") and `amount`, for a split `ratio`. All but `zone` and `bars` may be left out.

        At most `concurrency` calls are made at once, on threads if there are several. `example` is (symbol, start, end) of
        a question that has an answer; let `end`, which is not asked for, be a day that has a bar. `more` are
        `unknown_symbol`, `requests_per_second`, `burst`, `requests_per_hour`, `timeout_seconds` and `options_schema`, the
        JSON Schema of what a job may say in `request.options`.
        """
        about = {"intervals": list(intervals), "concurrency": concurrency, **more}
        if example is not None:
            symbol, start, end = example
            about["example"] = {"symbol": symbol, "start": _date(start), "end": _date(end)}

        def mark(function):
            self._fetch = function
            self._description["fetcher"] = about
            return function

        return mark

    def schedule(self, kind, schema=None, example=None, check=None):
        """Marks function(spec, zone, after), a generator of the fires after the aware datetime `after`, in their order.

        A fire is an aware datetime or a `Fire`. There may be endlessly many; those not after `after` are left out. `spec`
        is the job's schedule object without its `kind`: {"day": 1} of {"kind": "lunar", "day": 1}. `zone` is the IANA name
        of the zone that it means. The same question must always have the same answer. `schema` is the JSON Schema of
        `spec`, `example` one that is right. `check`, a function(spec, zone), may raise `Invalid`, and returns the schedule
        in words, or {"description", "zone"} where the schedule names a zone itself.

        The section of the configuration bears the name of the kind: [plugins.schedule.lunar].
        """

        def mark(function):
            about = {"schema": schema, "example": example}
            known = {name: value for name, value in about.items() if value is not None}
            self._description.setdefault("schedules", {})[kind] = known
            self._schedules[kind] = (function, check)
            return function

        return mark

    def listener(self, events=(), concurrency=1):
        """Marks function(event), called for the events of these names, all if none; it may be `async`."""

        def mark(function):
            self._deliver = function
            self._description["listener"] = {"events": list(events), "concurrency": concurrency}
            return function

        return mark

    def run(self):
        """Answers the host until it says no more.

        `--try SYMBOL [START END]` shows what the fetcher answers instead, with the configuration in $PLUGIN_CONFIG.
        """
        if sys.argv[1:2] == ["--try"]:
            return self._try(*sys.argv[2:5])
        if not _taken and os.isatty(0):
            command = f"stock-scheduler plugin check {json.dumps('python3 ' + sys.argv[0])}"
            print(f"{self._description['name']} is a plugin of stock-scheduler and waits for its requests, one JSON object "
                  f"a line; Ctrl-D ends it. To check it: {command}", file=sys.stderr)
        _Service(self, *(_taken or _take_streams())).run(self._widths())

    def answer(self, method, params, call=None):
        """Answers one request: {"result": …} or {"error": …}. What tests of a plugin may call."""
        try:
            work = getattr(self, f"_answer_{method}", None)
            if work is None:
                raise Invalid(f"there is no method {method!r}")
            return {"result": work(params, call)}
        except PluginError as error:
            return error.answer()
        except (Exception, SystemExit) as error:
            place = _place(error, self._folder)
            if not (call and call.cancelled):
                self._tracebacks.write(error, place)
            kind = Invalid if method in ("describe", "schedule") else Unavailable
            return kind(f"{type(error).__name__}: {error}{place and f' ({place})'}").answer()

    def _answer_describe(self, params, _call):
        self.config = params.get("config") or {}
        if self._configure:
            self._configure(self.config)
        return self._description

    def _answer_fetch(self, params, call):
        if self._fetch is None:
            raise Invalid("this plugin has no fetcher")
        request = Request(params, call)
        return _series(request, self._finished(self._fetch(request), call))

    def _answer_schedule(self, params, _call):
        function, check = self._schedule(params)
        spec, zone = params.get("spec"), params.get("zone")
        words = check(spec, zone) if check else None
        # A spec with which the function cannot work shows at its first fire.
        next(iter(function(spec, zone, datetime.now(timezone.utc))), None)
        if isinstance(words, dict):
            return words
        first_line = (function.__doc__ or "").strip().partition("\n")[0]
        return {"description": words or first_line or f"{params['kind']} {json.dumps(spec)}"}

    def _answer_fires(self, params, _call):
        function, _ = self._schedule(params)
        after = _parse_instant(params["after"])
        if after is None:
            return {"fires": [], "ends": "never"}
        return _fires(function(params.get("spec"), params.get("zone"), after), after, params["count"])

    def _answer_deliver(self, params, call):
        if self._deliver is None:
            raise Invalid("this plugin has no listener")
        self._finished(self._deliver(Event(params)), call)
        return {}

    def _schedule(self, params):
        try:
            return self._schedules[params["kind"]]
        except KeyError:
            raise Invalid(f"there is no schedule {params.get('kind')!r}") from None

    def _finished(self, result, call):
        """What a function returned, or what its coroutine returns in the end."""
        if not asyncio.iscoroutine(result):
            return result
        with self._loop_lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, daemon=True).start()
        future = asyncio.run_coroutine_threadsafe(result, self._loop)
        if call:
            call.let_cancel(future)
        return future.result()

    def _widths(self):
        """How many requests of each kind may be under way at once; none where all is done in turn, without threads."""
        widths = {}
        if self._fetch:
            widths["fetch"] = self._description["fetcher"]["concurrency"]
        if self._deliver:
            widths["deliver"] = self._description["listener"]["concurrency"]
        if self._schedules:
            widths["fires"] = 1
        in_turn = sum(widths.values()) == 1
        is_async = any(inspect.iscoroutinefunction(function) for function in (self._fetch, self._deliver))
        return {} if in_turn and not is_async else widths

    def _try(self, symbol, start=None, end=None):
        today = date.today()
        params = {"symbol": symbol, "start": start or str(today - timedelta(10)), "end": end or str(today)}
        config = json.loads(os.environ.get("PLUGIN_CONFIG", "null"))
        answer = self.answer("describe", {"protocol": PROTOCOL, "config": config})
        if "result" in answer:
            answer = self.answer("fetch", params)
        print(json.dumps(answer, indent=1))
        if answer.get("error", {}).get("kind") == Denied.kind:
            print("`plugin check COMMAND` gives it all variables of this shell, as here; the service only PATH, HOME, LANG, "
                  "LC_ALL, TZ, TMPDIR, or instead of these what `environment` in its section names", file=sys.stderr)


# Behind the plugin: lines in, lines out.


def _is_imported_by_a_plugin():
    """Whether the program that runs imports this file itself, to answer a host.

    Not if it is to `--try` a symbol, is a test or is typed in by hand: these print for people.
    """
    importer = sys._getframe(1)
    while importer and (importer.f_globals is globals() or importer.f_code.co_filename.startswith("<frozen importlib")):
        importer = importer.f_back
    is_program = importer is not None and importer.f_globals is vars(sys.modules["__main__"])
    is_file = "__file__" in vars(sys.modules["__main__"]) and not sys.flags.interactive
    is_test = "unittest" in sys.modules or "pytest" in sys.modules
    return is_program and is_file and not is_test and sys.argv[1:2] != ["--try"] and not os.isatty(0)


def _take_streams():
    """The host's lines and the way back, taken from under everybody else's feet.

    What prints, be it a C library or a child process, prints to the log from now on, and what reads finds nothing. What
    was printed before and is still held back, as Python does unless it is told not to, goes to the log too.
    """
    lines, back = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout.flush()
    sys.stderr.reconfigure(line_buffering=True)
    sys.stdout = sys.stderr
    return lines, back


def _end_without_host(back):
    """Ends this program where nobody can read its answers any more: its host was killed, and does not kill it in turn.

    A call that is under way may come to an end before, if that is soon. Where the system cannot say it, nothing is done.
    """
    if not hasattr(select, "poll"):
        return
    watch = select.poll()
    watch.register(back, 0)
    if any(event & (select.POLLERR | select.POLLHUP) for _, event in watch.poll()):
        time.sleep(2)
        os._exit(1)


def _place(error, folder):
    """Where an exception came from, "mine.py, line 27": the innermost place below `folder`, "" if there is none."""
    place = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        path = os.path.abspath(frame.f_code.co_filename)
        is_package = "site-packages" in path
        if path.startswith(folder + os.sep) and not is_package and frame.f_globals is not globals():
            place = f"{os.path.relpath(path, folder)}, line {line}"
    return place


class _Tracebacks:
    """Writes tracebacks to the log, each in one piece, and those of one type and place once a minute at most."""

    def __init__(self):
        self._lock = threading.Lock()
        self._seen = {}

    def write(self, error, place):
        key, now = (type(error), place), time.monotonic()
        with self._lock:
            quiet_until, more = self._seen.get(key, (now, 0))
            if now < quiet_until:
                self._seen[key] = quiet_until, more + 1
                return
            self._seen[key] = now + 60, 0
        text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        sys.stderr.write(text + (f"(and {more} times more in the minute after it was last shown)\n" if more else ""))


class _Call:
    """A request under way."""

    def __init__(self, method, params):
        self.method, self.params = method, params
        self.cancelled = False
        self._future = None

    def let_cancel(self, future):
        self._future = future
        if self.cancelled:
            future.cancel()

    def cancel(self):
        self.cancelled = True
        if self._future:
            self._future.cancel()


class _Lane:
    """Works off calls of one kind, `width` at once, on threads that start when they are first needed."""

    def __init__(self, width, work):
        self._unstarted, self._work, self._queue = width, work, queue.SimpleQueue()

    def put(self, *call):
        self._queue.put(call)
        if self._unstarted:
            self._unstarted -= 1
            threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            self._work(*self._queue.get())


class _Service:
    """Reads requests, has them answered and writes the answers."""

    def __init__(self, plugin, lines, back):
        self._plugin, self._lines, self._back = plugin, lines, back
        self._back_lock = threading.Lock()
        self._calls = {}

    def run(self, widths):
        lanes = {method: _Lane(width, self._do) for method, width in widths.items()}
        if "fires" in lanes:
            lanes["schedule"] = lanes["fires"]
        threading.Thread(target=_end_without_host, args=(self._back.fileno(),), daemon=True).start()
        try:
            for line in self._lines:
                self._take(line, lanes)
            # Nobody waits for what was cancelled; its thread ends with the program.
            while any(not call.cancelled for call in list(self._calls.values())):
                time.sleep(0.01)
        except KeyboardInterrupt:
            pass

    def _take(self, line, lanes):
        try:
            message = json.loads(line)
            number, method, params = message.get("id"), message["method"], message.get("params") or {}
        except (ValueError, KeyError, AttributeError):
            print(f"this line is no request: {line[:200]!r}", file=sys.stderr)
            return
        if method == "cancel" and params.get("id") in self._calls:
            self._calls[params["id"]].cancel()
        if number is None:
            return
        call = self._calls[number] = _Call(method, params)
        lanes[method].put(number, call) if method in lanes else self._do(number, call)

    def _do(self, number, call):
        answer = None if call.cancelled else self._plugin.answer(call.method, call.params, call)
        if call.cancelled:
            # Nobody waits for it, but the host counts it as under way until it is answered.
            answer = {"error": {"kind": "cancelled", "message": "nobody waits for this any more"}}
        self._write({"id": number, **answer})
        self._calls.pop(number, None)

    def _write(self, answer):
        try:
            line = _ENCODER.encode(answer)
        except (TypeError, ValueError) as error:
            line = _ENCODER.encode({"id": answer["id"], **Malformed(f"the answer cannot be written: {error}").answer()})
        try:
            with self._back_lock:
                self._back.write(line.encode("utf-8", "replace") + b"\n")
                self._back.flush()
        except BrokenPipeError:
            # The host is gone, and the end of its lines comes next.
            pass


# From Python's values to those of the protocol.


def _series(request, answer):
    """What a fetcher returned, in the protocol's terms."""
    if not isinstance(answer, dict) or "bars" not in answer:
        raise Malformed(f'the fetcher returned {_shown(answer)}, expected {{"zone": …, "bars": […]}}')
    bars, actions, zone = answer["bars"], list(answer.get("actions") or ()), answer.get("zone")
    if hasattr(bars, "columns") and hasattr(bars, "index"):
        zone = zone or getattr(bars.index, "tz", None)
        bars, paid = _rows(bars, request)
        actions += paid
    elif isinstance(bars, (str, dict)) or not hasattr(bars, "__iter__"):
        raise Malformed(f"`bars` is {_shown(bars)}, expected a list of dicts or a DataFrame")
    if not zone:
        raise Malformed('the fetcher returned no `zone`, expected a name like "America/New_York"')
    series = {"zone": str(zone), "currency": answer.get("currency")}
    series["bars"] = [_checked(f"bars[{at}]", bar, _BAR) for at, bar in enumerate(bars)]
    if not series["bars"]:
        raise NoData(f"no bars of {request.symbol} from {request.start} until {request.end}")
    if actions:
        series["actions"] = [_checked(f"actions[{at}]", action, _ACTION) for at, action in enumerate(actions)]
    return series


def _rows(frame, request):
    """The bars and the actions of a DataFrame. Columns of numbers that are not known by name are extra."""
    names = [column[0] if isinstance(column, tuple) else column for column in frame.columns]
    if len(set(names)) < len(names):
        raise Malformed(f"the DataFrame has the columns {names}, expected those of one symbol")
    columns = {_field(name): frame[column].tolist() for name, column in zip(names, frame.columns)}
    if not columns.keys() & {"date", "time"}:
        columns["time" if request.intraday else "date"] = frame.index.tolist()
    days = columns.get("date") or columns["time"]
    actions = [
        {"date": day, "kind": kind, value: amount}
        for column, (kind, value) in _ACTION_COLUMNS.items()
        for day, amount in zip(days, columns.pop(column, ()))
        if _number(amount)
    ]
    more = [name for name in columns if name not in _BAR and all(map(_is_number, columns[name]))]
    known = [name for name in columns if name in _BAR]
    bars = [dict(zip(known, row)) for row in zip(*(columns[name] for name in known))]
    for name in more:
        for bar, value in zip(bars, columns[name]):
            bar.setdefault("extra", {})[name] = value
    return bars, actions


def _checked(where, given, fields):
    """The dict `given` with its values as `fields` has them."""
    if not isinstance(given, dict):
        raise Malformed(f"{where} is {_shown(given)}, expected a dict")
    checked = {}
    for name, value in given.items():
        if name not in fields:
            name = _field(name)
        if name not in fields:
            raise Malformed(f"{where} has the unknown field {name!r}; there are {', '.join(fields)}")
        try:
            checked[name] = fields[name](value)
        except (TypeError, ValueError):
            raise Malformed(f"{where}: `{name}` is {_shown(value)}, expected {_EXPECTED[fields[name]]}") from None
    if "date" not in checked and "time" not in checked:
        raise Malformed(f"{where} has no `date`" + (" and no `time`" if "time" in fields else ""))
    return checked


def _field(name):
    """How the protocol writes the name of a column: "Adj Close" is `adj_close`."""
    field = str(name).strip().lower().replace(" ", "_")
    return {"adjclose": "adj_close", "datetime": "time"}.get(field, field)


def _number(value):
    """A finite number, or None for one that is not known: None, NaN and the like."""
    if type(value) is int or type(value) is float and value - value == 0:
        return value  # By far the most are such.
    value = value.item() if hasattr(value, "item") else value
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, (str, bytes, bool)):
        raise TypeError
    value = value if isinstance(value, int) else float(value)
    if value in (math.inf, -math.inf):
        raise ValueError
    return None if value != value else value


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _volume(value):
    volume = int(_number(value) or 0)
    if volume < 0:
        raise ValueError
    return volume


def _extra(columns):
    if not isinstance(columns, dict):
        raise TypeError
    numbers = {str(name): _number(value) for name, value in columns.items()}
    return {name: value for name, value in numbers.items() if value is not None}


def _date(value):
    """A date as the protocol writes it, of a date, a datetime, a Timestamp or text that begins with one."""
    if isinstance(value, date) and value == value:
        return value.isoformat()[:10]
    return date.fromisoformat(str(value)[:10]).isoformat()


def _instant(value):
    """An instant as RFC 3339, of an aware datetime or of text that is taken as it is."""
    if isinstance(value, str):
        return value
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise ValueError(f"{value!r} is no instant, expected a datetime with a time zone or RFC 3339 text")
    return value.isoformat()


def _parse_instant(text):
    """The aware datetime, cut to microseconds; the first that Python knows for earlier ones, None for later ones."""
    year, rest = re.fullmatch(r"([+-]?\d+)(-.*)", text).groups()
    if int(year) > 9999:
        return None
    if int(year) < 1:
        return datetime(1, 1, 3, tzinfo=timezone.utc)
    day, fraction, offset = re.fullmatch(r"(-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d)(?:\.(\d+))?(.*)", rest).groups()
    micros = (fraction or "").ljust(6, "0")[:6]
    offset = "+00:00" if offset in ("Z", "z") else offset
    return datetime.fromisoformat(f"{int(year):04}{day}.{micros}{offset}").astimezone(timezone.utc)


def _fires(given, after, count):
    """The answer to `fires`: the next `count` of those that a schedule's function gives."""
    fires, last = [], after
    for fire in itertools.chain(given, [None]):
        if len(fires) == count:
            return {"fires": fires}
        if fire is None:
            break
        if isinstance(fire, UnknownFrom):
            return {"fires": fires, "ends": {"unknown_from": _instant(fire.at), "reason": fire.reason}}
        fire = fire if isinstance(fire, Fire) else Fire(fire)
        _instant(fire.at)
        if fire.at <= last:
            if fires:
                raise Malformed(f"the schedule fires at {fire.at} after it has fired at {last}")
            continue
        last = fire.at
        shown = {"at": fire.at.astimezone(timezone.utc).isoformat(), "skip": fire.skip, "notes": list(fire.notes)}
        fires.append({name: value for name, value in shown.items() if value})
    return {"fires": fires, "ends": "never"}


def _shown(value):
    """A value in a message, as far as it fits a line."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


_BAR = dict.fromkeys(("open", "high", "low", "close", "adj_close"), _number)
_BAR = {"date": _date, "time": _instant, **_BAR, "volume": _volume, "final": bool, "extra": _extra}
_ACTION = {"date": _date, "kind": str, "amount": _number, "ratio": _number}
_ACTION_COLUMNS = {
    "dividends": ("dividend", "amount"),
    "stock_splits": ("split", "ratio"),
    "capital_gains": ("capital_gain", "amount"),
}
_EXPECTED = {
    _date: "a date or text like 2025-06-02",
    _instant: "a datetime with a time zone, or RFC 3339 text",
    _number: "a finite number or None",
    _volume: "a whole number that is not negative",
    _extra: "a dict of numbers",
}
_DETAILS = {"retry_at": _instant, "until": _instant, "retry_after": math.ceil, "pointer": str}

# What is printed from here on, even while the plugin is still loading, must not come between the answers.
_taken = _take_streams() if _is_imported_by_a_plugin() else None
