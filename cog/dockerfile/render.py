"""Instructions -> the text of a Dockerfile."""

from __future__ import annotations

from collections.abc import Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cog.dockerfile.instructions import Instruction


WIDTH = 100


def render(instructions: Sequence[Instruction], *, explain: bool = False) -> str:
    """One instruction a line; with `explain`, above each the rule that chose it."""
    lines: list[str] = []
    for instruction in instructions:
        if explain and instruction.because:
            if lines:
                lines.append("")
            import textwrap  # only to explain

            lines += [f"# {line}" for line in textwrap.wrap(instruction.because, WIDTH - 2)]
        lines.append(str(instruction))
    return "\n".join(lines) + "\n"
