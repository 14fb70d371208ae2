"""A receiver for `sinks.webhook`, as its page asks for one: a row that was taken before is taken again and stored once.

    receiver.py PORT DATABASE

It is a bad one: of ten requests it puts off one by 429, fails one by 503, and takes one without an answer.
"""

import http.server
import json
import sqlite3
import sys
import threading

KEY = ["dag_name", "kind", "frame", "column", "symbol", "ts"]
lock = threading.Lock()
requests = 0
db = sqlite3.connect(sys.argv[2], check_same_thread=False)
columns = ", ".join(f'"{name}"' for name in KEY)
db.execute(f"CREATE TABLE IF NOT EXISTS signals ({columns}, prediction REAL, PRIMARY KEY ({columns}))")


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_HEAD(self):
        self.answer(200)

    def do_POST(self):
        global requests
        length = int(self.headers["Content-Length"])
        text = self.rfile.read(length)
        if len(text) < length:  # cut off on its way
            self.close_connection = True
            return
        body = json.loads(text)
        rows = body if isinstance(body, list) else [body]
        with lock:
            requests += 1
            turn = requests % 10
            if turn in (3, 6):
                return self.answer(429 if turn == 3 else 503)
            with db:
                db.executemany(
                    "INSERT OR IGNORE INTO signals VALUES (?, ?, ?, ?, ?, ?, ?)",
                    [[row[k] for k in KEY] + [row["prediction"]] for row in rows],
                )
        if turn == 9:
            self.close_connection = True
        else:
            self.answer(200)

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer.request_queue_size = 64
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
