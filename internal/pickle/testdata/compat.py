"""Writes ../compat.go: python compat.py > ../compat.go, with any Python 3."""

import _compat_pickle as c
import json

q = json.dumps
print("""package pickle

// The names that Python 2 had for what Python 3 pickles by another name in protocols before 3:
// testdata/compat.py.

var modules2 = map[string]string{""")
for old, new in sorted(c.IMPORT_MAPPING.items()):
    print("\t%s: %s," % (q(old), q(new)))
print("}\n\nvar names2 = map[Global]Global{")
for old, new in sorted(c.NAME_MAPPING.items()):
    print("\t{%s, %s}: {%s, %s}," % tuple(map(q, old + new)))
print("}")
