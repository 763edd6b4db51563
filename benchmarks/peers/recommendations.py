"""The peer of `recommendations`: a plain grpcio server with 10 worker threads, its books in a dictionary.

Run as `recommendations.py ADDRESS` with the generated modules on PYTHONPATH.
"""

import random
import sys
from concurrent import futures

import grpc
import recommendations_pb2_grpc
from recommendations_pb2 import (
    MYSTERY,
    SCIENCE_FICTION,
    SELF_HELP,
    BookRecommendation,
    RecommendationResponse,
)

BOOKS = {
    MYSTERY: [
        BookRecommendation(id=1, title="The Maltese Falcon"),
        BookRecommendation(id=2, title="Murder on the Orient Express"),
        BookRecommendation(id=3, title="The Hound of the Baskervilles"),
    ],
    SCIENCE_FICTION: [
        BookRecommendation(id=4, title="The Hitchhiker's Guide to the Galaxy"),
        BookRecommendation(id=5, title="Ender's Game"),
        BookRecommendation(id=6, title="The Dune Chronicles"),
    ],
    SELF_HELP: [
        BookRecommendation(id=7, title="The 7 Habits of Highly Effective People"),
        BookRecommendation(id=8, title="How to Win Friends and Influence People"),
        BookRecommendation(id=9, title="Man's Search for Meaning"),
    ],
}


class Recommendations(recommendations_pb2_grpc.RecommendationsServicer):
    def Recommend(self, request, context):
        books = BOOKS.get(request.category)
        if books is None:
            context.abort(grpc.StatusCode.NOT_FOUND, "Category not found")
        if request.max_results < 0:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "max_results is negative")
        chosen = random.sample(books, min(request.max_results, len(books)))
        return RecommendationResponse(recommendations=chosen)


def main():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=10))
    recommendations_pb2_grpc.add_RecommendationsServicer_to_server(Recommendations(), server)
    if server.add_insecure_port(sys.argv[1]) == 0:
        sys.exit(f"cannot listen on {sys.argv[1]}")
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
