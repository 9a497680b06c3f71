"""`cog build` on a real engine."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from conftest import BASE, PREDICTOR, PYTHON, Project, docker, inspect, labels, layers

import cog


def test_a_minimal_model_is_built_with_all_its_labels(project: Project) -> None:
    before = project.files()
    ran = project.cog("build")
    assert ran.stdout == ""
    assert f"Image built as {project.name}" in ran.stderr
    found = labels(project.name)
    assert json.loads(found.pop("run.cog.config")) == {
        "build": {"python_version": PYTHON},
        "predict": "predict.py:Predictor",
    }
    schema = json.loads(found.pop("run.cog.openapi_schema"))
    assert schema["components"]["schemas"]["Input"]["properties"]["s"]["description"] == "who"
    assert docker("run", "--rm", project.name, "python", "-m", "pip", "freeze") == found.pop("run.cog.pip_freeze")
    assert found.pop("run.cog.version") == cog.__version__
    assert {name: found[name] for name in ("run.cog.has_init", "org.opencontainers.image.base.name")} == {
        "run.cog.has_init": "true",
        "org.opencontainers.image.base.name": BASE,
    }
    assert project.files() == before
    in_image = json.loads(docker("run", "--rm", project.name, "cat", "/src/.cog/openapi_schema.json"))
    assert in_image == schema


def test_an_image_is_at_most_one_megabyte_larger_than_its_base_and_the_users_files(project: Project) -> None:
    project.cog("build")
    users = sum(path.stat().st_size for path in project.folder.rglob("*") if path.is_file())
    ours = inspect(project.name)["Size"] - inspect(BASE)["Size"] - users
    assert 0 < ours <= 1_000_000
    assert len(layers(project.name)) - len(layers(BASE)) == 5


def test_the_image_says_what_the_contract_says(project: Project) -> None:
    project.cog("build")
    config = inspect(project.name)["Config"]
    assert config["Cmd"] == ["python", "-m", "cog.server.http"]
    assert config["WorkingDir"] == "/src"
    assert config["ExposedPorts"] == {"5000/tcp": {}}
    assert config.get("Entrypoint") is None
    assert "COG_PREDICT_TYPE_STUB=predict.py:Predictor" in config["Env"]


def test_packages_of_pip_and_apt_are_installed_and_a_code_edit_installs_nothing_again(project: Project) -> None:
    project.write(
        {
            "cog.yaml": f"""
            build:
              python_version: "{PYTHON}"
              python_packages: ["six==1.16.0"]
              system_packages: [tree]
              run:
                - tree --version > /tree-version
            predict: predict.py:Predictor
            """,
            "predict.py": "import six\n" + PREDICTOR,
        }
    )
    project.cog("build")
    assert "six==1.16.0\n" in labels(project.name)["run.cog.pip_freeze"]
    assert docker("run", "--rm", project.name, "cat", "/tree-version").startswith("tree v")
    first = layers(project.name)
    project.write({"predict.py": "import six\n# edited\n" + PREDICTOR})
    again = project.cog("build", "--progress", "plain")
    second = layers(project.name)
    # Only the code, and the schema file on top of it.
    assert first[:-2] == second[:-2] and first[-2] != second[-2]
    assert "pip freeze" not in again.stderr


def unfinished() -> set[str]:
    return set(docker("image", "ls", "--quiet", "cog-build").split())


def test_an_edit_keeps_the_inputs_and_a_new_input_is_noticed(project: Project) -> None:
    before = unfinished()
    project.cog("build")
    first = labels(project.name)["run.cog.openapi_schema"]
    project.write({"predict.py": "# edited\n" + PREDICTOR})
    project.cog("build")
    assert labels(project.name)["run.cog.openapi_schema"] == first
    assert docker("run", "--rm", project.name, "head", "-1", "/src/predict.py") == "# edited\n"
    project.write({"predict.py": PREDICTOR.replace("s: str", "n: int, s: str")})
    project.cog("build")
    inputs = json.loads(labels(project.name)["run.cog.openapi_schema"])["components"]["schemas"]["Input"]["properties"]
    assert list(inputs) == ["n", "s"]
    project.write({"predict.py": "raise ValueError('broken now')"})
    image = inspect(project.name)["Id"]
    assert "broken now" in project.cog("build", status=1).stderr
    assert inspect(project.name)["Id"] == image, "the last good image keeps its name"
    assert unfinished() <= before


def test_a_secret_is_usable_in_the_build_and_in_no_layer(project: Project, tmp_path: Path) -> None:
    secret = "correct-horse-battery-staple"
    (tmp_path / "token.txt").write_text(secret)
    project.write(
        {
            "cog.yaml": f"""
            build:
              python_version: "{PYTHON}"
              run:
                - command: wc -c < /run/token > /length && test -z "$(cat /other 2>/dev/null)"
                  mounts:
                    - type: secret
                      id: token
                      target: /run/token
                - command: test "$(wc -c < /run/from-env)" = 20
                  mounts:
                    - type: secret
                      id: second
                      target: /run/from-env
            predict: predict.py:Predictor
            """
        }
    )
    project.environment["SECOND_SECRET"] = "from-the-environment"
    given = ["--secret", f"id=token,src={tmp_path / 'token.txt'}", "--secret", "id=second,env=SECOND_SECRET"]
    project.cog("build", *given)
    assert docker("run", "--rm", project.name, "cat", "/length").strip() == str(len(secret))
    saved = tmp_path / "image.tar"
    docker("save", "--output", str(saved), project.name)
    content = saved.read_bytes()
    assert secret.encode() not in content
    assert b"from-the-environment" not in content


def test_a_secret_that_is_not_given_is_warned_of(project: Project) -> None:
    project.write(
        {
            "cog.yaml": f"""
            build:
              python_version: "{PYTHON}"
              run:
                - command: test ! -e /run/token
                  mounts: [{{type: secret, id: token, target: /run/token}}]
            predict: predict.py:Predictor
            """
        }
    )
    assert "--secret id=token,src=FILE" in project.cog("build").stderr


def test_pip_reads_the_configuration_that_is_given_as_a_secret(project: Project, tmp_path: Path) -> None:
    """The index of pip.conf is asked and no other: there is nothing at its address."""
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = http://127.0.0.1:9/simple\nretries = 0\n")
    project.write(
        {
            "cog.yaml": f"""
            build:
              python_version: "{PYTHON}"
              python_packages: ["six==1.16.0"]
            predict: predict.py:Predictor
            """
        }
    )
    failed = project.cog("build", "--secret", f"id=pip,src={tmp_path / 'pip.conf'}", status=1)
    assert "127.0.0.1" in failed.stderr
    assert not docker("image", "ls", "--quiet", project.name)


def test_separate_weights_stay_the_same_layer_when_the_code_changes(project: Project) -> None:
    project.write({".dockerignore": "secret-data\n", "with space/x.txt": "x", "odd[1]$a.bin": ""})
    for name in ("checkpoints/big.bin", "secret-data/big.bin", "with space/big.bin", "odd[1]$a.bin"):
        path = project.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(os.urandom(1024) * 10 * 1024)
    ignore = (project.folder / ".dockerignore").read_bytes()
    project.cog("build", "--separate-weights")
    project.images.append(f"{project.name}-weights")
    listed = docker("run", "--rm", project.name, "find", "/src", "-name", "*big.bin", "-o", "-name", "odd*").split("\n")
    assert sorted(filter(None, listed)) == ["/src/checkpoints/big.bin", "/src/odd[1]$a.bin", "/src/with space/big.bin"]
    first = layers(project.name)
    project.write({"predict.py": "# edited\n" + PREDICTOR})
    project.cog("build", "--separate-weights")
    second = layers(project.name)
    assert first[:-2] == second[:-2] and first[-2] != second[-2]
    assert (project.folder / ".dockerignore").read_bytes() == ignore
    assert len(layers(f"{project.name}-weights")) == 3


@pytest.mark.parametrize("flag", ["--timestamp", "SOURCE_DATE_EPOCH"])
def test_the_same_time_twice_is_the_same_image(project: Project, flag: str) -> None:
    words = ["build", "--no-cache"]
    if flag.startswith("--"):
        words += [flag, "1700000000"]
    else:
        project.environment[flag] = "1700000000"
    project.cog(*words)
    first = inspect(project.name)
    for path in project.folder.rglob("*"):
        os.utime(path)
    project.cog(*words)
    second = inspect(project.name)
    assert first["Id"] == second["Id"]
    assert first["Created"].startswith("2023-11-14T22:13:20")


def test_a_schema_of_300_kilobytes_fits_on_the_image(project: Project) -> None:
    words = "".join(f"choice {n:05d} '\\\" $x\\\\ # é, " for n in range(11000))
    project.write(
        {
            "predict.py": f"""
            from cog import BasePredictor, Input

            class Predictor(BasePredictor):
                def predict(self, s: str = Input(description={words!r})) -> str:
                    return s
            """
        }
    )
    project.cog("build")
    label = labels(project.name)["run.cog.openapi_schema"]
    assert len(label) > 300_000
    assert json.loads(label)["components"]["schemas"]["Input"]["properties"]["s"]["description"] == words


def test_wheels_in_a_folder_are_installed_without_any_network(project: Project) -> None:
    wheels = project.folder / "wheels"
    docker("run", "--rm", "--user", f"{os.getuid()}:{os.getgid()}", "--volume", f"{project.folder}:/to", BASE,
           "python", "-m", "pip", "download", "--quiet", "--no-deps", "--dest", "/to/wheels", "six==1.16.0")  # fmt: skip
    assert [path.name for path in wheels.iterdir()] == ["six-1.16.0-py2.py3-none-any.whl"]
    project.write(
        {
            "requirements.txt": "--no-index\n--find-links wheels\nsix==1.16.0\n",
            "cog.yaml": f"""
            build:
              python_version: "{PYTHON}"
              python_requirements: requirements.txt
            predict: predict.py:Predictor
            """,
            "predict.py": "import six\n" + PREDICTOR,
        }
    )
    project.cog("build", "--network", "none", "--no-cache")
    assert "six==1.16.0\n" in labels(project.name)["run.cog.pip_freeze"]


def test_proxies_reach_the_commands_of_a_build_and_stay_out_of_the_image(project: Project) -> None:
    project.environment |= {"HTTPS_PROXY": "http://user:hunter2@proxy.invalid:3128", "no_proxy": "inside.example"}
    project.write(
        {
            "cog.yaml": f"""
            build:
              python_version: "{PYTHON}"
              run:
                - echo "$HTTPS_PROXY $no_proxy" | wc -c > /length
            predict: predict.py:Predictor
            """
        }
    )
    project.cog("build")
    assert docker("run", "--rm", project.name, "cat", "/length").strip() == str(
        len("http://user:hunter2@proxy.invalid:3128 inside.example\n")
    )
    told = docker("history", "--no-trunc", project.name) + docker("image", "inspect", project.name)
    assert "hunter2" not in told


def test_a_builder_without_named_contexts_gets_one_folder(project: Project) -> None:
    project.environment["COG_BUILD_STAGED"] = "1"
    project.write(
        {
            ".dockerignore": "hidden\n",
            "hidden": "x",
            "cog.yaml": f"""
        build:
          python_version: "{PYTHON}"
          python_packages: ["six==1.16.0"]
        predict: predict.py:Predictor
        """,
        }
    )
    project.cog("build")
    assert docker("run", "--rm", project.name, "ls", "/src").split() == ["cog.yaml", "predict.py"]
    assert project.cog("predict", project.name, "-i", "s=you").stdout == "hello you\n"


def test_the_git_commit_is_on_the_image(project: Project) -> None:
    project.environment |= {"GITHUB_SHA": "abc123", "GITHUB_REF_NAME": "v1.2"}
    project.cog("build")
    found = labels(project.name)
    assert found["org.opencontainers.image.revision"] == "abc123"
    assert found["org.opencontainers.image.version"] == "v1.2"


def test_a_dockerfile_of_ones_own(project: Project) -> None:
    project.write(
        {
            "Own.Dockerfile": f"""
            FROM {BASE}
            RUN echo mine > /mine
            COPY --from=cog payload/ /opt/cog/
            RUN python -I -B /opt/cog/cog/runtime_stdlib/path_hook.py /opt/cog
            ENV COG_PREDICT_TYPE_STUB=predict.py:Predictor
            WORKDIR /src
            CMD ["python", "-m", "cog.server.http"]
            COPY . /src
            """
        }
    )
    project.cog("build", "--dockerfile", "Own.Dockerfile")
    assert docker("run", "--rm", project.name, "cat", "/mine") == "mine\n"
    assert project.cog("predict", project.name, "-i", "s=you").stdout == "hello you\n"


def test_another_file_than_cog_yaml_is_cog_yaml_in_the_image(project: Project) -> None:
    (project.folder / "cog.yaml").rename(project.folder / "gpu-less.yaml")
    project.cog("build", "--file", "gpu-less.yaml")
    expected = (project.folder / "gpu-less.yaml").read_text()
    assert docker("run", "--rm", project.name, "cat", "/src/cog.yaml") == expected


def test_a_certificate_authority_is_trusted_in_the_image(project: Project, tmp_path: Path) -> None:
    body = "MIIBVDCB+6ADAgECAhQ=".ljust(64, "A")
    pem = f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"
    (tmp_path / "ca.pem").write_text(pem)
    project.environment["COG_CA_CERT"] = str(tmp_path / "ca.pem")
    project.cog("build")
    assert body in docker("run", "--rm", project.name, "cat", "/etc/ssl/certs/ca-certificates.crt")
    assert "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt" in inspect(project.name)["Config"]["Env"]


def test_build_works_from_a_folder_below_the_project(project: Project) -> None:
    below = project.folder / "some" / "where"
    below.mkdir(parents=True)
    project.cog("build", cwd=below)
    assert project.cog("predict", project.name, "-i", "s=you").stdout == "hello you\n"
