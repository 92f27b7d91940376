# SPDX-License-Identifier: PostgreSQL
"""httpfault.py TARGET_PORT PORT_FILE - what can go wrong on the way to S3.

A proxy on loopback: requests go on unchanged, Host included, so that their
signatures hold.  Its port is written to PORT_FILE.  A fault is announced by
  POST /__fault {"method": "PUT", "path": REGEX of path and query,
                 "key": only requests signed with it,
                 "skip": 0, "count": 1, and one of:}
    "status": 503, "code": "SlowDown", "retry_after": 7   answer by itself
    "lose_reply": true    forward, then reset: it was stored
    "reset": true         reset without forwarding
    "truncate": N         N bytes of the body, then hang up
    "error_in_200": true  200 with an error in its body
    "hang": true          never answer
    "date": TEXT          forward, and answer with that as the Date
POST /__clear forgets them and the log; GET /__log has a line per request.

It also plays the services that hand out keys (below /__creds, /__sts and
/latest): testkey and testkey2 in turns, valid for GET /__valid/SECONDS.
"""
import json
import re
import socket
import sys
import threading
import time
import urllib.parse
from http.server import ThreadingHTTPServer

sys.dont_write_bytecode = True  # nothing beside the sources
import loopback

lock = threading.Lock()
rules, log = [], []
keys = {"given": 0, "valid": 3600}


def next_key():
    with lock:
        keys["given"] += 1
        which = ["testkey", "testkey2"][(keys["given"] - 1) % 2]
        end = time.gmtime(time.time() + keys["valid"])
    return which, "testsecret", time.strftime("%Y-%m-%dT%H:%M:%SZ", end)


def error_body(code):
    return ("<?xml version=\"1.0\"?><Error><Code>%s</Code><Message>as the "
            "test wants it</Message></Error>" % code).encode()


class Handler(loopback.Handler):
    def answer(self, status, headers, body, cut=None):
        self.send_response_only(status)
        for k, v in headers:
            if k.lower() not in ("connection", "transfer-encoding",
                                 "content-length"):
                self.send_header(k, v)
        length = len(body)
        if self.command == "HEAD":
            length = next((v for k, v in headers
                           if k.lower() == "content-length"), 0)
        if status != 204:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body if cut is None else body[:cut])
        self.wfile.flush()
        if cut is not None:
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True

    def fault(self):
        signed = self.headers.get("Authorization", "")
        with lock:
            log.append("%s %s" % (self.command, self.path))
            for r in rules:
                if (r.get("method", self.command) != self.command or
                        not re.search(r.get("path", ""), self.path) or
                        ("key" in r and "=%s/" % r["key"] not in signed)):
                    continue
                if r.get("skip", 0) > 0:
                    r["skip"] -= 1
                    return {}
                r["count"] = r.get("count", 1) - 1
                if r["count"] <= 0:
                    rules.remove(r)
                return r
        return {}

    def control(self, body):
        out, kind = b"", "text/plain"
        with lock:
            if self.path == "/__fault":
                rules.append(json.loads(body))
            elif self.path == "/__clear":
                rules.clear()
                log.clear()
                keys.update(given=0, valid=3600)
            elif self.path.startswith("/__valid/"):
                keys["valid"] = int(self.path.split("/")[2])
            elif self.path == "/__log":
                out = "\n".join(log).encode()
        if self.path == "/__creds":
            if self.headers.get("Authorization") != "container-token":
                return self.answer(401, [], b"")
            out = self.key_json()
        elif self.path == "/__sts":
            form = urllib.parse.parse_qs(body.decode())
            if (form.get("Action") != ["AssumeRoleWithWebIdentity"] or
                    form.get("WebIdentityToken") != ["web+token/="] or
                    form.get("RoleArn") != ["arn:aws:iam::1:role/x"] or
                    form.get("Version") != ["2011-06-15"]):
                return self.answer(403, [], error_body("AccessDenied"))
            out = ("<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWeb"
                   "IdentityResult><Credentials><AccessKeyId>%s</AccessKeyId>"
                   "<SecretAccessKey>%s</SecretAccessKey><Expiration>%s"
                   "</Expiration></Credentials></AssumeRoleWithWebIdentity"
                   "Result></AssumeRoleWithWebIdentityResponse>" %
                   next_key()).encode()
        return self.answer(200, [("Content-Type", kind)], out)

    def key_json(self):
        key, secret, end = next_key()
        return json.dumps({"AccessKeyId": key, "SecretAccessKey": secret,
                           "Expiration": end}).encode()

    def metadata(self):
        roles = "/latest/meta-data/iam/security-credentials/"
        if self.path == "/latest/api/token" and self.command == "PUT":
            if not self.headers.get("X-aws-ec2-metadata-token-ttl-seconds"):
                return self.answer(400, [], b"")
            return self.answer(200, [], b"metadata-token")
        if self.headers.get("X-aws-ec2-metadata-token") != "metadata-token":
            return self.answer(401, [], b"")
        if self.path == roles:
            return self.answer(200, [], b"the-role\n")
        if self.path == roles + "the-role":
            return self.answer(200, [], self.key_json())
        return self.answer(404, [], b"")

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.startswith("/__"):
            return self.control(body)
        if self.path.startswith("/latest/"):
            return self.metadata()
        f = self.fault()
        if f.get("hang"):
            time.sleep(3600)
        if f.get("reset"):
            return self.cut()
        if f.get("status"):
            extra = []
            if "retry_after" in f:
                extra = [("Retry-After", str(f["retry_after"]))]
            return self.answer(f["status"], extra,
                               error_body(f.get("code", "InternalError")))
        if f.get("error_in_200"):
            return self.answer(200, [], error_body("InternalError"))
        try:
            reply = self.hand_on(target, body)
        except OSError:
            return self.cut()
        if f.get("lose_reply"):
            return self.cut()
        status, headers, data = reply
        if "date" in f:
            headers = [(k, f["date"] if k.lower() == "date" else v)
                       for k, v in headers]
        return self.answer(status, headers, data, f.get("truncate"))

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any


class Server(loopback.Server):
    handle_error = ThreadingHTTPServer.handle_error  # shows our mistakes


if __name__ == "__main__":
    target = int(sys.argv[1])
    server = Server(("127.0.0.1", 0), Handler)
    loopback.write_at_once(sys.argv[2], "%d\n" % server.server_port)
    server.serve_forever()
