"""Functions as R3's tutorial serves them: FastAPI, and wasmtime in the same process.

/fresh/NAME makes an engine and compiles the module for each request, as the tutorial does; /cached/NAME does so once, and makes
an instance for each request.

    python functions.py ADDRESS FOLDER
"""

import functools
import json
import os
import sys
import tempfile

import uvicorn
import wasmtime
from fastapi import FastAPI, Request, Response

FOLDER = sys.argv[2] if len(sys.argv) > 2 else "."
app = FastAPI()


def run(engine, module, data):
    """What the guest writes to stdout, which the tutorial has in a file."""
    linker = wasmtime.Linker(engine)
    linker.define_wasi()
    with tempfile.NamedTemporaryFile() as out:
        wasi = wasmtime.WasiConfig()
        wasi.env = [["DATA", json.dumps(data)]]
        wasi.stdout_file = out.name
        store = wasmtime.Store(engine)
        store.set_wasi(wasi)
        instance = linker.instantiate(store, module)
        try:
            instance.exports(store)["_start"](store)
        except wasmtime.ExitTrap as exit:
            if exit.code != 0:
                raise
        with open(out.name, "rb") as written:
            return written.read()


def load(name):
    engine = wasmtime.Engine()
    return engine, wasmtime.Module.from_file(engine, os.path.join(FOLDER, f"{name}.wasm"))


cached = functools.cache(load)


@app.get("/fresh/{name}")
def fresh(name: str, request: Request):
    return Response(run(*load(name), dict(request.query_params)), media_type="application/json")


@app.get("/cached/{name}")
def once(name: str, request: Request):
    return Response(run(*cached(name), dict(request.query_params)), media_type="application/json")


if __name__ == "__main__":
    host, port = sys.argv[1].rsplit(":", 1)
    uvicorn.run(app, host=host, port=int(port), log_level="warning")
