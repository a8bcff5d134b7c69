"""A registry for tests, on loopback, with the protocol of Ollama's: manifests, blobs in ranges,
tokens, uploads, and a second host that blobs are redirected to.  It can be told to misbehave.

    r = Registry()
    r.add("library/x", "latest", weights)       a model of one layer; gives its manifest
    r.faults.append(fault)                      fault(request) → None, or what to do (see Fault)
"""
import base64
import hashlib
import http.server
import json
import random
import re
import ssl
import string
import threading
import time
import urllib.parse

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Fault:
    """What to do instead of a right answer to one request for a blob.

    status: this HTTP status    headers: with these     stall: no byte after `after` ones
    cut: the connection ends after `after` bytes        corrupt: one byte is another
    ranges: False gives the whole                       total: the size that is claimed
    location: a redirect to there"""
    def __init__(self, **what):
        self.__dict__.update(dict(status=None, headers={}, stall=0, cut=False, after=0, corrupt=False,
                                  ranges=True, total=None, location=None, etag=None))
        self.__dict__.update(what)


def once(n, fault, match=lambda q: True):
    """The first n requests that match."""
    left = [n]
    lock = threading.Lock()

    def decide(q):
        with lock:
            if left[0] <= 0 or not match(q):
                return None
            left[0] -= 1
            return fault
    return decide


class Request:
    def __init__(self, handler, kind, digest=None):
        self.host = handler.server.role  # "registry" or "cdn"
        self.method = handler.command
        self.path = handler.path
        self.kind = kind  # "manifest", "blob", "token", "upload"
        self.digest = digest
        self.authorization = handler.headers.get("Authorization", "")
        self.range = handler.headers.get("Range")
        self.headers = dict(handler.headers)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def body(self):
        length = int(self.headers.get("Content-Length") or 0)
        return self.rfile.read(length)

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError, OSError):
            self.close_connection = True

    # -- who may ---------------------------------------------------------------------------------

    def refused(self):
        r = self.server.registry
        if not r.auth or self.headers.get("Authorization") in [f"Bearer {t}" for t in r.tokens]:
            return False
        self.body()
        realm = r.realm or f"{r.url}/token"
        self.answer(401, b'{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}',
                    WWW_Authenticate=f'Bearer realm="{realm}",service="test",'
                                     f'scope="repository:x:pull repository:y:pull"')
        return True

    def token(self):
        r = self.server.registry
        r.note(Request(self, "token"))
        r.check_signature(self)
        token = "".join(random.choices(string.ascii_letters, k=20))
        r.tokens.append(token)
        self.answer(200, json.dumps({"token": token}).encode(), Content_Type="application/json")

    # -- blobs -----------------------------------------------------------------------------------

    def write_some(self, data, fault):
        r = self.server.registry
        at = 0
        while at < len(data):
            n = min(len(data) - at, 64 << 10)
            if fault and (fault.stall or fault.cut):
                if at >= fault.after:
                    if fault.stall:
                        time.sleep(fault.stall)
                    self.close_connection = True
                    return
                n = min(n, fault.after - at)
            r.throttle(n)
            self.wfile.write(data[at:at + n])
            with r.lock:
                r.sent += n
            at += n

    def blob(self, digest):
        r = self.server.registry
        q = Request(self, "blob", digest)
        r.note(q)
        fault = next((f for f in (d(q) for d in list(r.faults)) if f), None)
        if self.server.role == "registry" and self.refused():
            return
        if self.server.role == "cdn" and self.headers.get("Authorization"):
            r.leaks.append(q)
        if fault and fault.status:
            self.answer(fault.status, b'{"error":"told to"}', **fault.headers)
            return
        if fault and fault.location:
            self.answer(307, Location=fault.location)
            return
        data = r.blobs.get(digest)
        if data is None:
            self.answer(404, b'{"errors":[{"code":"BLOB_UNKNOWN"}]}')
            return
        if r.redirect and self.server.role == "registry":
            self.answer(307, Location=f"{r.cdn_url}/data/{digest}?signature=x")
            return
        if self.command == "HEAD":
            self.answer(200, Content_Length=str(len(data)))
            return
        self.give(data, q, fault)

    def give(self, data, q, fault):
        total = fault.total if fault and fault.total is not None else len(data)
        etag = fault.etag if fault and fault.etag else self.server.registry.etag
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", q.range or "")
        if fault and not fault.ranges or not self.server.registry.ranges:
            found = None
        if found:
            a, b = int(found[1]), min(int(found[2]), len(data) - 1)
            piece = data[a:b + 1]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {a}-{b}/{total}")
            self.send_header("Content-Length", str(len(piece)))
        else:
            piece = data
            self.send_response(200)
            self.send_header("Content-Length", str(total))
        if etag:
            self.send_header("ETag", f'"{etag}"')
        self.end_headers()
        if fault and fault.corrupt and piece:
            piece = bytes([piece[0] ^ 1]) + piece[1:]
        self.write_some(memoryview(piece), fault)

    # -- uploads ---------------------------------------------------------------------------------

    def upload(self, method, rest):
        r = self.server.registry
        q = Request(self, "upload")
        r.note(q)
        if self.server.role == "registry" and self.refused():
            return
        query = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query)
        if method == "POST":
            mount = query.get("mount", [""])[0]
            if mount in r.blobs:
                self.answer(201)
                return
            name = str(len(r.uploads))
            r.uploads[name] = b""
            self.answer(202, Location=f"/v2/a/b/blobs/uploads/{name}?state=0")
            return
        name = rest.split("?")[0].split("/")[-1]
        if method == "PATCH":
            if r.redirect and self.headers.get("X-Redirect-Uploads"):
                self.body()
                self.answer(307, Location=f"{r.cdn_url}/store/{name}",
                            Docker_Upload_Location=f"{r.url}/v2/a/b/blobs/uploads/{name}?state=1")
                return
            r.uploads[name] += self.body()
            self.answer(202, Location=f"/v2/a/b/blobs/uploads/{name}?state=1")
            return
        digest = query["digest"][0]
        if digest_of(r.uploads[name]) != digest:
            self.answer(400, b'{"errors":[{"message":"digest invalid"}]}')
            return
        r.blobs[digest] = r.uploads.pop(name)
        self.answer(201)

    def store(self, name):
        r = self.server.registry
        q = Request(self, "upload")
        r.note(q)
        if self.headers.get("Authorization"):
            r.leaks.append(q)
        r.uploads[name] += self.body()
        self.answer(200)

    # -- paths -----------------------------------------------------------------------------------

    def manifest(self, repository, tag):
        r = self.server.registry
        q = Request(self, "manifest")
        r.note(q)
        fault = next((f for f in (d(q) for d in list(r.faults)) if f), None)
        if self.refused():
            return
        if fault and fault.status:
            self.answer(fault.status, b'{"error":"told to"}', **fault.headers)
            return
        if fault and fault.location:
            self.answer(307, Location=fault.location)
            return
        if self.command == "PUT":
            r.manifests[repository, tag] = self.body()
            self.answer(201)
            return
        text = r.manifests.get((repository, tag))
        if repository in r.trees:
            self.answer(400, b'{"error":"The specified tag is a sharded GGUF."}')
        elif text is None:
            self.answer(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}')
        else:
            self.answer(200, text, Content_Type=MANIFEST)

    def tree(self, repository):
        r = self.server.registry
        r.note(Request(self, "tree"))
        self.answer(200, json.dumps(r.trees[repository]).encode(), Content_Type="application/json")

    def do(self):
        path = urllib.parse.unquote(self.path.split("?")[0])
        if path == "/token":
            return self.token()
        if path in self.server.registry.files:
            return self.blob(self.server.registry.files[path])
        found = re.fullmatch(r"/api/models/([^/]+/[^/]+)/tree/main", path)
        if found:
            return self.tree(found[1])
        found = re.fullmatch(r"/data/(sha256:.*)", path)
        if found:
            return self.blob(found[1])
        found = re.fullmatch(r"/store/(\d+)", path)
        if found:
            return self.store(found[1])
        found = re.fullmatch(r"/v2/([^/]+/[^/]+)/manifests/(.+)", path)
        if found:
            return self.manifest(found[1], found[2])
        found = re.fullmatch(r"/v2/([^/]+/[^/]+)/blobs/(sha256:.+)", path)
        if found:
            return self.blob(found[2])
        found = re.fullmatch(r"/v2/([^/]+/[^/]+)/blobs/uploads/(.*)", path)
        if found:
            return self.upload(self.command, found[2])
        return self.answer(404)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do


class Host(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_):
        pass


class Registry:
    """tls: (certificate, key), two files; then both hosts speak https."""
    def __init__(self, tls=None):
        self.tls = tls
        self.lock = threading.Lock()
        self.manifests, self.blobs, self.uploads = {}, {}, {}
        self.files = {}  # paths of plain files: their digests
        self.trees = {}  # repositories whose models are in parts: listings of their files
        self.requests, self.leaks, self.tokens, self.faults = [], [], [], []
        self.auth = self.redirect = False
        self.ranges, self.etag, self.realm = True, None, None
        self.rate = 0  # bytes a second, of all connections; 0: no limit
        self.sent, self._next = 0, 0.0
        self.bad_signatures = 0
        self.hosts = [self._start("registry"), self._start("cdn")]
        self.host, self.cdn = (f"127.0.0.1:{h.server_port}" for h in self.hosts)
        scheme = "https" if tls else "http"
        self.url, self.cdn_url = f"{scheme}://{self.host}", f"{scheme}://{self.cdn}"

    def _start(self, role):
        h = Host(("127.0.0.1", 0), Handler)
        h.role, h.registry = role, self
        if self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.tls)
            h.socket = context.wrap_socket(h.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=h.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return h

    def stop(self):
        for h in self.hosts:
            h.shutdown()
            h.server_close()

    def reset(self):
        """Behaves again, and forgets what was asked."""
        self.faults.clear()
        self.requests.clear()
        self.leaks.clear()
        self.auth = self.redirect = False
        self.ranges, self.etag, self.realm, self.rate, self.sent = True, None, None, 0, 0

    def note(self, request):
        with self.lock:
            self.requests.append(request)

    def throttle(self, n):
        if not self.rate:
            return
        with self.lock:
            now = time.monotonic()
            self._next = max(self._next, now) + n / self.rate
            wait = self._next - now
        time.sleep(wait)

    def check_signature(self, handler):
        """Authorization: PUBLIC:SIGNATURE over the method, the URL and the hash of nothing."""
        public, _, signature = handler.headers.get("Authorization", "").partition(":")
        raw = base64.b64decode(public)
        assert raw[4:15] == b"ssh-ed25519" and len(raw) == 51, raw
        nothing = base64.b64encode(hashlib.sha256(b"").hexdigest().encode()).decode()
        text = f"GET,{self.url}{handler.path},{nothing}".encode()
        try:
            from cryptography.hazmat.primitives.asymmetric import ed25519
        except ImportError:
            return
        try:
            ed25519.Ed25519PublicKey.from_public_bytes(raw[19:]).verify(
                base64.b64decode(signature), text)
        except Exception:
            self.bad_signatures += 1

    def layer(self, kind, data, **more):
        digest = digest_of(data)
        self.blobs[digest] = data
        return {"mediaType": "application/vnd.ollama.image." + kind, "digest": digest,
                "size": len(data), **more}

    def add_parts(self, repository, place, parts, n=None):
        """Files PLACE-00001-of-00003.gguf of a repository, as Hugging Face's API lists them."""
        listing = self.trees.setdefault(repository, [
            {"type": "directory", "oid": "0" * 40, "size": 0, "path": "Q8_0"},
            {"type": "file", "oid": "0" * 40, "size": 5, "path": "README.md"}])
        for i, data in enumerate(parts):
            path = f"{place}-{i + 1:05}-of-{n or len(parts):05}.gguf"
            digest = self.layer("model", data)["digest"]
            self.files[f"/{repository}/resolve/main/{path}"] = digest
            listing.append({"type": "file", "oid": "0" * 40, "size": len(data), "path": path,
                            "lfs": {"oid": digest[7:], "size": len(data), "pointerSize": 135}})

    def add(self, repository, tag, *layers):
        """layers: (kind, bytes), or ready ones."""
        made = [l if isinstance(l, dict) else self.layer(*l) for l in layers]
        config = json.dumps({"model_format": "gguf", "model_family": "llama",
                             "model_families": ["llama"], "model_type": "1M",
                             "file_type": "F16", "architecture": "amd64", "os": "linux",
                             "rootfs": {"type": "layers", "diff_ids": []}}).encode()
        c = self.layer("config", config)
        c["mediaType"] = "application/vnd.docker.container.image.v1+json"
        text = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": c,
                           "layers": made}).encode()
        self.manifests[repository, tag] = text
        return text
