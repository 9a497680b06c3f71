"""Which method and path mean what."""

import pytest

from cog.runtime_stdlib.web.request import Reply
from cog.runtime_stdlib.web.routes import Route, Routes, unquote

READY = Routes()
TRAINING = Routes(trainings=True)
FAILED = Routes(trainings=True, failed=True)

NOT_FOUND = (404, (("content-type", "application/json"),), (b'{"detail":"Not Found"}',))


def not_allowed(allow):
    return 405, (("content-type", "application/json"), ("allow", allow)), (b'{"detail":"Method Not Allowed"}',)


def moved(location):
    return 307, (("location", location),), ()


def find(routes, method, path, **more):
    found = routes.find(method, path, **more)
    return (found.status, found.headers, found.body) if isinstance(found, Reply) else found


ALWAYS = [
    ("GET", "/health-check", Route("health")),
    ("GET", "/livez", Route("livez")),
    ("GET", "/readyz", Route("readyz")),
    ("GET", "/startupz", Route("startupz")),
    ("POST", "/shutdown", Route("shutdown")),
    ("GET", "/openapi.json", Route("schema")),
    ("GET", "/docs", Route("docs")),
    ("GET", "/redoc", Route("redoc")),
]
PREDICTIONS = [
    ("GET", "/", Route("index")),
    ("POST", "/predictions", Route("predict")),
    ("PUT", "/predictions/p1", Route("predict-id", "p1")),
    ("POST", "/predictions/p1/cancel", Route("cancel", "p1")),
]
TRAININGS = [
    ("POST", "/trainings", Route("train")),
    ("PUT", "/trainings/t1", Route("train-id", "t1")),
    ("POST", "/trainings/t1/cancel", Route("cancel-training", "t1")),
]


@pytest.mark.parametrize("method, path, route", ALWAYS + PREDICTIONS)
def test_the_routes_of_every_server(method, path, route):
    assert find(READY, method, path) == route


@pytest.mark.parametrize("method, path, route", TRAININGS)
def test_trainings_exist_when_they_are_enabled(method, path, route):
    assert find(TRAINING, method, path) == route
    assert find(READY, method, path) == NOT_FOUND


@pytest.mark.parametrize("method, path, route", ALWAYS)
def test_what_is_left_after_an_early_setup_failure(method, path, route):
    assert find(FAILED, method, path) == route


@pytest.mark.parametrize("method, path, route", PREDICTIONS + TRAININGS)
def test_what_is_not_left_after_an_early_setup_failure(method, path, route):
    assert find(FAILED, method, path) == NOT_FOUND


@pytest.mark.parametrize("method, path, route", ALWAYS + PREDICTIONS + TRAININGS)
def test_every_path_has_one_method(method, path, route):
    for other in ("GET", "POST", "PUT", "HEAD", "OPTIONS", "DELETE", "PATCH"):
        if other != method:
            assert find(TRAINING, other, path) == not_allowed(method)


@pytest.mark.parametrize(
    "path",
    [
        "/nothing", "/PREDICTIONS", "/Health-Check", "//", "//predictions", "/predictions//cancel", "/predictions/a/b/cancel",
        "/predictions/a/b", "/predictions/a/cancel/more", "/predictions/*/stop", "*", "/health-check/x", "/docs/oauth2",
        "/predictions/a%2Fb", "/predictions%2Fa", "/predictions/a%2Fb/cancel", "/%2F", "/health-check%2f",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "HEAD"])
def test_everything_else_is_not_found(method, path):
    assert find(TRAINING, method, path) == NOT_FOUND


@pytest.mark.parametrize(
    "path, id",
    [
        ("/predictions/a%20b", "a b"),
        ("/predictions/caf%C3%A9", "café"),
        ("/predictions/%F0%9F%98%80", "\U0001f600"),
        ("/predictions/100%25", "100%"),
        ("/predictions/100%", "100%"),
        ("/predictions/%zz", "%zz"),
        ("/predictions/%ff", "\ufffd"),
        ("/predictions/a+b", "a+b"),
        ("/predictions/a:b@c", "a:b@c"),
        ("/predictions/%0d%0aX:%20y", "\r\nX: y"),
        ("/predictions/..", ".."),
        ("/predictions/*", "*"),
        ("/predictions/%2A", "*"),
    ],
)
def test_ids_are_percent_decoded(path, id):
    assert find(READY, "PUT", path) == Route("predict-id", id)
    assert find(READY, "POST", path + "/cancel") == Route("cancel", id)


def test_other_segments_are_decoded_before_they_are_compared():
    assert find(READY, "GET", "/health%2Dcheck") == Route("health")
    assert find(READY, "POST", "/predictions/a/c%61ncel") == Route("cancel", "a")


@pytest.mark.parametrize(
    "path, query, host, location",
    [
        ("/predictions/", "", "a:5000", "http://a:5000/predictions"),
        ("/health-check/", "x=1&y", "a", "http://a/health-check?x=1&y"),
        ("/predictions/p1/", "", "a", "http://a/predictions/p1"),
        ("/predictions/p%201/cancel/", "", "a", "http://a/predictions/p%201/cancel"),
        ("/docs/", "", "", "/docs"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_a_known_path_with_a_slash_too_many_is_redirected(method, path, query, host, location):
    assert find(READY, method, path, query=query, host=host) == moved(location)


def test_an_unknown_path_with_a_slash_is_not_found():
    assert find(READY, "GET", "/nothing/", host="a") == NOT_FOUND
    assert find(READY, "POST", "/trainings/", host="a") == NOT_FOUND
    assert find(READY, "GET", "//evil.example/", host="a") == NOT_FOUND


@pytest.mark.parametrize("text", ["", "plain", "é", "a%b", "%", "%4", "%%41"])
def test_what_is_no_percent_triple_stays(text):
    assert unquote(text) == text.replace("%41", "A")
