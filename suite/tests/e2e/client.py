"""The tutorial's client: stubs generated from the contract, and every answer that its reader would try."""

import sys

import grpc
from recommendations_pb2 import BookCategory, RecommendationRequest
from recommendations_pb2_grpc import RecommendationsStub


def refused(client, code, **fields):
    try:
        client.Recommend(RecommendationRequest(**fields), timeout=5)
    except grpc.RpcError as error:
        assert error.code() == code, (fields, error)
        return error.details()
    raise AssertionError(f"{fields} was answered")


client = RecommendationsStub(grpc.insecure_channel(sys.argv[1]))

request = RecommendationRequest(user_id=1, category=BookCategory.MYSTERY, max_results=3)
books = client.Recommend(request, timeout=5).recommendations
assert len({book.id for book in books}) == 3, books
assert all(book.title for book in books), books

assert len(client.Recommend(RecommendationRequest(max_results=0), timeout=5).recommendations) == 0
everything = client.Recommend(RecommendationRequest(category=BookCategory.SELF_HELP, max_results=1_000_000), timeout=5)
ids = [book.id for book in everything.recommendations]
assert len(ids) == len(set(ids)) and {7, 8, 9} <= set(ids), ids

assert refused(client, grpc.StatusCode.NOT_FOUND, category=4242, max_results=1) == "Category not found"
refused(client, grpc.StatusCode.INVALID_ARGUMENT, user_id=-1, max_results=1)
refused(client, grpc.StatusCode.INVALID_ARGUMENT, max_results=-1)
