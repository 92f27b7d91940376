#!/usr/bin/python3
# SPDX-License-Identifier: PostgreSQL
"""b2sim.py - the native API of Backblaze B2 over HTTP on 127.0.0.1.

The state (buckets, versions, keys) is kept by Backblaze's own RawSimulator of
python3-b2sdk, as b2state.py corrects it; this file puts HTTP in front.  Large
files, made in parts, it cannot do.  It is a model, not the service.

    b2sim.py [--port N] [--key-id ID --key SECRET] [--tls CERT KEY]
             [--public-port N] [--ready-file FILE]

prints B2_REALM=..., B2_KEY_ID=..., B2_KEY=... and B2_PORT=... (into FILE as
well, all at once), and serves until SIGTERM.  Port 0, the default, is any free
one.  The public port is that of a proxy, where clients are told to go.

Besides the API there is a way in for tests, POST /sim/WHAT with JSON:

  fault   {"op": "b2_upload_file", ...} what happens to coming requests of
          that kind ("*": any).  "skip" so many, hit "count" (1; -1: all),
          with "every" only one of so many.
          "status", "code", "message", "retry_after": such an answer, of lists
          each time the next;
          "answer": {...} is answered whatever was asked;
          "reset": the connection is cut instead; "delay": seconds before;
          uploads: "kill_url": the upload URL is dead from then on,
          "corrupt": a byte is flipped on its way in, "lose_reply": stored,
          but the connection is cut;
          uploads and downloads: "after_bytes": cut after so many bytes of
          the body, hard with "reset"; downloads: "corrupt".
  clear   no faults, no cap
  expire  every account token is expired now, and the upload URLs with it
  kill_upload_urls   every upload URL handed out is dead
  page    {"max": N, "pad": BYTES} no listing is longer, each entry so long
  cap     {"bytes": N} more than that is not stored
  bucket  {"name": N, "lifecycle": [...]} make one
  drop    {"name": N, "prefix": P} remove all that begins so
  key     {"capabilities": [...], "bucket": N, "prefix": P} -> id, key
  version {"bucket", "name", "text", "repeat", "unverified": bool, "large": bool,
          "action": "upload" or "hide", "time": ms, "count": n} what another
          client does to a name, so many times
  versions {"bucket", "name"} -> their number, of all kinds
  names   {"name": N, "prefix": P} -> all that begins so, one by one
  stats   -> calls by operation, stored bytes, files of all kinds
"""
import argparse
import json
import re
import signal
import ssl
import sys
import time
import traceback
import urllib.parse

sys.dont_write_bytecode = True  # nothing beside the sources
import loopback
from b2state import ApiError, State


class Handler(loopback.Handler):
    server_version = "b2sim"

    def send(self, status, headers, data, fault=None):
        fault = fault or {}
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command != "HEAD":
            if fault.get("corrupt") and data:
                data = bytes([data[0] ^ 0xff]) + data[1:]
            n = fault.get("after_bytes")
            if n is not None and len(data) > n:
                self.wfile.write(data[:n])
                self.wfile.flush()
                self.cut(fault.get("reset"))
                return
            self.wfile.write(data)
        self.wfile.flush()

    def send_json(self, status, value, headers=()):
        # Some values of the simulator are sets.
        data = json.dumps(value, indent=2, default=list).encode()
        self.send(status, dict(
            {"Content-Type": "application/json;charset=UTF-8",
             "Content-Length": len(data)}, **dict(headers)), data)

    def body(self, limit=None):
        n = int(self.headers.get("Content-Length") or 0)
        return self.rfile.read(n if limit is None else min(n, limit))

    def take_fault(self, op):
        """The fault that hits this request, or {}; counts the request."""
        state = self.server.state
        with state.lock:
            state.calls[op] = state.calls.get(op, 0) + 1
            for f in state.faults:
                if f["op"] not in (op, "*"):
                    continue
                if f.get("skip", 0) > 0:
                    f["skip"] -= 1
                    return {}
                f["seen"] = f.get("seen", 0) + 1
                if f["seen"] % f.get("every", 1) != 0:
                    return {}
                f["count"] = f.get("count", 1) - 1
                if f["count"] == 0:
                    state.faults.remove(f)
                nth = f["seen"] // f.get("every", 1) - 1
                return {k: v[nth % len(v)] if isinstance(v, list) else v
                        for k, v in f.items()}
        return {}

    @staticmethod
    def suffer(fault):
        if fault.get("delay"):
            time.sleep(fault["delay"])
        if fault.get("status"):
            headers = {}
            if fault.get("retry_after") is not None:
                headers["Retry-After"] = fault["retry_after"]
            raise ApiError(fault["status"], fault.get("code", ""),
                           fault.get("message", ""), headers)
        if fault.get("reset") and fault.get("after_bytes") is None:
            raise ApiError(0, "reset")

    def answer(self):
        try:
            self.route()
        except ApiError as e:
            if e.status == 0:
                self.cut(True)
            else:
                self.send_json(e.status, dict(status=e.status, code=e.code,
                                              message=e.message), e.headers)
        except (ConnectionError, ssl.SSLError):
            self.close_connection = True
        except Exception as e:  # a mistake of this file: the test shall see it
            traceback.print_exc()
            self.send_json(500, dict(status=500, code="internal_error",
                                     message=repr(e)))

    do_GET = do_POST = do_HEAD = answer

    def route(self):
        state = self.server.state
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        token = self.headers.get("Authorization") or query.get("Authorization")
        m = re.match(r"^/b2api/v(\d+)/(b2_[a-z0-9_]+)(?:/([^/]+)/([^/]+))?/?$",
                     url.path)
        if url.path.startswith("/sim/"):
            p = json.loads(self.body() or b"{}")
            with state.lock:
                r = state.control(url.path[5:], p)
            self.send_json(200, r)
        elif m and m[2] == "b2_upload_file" and m[3]:
            self.upload(m[3])
        elif url.path.startswith("/file/"):
            self.download("b2_download_file_by_name", token, url.path[6:])
        elif m and m[2] == "b2_download_file_by_id":
            if self.command == "POST":
                query = json.loads(self.body() or b"{}")
            self.download(m[2], token, None, query.get("fileId"))
        elif m:
            raw = self.body()
            fault = self.take_fault(m[2])
            self.suffer(fault)
            if "answer" in fault:
                self.send_json(200, fault["answer"])
                return
            try:
                p = json.loads(raw) if raw else query
            except ValueError as e:
                raise ApiError(400, "bad_json", str(e)) from None
            with state.lock:
                if m[2] == "b2_authorize_account":
                    r = state.authorize(token, int(m[1]))
                else:
                    p = {k: v for k, v in p.items() if v is not None}
                    state.check_token(token)
                    r = state.call(m[2], p, token)
            self.send_json(200, r)
        else:
            raise ApiError(404, "not_found", "no such path")

    def download(self, op, token, path, file_id=None):
        state = self.server.state
        fault = self.take_fault(op)
        self.suffer(fault)
        with state.lock:
            state.check_token(token)
            if path is None:
                bucket, file = state.file(file_id, 404, "not_found")
            else:
                bucket_name, _, name = path.partition("/")
                bucket = state.bucket_named(bucket_name)
                file = bucket.newest(urllib.parse.unquote_plus(name))
            if file is None or file.action != "upload":
                raise ApiError(404, "not_found",
                               "File with such name does not exist.")
            status, headers, data = state.load(token, bucket, file,
                                               self.headers.get("Range"))
        self.send(status, headers, data, fault)

    def upload(self, bucket_id):
        state = self.server.state
        fault = self.take_fault("b2_upload_file")
        if fault.get("status") and not fault.get("kill_url"):
            self.body()
            self.suffer(fault)
        try:
            with state.lock:
                u = state.take_upload(self.headers.get("Authorization"),
                                      bucket_id)
        except ApiError:
            self.body()
            raise
        try:
            if fault.get("after_bytes") is not None:
                self.body(fault["after_bytes"])
                u["dead"] = bool(fault.get("kill_url"))
                raise ApiError(0, "reset")
            data = self.body()
            if len(data) != int(self.headers.get("Content-Length") or -1):
                raise ApiError(0, "short body")
            if fault.get("kill_url"):
                u["dead"] = True
            if fault.get("corrupt") and data:
                data = bytes([data[0] ^ 0xff]) + data[1:]
            if not fault.get("lose_reply"):
                self.suffer(fault)
            with state.lock:
                r = state.store(u, self.headers, data)
            if fault.get("lose_reply"):
                raise ApiError(0, "reset")
        finally:
            u["busy"] = False
        self.send_json(200, r)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--port", type=int, default=0)
    ap.add_argument("--key-id", default="b2keyid")
    ap.add_argument("--key", default="b2secret")
    ap.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"))
    ap.add_argument("--public-port", type=int)
    ap.add_argument("--ready-file")
    o = ap.parse_args()
    server = loopback.Server(("127.0.0.1", o.port), Handler)
    public = o.public_port or server.server_port
    base = "http://127.0.0.1:%d" % public
    if o.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*o.tls)
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False)
        base = "https://localhost:%d" % public
    server.state = State(base, o.key_id, o.key)
    signal.signal(signal.SIGTERM, lambda *args: sys.exit(0))
    text = "B2_REALM=%s\nB2_KEY_ID=%s\nB2_KEY=%s\nB2_PORT=%d\n" % (
        base, o.key_id, o.key, server.server_port)
    if o.ready_file:
        loopback.write_at_once(o.ready_file, text)
    print(text, end="", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
