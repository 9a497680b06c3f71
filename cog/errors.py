"""Failures we foresaw, as classes: what broke, why, and what to do about it.

Raise where the facts are; `cli/console` alone prints. Someone else's fault (a bad cog.yaml, a
missing docker, a broken model) is a CogError; our own bugs stay ordinary exceptions and keep
their traceback. Every `code` is stable, kebab-case and explained in docs/errors.md.
"""

from __future__ import annotations

__all__ = ["CogError"]


class CogError(Exception):
    """A failure we foresaw: what broke, why, and what to do about it."""

    code = ""  # stable: tests, docs and users name it
    category = ""  # the coarse family, for front ends that group errors
    exit_status = 1

    def __init__(self, what: str, *, why: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what, self.why, self.fix = what, why, fix

    def report(self) -> str:
        """The whole message, several lines, without a leading "error:" and without colour."""
        lines = [self.what]
        if self.why:
            lines.append(self.why)
        if self.fix:
            lines.append(f"fix: {self.fix}")
        return "\n".join(lines)
