"""What code in a sandbox may try: class of attempt -> programs. FILE, NAME and PORT stand for the canaries of the host."""

from __future__ import annotations

OUTSIDE = [
    "().__class__",
    "''.__class__.__mro__",
    "().__class__.__base__.__subclasses__()",
    "type(1).__subclasses__()",
    "object.__subclasses__()",
]

REFUSED = {
    "modules": [f"import {name}" for name in ("subprocess", "ctypes", "socket", "shutil", "importlib", "builtins", "multiprocessing", "threading", "signal", "pickle", "marshal", "gc", "inspect", "tempfile", "urllib.request", "http.client", "resource", "mmap", "adjoint", "pydantic_monty")],
    "members of modules": [f"import os\nos.{name}" for name in ("system('touch FILE')", "popen('cat FILE').read()", "fork()", "execv('/bin/sh', ['sh'])", "kill(1, 9)", "open('FILE', 0)", "remove('FILE')", "_exit(3)", "dup(1)", "path.os.system('id')")] + [f"import sys\nsys.{name}" for name in ("modules['os']", "exit.__self__", "_getframe()", "meta_path", "settrace(print)", "setrecursionlimit(10**9)")],
    "builtins": ["__import__('os').system('id')", "__builtins__['open']('FILE')", "__builtins__.open", "globals()['__builtins__']", "breakpoint()", "compile('1', 'x', 'eval').co_code", "eval(\"open('FILE').read()\")", "exec(\"print(open('FILE').read())\")", "eval(\"__import__('os')\")", "input()", "vars(open)", "__loader__.load_module('os')", "__spec__.loader"],
    "dunder walks": [*OUTSIDE, "(lambda: 1).__globals__", "(lambda: 1).__code__", "print.__self__", "len.__self__.__import__('os')", "[].append.__self__.__class__", "lookup.__globals__", "lookup.__closure__", "lookup.__code__", "getattr((), '__cla' + 'ss__')", "getattr(lookup, '__globals__')", "type('X', (), {}).__subclasses__()", "class A:\n    pass\nA.__base__.__subclasses__()", "class A:\n    pass\nA().__init__.__globals__", "True.__class__.__mro__[2]", "object.__getattribute__(lookup, '__globals__')"],
    "frames": ["try:\n    1 / 0\nexcept Exception as error:\n    error.__traceback__.tb_frame.f_globals", "try:\n    1 / 0\nexcept Exception as error:\n    error.__traceback__.tb_frame.f_back.f_builtins", "def g():\n    yield 1\ng().gi_frame.f_back", "(n for n in [1]).gi_frame", "(n for n in [1]).gi_code", "async def f():\n    pass\nf().cr_frame", "try:\n    lookup()\nexcept Exception as error:\n    error.__context__.__traceback__.tb_frame"],
    "format strings": ["'{0.__class__}'.format(1)", "'{0.__globals__}'.format(lookup)", "'{0.__class__.__mro__[1]}'.format('')", "'{x.__code__}'.format(x=lambda: 1)", "f'{().__class__}'", "'{0.__init__.__globals__[os]}'.format(ValueError())", "'{0[__builtins__]}'.format({})"],
    "codecs": ["import codecs\ncodecs.open('FILE')", "import encodings", "import base64\nexec(base64.b64decode('aW1wb3J0IHN1YnByb2Nlc3M='))", "b'aW1wb3J0IG9z'.decode('base64')", "'b'.encode('zlib')", "exec(bytes([105, 109, 112, 111, 114, 116, 32, 99, 116, 121, 112, 101, 115]).decode())", "import io\nio.FileIO('FILE')"],
    "files": ["open('FILE').read()", "open('FILE', 'w').write('x')", "open('FILE', 'a')", "open('FILE', 'rb').read()", "open('/proc/self/environ').read()", "open('/etc/passwd').read()", "open('new.txt', 'w')", "open('../../../../etc/hostname')", "open(0).read()", "from pathlib import Path\nPath('FILE').read_text()", "from pathlib import Path\nPath('FILE').unlink()", "from pathlib import Path\nPath('made').mkdir()", "from pathlib import Path\nlist(Path('/').iterdir())", "from pathlib import Path\nPath('FILE').rename('gone')"],
    "environment": ["import os\nos.environ['NAME']", "import os\nos.getenv('NAME')", "import os\nos.environ.get('NAME')", "from os import environ\nprint(dict(environ))", "import os\nos.putenv('NAME', 'x')", "import os\nos.listdir('.')"],
    "network": ["from socket import socket\nsocket().connect(('127.0.0.1', PORT))", "import asyncio\nasyncio.open_connection('127.0.0.1', PORT)", "from urllib.request import urlopen\nurlopen('http://127.0.0.1:PORT')", "import ssl", "import requests\nrequests.get('http://127.0.0.1:PORT')"],
    "processes and threads": ["from threading import Thread\nThread(target=print).start()", "from os import fork\nfork()", "import _thread", "import concurrent.futures", "import asyncio\nasyncio.create_subprocess_shell('id')", "import pty\npty.spawn('sh')"],
    "hostile arguments": ["lookup()", "lookup(1, 2, 3)", "lookup('a', key='b')", "lookup(**{'__class__': 1})", "lookup('missing')", "lookup([])", "lookup({'a': lookup})", "lookup(lambda: 1)", "other('a')"],
    "values that grow outside": ["10**5000", "a = [1]\nfor _ in range(40): a = [a, a]\na", "a = [1]\nfor _ in range(40): a = [a, a]\nlookup(a)", "a = []\nfor _ in range(5000): a = [a]\na", "a = []\na.append(a)\nlookup(a)", "lookup(10**5000)", "a = 'x' * 10**6\n[a] * 1000", "a = [1]\nfor _ in range(40): a = [a, a]\nValueError(a)", "class A:\n    pass\no = A()\no.x = [1]\nfor _ in range(40): o.x = [o.x, o.x]\no"],
    "recursion": ["def f():\n    return f()\nf()", "f = lambda n: f(n + 1)\nf(0)", "def a():\n    return b()\ndef b():\n    return a()\na()", "(" * 3000 + ")" * 3000, "-" * 20000 + "1"],
}  # fmt: skip
"""Each must end as an error in words."""

EXHAUST = {
    "endless": ["while True: pass", "n = 0\nwhile True: n += 1", "for _ in range(10**15): pass", "while True:\n    try:\n        1 / 0\n    except Exception:\n        pass", "sum(range(10**14))"],
    "memory": ["[0] * 10**10", "a = []\nwhile True: a.append('x' * 1000)", "a = [1]\nwhile True: a = a + a", "{n: str(n) for n in range(10**9)}", "bytes(10**10)", "list(range(10**10))"],
    "huge": ["10**10**9", "1 << 10**11", "'a' * 10**11", "a = 9\nwhile True: a = a * a", "'ab'.replace('a', 'b' * 10**10)", "'x'.rjust(10**11)"],
    "floods": ["while True: print('x' * 1000)", "for n in range(10**8): print(n)", "for _ in range(40): print('y' * 10**5)"],
}  # fmt: skip
"""Each must end as an error within its limits."""

INERT = {
    "hostile values": ["class A:\n    def __repr__(self):\n        return open('FILE').read()\nA()", "lookup", "print", "a = []\na.append(a)\na", "lambda: 1", "ValueError('x')", "type(1)", "float('nan')", "{None: (1, 2)}"],
    "what looks like the host": ["import os\nos.getcwd()", "import sys\nsys.platform", "__name__"],
    "names that shadow": ["open = print\nopen('FILE')", "lookup = 1", "def print(*a):\n    return 1\nprint(1)", "True_ = __name__", "class str:\n    pass\nstr()"],
}  # fmt: skip
"""These may run: they give values and names that must have no effect outside."""
