"""The front door of the command line: puts the vendored packages in reach of this process alone.

They are on sys.path, never in PYTHONPATH: what the tool starts must find the user's pydantic and
not ours. In an editable install pip has installed them and vendor/ is not there.
"""

from __future__ import annotations

import sys


def main() -> int:
    from cog.cli import baked
    from cog.cli.unpacked import use

    use(baked.DIGEST)
    from cog.cli.main import main as carry_out

    return carry_out()


if __name__ == "__main__":
    sys.exit(main())
