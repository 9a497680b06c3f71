"""Print how near the first text of a file of embeddings is to each of the others: the cosine of the angle."""

import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    vectors = json.load(file)
print(f"{len(vectors)} vectors of {len(vectors[0])} numbers")
for position, other in enumerate(vectors[1:], start=2):
    cosine = sum(a * b for a, b in zip(vectors[0], other))
    print(f"1 and {position}: {round(cosine, 1) + 0.0}")  # + 0.0: never "-0.0"
