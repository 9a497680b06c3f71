"""What is changed in the vendored packages, and why: (file, text as released, text as shipped).

build_zipapp.py applies these and fails when a text is not there exactly once. tests/zipapp proves
that a patched file means what the released one means.
"""

# PyYAML compiles, when it is imported, a pattern for characters that YAML forbids, written as the
# complement of those that it allows: Python's compiler takes 3 to 5 ms over that, a tenth of what a
# whole command takes. The same set, written as what it holds, takes a fifth.
READER = (
    "yaml/reader.py",
    r"re.compile('[^\x09\x0A\x0D\x20-\x7E\x85\xA0-\uD7FF\uE000-\uFFFD\U00010000-\U0010ffff]')",
    r"re.compile('[\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x84\x86-\x9F]|[\uD800-\uDFFF\uFFFE\uFFFF]')",
)

PATCHES = (READER,)
