"""Reads a PROV-JSON document back with the package of the format's own authors: prov_json.py FILE

Prints one JSON object: how many records of each kind were read, and the document in PROV-N. Any warning is an error, so
that nothing is dropped on the way. Exits with 77 where a package is missing.
"""

import json
import sys
import warnings

try:
    import jsonschema
    import prov
    from prov.model import ProvDocument
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(77)

warnings.simplefilter("error")
with open(sys.argv[1], encoding="utf-8") as file:
    text = file.read()

# The schema of the W3C submission, as the package carries it.
from importlib.resources import files

schema = json.loads((files(prov) / "tests/schemas/prov-json.schema.json").read_text(encoding="utf-8"))
validator = jsonschema.validators.validator_for(schema)(schema)
wrong = [f"{'/'.join(map(str, error.path))}: {error.message}" for error in validator.iter_errors(json.loads(text))]
if wrong:
    sys.exit("\n".join(wrong))

document = ProvDocument.deserialize(content=text, format="json")
again = ProvDocument.deserialize(content=document.serialize(format="json"), format="json")
if document != again:
    sys.exit("what is written again is another document")

counts = {}
for record in document.get_records():
    name = prov.constants.PROV_N_MAP[record.get_type()]
    counts[name] = counts.get(name, 0) + 1
print(json.dumps({"counts": counts, "provn": document.get_provn()}))
