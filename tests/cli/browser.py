# SPDX-License-Identifier: Apache-2.0
"""A real browser: Chromium by way of chromedriver, which speaks WebDriver (https://www.w3.org/TR/webdriver2)."""
import base64
import json
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import support


def missing():
    """What is not there, in words; empty when there is all that a Browser needs."""
    return ", ".join(name for name in ("chromium", "chromedriver") if not shutil.which(name))


def free_port():
    with socket.socket() as some:
        some.bind(("127.0.0.1", 0))
        return some.getsockname()[1]


class Browser:
    """A window of its own, closed at the end of `with`."""

    def __init__(self, width=1300, height=1000):
        self.profile = tempfile.TemporaryDirectory(prefix="flowrun-browser-")
        port = free_port()
        self.driver = subprocess.Popen(["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
        self.at = f"http://127.0.0.1:{port}"
        self.session = None
        try:
            self.wait_for_driver()
            options = {"args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                                f"--window-size={width},{height}", f"--user-data-dir={self.profile.name}"]}
            wanted = {"browserName": "chrome", "goog:chromeOptions": options,
                      "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}
            self.session = self.call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        try:
            if self.session:
                self.call("DELETE", f"/session/{self.session}")
        finally:
            self.driver.terminate()
            self.driver.wait(30)
            self.profile.cleanup()

    def wait_for_driver(self):
        for _ in range(200):
            try:
                if self.call("GET", "/status")["ready"]:
                    return
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.1)
        raise AssertionError("chromedriver does not answer")

    def call(self, method, path, body=None):
        data = None if method in ("GET", "DELETE") else json.dumps(body or {}).encode()
        request = urllib.request.Request(self.at + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as problem:
            raise AssertionError(f"{method} {path}: {problem.read().decode()[:2000]}") from None

    def of_session(self, method, path, body=None):
        return self.call(method, f"/session/{self.session}/{path}", body)

    def open(self, address):
        """A path, or an address."""
        self.of_session("POST", "url", {"url": address.as_uri() if isinstance(address, pathlib.Path) else address})

    def run(self, script, *arguments):
        """What a function body in JavaScript returns."""
        return self.of_session("POST", "execute/sync", {"script": script, "args": list(arguments)})

    def find(self, selector):
        return self.of_session("POST", "element", {"using": "css selector", "value": selector})

    def click(self, selector):
        (element,) = self.find(selector).values()
        self.of_session("POST", f"element/{element}/click")

    def type(self, selector, text):
        (element,) = self.find(selector).values()
        self.of_session("POST", f"element/{element}/value", {"text": text})

    def press(self, key):
        """A key by its WebDriver code or character, wherever the focus is."""
        actions = [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]
        self.of_session("POST", "actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def choose(self, selector, value):
        """An option of a <select>, as a user does it."""
        self.run("const select = document.querySelector(arguments[0]); select.value = arguments[1];"
                 "select.dispatchEvent(new Event('input', {bubbles: true}));"
                 "select.dispatchEvent(new Event('change', {bubbles: true}));", selector, value)

    def screenshot(self):
        """A PNG of what the window shows."""
        return base64.b64decode(self.of_session("GET", "screenshot"))

    def devtools(self, command, **parameters):
        """What a command of Chromium's DevTools protocol (https://chromedevtools.github.io/devtools-protocol) gives."""
        return self.of_session("POST", "goog/cdp/execute", {"cmd": command, "params": parameters})

    def console(self):
        """What was said since the last call: "SEVERE: message"."""
        return [f"{entry['level']}: {entry['message']}" for entry in self.of_session("POST", "se/log", {"type": "browser"})]

    def requests(self):
        """The addresses that were asked for since the last call."""
        events = [json.loads(entry["message"])["message"]
                  for entry in self.of_session("POST", "se/log", {"type": "performance"})]
        asked = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
        return [at for at in asked if not at.startswith("chrome://")]  # of the browser's own first page


def main():
    """Runs a test that needs a Browser, or says that it is skipped."""
    if missing():
        print(f"skipped: there is no {missing()} (Debian: chromium, chromium-driver)", file=sys.stderr)
        sys.exit(77)
    support.main()
