"""What pydantic 1.10 needs on newer Pythons, in one place. Import before pydantic.

Found on trial, 3.9 to 3.13: nothing, as long as the version is 1.10.16 or newer and the models
keep to `from __future__ import annotations`. From 3.14 on annotations are evaluated lazily and a
class body no longer has `__annotations__` unless its module has that import (PEP 649), which is
where pydantic 1.10 looks for fields; so models.py must keep it, and there is nothing to patch.
"""

from __future__ import annotations
