"""Drives a real browser over the DevTools protocol, through pipes: keys, mouse, fingers and screenshots."""

import base64
import json
import os
import select
import subprocess

from tests.evaluation.report.browser import OPTIONS, find_browser

PATIENCE = 60  # seconds to wait for an answer


class Tab:
    """One tab of the browser.

    Attributes:
        console: lines written to the console, and uncaught errors.
        requests: addresses that anything was asked from.
    """

    def __init__(self, folder):
        (there, self._out), (self._in, back) = os.pipe(), os.pipe()
        self.console, self.requests, self._events, self._sent, self._rest = [], [], [], 0, b""

        def connect():  # the browser reads descriptor 3 and writes to 4
            ends = [os.dup(there), os.dup(back)]
            for end, wanted in zip(ends, (3, 4), strict=True):
                os.dup2(end, wanted)

        options = [option for option in OPTIONS if option != "--dump-dom"]
        self._browser = subprocess.Popen(
            [find_browser(), *options, "--remote-debugging-pipe", f"--user-data-dir={folder / 'profile'}"],
            preexec_fn=connect,
            close_fds=False,
            stderr=subprocess.DEVNULL,
        )
        os.close(there), os.close(back)
        self._session = None
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")

    def screen(self, width, height=900, *, touch=False, dark=False):
        """Sets the size and kind of the screen."""
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=touch)
        self.send("Emulation.setTouchEmulationEnabled", enabled=touch)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])

    def send(self, method, **parameters):
        """Calls a method of the protocol, and returns its result."""
        self._sent += 1
        message = {"id": self._sent, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while (answer := self._receive()).get("id") != self._sent:
            self._note(answer)
        assert "error" not in answer, (method, answer)
        return answer["result"]

    def open(self, path, fragment=""):
        """Opens a file, and waits until it is loaded."""
        for address in ("about:blank", path.as_uri() + fragment):  # another part of the same page is not loaded
            self._loaded(self.send, "Page.navigate", url=address)

    def get(self, expression):
        """The value of a JavaScript expression in the page, after whatever input came before has been handled."""
        wait = "new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"
        answer = self.send(
            "Runtime.evaluate", expression=f"{wait}.then(() => ({expression}))", returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def press(self, key, **modifiers):
        """Presses a key."""
        text = {"text": key} if len(key) == 1 else {}
        self.send("Input.dispatchKeyEvent", type="keyDown", key=key, **text, **modifiers)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key, **modifiers)

    def mouse(self, kind, x, y, **more):
        """Moves, presses or turns the wheel of the mouse."""
        self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def click(self, selector):
        """Clicks into the middle of an element."""
        x, y, width, height = self.box(selector)
        for kind in ("mousePressed", "mouseReleased"):
            self.mouse(kind, x + width / 2, y + height / 2, button="left", clickCount=1)

    def follow(self, selector):
        """Clicks on a link to another page, and waits until that is loaded."""
        self._loaded(self.click, selector)

    def swipe(self, x, y, to_x, to_y, steps=8):
        """Drags a finger."""
        self.send("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
        for step in range(1, steps + 1):
            part = step / steps
            point = {"x": x + (to_x - x) * part, "y": y + (to_y - y) * part}
            self.send("Input.dispatchTouchEvent", type="touchMove", touchPoints=[point])
        self.send("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def box(self, selector):
        """Left, top, width and height of an element, scrolled into view."""
        return self.get(
            f"((e) => {{ e.scrollIntoView({{block: 'nearest', behavior: 'instant'}});"
            f"const b = e.getBoundingClientRect(); return [b.x, b.y, b.width, b.height]; }})"
            f"(document.querySelector({json.dumps(selector)}))"
        )

    def picture(self, path):
        """Writes a picture of what is seen."""
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot")["data"]))

    def close(self):
        """Ends the browser."""
        self._session = None
        self.send("Browser.close")
        self._browser.wait()
        os.close(self._in), os.close(self._out)

    def _loaded(self, act, *arguments, **named):
        self._events.clear()
        act(*arguments, **named)
        while "Page.loadEventFired" not in self._events:
            self._note(self._receive())

    def _receive(self):
        while b"\0" not in self._rest:
            assert select.select([self._in], [], [], PATIENCE)[0], "the browser is silent"
            received = os.read(self._in, 1 << 16)
            assert received, "the browser has ended"
            self._rest += received
        message, self._rest = self._rest.split(b"\0", 1)
        return json.loads(message)

    def _note(self, event):
        method, parameters = event.get("method", ""), event.get("params", {})
        self._events.append(method)
        if method in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
            self.console.append(parameters)
        if method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
