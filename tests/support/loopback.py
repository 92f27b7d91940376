# SPDX-License-Identifier: PostgreSQL
"""loopback.py - what the HTTP servers of the tests, b2sim.py, s3fault.py and
httpfault.py, have in common.
"""
import http.client
import os
import socket
import struct
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOP = ("content-length", "transfer-encoding", "connection", "expect")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16

    def log_message(self, *args):
        pass

    def handle_expect_100(self):
        # What is written is buffered: without this a client waits a second.
        self.send_response_only(100)
        self.end_headers()
        self.wfile.flush()
        return True

    def cut(self, hard=True):
        if hard:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                       struct.pack("ii", 1, 0))
            self.connection.close()
        self.close_connection = True

    def hand_on(self, port, data):
        """The same request to that port -> status, headers, body."""
        c = http.client.HTTPConnection("127.0.0.1", port)
        try:
            c.putrequest(self.command, self.path, skip_host=True,
                         skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in HOP:
                    c.putheader(name, value)
            if data or self.command in ("PUT", "POST"):
                c.putheader("Content-Length", str(len(data)))
            c.endheaders(data or None)
            r = c.getresponse()
            return r.status, r.getheaders(), r.read()
        finally:
            c.close()


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass  # a client that hangs up, or does not like our certificate


def write_at_once(path, text):
    """Whoever waits for the file never sees a part of it."""
    with open(path + ".new", "w") as f:
        f.write(text)
    os.rename(path + ".new", path)
