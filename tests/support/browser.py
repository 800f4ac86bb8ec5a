"""A real browser, headless, by the W3C WebDriver protocol: what chromedriver speaks needs no library but HTTP."""

import contextlib
import shutil
import subprocess

import pytest
import requests

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the protocol's key of an element
ARGUMENTS = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--window-size=1000,1300"]


class Browser:
    """One window.

    Args:
      session: URL of a WebDriver session.
    """

    def __init__(self, session):
        self._session = session

    def __call__(self, method, path, **body):
        reply = requests.request(method, self._session + path, json=body if method == "POST" else None, timeout=600)
        value = reply.json()["value"]
        assert reply.ok, value
        return value

    def open(self, url):
        self("POST", "/url", url=url)

    def run(self, script, *arguments):
        """What `return ...` of the JavaScript returns."""
        return self("POST", "/execute/sync", script=script, args=list(arguments))

    def element(self, css):
        return self("POST", "/element", using="css selector", value=css)

    def click(self, css):
        self("POST", f"/element/{self.element(css)[ELEMENT]}/click")

    def write(self, css, text):
        path = f"/element/{self.element(css)[ELEMENT]}"
        if self("GET", f"{path}/property/type") != "file":
            self("POST", f"{path}/clear")
        self("POST", f"{path}/value", text=str(text))

    def drag(self, css, *path):
        """Presses the mouse at the first point of `path`, pixels from an element's middle, and drags it on."""
        moves = [{"type": "pointerMove", "duration": 50, "x": x, "y": y, "origin": self.element(css)} for x, y in path]
        buttons = {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}
        actions = [moves[0], buttons[0], *moves[1:], buttons[1]]
        self("POST", "/actions", actions=[{"type": "pointer", "id": "mouse", "actions": actions}])

    def point(self, css):
        """Moves the mouse over the middle of an element."""
        move = {"type": "pointerMove", "duration": 0, "x": 0, "y": 0, "origin": self.element(css)}
        self("POST", "/actions", actions=[{"type": "pointer", "id": "mouse", "actions": [move]}])

    def screenshot(self):
        """PNG, base64."""
        return self("GET", "/screenshot")


@contextlib.contextmanager
def chromium():
    """A browser; skips the test where there is none."""
    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (binary and driver):
        pytest.skip("NO BROWSER: the page is untested. Debian: apt-get install chromium chromium-driver")
    with subprocess.Popen([driver, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            port = next(
                line.split("port ")[1].rstrip(".\n") for line in process.stdout if "successfully on port" in line
            )
            options = {"binary": binary, "args": ARGUMENTS}
            wanted = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}}
            url = f"http://127.0.0.1:{port}/session"
            value = requests.post(url, json=wanted, timeout=600).json()["value"]
            assert "sessionId" in value, value
            session = f"{url}/{value['sessionId']}"
            try:
                yield Browser(session)
            finally:
                requests.delete(session, timeout=600)
        finally:
            process.terminate()
