#!/usr/bin/python3
# SPDX-License-Identifier: PostgreSQL
"""b2sim.py - the native API of Backblaze B2 over HTTP on 127.0.0.1.

The state (buckets, versions, keys) is kept by Backblaze's own RawSimulator of
python3-b2sdk; this file puts HTTP in front and corrects what the simulator
gets wrong against the published API.  Large files, made in parts, it cannot
do.  It is a model, not the service.

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
import base64
import bisect
import hashlib
import io
import json
import os
import re
import secrets
import signal
import socket
import ssl
import struct
import sys
import threading
import time
import traceback
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

try:
    from b2sdk import exception as b2_exception
    from b2sdk import raw_simulator
except ImportError:
    sys.exit("python3-b2sdk is not installed")

FIRST_FILE_ID = 10 ** 15 - 1


class ApiError(Exception):
    """What the client is told; status 0 cuts the connection."""

    def __init__(self, status, code, message="", headers=()):
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.headers = dict(headers)


class SortedDict(dict):
    """A dict that can be walked in order from any key on."""

    def __init__(self):
        super().__init__()
        self.order = []

    def __setitem__(self, key, value):
        if key not in self:
            bisect.insort(self.order, key)
        super().__setitem__(key, value)

    def __delitem__(self, key):
        super().__delitem__(key)
        del self.order[bisect.bisect_left(self.order, key)]

    def walk(self, start):
        for i in range(bisect.bisect_left(self.order, start), len(self.order)):
            yield self.order[i]


class Clock:
    """Milliseconds that never go back; two files may have the same."""

    def __init__(self):
        self.last = 0

    def __next__(self):
        self.last = max(self.last, int(time.time() * 1000))
        return self.last


class Bucket(raw_simulator.BucketSimulator):
    # Ids count down, so that the newest version of a name sorts first.  The
    # original compares them as strings of different lengths and gives the
    # same ones out in each bucket.
    ids = iter(range(FIRST_FILE_ID, 0, -1))

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.file_id_counter = Bucket.ids
        self.upload_timestamp_counter = Clock()
        self.file_name_and_id_to_file = SortedDict()

    def _simulate_chunked_post(self, stream, content_length, **kwargs):
        # The original reads 8 KiB at a time, twice.
        return stream.read()

    def newest(self, name):
        for key in self.file_name_and_id_to_file.walk((name, "")):
            if key[0] != name:
                return None
            file = self.file_name_and_id_to_file[key]
            if file.action != "start":
                return file
        return None

    def hide_file(self, token, name):
        # The original hides with a mode of encryption it then refuses.
        file = self.FILE_SIMULATOR_CLASS(
            self.account_id, self, self._next_file_id(), "hide", name, None,
            "none", {}, b"", next(self.upload_timestamp_counter))
        self.file_id_to_file[file.file_id] = file
        self.file_name_and_id_to_file[file.sort_key()] = file
        return file.as_list_files_dict(token)


class Simulator(raw_simulator.RawSimulator):
    BUCKET_SIMULATOR_CLASS = Bucket

    def __init__(self):
        super().__init__()
        self.bucket_id_counter = iter(range(10 ** 9))


class State:
    """The account; every method runs under the lock."""

    def __init__(self, base, key_id, key):
        self.lock = threading.RLock()
        self.base = base
        self.sim = Simulator()
        self.account, _ = self.sim.create_account()
        master = self.sim.key_id_to_key.pop(self.account)
        master.application_key_id, master.key = key_id, key
        self.sim.key_id_to_key[key_id] = master
        self.master = (key_id, key)
        self.tokens = {}   # ours, opaque -> the simulator's
        self.uploads = {}  # upload token -> its state
        self.faults, self.calls, self.cap = [], {}, None
        self.page_max, self.pad = 10000, 0

    # ---- rights

    def authorize(self, header, version):
        """b2_authorize_account; v1 to v3 differ in the shape of the answer."""
        try:
            pair = base64.b64decode((header or "").split(" ", 1)[1]).decode()
            key_id, key = pair.split(":", 1)
        except (IndexError, ValueError):
            raise ApiError(401, "bad_auth_token") from None
        try:
            r = self.sim.authorize_account("", key_id, key)
        except b2_exception.InvalidAuthToken:
            raise ApiError(401, "unauthorized",
                           "Invalid applicationKeyId or applicationKey"
                           ) from None
        token = "4_%s" % secrets.token_urlsafe(24)
        self.tokens[token] = r["authorizationToken"]
        allowed = r["allowed"]
        urls = dict(apiUrl=self.base, downloadUrl=self.base,
                    s3ApiUrl=self.base, absoluteMinimumPartSize=5000000,
                    recommendedPartSize=100000000)
        out = dict(accountId=r["accountId"], authorizationToken=token)
        if version < 3:
            return dict(out, allowed=allowed,
                        minimumPartSize=urls["recommendedPartSize"], **urls)
        storage = dict(urls, infoType="storageApi",
                       bucketId=allowed["bucketId"],
                       bucketName=allowed["bucketName"],
                       namePrefix=allowed["namePrefix"],
                       capabilities=allowed["capabilities"])
        return dict(out, applicationKeyExpirationTimestamp=None,
                    apiInfo=dict(storageApi=storage))

    def check_token(self, token):
        """The key a token stands for."""
        if token not in self.tokens:
            raise ApiError(401, "bad_auth_token", "Invalid authorization token")
        if self.tokens[token] in self.sim.expired_auth_tokens:
            raise ApiError(401, "expired_auth_token",
                           "Authorization token has expired")
        key = self.sim.auth_token_to_key[self.tokens[token]]
        if key.application_key_id not in self.sim.key_id_to_key:
            raise ApiError(401, "bad_auth_token", "Key was deleted")
        return key

    def check_right(self, token, capability, bucket_id=None, name=None):
        # The original checks no token of a download, and lets a key that is
        # restricted to a bucket upload nothing.
        key = self.check_token(token)
        if capability not in key.capabilities:
            raise ApiError(401, "unauthorized", "unauthorized")
        if bucket_id and key.bucket_id_or_none not in (None, bucket_id):
            raise ApiError(401, "unauthorized", "unauthorized")
        prefix = key.name_prefix_or_none
        if prefix and name is not None and not name.startswith(prefix):
            raise ApiError(401, "unauthorized", "unauthorized")
        return key

    # ---- things and their names

    def bucket(self, bucket_id):
        if bucket_id not in self.sim.bucket_id_to_bucket:
            raise ApiError(400, "bad_bucket_id",
                           "Invalid bucketId: %s" % bucket_id)
        return self.sim.bucket_id_to_bucket[bucket_id]

    def bucket_named(self, name):
        if name not in self.sim.bucket_name_to_bucket:
            raise ApiError(404, "not_found", "Bucket %s does not exist" % name)
        return self.sim.bucket_name_to_bucket[name]

    def file(self, file_id, status, code):
        for bucket in self.sim.bucket_id_to_bucket.values():
            if file_id in bucket.file_id_to_file:
                return bucket, bucket.file_id_to_file[file_id]
        raise ApiError(status, code, "File not present: %s" % file_id)

    def stored(self):
        return sum(len(f.data_bytes or b"")
                   for b in self.sim.bucket_id_to_bucket.values()
                   for f in b.file_id_to_file.values())

    def check_cap(self, n):
        if self.cap is not None and self.stored() + n > self.cap:
            raise ApiError(403, "storage_cap_exceeded",
                           "Cannot upload files, storage cap exceeded.")

    @staticmethod
    def check_name(name):
        if (not name or len(name.encode()) > 1024 or name[0] == "/" or
                name[-1] == "/" or "//" in name or "\\" in name or
                any(ord(c) < 32 or ord(c) == 127 for c in name)):
            raise ApiError(400, "bad_request", "Bad file name")

    # ---- the calls, by their names

    def call(self, op, p, token):
        method = getattr(self, op, None)
        if method is None:
            raise ApiError(400, "bad_request", "invalid API name: %s" % op)
        try:
            return method(p, token)
        except KeyError as e:
            raise ApiError(400, "bad_json",
                           "required field %s is missing" % e) from None

    def b2_list_buckets(self, p, token):
        key = self.check_right(token, "listBuckets")
        want_id, want_name = p.get("bucketId"), p.get("bucketName")
        only = self.sim.bucket_id_to_bucket.get(key.bucket_id_or_none)
        if key.bucket_id_or_none and not (
                want_id == key.bucket_id_or_none or
                (only and want_name == only.bucket_name)):
            raise ApiError(401, "unauthorized", "unauthorized")
        found = [b for b in self.sim.bucket_id_to_bucket.values()
                 if want_id in (None, b.bucket_id) and
                 want_name in (None, b.bucket_name)]
        found.sort(key=lambda b: b.bucket_name)
        return dict(buckets=[b.bucket_dict(self.tokens[token]) for b in found])

    def b2_create_bucket(self, p, token):
        self.check_right(token, "writeBuckets")
        if not re.match(r"^[A-Za-z0-9-]{6,63}$", p["bucketName"]):
            raise ApiError(400, "bad_request", "Invalid bucket name")
        try:
            return self.sim.create_bucket(
                self.sim.API_URL, self.tokens[token], self.account,
                p["bucketName"], p["bucketType"], p.get("bucketInfo"),
                p.get("corsRules"), p.get("lifecycleRules"))
        except b2_exception.DuplicateBucketName:
            raise ApiError(400, "duplicate_bucket_name",
                           "Bucket name is already in use.") from None

    def b2_delete_bucket(self, p, token):
        self.check_right(token, "deleteBuckets")
        if self.bucket(p["bucketId"]).file_id_to_file:
            raise ApiError(400, "cannot_delete_non_empty_bucket",
                           "Cannot delete non-empty bucket")
        return self.sim.delete_bucket(self.sim.API_URL, self.tokens[token],
                                      self.account, p["bucketId"])

    def b2_create_key(self, p, token):
        self.check_right(token, "writeKeys")
        return self.sim.create_key(
            self.sim.API_URL, self.tokens[token], self.account,
            p["capabilities"], p["keyName"], p.get("validDurationInSeconds"),
            p.get("bucketId"), p.get("namePrefix"))

    def b2_delete_key(self, p, token):
        self.check_right(token, "deleteKeys")
        return self.sim.delete_key(self.sim.API_URL, self.tokens[token],
                                   self.account, p["applicationKeyId"])

    def b2_get_upload_url(self, p, token):
        self.check_right(token, "writeFiles", p["bucketId"])
        bucket_id = self.bucket(p["bucketId"]).bucket_id
        upload = "up_%s" % secrets.token_urlsafe(18)
        self.uploads[upload] = dict(bucket_id=bucket_id, token=token,
                                    busy=False, dead=False)
        return dict(uploadUrl="%s/b2api/v2/b2_upload_file/%s/%s" % (
            self.base, bucket_id, upload), authorizationToken=upload,
                    bucketId=bucket_id)

    def b2_list_file_names(self, p, token):
        return self.listing(p, token, False)

    def b2_list_file_versions(self, p, token):
        return self.listing(p, token, True)

    def listing(self, p, token, versions):
        # The original has no delimiter, stops at the first name without the
        # prefix, and hides what lies behind an unfinished large file.
        prefix, delimiter = p.get("prefix") or "", p.get("delimiter")
        self.check_right(token, "listFiles", p["bucketId"], prefix)
        bucket, n = self.bucket(p["bucketId"]), p.get("maxFileCount") or 100
        if not 1 <= n <= 10000:
            raise ApiError(400, "out_of_range", "maxFileCount out of range")
        n = min(n, self.page_max)
        start = max((p.get("startFileName") or "", p.get("startFileId") or ""),
                    (prefix, ""))
        out, following, last_name = [], (None, None), None
        for name, file_id in bucket.file_name_and_id_to_file.walk(start):
            if not name.startswith(prefix):
                break
            file = bucket.file_name_and_id_to_file[(name, file_id)]
            if not versions and (file.action == "start" or name == last_name):
                continue
            last_name = name
            if not versions and file.action == "hide":
                continue
            entry = file.as_list_files_dict(self.tokens[token])
            entry["size"] = entry["contentLength"]  # as v1 called it
            if self.pad:
                entry["fileInfo"] = dict(pad="x" * self.pad)
            if delimiter and delimiter in name[len(prefix):]:
                folder = prefix + name[len(prefix):].split(
                    delimiter, 1)[0] + delimiter
                if folder < start[0] or (out and
                                         out[-1]["fileName"] == folder):
                    continue
                entry = dict(action="folder", fileName=folder, fileId=None,
                             contentLength=0, contentType=None,
                             contentSha1=None, fileInfo={}, uploadTimestamp=0,
                             accountId=self.account,
                             bucketId=bucket.bucket_id)
            if len(out) == n:
                following = (entry["fileName"], file_id)
                break
            out.append(entry)
        r = dict(files=out, nextFileName=following[0])
        if versions:
            r["nextFileId"] = following[1]
        return r

    def b2_get_file_info(self, p, token):
        bucket, file = self.file(p["fileId"], 404, "not_found")
        self.check_right(token, "readFiles", bucket.bucket_id, file.name)
        return file.as_upload_result(self.tokens[token])

    def b2_hide_file(self, p, token):
        self.check_right(token, "writeFiles", p["bucketId"], p["fileName"])
        bucket = self.bucket(p["bucketId"])
        newest = bucket.newest(p["fileName"])
        if newest is None:
            raise ApiError(400, "no_such_file", "File not present")
        if newest.action == "hide":
            raise ApiError(400, "already_hidden", "File already hidden")
        return bucket.hide_file(self.tokens[token], p["fileName"])

    def b2_delete_file_version(self, p, token):
        bucket, file = self.file(p["fileId"], 400, "file_not_present")
        self.check_right(token, "deleteFiles", bucket.bucket_id, file.name)
        if file.name != p["fileName"]:
            raise ApiError(400, "file_not_present", "File not present")
        return bucket.delete_file_version(p["fileId"], p["fileName"])

    # ---- bodies

    def take_upload(self, token, bucket_id):
        u = self.uploads.get(token)
        if u is None or u["dead"] or u["bucket_id"] != bucket_id:
            raise ApiError(401, "bad_auth_token",
                           "Invalid or expired upload authorization token")
        self.check_token(u["token"])
        if u["busy"]:
            raise ApiError(400, "auth_token_limit",
                           "more than one upload using one auth token")
        u["busy"] = True
        return u

    def store(self, u, headers, data):
        sha1 = headers.get("X-Bz-Content-Sha1", "")
        if sha1 == "hex_digits_at_end":
            sha1, data = data[-40:].decode("latin1"), data[:-40]
        real = hashlib.sha1(data).hexdigest()
        if sha1 != "do_not_verify" and sha1.lower() != real:
            raise ApiError(400, "bad_request",
                           "Sha1 did not match data received")
        self.check_cap(len(data))
        bucket = self.bucket(u["bucket_id"])
        name = urllib.parse.unquote_plus(headers.get("X-Bz-File-Name") or "",
                                         errors="strict")
        self.check_name(name)
        self.check_right(u["token"], "writeFiles", bucket.bucket_id, name)
        if not headers.get("Content-Type"):
            raise ApiError(400, "bad_request", "Missing header: Content-Type")
        info = {k[10:].lower(): urllib.parse.unquote_plus(v)
                for k, v in headers.items()
                if k.lower().startswith("x-bz-info-")}
        r = bucket.upload_file(
            "1", self.tokens[u["token"]], name, len(data),
            headers["Content-Type"], real, info, io.BytesIO(data))
        if sha1 == "do_not_verify":
            file = bucket.file_id_to_file[r["fileId"]]
            file.content_sha1 = r["contentSha1"] = "unverified:" + real
        return r

    def load(self, token, bucket, file, wanted):
        """-> status, headers, bytes."""
        self.check_right(token, "readFiles", bucket.bucket_id, file.name)
        data = file.data_bytes or b""
        headers = file.as_download_headers(None, None)
        headers["accept-ranges"] = "bytes"
        status = 200
        m = re.match(r"^bytes=(\d+)-(\d*)$", wanted or "")
        if m:
            first = int(m[1])
            last = min(int(m[2]) if m[2] else len(data) - 1, len(data) - 1)
            if first > last:
                raise ApiError(416, "range_not_satisfiable",
                               "The range is outside the size of the file")
            headers["Content-Range"] = "bytes %d-%d/%d" % (first, last,
                                                           len(data))
            data, status = data[first:last + 1], 206
        headers["content-length"] = len(data)
        return status, headers, data

    # ---- what only tests may do

    def control(self, what, p):
        if what == "fault":
            self.faults.append(p)
        elif what == "clear":
            self.faults.clear()
            self.cap = None
            self.page_max, self.pad = 10000, 0
        elif what == "expire":
            self.sim.expired_auth_tokens.update(self.tokens.values())
        elif what == "kill_upload_urls":
            for u in self.uploads.values():
                u["dead"] = True
        elif what == "cap":
            self.cap = p.get("bytes")
        elif what == "page":
            self.page_max, self.pad = p["max"], p.get("pad", 0)
        elif what == "bucket":
            return self.b2_create_bucket(
                dict(bucketName=p["name"], bucketType="allPrivate",
                     lifecycleRules=p.get("lifecycle")), self.as_master())
        elif what == "drop":
            bucket = self.bucket_named(p["name"])
            for key in list(bucket.file_name_and_id_to_file):
                if key[0].startswith(p.get("prefix", "")):
                    file = bucket.file_name_and_id_to_file[key]
                    del bucket.file_name_and_id_to_file[key]
                    del bucket.file_id_to_file[file.file_id]
        elif what == "key":
            bucket = p.get("bucket") and self.bucket_named(p["bucket"])
            r = self.b2_create_key(
                dict(capabilities=p["capabilities"], keyName="test",
                     bucketId=bucket.bucket_id if bucket else None,
                     namePrefix=p.get("prefix")), self.as_master())
            return dict(id=r["applicationKeyId"], key=r["applicationKey"])
        elif what == "version":
            for _ in range(p.get("count", 1)):
                self.other_client(p)
        elif what == "versions":
            bucket = self.bucket_named(p["bucket"])
            return dict(n=sum(1 for k in bucket.file_name_and_id_to_file
                              if k[0] == p["name"]))
        elif what == "names":
            bucket = self.bucket_named(p["name"])
            return dict(names=[k[0] for k in bucket.file_name_and_id_to_file
                               if k[0].startswith(p.get("prefix", ""))])
        elif what != "stats":
            raise ApiError(404, "not_found", what)
        return dict(calls=self.calls, bytes=self.stored(), files=sum(
            len(b.file_id_to_file)
            for b in self.sim.bucket_id_to_bucket.values()))

    def as_master(self):
        pair = base64.b64encode(":".join(self.master).encode()).decode()
        return self.authorize("Basic " + pair, 3)["authorizationToken"]

    def other_client(self, p):
        bucket, token = self.bucket_named(p["bucket"]), self.as_master()
        if p.get("action") == "hide":
            file_id = bucket.hide_file(self.tokens[token],
                                       p["name"])["fileId"]
        else:
            data = p["text"].encode() * p.get("repeat", 1)
            sha1 = hashlib.sha1(data).hexdigest()
            u = dict(bucket_id=bucket.bucket_id, token=token)
            file_id = self.store(
                u, {"X-Bz-File-Name": urllib.parse.quote(p["name"]),
                    "X-Bz-Content-Sha1":
                        "do_not_verify" if p.get("unverified") else sha1,
                    "Content-Type": "text/plain"}, data)["fileId"]
        file = bucket.file_id_to_file[file_id]
        if p.get("large"):
            file.content_sha1 = "none"
        if p.get("time") is not None:
            # Sorted by time, newest first: the id follows.
            file.upload_timestamp = p["time"]
            del bucket.file_name_and_id_to_file[file.sort_key()]
            del bucket.file_id_to_file[file_id]
            file.file_id = "%d" % (10 ** 15 * 9 - p["time"])
            bucket.file_id_to_file[file.file_id] = file
            bucket.file_name_and_id_to_file[file.sort_key()] = file


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "b2sim"
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

    def cut(self, hard):
        if hard:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                       struct.pack("ii", 1, 0))
            self.connection.close()
        self.close_connection = True

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


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass  # a client that hangs up, or does not like our certificate


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--port", type=int, default=0)
    ap.add_argument("--key-id", default="b2keyid")
    ap.add_argument("--key", default="b2secret")
    ap.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"))
    ap.add_argument("--public-port", type=int)
    ap.add_argument("--ready-file")
    o = ap.parse_args()
    server = Server(("127.0.0.1", o.port), Handler)
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
        with open(o.ready_file + ".new", "w") as f:
            f.write(text)
        os.rename(o.ready_file + ".new", o.ready_file)
    print(text, end="", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
