"""Reverses each word but those with punctuation in them: a component of world `algorithm` in Python."""

from componentize_py_types import Err
from wit_world import WitWorld as Algorithm
from wit_world.imports import log
from wit_world.imports.types import Failure

PUNCTUATION = ".,'!?\""


class WitWorld(Algorithm):
    def run(self, payload: bytes) -> bytes:
        log.write(log.Level.DEBUG, "reverses words")
        try:
            text = payload.decode()
        except UnicodeDecodeError:
            raise Err(Failure("bad-input", "The text must be UTF-8."))
        return " ".join(reverse(word) for word in text.split(" ")).encode()


def reverse(word: str) -> str:
    return word if any(mark in word for mark in PUNCTUATION) else word[::-1]
