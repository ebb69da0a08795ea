"""Frames between Node.js and a worker: a header in JSON, and the bytes of tensors behind it."""

import json
import queue
import socket
import struct
import threading
import time

VERSION = 1
# Magic, version, bytes of the header, bytes of the tensors.
PREFIX = struct.Struct("<4sIIQ")
MAGIC = b"iovq"
MAX_HEADER = 64 * 2**20
MAX_BODY = 2**30
# Each tensor begins at a multiple of so many bytes of the body.
ALIGNMENT = 8
HEARTBEAT_SECONDS = 2.0
# Messages that are taken in while the process computes.
AHEAD = 2


class Closed(Exception):
    """Node.js has closed the link: it has ended, or wants the worker to end."""


class Link:
    """One connection. Any thread may send. Messages are taken in ahead of the one that is worked on. `waited`: seconds for which the last
    one was waited for."""

    def __init__(self, address: str, token: str, rank: int):
        host, port = address.rsplit(":", 1)
        self._socket = socket.create_connection((host, int(port)))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._lock = threading.Lock()
        self._messages = queue.Queue(AHEAD)
        self.waited = 0.0
        self.send({"op": "hello", "token": token, "rank": rank})

    def send(self, header: dict, tensors: list[tuple[str, list[int], bytes | memoryview]] = ()):
        """Sends a message; each tensor is (dtype, shape, bytes)."""
        described = {**header, "tensors": [[dtype, shape, len(data)] for dtype, shape, data in tensors]}
        text = json.dumps(described, allow_nan=False).encode()
        body = sum(len(data) + -len(data) % ALIGNMENT for _, _, data in tensors)
        if len(text) > MAX_HEADER or body > MAX_BODY:
            raise ValueError(f"a message of {len(text)} and {body} bytes")
        with self._lock:
            self._socket.sendall(PREFIX.pack(MAGIC, VERSION, len(text), body) + text)
            for _, _, data in tensors:
                self._socket.sendall(data)
                self._socket.sendall(bytes(-len(data) % ALIGNMENT))

    def receive(self) -> tuple[dict, list[tuple[str, list[int], memoryview]]]:
        """Waits for a message; raises Closed at the end."""
        started = time.monotonic()
        message = self._messages.get()
        self.waited = time.monotonic() - started
        if isinstance(message, Exception):
            raise message
        return message

    def has_next(self) -> bool:
        """Whether there is a message that need not be waited for."""
        return not self._messages.empty()

    def read_ahead(self):
        """Takes messages in, from a thread of its own."""

        def run():
            try:
                while True:
                    self._messages.put(self._read())
            except Exception as error:
                self._messages.put(error)  # whoever receives meets it

        threading.Thread(target=run, daemon=True).start()

    def _read(self) -> tuple[dict, list[tuple[str, list[int], memoryview]]]:
        magic, version, header_bytes, body_bytes = PREFIX.unpack(self._exactly(PREFIX.size))
        if magic != MAGIC or version != VERSION or header_bytes > MAX_HEADER or body_bytes > MAX_BODY:
            raise ValueError(f"a frame of {magic!r} {version}, {header_bytes} and {body_bytes} bytes")
        header = json.loads(self._exactly(header_bytes).tobytes())
        body = self._exactly(body_bytes)
        tensors, offset = [], 0
        for dtype, shape, size in header.pop("tensors"):
            tensors.append((dtype, shape, body[offset : offset + size]))
            offset += size + -size % ALIGNMENT
        return header, tensors

    def beat(self):
        """Says again and again that the process is alive, from a thread of its own."""

        def run():
            try:
                while True:
                    time.sleep(HEARTBEAT_SECONDS)
                    self.send({"op": "alive"})
            except OSError:
                pass  # whoever receives meets it

        threading.Thread(target=run, daemon=True).start()

    def _exactly(self, size: int) -> memoryview:
        data = bytearray(size)
        view, done = memoryview(data), 0
        while done < size:
            try:
                count = self._socket.recv_into(view[done:])
            except ConnectionError as error:
                raise Closed from error
            if count == 0:
                raise Closed
            done += count
        return view
