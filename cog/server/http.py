"""`python -m cog.server.http`: the prediction server's public door. No logic, and no import before isolation."""

from __future__ import annotations


def main() -> None:
    from cog.runtime_stdlib.isolation import step_out

    directory = step_out()
    from cog.runtime_stdlib.isolation import use_packed_bytecode

    use_packed_bytecode()
    from cog.runtime_stdlib.app import serve

    serve(directory)


if __name__ == "__main__":
    main()
