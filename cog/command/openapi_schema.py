"""`python -m cog.command.openapi_schema`: print the model's OpenAPI document, and nothing else."""

from __future__ import annotations


def main() -> None:
    from cog.runtime_stdlib.isolation import step_out

    directory = step_out()
    from cog.runtime_stdlib.app import print_schema

    print_schema(directory, strict=True)


if __name__ == "__main__":
    main()
