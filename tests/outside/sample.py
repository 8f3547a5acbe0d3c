"""Draws a sample again from docs/format.md, "Sample", alone: sample.py SAMPLE.json POPULATION.tsv

Prints one JSON object: the population's SHA-256, and the seqs drawn. Needs nothing but Python.
"""

import hashlib
import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    recipe = json.load(file)["recipe"]
with open(sys.argv[2], "rb") as file:
    data = file.read()

strata = {}
for line in data.decode("utf-8").split("\n")[:-1]:
    seq, leaf, stratum = line.split("\t", 2)
    assert len(leaf) == 64
    json.loads(stratum)
    key = hashlib.sha256(f"inforce-sample/1\n{recipe['seed']}\n{recipe['root']}\n{seq}".encode()).digest()
    strata.setdefault(stratum, []).append((key, int(seq)))

names = sorted(strata, key=lambda name: name.encode())
total = sum(map(len, strata.values()))
size = min(recipe["requested"], total)
rest, left = size - len(names), max(total - len(names), 1)
exact = [rest * (len(strata[name]) - 1) for name in names]
shares = [1 + each // left for each in exact]
order = sorted(range(len(names)), key=lambda number: (-(exact[number] % left), number))
for number in order[: size - sum(shares)]:
    shares[number] += 1

drawn = []
for name, share in zip(names, shares):
    drawn += [seq for _, seq in sorted(strata[name])[:share]]
print(json.dumps({"sha256": hashlib.sha256(data).hexdigest(), "seqs": sorted(drawn)}))
