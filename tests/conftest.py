"""The seal around every test: an empty home, no settings from outside, no network but the loopback.

Strategy: the environment is rebuilt for each test, so that children inherit the seal as well. The
network is closed by an audit hook, the one place that every connection of this process passes,
whichever module makes it. Tests marked `heavy`, `image` or `matrix` install packages and are let
through; everything else that reaches for the network is a bug.

Written for Python 3.8: the runtime's tests use it on every interpreter.
"""

import os
import signal
import sys

import pytest

# Settings that change what the tool, the runtime or a child does. PIP_* stay: they say where packages come from.
_SCRUBBED_PREFIXES = ("COG_", "DOCKER_", "BUILDX_", "XDG_", "GITHUB_", "GIT_", "PYTHON")
_SCRUBBED_NAMES = (
    "PORT",
    "WEBHOOK_AUTH_TOKEN",
    "LOG_FORMAT",
    "KUBERNETES_SERVICE_HOST",
    "R8_PYTHON_VERSION",
    "NO_COLOR",
    "FORCE_COLOR",
    "CLICOLOR_FORCE",
    "SOURCE_DATE_EPOCH",
    "VIRTUAL_ENV",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
)
# Said to the tests themselves, not to the code under test.
_KEPT_PREFIXES = ("COG_TEST_",)
_OPEN_MARKERS = ("heavy", "image", "matrix")

_PIP_CONFIG = os.path.expanduser("~/.config/pip/pip.conf")


class _Network:
    open = True


def _loopback(address):
    if not isinstance(address, tuple) or not isinstance(address[0], str):
        return True  # a UNIX socket, or netlink: the network is not reached that way
    host = address[0]
    return host.startswith("127.") or host in ("", "::1", "localhost", "::ffff:127.0.0.1", "0.0.0.0", "::")


def _watch(event, arguments):
    if event == "socket.connect" and not _Network.open and not _loopback(arguments[1]):
        raise AssertionError(f"a test reached for the network: {arguments[1]!r}")


sys.addaudithook(_watch)

# A shell without job control starts its background jobs with SIGINT ignored, nohup with SIGHUP; every child inherits that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def sealed(request, tmp_path_factory, monkeypatch):
    """Give each test an empty HOME, a scrubbed environment and the loopback alone."""
    for name in list(os.environ):
        if name in _SCRUBBED_NAMES or name.startswith(_SCRUBBED_PREFIXES):
            if not name.startswith(_KEPT_PREFIXES):
                monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    if os.path.exists(_PIP_CONFIG) and "PIP_CONFIG_FILE" not in os.environ:
        monkeypatch.setenv("PIP_CONFIG_FILE", _PIP_CONFIG)  # an index that only the home directory knows
    monkeypatch.setattr(_Network, "open", any(request.node.get_closest_marker(name) for name in _OPEN_MARKERS))
    yield


def pytest_collection_modifyitems(config, items):
    """`COG_TEST_REQUIRE_DOCKER=1`: an image test that is skipped counts as failed (see the hook below)."""
    for item in items:
        if "tests/image/" in str(item.fspath).replace(os.sep, "/") and not item.get_closest_marker("image"):
            item.add_marker(pytest.mark.image)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    required = os.environ.get("COG_TEST_REQUIRE_DOCKER") and item.get_closest_marker("image")
    if required and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} is required here but was skipped: {reason}"
