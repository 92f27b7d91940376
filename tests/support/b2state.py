# SPDX-License-Identifier: PostgreSQL
"""b2state.py - buckets, versions and keys of b2sim.py, and who may do what.

Backblaze's own RawSimulator of python3-b2sdk keeps them; what it gets wrong
against the published API is corrected here.
"""
import base64
import bisect
import hashlib
import io
import re
import secrets
import sys
import threading
import time
import urllib.parse

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
