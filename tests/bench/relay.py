"""Stands between pacelake and the simulated Strava, and notes how long each
answer takes: that time is Strava's, not pacelake's.
"""

import http.client
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

# Headers of one connection, not of what goes through.
OF_A_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}


class Relay:
    """Listens on a port of its own; `spent` is what answers took in all."""

    def __init__(self, api: str) -> None:
        to = urlsplit(api)
        relay = self
        self.path = to.path
        self.answers: list[tuple[float, float]] = []
        kept = threading.local()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def pass_on(self) -> None:
                began = time.perf_counter()
                length = int(self.headers.get("content-length", 0))
                body = self.rfile.read(length)
                headers = {name: value for name, value in self.headers.items() if name.lower() not in OF_A_CONNECTION}
                if not hasattr(kept, "to"):
                    kept.to = http.client.HTTPConnection(to.hostname, to.port, timeout=30)
                kept.to.request(self.command, self.path, body or None, headers)
                answer = kept.to.getresponse()
                content = answer.read()
                self.send_response_only(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in OF_A_CONNECTION:
                        self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
                self.wfile.flush()
                relay.answers.append((began, time.perf_counter()))

            do_GET = do_POST = do_DELETE = pass_on

            def log_message(self, *_) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}{self.path}"

    def spent(self, since: float, until: float) -> float:
        """The seconds in which at least one answer was on its way."""
        spent, end = 0.0, since
        for began, ended in sorted(self.answers):
            began, ended = max(began, end), min(ended, until)
            if ended > began:
                spent, end = spent + ended - began, ended
        return spent

    def close(self) -> None:
        self.server.shutdown()
