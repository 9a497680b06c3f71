from typing import Any, Dict, List, NamedTuple, Set, Tuple, Union

from cog import BaseModel


class Pair(NamedTuple):
    a: int
    b: str


class Report(BaseModel):
    anything: Any
    either: Union[int, List[str]]
    pair: Pair
    three: Tuple[int, str, float]
    many: Tuple[int, ...]
    names: Set[str]
    table: Dict[str, Dict[str, float]]


def predict() -> List[Report]: ...
