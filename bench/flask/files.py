"""What a read and a write of a session cost with the file store of Flask-Session, at several numbers of sessions.

    python files.py 1000 10000

Prints one line of JSON for each. The store is cachelib's FileSystemCache, called as Flask-Session calls it, without Flask around
it. Its threshold is above the number of sessions, or it would evict live ones and list the folder with every write.
"""

import json
import random
import secrets
import sys
import tempfile
import time

from cachelib.file import FileSystemCache

CALLS = 500
LIFETIME = 31 * 24 * 3600


def measure(count):
    with tempfile.TemporaryDirectory() as folder:
        cache = FileSystemCache(folder, threshold=10 * count, mode=0o600)
        keys = ["session:" + secrets.token_urlsafe(32) for _ in range(count)]
        session = {"_permanent": True, "name": "v" * 100}
        for key in keys:
            cache.set(key, session, LIFETIME)
        chosen = random.choices(keys, k=CALLS)

        begun = time.process_time()
        for key in chosen:
            assert cache.get(key) is not None
        read = (time.process_time() - begun) / CALLS

        begun = time.process_time()
        for number, key in enumerate(chosen):
            session["name"] = "%0100d" % number
            assert cache.set(key, session, LIFETIME)
        write = (time.process_time() - begun) / CALLS
    return {"sessions": count, "read": read * 1e9, "write": write * 1e9}


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        print(json.dumps(measure(int(argument))), flush=True)
