# SPDX-License-Identifier: Apache-2.0
"""A `flowrun view` that a test asks."""
import contextlib
import http.client
import json
import pathlib
import re
import signal
import socket
import subprocess

import support


class Server:
    """A viewer that runs until the end of a with block."""

    def __init__(self, *arguments, command=None):
        """`command`: that starts it, instead of the program's with `arguments`."""
        if command:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                            env=support.environment())
        else:
            self.process = support.start("view", "--no-browser", *arguments)
        self.link = self.process.stdout.readline().decode().strip()
        if not self.link:
            raise AssertionError(self.process.communicate()[1].decode())
        self.port = int(re.match(r"http://[^/]*:(\d+)/", self.link)[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.out, self.err = self.process.communicate(timeout=60)

    def get(self, path, method="GET", headers=None):
        """Status, headers and body; the path goes out as it is."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.putrequest(method, path, skip_host="Host" in (headers or {}))
            for name, value in (headers or {}).items():
                connection.putheader(name, value)
            connection.endheaders()
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def json(self, path):
        status, _, body = self.get(path)
        if status != 200:
            raise AssertionError(f"{path}: {status} {body!r}")
        return json.loads(body)

    def raw(self, text):
        """The first bytes of what a request of any kind is answered with; nothing when it is cut off."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as client:
            try:
                client.sendall(text)
                client.shutdown(socket.SHUT_WR)
                return client.recv(65536)
            except TimeoutError:
                raise
            except OSError:  # whichever call finds first that the connection is cut
                return b""

    @contextlib.contextmanager
    def listening(self, path):
        """Status, and what is sent as events while the server sends them."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            yield response.status, (json.loads(line.removeprefix(b"data: ")) for line in response
                                    if line.startswith(b"data: "))
        finally:
            connection.close()

    def rss(self):
        return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{self.process.pid}/status").read_text())[1]) << 10
