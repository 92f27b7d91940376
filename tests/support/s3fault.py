#!/usr/bin/python3
# SPDX-License-Identifier: PostgreSQL
"""s3fault.py - a service that has bad days: an HTTP proxy for S3 on loopback.

    s3fault.py --target PORT [--ready-file FILE]

prints S3FAULT_PORT=N (into FILE as well, all at once) and serves until
SIGTERM.  Requests are handed on as they are, the Host header too, so that
signatures hold.  POST /__fault takes a rule as JSON:

    method, path      whom it hits: the method, and a pattern in path?query
    count, skip       so many requests (1; -1: all), after so many others
    every             one of so many, counted over all requests it matches
  and what happens:
    status, code, retry_after   such an answer, nothing is handed on; of lists
                      each time the next is taken
    delay             seconds before it is handed on
    lose_reply        handed on, and the connection cut instead of the answer
    truncate          the length is right, but only so many bytes come
    flip              one bit of that byte of the answer is another
    error_in_200      status 200, with an error as the body

POST /__clear takes all rules away; GET /__stats says how many requests there
were, by method, and how often a rule hit.
"""
import argparse
import http.client
import json
import re
import signal
import sys
import threading
from time import sleep

sys.dont_write_bytecode = True  # nothing beside the sources
import loopback


class State:
    def __init__(self, target):
        self.target = target
        self.lock = threading.Lock()
        self.clear()

    def clear(self):
        self.rules, self.counts = [], {}

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    def rule_for(self, method, path):
        """The rule that hits this request, or {}."""
        with self.lock:
            self.count("requests")
            self.count(method)
            for r in self.rules:
                if r.get("method", method) != method or \
                        not re.search(r.get("path", ""), path):
                    continue
                r["seen"] = r.get("seen", 0) + 1
                if r["seen"] <= r.get("skip", 0) or \
                        r["seen"] % r.get("every", 1) != 0 or \
                        r.get("hits", 0) == r.get("count", 1):
                    continue
                r["hits"] = r.get("hits", 0) + 1
                self.count("hits")
                return dict(r, nth=r["hits"] - 1)
        return {}


def pick(value, nth):
    return value[nth % len(value)] if isinstance(value, list) else value


class Handler(loopback.Handler):
    def body(self):
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        data = b""
        while n := int(self.rfile.readline().split(b";")[0], 16):
            data += self.rfile.read(n)
            self.rfile.readline()
        self.rfile.readline()
        return data

    def send(self, status, headers, data, rule):
        n = rule.get("flip", -1)
        if 0 <= n < len(data):
            data = data[:n] + bytes([data[n] ^ 1]) + data[n + 1:]
        length = len(data)
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() == "content-length" and self.command == "HEAD":
                length = int(value)
            elif name.lower() not in loopback.HOP:
                self.send_header(name, value)
        if status not in (204, 304):
            self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command != "HEAD":
            n = rule.get("truncate")
            self.wfile.write(data if n is None else data[:n])
            if n is not None:
                self.close_connection = True
        self.wfile.flush()

    def send_error_body(self, status, rule):
        code = pick(rule.get("code", "InternalError"), rule["nth"])
        headers = [("Content-Type", "application/xml")]
        if rule.get("retry_after") is not None:
            headers.append(("Retry-After", str(rule["retry_after"])))
        self.send(status, headers, (
            '<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code>'
            "<Message>injected</Message><RequestId>1</RequestId></Error>"
            % code).encode(), {})

    def control(self):
        state, data = self.server.state, self.body()
        with state.lock:
            if self.path == "/__fault":
                state.rules.append(json.loads(data))
            elif self.path == "/__clear":
                state.clear()
            answer = json.dumps(dict(state.counts)).encode()
        self.send(200, [("Content-Type", "application/json")], answer, {})

    def answer(self):
        if self.path.startswith("/__"):
            self.control()
            return
        rule = self.server.state.rule_for(self.command, self.path)
        data = self.body()
        sleep(rule.get("delay", 0))
        if rule.get("status") is not None:
            self.send_error_body(pick(rule["status"], rule["nth"]), rule)
            return
        if rule.get("error_in_200"):
            self.send_error_body(200, rule)
            return
        try:
            status, headers, data = self.hand_on(
                self.server.state.target, data)
        except (OSError, http.client.HTTPException):
            self.cut()
            return
        if rule.get("lose_reply"):
            self.cut()
            return
        self.send(status, headers, data, rule)

    def serve(self):
        try:
            self.answer()
        except OSError:
            self.close_connection = True

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = serve


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--target", type=int, required=True)
    ap.add_argument("--ready-file")
    o = ap.parse_args()
    server = loopback.Server(("127.0.0.1", 0), Handler)
    server.state = State(o.target)
    signal.signal(signal.SIGTERM, lambda *args: sys.exit(0))
    text = "S3FAULT_PORT=%d\n" % server.server_port
    if o.ready_file:
        loopback.write_at_once(o.ready_file, text)
    print(text, end="", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
