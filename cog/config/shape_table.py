"""Which keys cog.yaml has and of which type. Made from models.py; do not edit.

Regenerate with `python tests/host/regenerate.py schema`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict

TABLE: Dict[str, Any] = {
    "type": ["object"],
    "properties": {
        "build": {
            "anyOf": [
                {
                    "type": ["object"],
                    "properties": {
                        "gpu": {
                            "type": ["boolean"]
                        },
                        "python_version": {
                            "type": ["string", "number"]
                        },
                        "python_requirements": {
                            "type": ["string"]
                        },
                        "python_packages": {
                            "type": ["array", "null"],
                            "items": {
                                "type": ["string"]
                            }
                        },
                        "system_packages": {
                            "type": ["array", "null"],
                            "items": {
                                "type": ["string"]
                            }
                        },
                        "run": {
                            "type": ["array", "null"],
                            "items": {
                                "anyOf": [
                                    {
                                        "type": ["object"],
                                        "properties": {
                                            "command": {
                                                "type": ["string"]
                                            },
                                            "mounts": {
                                                "type": ["array", "null"],
                                                "items": {
                                                    "type": ["object"],
                                                    "properties": {
                                                        "type": {
                                                            "type": ["string"],
                                                            "enum": ["secret"]
                                                        },
                                                        "id": {
                                                            "type": ["string"]
                                                        },
                                                        "target": {
                                                            "type": ["string"]
                                                        }
                                                    },
                                                    "required": ["type", "id", "target"]
                                                }
                                            }
                                        },
                                        "required": ["command"]
                                    },
                                    {
                                        "type": ["string"]
                                    }
                                ]
                            }
                        },
                        "pre_install": {
                            "type": ["array", "null"],
                            "items": {
                                "type": ["string"]
                            }
                        },
                        "cuda": {
                            "type": ["string"]
                        },
                        "cudnn": {
                            "type": ["string"]
                        },
                        "sdk_version": {
                            "type": ["string", "number"]
                        }
                    },
                    "required": []
                },
                {
                    "type": ["null"]
                }
            ]
        },
        "image": {
            "type": ["string"]
        },
        "predict": {
            "type": ["string"]
        },
        "run": {
            "type": ["string"]
        },
        "train": {
            "type": ["string"]
        },
        "concurrency": {
            "type": ["object"],
            "properties": {
                "max": {
                    "type": ["integer"]
                },
                "default_target": {
                    "type": ["integer"]
                }
            },
            "required": ["max"]
        },
        "environment": {
            "type": ["array", "null"],
            "items": {
                "type": ["string"]
            }
        },
        "tests": {
            "type": ["array", "null"],
            "items": {}
        }
    },
    "required": []
}
