"""The peer of `marketplace`: Flask and Jinja under gunicorn, one gRPC channel held open for the life of a worker.

gunicorn imports this in each worker, after the fork, as grpcio requires. `/` is our home page, of the same parts and books,
and `/list` is the page of R1's tutorial: a title and three books. RECOMMENDATIONS_HOST is host:port, and SHOP is the
address of a storefront of ours that serves the same books: its covers and shelves are read once, at the start.
"""

import html
import os
import re
import urllib.request
from types import SimpleNamespace

import grpc
from flask import Flask, render_template
from recommendations_pb2 import MYSTERY, RecommendationRequest
from recommendations_pb2_grpc import RecommendationsStub

CARD = re.compile(
    r'href="/books/(?P<id>\d+)">(?P<cover><svg class="cover".*?</svg>)<span class="(?P<name>[^"]*)">'
    r"<bdi(?: lang=\"(?P<lang>[^\"]*)\")?>(?P<title>.*?)</bdi></span></a>(?:<p class=\"(?P<by>[^\"]*)\">(?P<authors>.*?)</p>)?"
)
SHELF = re.compile(
    r'<section aria-labelledby="shelf-(?P<number>\d+)">.*?>(?P<name>[^<]*)</h2><a href="/categories/(?P<slug>[^"]*)">'
    r"See all (?P<books>\d+)<(?P<cards>.*?)</section>",
    re.DOTALL,
)
CATEGORY = re.compile(
    r'<li class="kind"><a href="/categories/(?P<slug>[^"]*)"><span>(?P<name>.*?)</span> <small>(?P<books>\d+)<'
)


def fetch(path):
    with urllib.request.urlopen(os.environ["SHOP"] + path) as answer:
        return answer.read().decode()


def found(pattern, page):
    return [SimpleNamespace(**match.groupdict(default="")) for match in pattern.finditer(page)]


def cards(page):
    books = found(CARD, page)
    for book in books:
        book.id = int(book.id)
        book.title = html.unescape(book.title)
        book.authors = [html.unescape(name) for name in re.findall(r"<bdi>(.*?)</bdi>", book.authors)]
    return books


def all_mysteries():
    books, address = {}, "/categories/mystery"
    while address:
        page = fetch(address)
        books.update((book.id, book) for book in cards(page))
        following = re.search(r'<a [^>]*href="(/categories/mystery[^"]*)"[^>]*rel="next"', page)
        address = following and html.unescape(following[1])
    return books


front = fetch("/")
shelves = found(SHELF, front)
categories = found(CATEGORY, front)
for shelf in shelves:
    shelf.cards = cards(shelf.cards)
for named in shelves + categories:
    named.name = html.unescape(named.name)
style, script = re.search(r'href="(/static/[^"]*css)"', front)[1], re.search(r'src="(/static/[^"]*)"', front)[1]
stock, all_categories = re.search(r"<p>(\d+) books in (\d+) categories</p>", front).groups()
mysteries = all_mysteries()

app = Flask(__name__)
client = RecommendationsStub(grpc.insecure_channel(os.environ["RECOMMENDATIONS_HOST"]))


def recommended():
    request = RecommendationRequest(user_id=1, category=MYSTERY, max_results=3)
    return client.Recommend(request).recommendations


@app.route("/")
def home():
    return render_template(
        "home.html",
        books=[mysteries[book.id] for book in recommended()],
        shelves=shelves,
        categories=categories,
        stock=stock,
        all_categories=all_categories,
        style=style,
        script=script,
    )


@app.route("/list")
def few():
    return render_template("list.html", books=recommended())
