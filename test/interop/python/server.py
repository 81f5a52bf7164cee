"""Answers JSON lines on stdin with JSON lines on stdout: {"id", "op", ...} -> {"id", "ok", ...}.

An engine is an object with methods named as the operations; each takes the request's other members and returns what
the reply carries. Everything else that a library prints goes to stderr.
"""

import json
import os
import sys
import traceback


def serve(start):
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    engine = start()
    print(json.dumps({"id": 0, "ok": True}), file=replies, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        identity, operation = request.pop("id"), request.pop("op")
        try:
            reply = {"id": identity, "ok": True, "result": getattr(engine, operation)(**request)}
        except BaseException as error:
            traceback.print_exc()
            # Java's exceptions carry the whole stack in their text.
            text = f"{type(error).__name__}: {error}"
            reply = {"id": identity, "ok": False, "error": text[:4000]}
        print(json.dumps(reply), file=replies, flush=True)


def firn():
    return os.environ["FIRN_CATALOG_URI"], os.environ["FIRN_CATALOG_TOKEN"]
