//! A plugin in any language: a program that the host starts, and talks with in lines of JSON.
//!
//! It may be a fetcher, kinds of schedules, a listener, or all of these. What is promised is the same as in the other
//! chapters. The messages are described in `plugins/process/PROTOCOL.md` of the repository, with a JSON Schema beside it;
//! you need to read that only for a language without a helper file.
//!
//! # In Python
//!
//! `stock-scheduler plugin new --lang python mine` writes a skeleton, `mine.py`, with the helper file
//! `stock_scheduler_plugin.py` beside it: of a fetcher, or with `--role schedule` or `--role listener` of these. Nothing is
//! to be installed.
//!
//! ```python
//! from stock_scheduler_plugin import Plugin, UnknownSymbol
//!
//! plugin = Plugin("mine", "1.0.0")
//!
//! @plugin.fetcher(intervals=["1d"], concurrency=8,
//!                 example=("AAPL", "2025-06-02", "2025-06-04"), unknown_symbol="NO-SUCH")
//! def fetch(request):
//!     if request.symbol == "NO-SUCH":
//!         raise UnknownSymbol(f"there is no symbol {request.symbol}")
//!     return {"zone": "America/New_York", "currency": "USD",
//!             "bars": [{"date": day, "open": 1.0, "high": 2.0, "low": 0.5, "close": 1.5, "volume": 100}
//!                      for day in request.days()]}
//!
//! plugin.run()
//! ```
//!
//! # Check it
//!
//! ```sh
//! stock-scheduler plugin check "python3 mine.py"
//! ```
//!
//! starts the program and tries the laws of [`conformance`](crate::conformance) on it, with what `example` and
//! `unknown_symbol` name. It says in a sentence which promise is broken.
//!
//! # Configure it
//!
//! ```toml
//! [plugins.fetcher.mine]
//! command = ["python3", "mine.py"]
//! ```
//!
//! A job asks for it with `"fetcher": "mine"`. No custom binary is needed.
//!
//! # What never to do
//!
//! * Print to standard output: it is the wire. What goes to standard error is the host's log.
//! * Stay when standard input has ended.
//! * Answer a request twice, or one that was not asked: the program is stopped and started again.
