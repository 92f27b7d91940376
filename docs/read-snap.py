#!/usr/bin/env python3
# SPDX-License-Identifier: PostgreSQL
"""Restore a snapshot from a local repository without snap.

Written from format.md alone, so that backups outlive their program.  Needs
Python 3, libsodium and libzstd.  Every byte that it writes was authenticated
and hashed again, but XXH3 and signatures are not checked: any stolen key file
can have put a snapshot here.

    read-snap.py REPOSITORY list
    read-snap.py REPOSITORY restore SNAPSHOT DIRECTORY

The passphrase comes from SNAP_PASSPHRASE or is asked for.  Each stream
becomes a file; the order of a restore is the order of the files' names.
"""
import ctypes.util
import functools
import getpass
import glob
import hashlib
import os
import struct
import sys

MAGIC = b"\x89SNP\r\n\x1a\n"
DATA, RECIPE, MANIFEST = 1, 3, 4
KINDS = {1: "properties", 2: "globals", 3: "archive", 4: "pre-data",
         5: "table", 6: "sequences", 7: "large-object", 8: "post-data",
         9: "acl", 10: "digests", 16: "raw"}


class Damaged(Exception):
    """Bytes that do not verify or decode."""


SODIUM = ctypes.CDLL(ctypes.util.find_library("sodium") or "libsodium.so.23")
ZSTD = ctypes.CDLL(ctypes.util.find_library("zstd") or "libzstd.so.1")
U64, SIZE = ctypes.c_ulonglong, ctypes.c_size_t
unzstd = ZSTD.ZSTD_decompress
unzstd.restype = SIZE


def blake(domain, key, size, *parts, salt=b""):
    return hashlib.blake2b(b"".join(parts), digest_size=size, key=key,
                           salt=salt, person=domain).digest()


def aead_open(key, nonce, sealed, ad):
    out = ctypes.create_string_buffer(len(sealed) + 1)
    if SODIUM.crypto_aead_xchacha20poly1305_ietf_decrypt(
            out, None, None, sealed, U64(len(sealed)), ad, U64(len(ad)),
            nonce, key) != 0:
        raise Damaged("encrypted bytes do not authenticate")
    return out.raw[:len(sealed) - 16]


def warn(name, e):
    print("%s: %s" % (name, e), file=sys.stderr)


def unzigzag(v):
    return -(v >> 1) - 1 if v & 1 else v >> 1


class Reader:
    """A cursor over bytes; running over the end is damage."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        if n > len(self.data) - self.at:
            raise Damaged("an object is cut short")
        self.at += n
        return self.data[self.at - n:self.at]

    def num(self, fmt):
        return struct.unpack("<" + fmt, self.take(struct.calcsize(fmt)))[0]

    def varint(self):
        value = shift = 0
        while True:
            b = self.take(1)[0]
            value |= (b & 0x7F) << shift
            shift += 7
            if b < 0x80:
                return value
            if shift > 63:
                raise Damaged("a number is too long")

    def zigzag(self):
        return unzigzag(self.varint())

    def str(self):
        return self.take(self.varint())

    def ids(self):
        return [self.take(16) for _ in range(self.varint())]


def subkey(rs, epoch, purpose):
    """crypto_kdf: the salt is the subkey id."""
    salt = struct.pack("<QQ", epoch << 32 | purpose, 0)
    return blake(b"snapkeys", rs, 32, salt=salt)


def parse_object(raw, kinds):
    """Header and contents of a whole object."""
    if len(raw) < 112 or raw[:8] != MAGIC or raw[-8:] != b"SNAPEND\n":
        raise Damaged("this is no whole object")
    total, off, length = struct.unpack("<QQI", raw[-48:-28])
    if raw[9] != 1 or raw[12:16] != bytes(4) or total != len(raw) or \
            off < 64 or chr(raw[8]) not in kinds:
        raise Damaged("a newer version, another kind or a wrong length")
    return raw[:64], raw[off:off + length]


def unwrap_slot(header, slot, secret):
    """RS, or None when the secret is not this slot's."""
    if len(slot) != 148 or slot[1] != 1 or \
            blake(b"snap-slot-sum", b"", 16, header, slot[:132]) != slot[132:]:
        raise Damaged("a damaged key slot")
    ops, mem = struct.unpack("<II", slot[4:12])
    if not 1 <= ops <= 64 or not 8 << 10 <= mem <= 4 << 20:
        raise Damaged("a key slot out of bounds")
    both = ctypes.create_string_buffer(64)
    if SODIUM.crypto_pwhash(both, U64(64), secret, U64(len(secret)),
                            slot[12:28], U64(ops),
                            SIZE(mem * 1024), 2) != 0:
        raise MemoryError("Argon2id needs %d KiB" % mem)
    if blake(b"snap-slot-commit", b"", 32, both.raw[32:]) != slot[28:60]:
        return None
    return aead_open(both.raw[:32], slot[60:84], slot[84:132],
                     header + slot[:28])


class Repository:
    def __init__(self, path, passphrase):
        self.path, self.frames, self.packs = path, {}, set()
        header, config = parse_object(self.read("config"), "C")
        self.id = header[32:48]
        self.rs = self.find_secret(passphrase)
        self.chunk_key, self.id_key, mac = (
            subkey(self.rs, 0, i) for i in (1, 4, 5))
        if blake(b"snap-config", mac, 32, header, config[:-32]) != config[-32:]:
            raise Damaged("the config's MAC is wrong")
        for name in self.names("index/*") + self.names("[dm]*/??/*"):
            try:
                self.load(name)
            except Damaged as e:
                warn(name, e)

    def read(self, name, off=0, size=-1):
        with open(os.path.join(self.path, name), "rb") as f:
            f.seek(off)
            return f.read(size)

    def names(self, pattern):
        return sorted(glob.glob(pattern, root_dir=self.path))

    def find_secret(self, passphrase):
        for name in self.names("keys/*"):
            try:
                header, slot = parse_object(self.read(name), "EHK")
                rs = header[8:9] + slot[:1] == b"K\1" and \
                    unwrap_slot(header, slot, passphrase)
                if rs:
                    return rs
            except Damaged as e:
                warn(name, e)
        sys.exit("wrong passphrase")

    def body(self, name, kind):
        """The body of a sealed object, its own name checked."""
        header, sealed = parse_object(self.read(name), kind)
        want = os.path.basename(name).split(".")[0]
        if header[32:48] != self.id or header[16:32].hex() != want:
            raise Damaged("%s holds another object" % name)
        key = subkey(self.rs, struct.unpack("<I", header[48:52])[0], 3)
        one = blake(b"snap-body", key, 56, header[8:9], header[16:32],
                    sealed[:16])
        plain = Reader(aead_open(one[:32], one[32:], sealed[16:], header))
        size, _flags = plain.num("I"), plain.num("I")
        return plain.take(size)

    def load(self, name):
        """A segment, or a pack that none names: it knows its contents."""
        if name[:6] != "index/":
            if name not in self.packs:
                self.load_contents(name, Reader(self.body(name, "DM")))
            return
        r = Reader(self.body(name, "I")[24:])  # behind run and look
        for _ in range(r.varint()):
            pack, data, _size = r.take(16).hex(), r.take(1) == b"D", r.num("I")
            name = "/".join(["data" if data else "meta", pack[:2], pack])
            self.load_contents(name, Reader(r.str()))

    def load_contents(self, pack, r):
        self.packs.add(pack)
        r.take(16)
        sessions = []
        for _ in range(r.varint()):
            row = r.take(116)  # id, epoch, host, sealed key
            sessions.append((struct.unpack("<I", row[16:20])[0], row[36:]))
        end = 64
        for _ in range(r.varint()):
            cls, codec, flags = r.take(3)
            number = r.varint()
            session = sessions[number] if cls == DATA else (number, None)
            ident = r.take(16)
            off = end + r.zigzag()
            sealed_len, plain_len, n = r.varint(), r.varint(), r.varint()
            r.take(8 * r.varint())
            bitmap = r.take((n + 7) // 8) if flags & 1 else b""
            if flags & 2:
                r.take(24)
            end = off + sealed_len
            self.frames.setdefault((cls, ident), []).append(
                (pack, off, sealed_len, plain_len, codec, session, bitmap))

    @functools.lru_cache(1024)
    def frame_key(self, epoch, sealed):
        if sealed is None:
            return subkey(self.rs, epoch, 3)
        pk, sk, key = (ctypes.create_string_buffer(32) for _ in range(3))
        SODIUM.crypto_box_seed_keypair(pk, sk, subkey(self.rs, epoch, 6))
        if SODIUM.crypto_box_seal_open(key, sealed, U64(80), pk, sk) != 0:
            raise Damaged("a session key does not authenticate")
        return key.raw

    def open_frame(self, cls, ident, copy):
        pack, off, sealed_len, size, codec, session, bitmap = copy
        sealed = self.read(pack, off, sealed_len)
        one = blake(b"snap-frame", self.frame_key(*session), 56, bytes([cls]),
                    ident, sealed[:16])
        mark = blake(b"snap-bitmap", b"", 16, bitmap) if bitmap else bytes(16)
        ad = MAGIC + self.id + struct.pack("<IB", session[0], cls) + ident + \
            struct.pack("<I", size) + mark
        plain = aead_open(one[:32], one[32:], sealed[16:], ad)
        if codec == 0:
            return plain
        out = ctypes.create_string_buffer(max(1, size))
        if unzstd(out, SIZE(size), plain, SIZE(len(plain))) != size:
            raise Damaged("compressed bytes do not decode")
        return out.raw[:size]

    def meta(self, cls, ident):
        for copy in self.frames.get((cls, ident), []):
            try:
                plain = self.open_frame(cls, ident, copy)
                if blake(b"snap-meta-id", self.id_key, 16, bytes([cls]),
                         plain) == ident:
                    return plain
            except (Damaged, OSError) as e:
                warn(copy[0], e)
        raise Damaged("no good copy of meta object %s" % ident.hex())

    @functools.lru_cache(64)
    def copies(self, ident):
        """Chunks of a block by number, one dictionary for each copy."""
        out = []
        for copy in self.frames.get((DATA, ident), []):
            try:
                out.append(self.decode_block(ident, copy))
            except (Damaged, OSError) as e:
                warn(copy[0], e)
        return out

    def decode_block(self, ident, copy):
        bitmap = copy[6]
        r = Reader(self.open_frame(DATA, ident, copy))
        n = r.varint()
        if r.take(len(bitmap)) != bitmap:
            raise Damaged("a bitmap differs from the index")
        lens = [r.varint() for _ in range(n)]
        chunks = {}
        for i, size in enumerate(lens):
            if not bitmap or bitmap[i // 8] >> (i % 8) & 1:
                chunk = r.take(size)
                chunks[i] = blake(b"", self.chunk_key, 16, chunk), chunk
        if r.at < len(r.data):
            raise Damaged("bytes behind a block")
        if not bitmap and blake(b"snap-directory", self.chunk_key, 16,
                                *(chunks[i][0] for i in range(n))) != ident:
            raise Damaged("a block hashes to another id")
        return chunks

    def digest(self, hashes):
        return blake(b"snap-digest", self.id_key, 16, *hashes)

    def span(self, extents, size, digest):
        """All ways through the copies, until one gives the digest."""
        for attempt in range(16):
            parts = []
            for block, first, count in extents:
                copies = self.copies(block)
                at = attempt % max(1, len(copies))
                order = copies[at:] + copies[:at]
                for i in range(first, first + count):
                    found = next((c[i] for c in order if i in c), None)
                    if found is None:
                        raise Damaged("a chunk is missing")
                    parts.append(found)
            data = b"".join(p[1] for p in parts)
            if len(data) == size and self.digest(p[0] for p in parts) == digest:
                return data
        raise Damaged("a span's digest is wrong")

    def recipe(self, plain):
        """Bytes and digests of one segment, span by span."""
        r = Reader(plain)
        blocks = r.ids()
        spans = [(r.varint(), r.varint(), r.take(16))
                 for _ in range(r.varint())]
        at, ends = 0, [0] * len(blocks)
        for size, n, digest in spans:
            extents = []
            for _ in range(n):
                token = r.varint()
                at += unzigzag(token >> 1)
                if not 0 <= at < len(blocks):
                    raise Damaged("a recipe names no block")
                first = ends[at] + (r.zigzag() if token & 1 else 0)
                ends[at] = first + r.varint()
                if not 0 <= first < ends[at] <= 65536:
                    raise Damaged("an extent out of bounds")
                extents.append((blocks[at], first, ends[at] - first))
            yield self.span(extents, size, digest), digest

    def snapshots(self):
        names = self.names("snapshots/*")
        return [n[10:] for n in names if n + ".ok" in names]

    def snapshot(self, name):
        """Root of the manifest and properties; both halves are read."""
        if self.body("snapshots/%s.ok" % name, "O")[:16].hex() != name:
            raise Damaged("the confirmation names another snapshot")
        r = Reader(self.body("snapshots/" + name, "S"))
        if r.data[0] != 0:
            warn(name, "salvaged: this snapshot lacks data")
        root = r.take(57)[33:49]  # behind type, run and parent
        for _ in range(5):
            r.varint()
        return root, [(r.str(), r.str()) for _ in range(r.varint())]

    def streams(self, root):
        for part in Reader(self.meta(MANIFEST, root)).ids():
            r = Reader(self.meta(MANIFEST, part))
            while r.at < len(r.data):
                kind, _cutter, number = r.num("B"), r.num("B"), r.varint()
                name, attr = r.str(), r.str()
                size, rows = r.varint(), r.varint()
                digest, inline = r.take(16), r.str()
                recipes = [inline] if inline else \
                    [self.meta(RECIPE, i) for i in r.ids()]
                yield kind, number, name, attr, size, rows, digest, recipes


def restore(repo, spec, folder):
    found = [n for n in repo.snapshots() if n.startswith(spec)]
    if len(found) != 1:
        sys.exit("%d snapshots begin with %s" % (len(found), spec))
    os.makedirs(folder)
    for n, (kind, part, name, attr, size, rows, want, recipes) in \
            enumerate(repo.streams(repo.snapshot(found[0])[0])):
        base = "%06d-%s" % (n, KINDS.get(kind, str(kind)))
        digests = []
        with open(os.path.join(folder, base), "wb") as out:
            for plain in recipes:
                for data, digest in repo.recipe(plain):
                    out.write(data)
                    digests.append(digest)
            if out.tell() != size or repo.digest(digests) != want:
                raise Damaged("stream %s: wrong digest" % base)
        if attr:
            with open(os.path.join(folder, base + ".attr"), "wb") as out:
                out.write(attr)
        print("%s %r part %d: %d bytes, %d rows" % (
            base, name.decode("utf-8", "replace"), part, size, rows))


def main(argv):
    if len(argv) != {"list": 3, "restore": 5}.get("".join(argv[2:3])):
        sys.exit(__doc__)
    if SODIUM.sodium_init() < 0:
        sys.exit("libsodium refuses to start")
    secret = os.environ.get("SNAP_PASSPHRASE") or getpass.getpass()
    repo = Repository(argv[1], secret.encode())
    if argv[2] == "restore":
        return restore(repo, argv[3], argv[4])
    for name in repo.snapshots():
        props = [b"=".join(p) for p in repo.snapshot(name)[1]]
        print(name, repr(b" ".join(props).decode("utf-8", "replace")))


if __name__ == "__main__":
    try:
        main(sys.argv)
    except (Damaged, OSError) as e:
        sys.exit("failed: %s" % e)
