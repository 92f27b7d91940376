#!/usr/bin/env python3
# SPDX-License-Identifier: PostgreSQL
# listen.py DIR - an HTTP server and a mail server on loopback, each of which
# writes what it gets into DIR/http/N and DIR/mail/N; their ports are in
# DIR/ports.  What a path begins with is the status: /500/x answers 500.  The
# mail server wants TLS and a login (user "u", password "p4ss w0rd") when there
# are DIR/tls.pem and DIR/tls.key; mail to nobody@ is refused.
import asyncio
import http.server
import os
import ssl
import sys
import threading

from aiosmtpd.smtp import SMTP, AuthResult

where = sys.argv[1]
os.makedirs(where + "/http")
os.makedirs(where + "/mail")
lock = threading.Lock()


def put(kind, text):
    with lock:
        n = len(os.listdir(where + "/" + kind))
        path = "%s/%s/%d" % (where, kind, n)
        with open(path + ".new", "wb") as f:
            f.write(text)
        os.rename(path + ".new", path)


class Web(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        head = "%s %s\n%s\n\n" % (self.command, self.path,
                                  self.headers.get("Content-Type"))
        put("http", head.encode() + body)
        first = self.path.split("/")[1]
        self.send_response(int(first) if first.isdigit() else 200)
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"OK\n")

    def log_message(self, *args):
        pass


class Mail:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        put("mail", ("from %s\nto %s\n" % (
            envelope.mail_from, " ".join(envelope.rcpt_tos))).encode()
            + envelope.original_content)
        return "250 taken"


def login(server, session, envelope, mechanism, data):
    ok = (data.login, data.password) == (b"u", b"p4ss w0rd")
    return AuthResult(success=ok, handled=False)


web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Web)
threading.Thread(target=web.serve_forever, daemon=True).start()
more = {}
if os.path.exists(where + "/tls.pem"):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(where + "/tls.pem", where + "/tls.key")
    more = dict(tls_context=context, require_starttls=True,
                authenticator=login, auth_required=True)


loop = asyncio.new_event_loop()
mail = loop.run_until_complete(loop.create_server(
    lambda: SMTP(Mail(), hostname="localhost", loop=loop, **more),
    host="127.0.0.1", port=0))
threading.Thread(target=loop.run_forever, daemon=True).start()
port = mail.sockets[0].getsockname()[1]
with open(where + "/ports.new", "w") as f:
    f.write("%d %d\n" % (web.server_port, port))
os.rename(where + "/ports.new", where + "/ports")
sys.stdin.read()  # until whoever started us is gone
