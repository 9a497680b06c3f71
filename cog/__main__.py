"""The front door of the command line: puts the vendored packages in reach of this process alone.

They are on sys.path, never in PYTHONPATH: what the tool starts must find the user's pydantic and
not ours. In a checkout they are where build_zipapp.py laid them out; an editable install may do
without, since pip has installed them then.
"""

from __future__ import annotations

import sys


def main() -> int:
    try:
        from cog.cli.unpacked import vendor_folder

        folder = vendor_folder(__file__)
        if folder:
            sys.path.insert(0, folder)
        from cog.cli.main import main as carry_out
    except KeyboardInterrupt:  # so early that nothing has been begun
        sys.stderr.write("interrupted\n")
        return 130
    return carry_out()


if __name__ == "__main__":
    sys.exit(main())
