"""The peer of `marketplace`: Flask and Jinja under gunicorn, one gRPC channel held open for the life of a worker.

gunicorn imports this in each worker, after the fork, as grpcio requires. RECOMMENDATIONS_HOST is host:port.
"""

import os

import grpc
from flask import Flask, render_template
from recommendations_pb2 import MYSTERY, RecommendationRequest
from recommendations_pb2_grpc import RecommendationsStub

app = Flask(__name__)
client = RecommendationsStub(grpc.insecure_channel(os.environ["RECOMMENDATIONS_HOST"]))


@app.route("/")
def home():
    request = RecommendationRequest(user_id=1, category=MYSTERY, max_results=3)
    books = client.Recommend(request).recommendations
    return render_template("home.html", books=books)
