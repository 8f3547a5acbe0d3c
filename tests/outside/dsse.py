"""Verifies a DSSE envelope and its in-toto statement with the reference packages: dsse.py FILE PUBLIC_KEY_HEX KEYID

Prints the statement as one JSON object. Exits with 77 where a package is missing, with 1 where a signature does not hold.
"""

import json
import sys

try:
    from google.protobuf.json_format import ParseDict
    from in_toto_attestation.v1.statement import Statement
    from securesystemslib.dsse import Envelope
    from securesystemslib.exceptions import VerificationError
    from securesystemslib.signer import SSlibKey
    import cryptography  # securesystemslib asks for it only when it verifies
    import in_toto_attestation.v1.statement_pb2 as statement_pb2
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(77)

with open(sys.argv[1], encoding="utf-8") as file:
    envelope = Envelope.from_dict(json.load(file))
key = SSlibKey(sys.argv[3], "ed25519", "ed25519", {"public": sys.argv[2]})
try:
    envelope.verify([key], 1)
except VerificationError as error:
    print(error, file=sys.stderr)
    sys.exit(1)
if envelope.payload_type != "application/vnd.in-toto+json":
    sys.exit(f"payload type {envelope.payload_type}")

payload = json.loads(envelope.payload)
message = ParseDict(payload, statement_pb2.Statement())
statement = Statement(message.subject, message.predicate_type, message.predicate)
statement.pb.type = message.type
statement.validate()
print(json.dumps(payload))
