"""The names that models import, and what they do when a model uses them directly."""

import io
import pathlib
import pickle
import subprocess
import sys
import warnings

import pytest

import cog
from cog import BasePredictor, BaseRunner, CancelationException, File, Input, Path, Secret

PUBLIC = [
    "AsyncConcatenateIterator",
    "BaseModel",
    "BasePredictor",
    "ConcatenateIterator",
    "ExperimentalFeatureWarning",
    "File",
    "Input",
    "Path",
    "Secret",
    "__version__",
    "current_scope",
]
NEWER = ["BaseRunner", "CancelationException", "Coder", "Opaque", "concurrent", "emit_metric", "streaming"]


def in_a_fresh_interpreter(code):
    """What a program prints that starts with nothing imported."""
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


def test_all_is_what_the_reference_exports():
    assert sorted(cog.__all__) == PUBLIC


@pytest.mark.parametrize("name", [name for name in PUBLIC if name != "__version__"] + NEWER)
def test_public_names_say_that_they_are_cogs(name):
    thing = getattr(cog, name)
    assert thing.__module__ == ("cog.server.exceptions" if name == "CancelationException" else "cog")
    assert name in dir(cog)


def test_a_misspelt_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'cog' has no attribute 'Inptu'"):
        cog.Inptu  # noqa: B018


def test_importing_cog_imports_nothing_else():
    code = "import sys; before = set(sys.modules); import cog; print(sorted(set(sys.modules) - before))"
    assert in_a_fresh_interpreter(code) == "['cog']"


@pytest.mark.parametrize(
    "statement",
    ["import cog, mimetypes", "import mimetypes, cog", "from cog import Path; import mimetypes", "import cog, mimetypes as m"],
)
def test_webp_is_a_known_type_whichever_is_imported_first(statement):
    code = "%s; import mimetypes; print(mimetypes.guess_type('a.webp')[0], mimetypes.guess_extension('image/webp'))"
    assert in_a_fresh_interpreter(code % statement) == "image/webp .webp"


def test_the_usual_imports_leave_typing_inspect_and_json_alone():
    code = (
        "import sys; before = set(sys.modules); from cog import BasePredictor, Input; "
        "print(sorted({'typing', 'inspect', 'json', 'enum', 're', 'dataclasses', 'asyncio'} & (set(sys.modules) - before)))"
    )
    assert in_a_fresh_interpreter(code) == "[]"


def test_older_import_paths_lead_to_the_same_classes():
    import cog.base_predictor
    import cog.exceptions
    import cog.files
    import cog.server.exceptions
    import cog.types

    assert cog.types.Path is Path and cog.types.File is File and cog.types.Secret is Secret
    assert cog.types.Input is Input and cog.types.ConcatenateIterator is cog.ConcatenateIterator
    assert cog.base_predictor.BasePredictor is BasePredictor
    assert cog.server.exceptions.CancelationException is cog.exceptions.CancelationException is CancelationException
    assert callable(cog.files.upload_file)


def test_a_cancelation_is_no_exception_that_a_model_swallows():
    assert issubclass(CancelationException, BaseException)
    assert not issubclass(CancelationException, Exception)


# -- Path


def test_paths_derived_from_a_path_are_paths():
    path = Path("a") / "b.txt"
    assert type(path) is Path and type(path.parent) is Path and type(path.with_suffix(".png")) is Path
    assert isinstance(path, pathlib.Path) and str(path) == "a/b.txt" and path == pathlib.Path("a/b.txt")
    assert type(pickle.loads(pickle.dumps(path))) is Path


def test_a_url_path_is_its_url_as_text_and_knows_its_name():
    path = cog.URLPath("https://example.com/dir/caf%C3%A9.txt?x=1")
    assert str(path) == path.source == "https://example.com/dir/caf%C3%A9.txt?x=1"
    assert path.name == "café.txt" and path.suffix == ".txt"
    assert str(pickle.loads(pickle.dumps(path))) == str(path)
    assert str(path.parent) == "."


def test_a_url_file_is_read_when_asked():
    with cog.URLFile("data:text/plain;base64,YQpi") as stream:
        assert stream.name == "file"
        assert stream.read() == b"a\nb"


# -- Secret


def test_a_secret_shows_itself_only_when_asked():
    secret = Secret("hunter2")
    shown = [str(secret), repr(secret), "{}".format(secret), "%s" % secret, f"{secret!r}", f"{secret:>12}", repr([secret])]
    assert not any("hunter2" in text for text in shown)
    assert (str(secret), repr(secret), len(secret)) == ("**********", "SecretStr('**********')", 7)
    assert secret.get_secret_value() == "hunter2"
    assert not hasattr(secret, "__dict__")


def test_an_empty_secret_is_empty():
    assert (str(Secret("")), repr(Secret("")), len(Secret(""))) == ("", "SecretStr('')", 0)


def test_secrets_compare_and_hash_by_value():
    assert Secret("a") == Secret("a") != Secret("b")
    assert len({Secret("a"), Secret("a")}) == 1
    assert Secret("a") != "a"
    assert pickle.loads(pickle.dumps(Secret("a"))) == Secret("a")


# -- Input


def test_input_never_shows_its_default():
    assert "hunter2" not in repr(Input(default="hunter2", description="token"))


def test_input_refuses_what_it_does_not_know():
    with pytest.raises(TypeError, match="default_factory"):
        Input(default_factory=list)
    with pytest.raises(TypeError, match="unexpected keyword argument 'gt'"):
        Input(gt=3)


def test_input_takes_its_default_first():
    assert Input(3).default == 3 and Input().default is ... and Input(default=None).default is None


# -- predictors and runners


def test_a_predictor_without_predict_cannot_be_made():
    with pytest.raises(TypeError, match="abstract"):
        BasePredictor()

    class Empty(BasePredictor):
        pass

    with pytest.raises(TypeError, match="Can't instantiate abstract class Empty with abstract method predict"):
        Empty()


def test_a_predictor_may_be_called_directly():
    class Predictor(BasePredictor):
        def predict(self, n: int = Input(default=2)) -> int:
            return n

    predictor = Predictor()
    assert predictor.setup() is None
    assert predictor.predict(1) == 1
    assert predictor.predict().default == 2


def test_a_predictor_may_have_a_helper_called_run():
    class Predictor(BasePredictor):
        def run(self):
            return "helper"

        def predict(self) -> str:
            return self.run()

    assert Predictor().predict() == "helper"


def test_a_runner_has_run_and_answers_to_the_old_name():
    class Runner(BaseRunner):
        def run(self, n: int = 1) -> int:
            return n + 1

    with pytest.warns(DeprecationWarning, match="run"):
        assert Runner().predict(n=2) == 3


def test_a_runner_with_both_is_refused():
    class Runner(BaseRunner):
        def run(self) -> int:
            return 1

        def predict(self) -> int:
            return 2

    with pytest.raises(TypeError, match="both"):
        Runner()


def test_constructor_arguments_and_attributes_are_the_models_own():
    class Predictor(BasePredictor):
        def __init__(self, size=3):
            self.size = size
            self.scope = "mine"

        def predict(self) -> str:
            return "%s %d" % (self.scope, self.size)

    assert Predictor(4).predict() == "mine 4"


# -- decorators


def test_streaming_works_with_and_without_parentheses():
    @cog.streaming
    def one():
        pass

    @cog.streaming()
    def two():
        pass

    assert one.__cog_streaming__ and two.__cog_streaming__


@pytest.mark.parametrize("wrong, error", [("3", TypeError), (True, TypeError), (1.5, TypeError), (0, ValueError)])
def test_concurrent_wants_a_whole_number_of_at_least_one(wrong, error):
    with pytest.raises(error):
        cog.concurrent(max=wrong)


def test_more_than_one_at_a_time_needs_async():
    def plain():
        pass

    async def asynchronous():
        pass

    with pytest.raises(TypeError, match="async"):
        cog.concurrent(max=2)(plain)
    assert cog.concurrent(max=1)(plain) is plain
    assert cog.concurrent(max=4)(asynchronous).__cog_concurrent__ == 4


# -- files


def test_upload_file_makes_a_data_url():
    from cog.files import upload_file

    named = io.BytesIO(b"x")
    named.name = "dir/picture.png"
    assert upload_file(named) == "data:image/png;base64,eA=="
    assert upload_file(io.StringIO("hé")) == "data:application/octet-stream;base64,aMOp"


def test_a_fetched_file_has_the_name_it_was_sent_with(tmp_path):
    from cog.runtime_stdlib.sdk.files import FetchedFile

    (tmp_path / "tmpabc").write_bytes(b"a\nb")
    with FetchedFile(str(tmp_path / "tmpabc"), "letter.txt") as file:
        assert (file.name, file.read(), file.readable()) == ("letter.txt", b"a\nb", True)


def test_concatenate_iterators_may_stand_inside_other_annotations():
    from typing import Optional

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Optional[cog.ConcatenateIterator[str]]
        assert cog.ConcatenateIterator[str] == cog.ConcatenateIterator[str]
