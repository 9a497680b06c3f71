from cog import Path


def train(data: Path, rate: float = 1e-4) -> Path: ...
