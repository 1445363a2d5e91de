"""A provider on this machine that answers chart requests as Yahoo did when it was recorded.

    python3 local_provider.py FOLDER      # prints its address; answers until its input ends

FOLDER holds recordings and their `index.json`. A recording is asked for under its own name (the file's, without its
ending) or under its symbol, in any case: `/v8/finance/chart/AAPL_1d_2018-03-06_n5`. A symbol with several recordings is
answered with the first whose interval is asked for.
"""

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

CHART = "/v8/finance/chart/"


class Recordings:
    """The recordings of some folders, by name and by symbol."""

    def __init__(self, *folders):
        self._by_name, self._by_symbol = {}, {}
        for folder in folders:
            with open(os.path.join(folder, "index.json"), encoding="utf-8") as file:
                for entry in json.load(file):
                    with open(os.path.join(folder, entry["file"]), "rb") as body:
                        answer = (entry["http_status"] or 200, body.read())
                    self._by_name[os.path.splitext(entry["file"])[0].upper()] = answer
                    self._by_symbol.setdefault((entry["symbol"], entry["interval"]), answer)

    def find(self, name, interval):
        """Status and body for a name or a symbol, or None."""
        return self._by_name.get(name.upper()) or self._by_symbol.get((name.upper(), interval))


NOT_FOUND = json.dumps({"chart": {"result": None, "error": {
    "code": "Not Found", "description": "No data found, symbol may be delisted"}}}).encode()


class LocalProvider:
    """Serves recordings at `url` until it is closed; remembers what it was asked in `targets`."""

    def __init__(self, *folders):
        recordings, self.targets = Recordings(*folders), []
        targets = self.targets

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                targets.append(self.path)
                address = urlsplit(self.path)
                if address.path.endswith("/getcrumb"):
                    return self.answer(200, b"CRUMB")
                if not address.path.startswith(CHART):
                    return self.answer(404, b"")
                interval = parse_qs(address.query).get("interval", ["1d"])[0]
                found = recordings.find(unquote(address.path[len(CHART):]), interval)
                self.answer(*(found or (404, NOT_FOUND)))

            def answer(self, status, body):
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


if __name__ == "__main__":
    print(LocalProvider(*sys.argv[1:]).url, flush=True)
    sys.stdin.read()
