"""What a prediction reports about itself."""

import threading

import pytest

import cog
from cog import BasePredictor, current_scope
from cog.runtime_stdlib.sdk.scope import Scope, enter, leave


class Predictor(BasePredictor):
    def predict(self) -> str:
        return ""


@pytest.fixture
def scope():
    entered = Scope({"user": "ada"})
    token = enter(entered)
    yield entered
    leave(token)


def asked():
    with pytest.warns(cog.ExperimentalFeatureWarning):
        return current_scope()


def test_outside_of_a_prediction_there_is_no_current_scope():
    with pytest.warns(cog.ExperimentalFeatureWarning), pytest.raises(RuntimeError):
        current_scope()


def test_the_last_value_of_a_metric_wins(scope):
    asked().record_metric("tokens", 3)
    asked().record_metric("tokens", 4)
    asked().record_metric("ratio", 0.5)
    assert scope.snapshot() == {"tokens": 4, "ratio": 0.5}


def test_any_name_and_any_change_of_type_is_fine_for_models_of_0_14(scope):
    asked().record_metric("tokens/s", 3)
    asked().record_metric("a.b", 1)
    asked().record_metric("a.b", "now text")
    assert scope.snapshot() == {"tokens/s": 3, "a.b": "now text"}


def test_threads_of_the_model_share_its_scope(scope):
    thread = threading.Thread(target=lambda: Predictor().record_metric("inside", 1))
    thread.start()
    thread.join()
    assert scope.snapshot() == {"inside": 1}


def test_self_record_metric_does_nothing_outside_of_a_prediction():
    Predictor().record_metric("tokens", 1)
    assert Predictor().scope.context == {}


def test_self_scope_has_the_requests_context(scope):
    assert Predictor().scope is scope
    assert Predictor().scope.context == {"user": "ada"}


def test_dots_make_objects(scope):
    Predictor().record_metric("time.load", 1)
    Predictor().record_metric("time.run", 2)
    assert scope.snapshot() == {"time": {"load": 1, "run": 2}}
    with pytest.raises(TypeError, match="time"):
        Predictor().record_metric("time", 3)


def test_numbers_add_up_and_lists_grow(scope):
    model = Predictor()
    for value in (1, 2.5):
        model.record_metric("n", value, mode="incr")
        model.record_metric("each", value, mode="append")
    model.record_metric("first", "a")
    model.record_metric("first", "b", mode="append")
    assert scope.snapshot() == {"n": 3.5, "each": [1, 2.5], "first": ["a", "b"]}


def test_a_metric_keeps_its_type_until_it_is_deleted(scope):
    metrics = Predictor().scope.metrics
    metrics["a"] = 1
    metrics["a"] = 2.5
    with pytest.raises(TypeError):
        metrics["a"] = "text"
    del metrics["a"]
    metrics["a"] = "text"
    metrics.record("b", True)
    metrics.record("b", None)
    assert scope.snapshot() == {"a": "text"}
    assert "a" in metrics and "b" not in metrics and metrics["a"] == "text"


@pytest.mark.parametrize(
    "name", ["", "1a", "a..b", "_a", "a_", "a__b", "a-b", "a.b.c.d.e", "é", "a" * 129, "predict_time", "cog.x", "a b"]
)
def test_names_follow_a_grammar(scope, name):
    with pytest.raises(ValueError):
        Predictor().record_metric(name, 1)


@pytest.mark.parametrize("value", [object(), b"bytes", {1, 2}, [object()]])
def test_values_are_plain_data(scope, value):
    with pytest.raises(TypeError):
        Predictor().record_metric("a", value)
    with pytest.raises(TypeError):
        asked().record_metric("a", value)


def test_a_snapshot_is_a_copy(scope):
    Predictor().record_metric("a", 1, mode="append")
    taken = scope.snapshot()
    taken["a"].append(2)
    assert scope.snapshot() == {"a": [1]}


def test_scopes_side_by_side_do_not_mix():
    import asyncio

    async def one(name, seconds):
        own = Scope()
        enter(own)
        await asyncio.sleep(seconds)
        Predictor().record_metric("name", name)
        return own.snapshot()

    async def both():
        return await asyncio.gather(asyncio.ensure_future(one("a", 0.01)), asyncio.ensure_future(one("b", 0)))

    loop = asyncio.new_event_loop()
    try:
        assert loop.run_until_complete(both()) == [{"name": "a"}, {"name": "b"}]
    finally:
        loop.close()
        from cog.runtime_stdlib.sdk import scope as module

        module._entered.clear()


def test_emit_metric_still_works_and_says_what_to_use(scope):
    with pytest.warns(DeprecationWarning, match="record_metric"):
        cog.emit_metric("a", 1)
    assert scope.snapshot() == {"a": 1}
