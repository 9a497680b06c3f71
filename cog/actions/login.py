"""`cog login`: credentials for Replicate's registry into Docker's own configuration.

Strategy: two requests to the registry's web side (where to get a token, whom it belongs to), then
what `docker login` does: the credential helper of that registry, else the credentials store, else
config.json. Any other registry is Docker's business, and we say so.
"""

from __future__ import annotations

import base64
import getpass
import json
import os
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
import webbrowser
from collections.abc import Mapping
from pathlib import Path

from cog.engine import process
from cog.engine.interface import Reporter
from cog.errors import CogError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

SECONDS = 30
LONGEST_ANSWER = 1 << 20


class LoginFailed(CogError):
    code = "login-failed"


def login(registry: str, reporter: Reporter, *, token_from_stdin: bool = False) -> int:
    """Ask for a token, check it, keep it."""
    token = (sys.stdin.read() if token_from_stdin else ask_for_token(registry, reporter)).strip()
    if not token:
        raise LoginFailed("no token was given", fix="paste the token, or pipe it in: `cog login --token-stdin < token.txt`")
    if token.startswith("r8_"):
        raise LoginFailed(
            "that is an API token",
            why="the registry wants the token for the command line",
            fix="get it from https://replicate.com/auth/token",
        )
    user = verify(registry, token)
    save(host_of(registry), user, token, os.environ)
    reporter.info(f"You've successfully authenticated as {user}! You can now use the {registry!r} registry.")
    return 0


def ask_for_token(registry: str, reporter: Reporter) -> str:
    status, answer = request(f"{address(registry)}/cog/v1/display-token-url")
    if status == 404:
        raise LoginFailed(
            f"{registry} is not Replicate's registry",
            fix=f"log in with `docker login {host_of(registry)}`; cog uses its credentials",
        )
    url = answer.get("url") if status == 200 else None
    if not isinstance(url, str):
        raise LoginFailed(f"{registry} did not say where to get a token", why=f"it answered with status {status}")
    if not sys.stdin.isatty():
        raise LoginFailed(
            "there is no terminal to ask for the token",
            fix=f"get one from {url} and pipe it in: `cog login --token-stdin < token.txt`",
        )
    reporter.info(f"This command authenticates Docker with Replicate's registry.\nGet a token from:\n\n    {url}\n")
    try:
        webbrowser.open(url)
    except webbrowser.Error:
        pass  # the address is on the screen
    return getpass.getpass("Paste the token here (it is not shown): ", stream=sys.stderr)


def verify(registry: str, token: str) -> str:
    """The user the token belongs to."""
    status, answer = request(f"{address(registry)}/cog/v1/verify-token", {"token": token})
    if status == 404:
        raise LoginFailed("user does not exist", why=f"{registry} does not know the owner of this token")
    user = answer.get("username")
    if status != 200 or not isinstance(user, str) or not user:
        raise LoginFailed(
            f"{registry} did not accept the token", why=f"it answered with status {status}", fix="get a new token and try again"
        )
    return user


def address(registry: str) -> str:
    return registry.rstrip("/") if "://" in registry else f"https://{registry.rstrip('/')}"


def host_of(registry: str) -> str:
    return registry.partition("://")[2].partition("/")[0] if "://" in registry else registry.partition("/")[0]


def request(url: str, form: Optional[Mapping[str, str]] = None) -> tuple[int, dict[str, object]]:
    """Status and JSON object of an answer; POST when there is a form."""
    data = urllib.parse.urlencode(form).encode() if form is not None else None
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=data), timeout=SECONDS) as answer:
            status, body = answer.status, answer.read(LONGEST_ANSWER)
    except urllib.error.HTTPError as error:
        with error:
            status, body = error.code, error.read(LONGEST_ANSWER)
    except (urllib.error.URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise LoginFailed(f"{url} cannot be reached", why=str(reason), fix="check the network and the proxy variables") from error
    try:
        document = json.loads(body)
    except ValueError:
        document = {}
    return status, document if isinstance(document, dict) else {}


# --- Docker's configuration -------------------------------------------------------------------------


def save(host: str, user: str, token: str, environment: Mapping[str, str]) -> None:
    """As `docker login` keeps credentials."""
    folder = Path(environment.get("DOCKER_CONFIG") or Path.home() / ".docker")
    path = folder / "config.json"
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else "{}"
        config = json.loads(text or "{}")
    except (OSError, ValueError) as error:
        raise LoginFailed(f"{path} cannot be read", why=str(error), fix="correct or remove it, then log in again") from error
    if not isinstance(config, dict):
        raise LoginFailed(f"{path} is not a JSON object", fix="correct or remove it, then log in again")
    helpers = config.get("credHelpers")
    helper = (helpers.get(host) if isinstance(helpers, dict) else None) or config.get("credsStore")
    if helper:
        store(str(helper), host, user, token)
        return
    auths = config.setdefault("auths", {})
    auths[host] = {"auth": base64.b64encode(f"{user}:{token}".encode()).decode()}
    replace_file(path, json.dumps(config, indent="\t") + "\n")


def store(helper: str, host: str, user: str, token: str) -> None:
    given = json.dumps({"ServerURL": host, "Username": user, "Secret": token}).encode()
    process.run(
        [f"docker-credential-{helper}", "store"],
        what=f"the credential helper {helper} did not take the token",
        stdin=given,
        stdout=process.CAPTURE,
        stderr=process.CAPTURE,
    )


def replace_file(path: Path, text: str) -> None:
    """Write a private file at once or not at all. A link stays a link."""
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".config-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)  # mkstemp has made it readable for the owner alone
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
