"""Lets the reasons take turns, so that no row of covers is all of one kind: a component of world `ranker` in Python.

Scores can only be compared among candidates of one reason, and so they are: each reason's best goes first, and the reasons follow in
the order in which the model names them first.
"""

from itertools import chain, zip_longest

from wit_world import WitWorld as Ranker
from wit_world.imports.ranking import Candidate, Question, Reason


class WitWorld(Ranker):
    def rank(self, question: Question, candidates: list[Candidate]) -> list[int]:
        by_reason: dict[Reason, list[Candidate]] = {}
        for candidate in candidates:
            by_reason.setdefault(candidate.reason, []).append(candidate)
        for of_one_reason in by_reason.values():
            of_one_reason.sort(key=lambda candidate: candidate.score, reverse=True)
        turns = chain.from_iterable(zip_longest(*by_reason.values()))
        return [candidate.book for candidate in turns if candidate is not None]
