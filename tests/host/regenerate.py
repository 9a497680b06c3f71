"""Write the files that are made from others; run it after changing their sources.

    python tests/host/regenerate.py schema            docs/cog.schema.json, cog/config/shape_table.py
    python tests/host/regenerate.py tables DIRECTORY  cog/compat/data/*.json from the fact tables (CSV)

The functions are pure so that tests can ask whether the files are current.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from pathlib import Path
from typing import Any, Dict, List

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = ROOT / "docs" / "cog.schema.json"
TABLE = ROOT / "cog" / "config" / "shape_table.py"
DATA = ROOT / "cog" / "compat" / "data"


def schema() -> Dict[str, Any]:
    from cog.config.models import CogYaml

    body = CogYaml.schema()
    return {"$schema": "http://json-schema.org/draft-07/schema#", **body}


def schema_text() -> str:
    return json.dumps(schema(), indent=2) + "\n"


def table_text() -> str:
    whole = schema()
    body = json.dumps(_bare(whole, whole["definitions"]), indent=4)
    body = re.sub(r"\[\s+(\"[^\[\]]*\")\s+\]", _one_line, body)
    return (
        '"""Which keys cog.yaml has and of which type. Made from models.py; do not edit.\n\n'
        'Regenerate with `python tests/host/regenerate.py schema`.\n"""\n\n'
        "from __future__ import annotations\n\n"
        "TYPE_CHECKING = False\nif TYPE_CHECKING:\n    from typing import Any, Dict\n\n"
        f"TABLE: Dict[str, Any] = {body}\n"
    )


def _one_line(match: "re.Match[str]") -> str:
    return "[" + re.sub(r"\s+", " ", match[1]) + "]"


def _bare(node: Dict[str, Any], definitions: Dict[str, Any]) -> Dict[str, Any]:
    """The parts that decide, with references put in place."""
    if "$ref" in node:
        return _bare(definitions[node["$ref"].rpartition("/")[2]], definitions)
    if "allOf" in node:
        return _bare(node["allOf"][0], definitions)
    if "anyOf" in node:
        return {"anyOf": [_bare(choice, definitions) for choice in node["anyOf"]]}
    bare: Dict[str, Any] = {}
    if "type" in node:
        bare["type"] = node["type"] if isinstance(node["type"], list) else [node["type"]]
    if "enum" in node:
        bare["enum"] = node["enum"]
    if "items" in node:
        bare["items"] = _bare(node["items"], definitions)
    if "properties" in node:
        bare["properties"] = {
            name: _bare(inner, definitions) for name, inner in node["properties"].items()
        }
        bare["required"] = node.get("required", [])
    return bare


def tables(facts: Path) -> Dict[str, str]:
    """File name -> text of the tables that follow from the fact files."""
    torch = []
    for row in _rows(facts / "torch.csv"):
        torch.append(
            {
                "torch": row["torch"],
                "torchvision": row["torchvision"],
                "torchaudio": row["torchaudio"],
                "cuda": row["cuda"],
                "pythons": row["pythons"].split(),
                "index": row["extra_index_suffix"],
                "find_links": row["find_links_suffix"],
                "local": row["local_suffix"],
                "default": row["default_on_public_index"] == "yes",
            }
        )
    tensorflow = [
        {
            "tensorflow": row["tf"],
            "cuda": row["cuda"],
            "cudnn": row["cudnn"],
            "pythons": row["pythons"].split(),
        }
        for row in _rows(facts / "tensorflow.csv")
    ]
    images = [
        {
            "cuda": row["cuda"],
            "cudnn": row["cudnn"],
            "ubuntu": row["ubuntu"],
            "tag": row["image_tag"],
        }
        for row in _rows(facts / "cuda_base_images.csv")
        if row["is_devel"] == "true"
    ]
    return {
        "torch.json": _lines({"torch": torch}),
        "tensorflow.json": _lines({"tensorflow": tensorflow}),
        "cuda_images.json": _lines({"cuda_images": images}),
    }


def _rows(path: Path) -> List[Dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _lines(table: Dict[str, List[Dict[str, Any]]]) -> str:
    """One row per line: a new release is a one-line diff."""
    ((name, rows),) = table.items()
    body = ",\n".join("    " + json.dumps(row) for row in rows)
    return f'{{\n  "{name}": [\n{body}\n  ]\n}}\n'


def main(arguments: List[str]) -> None:
    if arguments == ["schema"]:
        SCHEMA.write_text(schema_text(), encoding="utf-8")
        TABLE.write_text(table_text(), encoding="utf-8")
    elif len(arguments) == 2 and arguments[0] == "tables":
        for name, text in tables(Path(arguments[1])).items():
            (DATA / name).write_text(text, encoding="utf-8")
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main(sys.argv[1:])
