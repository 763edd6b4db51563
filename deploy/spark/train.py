#!/usr/bin/env python3
"""Trains implicit ALS with Spark's MLlib on Shelfwise's ratings, and writes what `recommendations` serves unchanged.

    spark-submit train.py --database-url postgres://… --jdbc-jar postgresql.jar --objects-url s3://BUCKET/PREFIX
    python3 train.py --parquet ratings.parquet --objects-url file:///srv/shelfwise --master 'local[2]'

It prints the model's version. From then on the model is listed (`shelfwise models`), and `shelfwise models activate VERSION`
lets it answer: the server checks the artefact first. Requirements and all options: README.md beside this file, and `--help`.

What is read
    From PostgreSQL the table `history`, by JDBC where `--jdbc-jar` names the driver, else by pg8000 from Spark's own Python
    workers, in `--partitions` ranges of readers either way. From Parquet or CSV the columns of Shelfwise's export (`reader`, `book`,
    `stars`, `shelf`, `dismissed`, `owned`, `interacted`, `changed_at`), of which only the first two must be there; `user_id` and
    `item_id` (or `book_id`) and `rating` are taken, too. `--to-parquet` writes what was read in that form and stops.

What stars mean
    The server's rule: 3.5 or more are a positive, and so are books without stars that are read, being read or were chosen in another
    way (a file that has only readers and books holds nothing else); all else is dropped, "not for me" first. Of several rows of a
    reader and a book the one that changed last counts.

How the parameters are converted
    Shelfwise minimises, over readers u and books i, with one weight λ for all rows and the confidence c in a positive:

        Σ c_ui (p_ui − x_u·y_i)² + λ (Σ |x_u|² + Σ |y_i|²)        c_ui = c for positives, 1 for all else

    MLlib takes c_ui = 1 + alpha · r_ui. All positives have r = 1 here, so alpha = c − 1, exactly. But it solves each row with
    regParam times the number n of the row's positives (the weighting of ALS-WR: Zhou et al., "Large-Scale Parallel Collaborative
    Filtering for the Netflix Prize", 2008), so that it minimises

        Σ c_ui (p_ui − x_u·y_i)² + regParam (Σ n_u |x_u|² + Σ n_i |y_i|²)

    No regParam makes the two the same unless all rows are of one length. Scaling all x_u by s and all y_i by 1/s changes no answer,
    so only the product of the two sides' weights counts, and they agree in it for

        regParam = λ / √(N_u N_i)

    where N_u is the mean n of readers and N_i that of books. In these means a row counts with the square of its trained length, for
    that is what its weight is multiplied with; readers and books with more positives have the longer rows. It grows with about
    n^0.25 to n^0.75, and n^0.25 is taken: N = Σ n^1.25 / Σ n^0.25. That power was chosen on held-out ratings of
    validation, where it brings MLlib's NDCG@10 closest to Shelfwise's.

    Served, a reader's history is folded in with one weight for everybody: regParam · N_u, MLlib's for a reader of that length. It
    stands in the artefact beside the factors. The manifest's parameters are λ and c, with which the server would train a rival.
"""

import argparse
import atexit
import hashlib
import json
import math
import os
import secrets
import shutil
import struct
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import numpy

# What the server calls these (recommendations/src/artefact/manifest.rs, artefact.rs, ratings.rs).
FORMAT, SCHEMA, FOLDER = "shelfwise-model", 1, "models"
FIRST_SIMULATED = 2_000_000_000
# What a history says when it is folded in: a positive, a wish, a negative.
SAYS = (1.0, 0.5, 0.0)
# How a row counts in the mean number of positives: by this power of its own number.
ROW_POWER = 0.25
# Each iteration's plan holds that of all before it, until a checkpoint cuts it off; plans are read recursively.
CHECKPOINT_EVERY = 3
MOST_UNCUT = 10
STACK = "-Xss4m"
MOST_FACTORS = 1_024
# History's numbers: half stars, shelves, flags.
READING, READ = 2, 3
DISMISSED, OWNED, INTERACTED = 1, 2, 4
SHELVES = {"want_to_read": 1, "reading": READING, "read": READ, "did_not_finish": 4}

HISTORY = """select h.reader, h.book, h.stars, h.shelf, h.flags, h.changed_at
from history h join books b on b.id = h.book
where (h.stars <> 0 or h.shelf <> 0 or h.flags <> 0)"""
COLUMNS = "reader int, book int, stars int, shelf int, flags int, changed_at long"


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--database-url", metavar="URL", default=None, nargs="?", const=os.environ.get("DATABASE_URL"),
                        help="postgres://USER:PASSWORD@HOST:PORT/DATABASE; without a value that of DATABASE_URL")
    source.add_argument("--parquet", metavar="PATH", help="a file or folder of Parquet")
    source.add_argument("--csv", metavar="PATH", help="a file or folder of CSV with a header")
    parser.add_argument("--jdbc-jar", metavar="FILE", help="PostgreSQL's JDBC driver (Debian: libpostgresql-jdbc-java)")
    parser.add_argument("--partitions", type=int, default=8, help="ranges of readers that are read at a time [8]")
    parser.add_argument("--to-parquet", metavar="PATH", help="write what was read there, and stop")
    parser.add_argument("--objects-url", metavar="URL", default=os.environ.get("OBJECTS_URL"),
                        help="the server's OBJECTS_URL: file:///FOLDER, or s3://BUCKET/PREFIX with the usual AWS_ variables")
    parser.add_argument("--factors", type=int, default=128, help="numbers a reader and a book [128]")
    parser.add_argument("--regularization", type=float, default=20.0, help="Shelfwise's λ, to be converted [20]")
    parser.add_argument("--reg-param", type=float, help="MLlib's regParam itself, instead of a converted one")
    parser.add_argument("--confidence", type=float, default=2.0, help="the confidence in a positive: 1 + alpha [2]")
    parser.add_argument("--iterations", type=int, default=15, help="how often readers and books are solved in turn [15]")
    parser.add_argument("--blocks", type=int, default=None, help="MLlib's blocks of readers and of books [the partitions]")
    parser.add_argument("--seed", type=int, default=1, help="where the factors begin [1]")
    parser.add_argument("--master", metavar="URL", help="Spark's master, such as local[2] [spark-submit's]")
    parser.add_argument("--checkpoints", metavar="DIR",
                        help="where half-way results lie, a folder that all workers see [on a local master one of its own]")
    given = parser.parse_args()
    wrong = [
        (not (given.database_url or given.parquet or given.csv), "--database-url: DATABASE_URL is not set"),
        (not (given.objects_url or given.to_parquet), "--objects-url is needed, or OBJECTS_URL"),
        (given.objects_url and not given.objects_url.startswith(("file:///", "s3://")),
         "--objects-url: must begin with file:/// or s3://"),
        (not 1 <= given.factors <= MOST_FACTORS, f"--factors: 1 to {MOST_FACTORS}"),
        (not given.regularization > 0, "--regularization: more than 0"),
        (given.reg_param is not None and not given.reg_param > 0, "--reg-param: more than 0"),
        (not 1 < given.confidence <= 1e6, "--confidence: more than 1, for alpha is more than 0"),
        (min(given.iterations, given.partitions, given.blocks or 1) < 1, "counts are at least 1"),
    ]
    for refused, why in wrong:
        if refused:
            parser.error(why)
    return given


def session(given):
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.appName("shelfwise-als")
    if given.master:
        builder = builder.master(given.master)
        if given.master.startswith("local"):
            builder = (
                builder.config("spark.ui.enabled", "false")
                .config("spark.driver.host", "127.0.0.1")
                .config("spark.driver.bindAddress", "127.0.0.1")
            )
            # Its workers are this very Python, with what is installed for it.
            os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    if given.jdbc_jar:
        builder = builder.config("spark.jars", given.jdbc_jar)
    builder = builder.config("spark.sql.shuffle.partitions", given.partitions)
    builder = builder.config("spark.driver.extraJavaOptions", STACK).config("spark.executor.extraJavaOptions", STACK)
    builder = builder.config("spark.ui.showConsoleProgress", str(sys.stderr.isatty()).lower())
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("WARN")
    checkpoints = given.checkpoints
    if not checkpoints and spark.sparkContext.master.startswith("local"):
        checkpoints = tempfile.mkdtemp(prefix="shelfwise-spark-")
        atexit.register(shutil.rmtree, checkpoints, ignore_errors=True)
    if checkpoints:
        spark.sparkContext.setCheckpointDir(checkpoints)
    elif given.iterations > MOST_UNCUT:
        print(f"more than {MOST_UNCUT} iterations without --checkpoints may overflow the workers' stacks", file=sys.stderr)
    return spark


# ---- reading


class Database:
    """PostgreSQL, as `DATABASE_URL` names it."""

    def __init__(self, url):
        parts = urlsplit(url)
        if parts.scheme not in ("postgres", "postgresql"):
            sys.exit("--database-url: must begin with postgres://")
        self.host, self.port = parts.hostname or "localhost", parts.port or 5432
        self.name = unquote(parts.path.lstrip("/"))
        self.user, self.password = unquote(parts.username or "postgres"), unquote(parts.password or "")
        self.options = dict(parse_qsl(parts.query))

    def connect(self):
        import pg8000.dbapi
        import ssl

        mode = self.options.get("sslmode", "prefer")
        secure = None
        if mode in ("require", "verify-ca", "verify-full"):
            secure = ssl.create_default_context(cafile=self.options.get("sslrootcert"))
            secure.check_hostname = mode == "verify-full"
            if mode == "require" and "sslrootcert" not in self.options:
                secure.verify_mode = ssl.CERT_NONE
        return pg8000.dbapi.connect(
            user=self.user, password=self.password or None, host=self.host, port=self.port, database=self.name,
            ssl_context=secure, application_name="shelfwise-spark",
        )

    def jdbc(self):
        query = f"?{urlencode(self.options)}" if self.options else ""
        return f"jdbc:postgresql://{self.host}:{self.port}/{self.name}{query}"


def from_database(spark, given):
    """All histories, the store's name and its count of changes."""
    database, partitions = Database(given.database_url), given.partitions
    properties = {"driver": "org.postgresql.Driver", "user": database.user, "password": database.password, "fetchsize": "10000"}
    if given.jdbc_jar:
        def row(query):
            return spark.read.jdbc(database.jdbc(), f"({query}) as asked", properties=properties).first()
    else:
        def row(query):
            connection = database.connect()
            try:
                cursor = connection.cursor()
                cursor.execute(query)
                return cursor.fetchone()
            finally:
                connection.close()

    (store,) = row("select name from catalogue")
    (changes,) = row("select changes from reader_counters")
    # Numbers that readers are given begin at a thousand million, far from those of a shop's own: ranges of equal counts.
    (bounds,) = row(f"""select string_agg(bound::text, ',' order by bound) from (
        select max(reader) as bound from (
            select reader, ntile({partitions}) over (order by reader) as part from history
        ) as parts group by part) as bounds""")
    if not bounds:
        sys.exit("there are no ratings to learn from")
    bounds = [0, *(int(bound) for bound in bounds.split(","))]
    wheres = [f"reader > {low} and reader <= {high}" for low, high in zip(bounds, bounds[1:]) if low < high]
    if given.jdbc_jar:
        return spark.read.jdbc(database.jdbc(), f"({HISTORY}) as asked", predicates=wheres, properties=properties), store, changes

    def read(parts):
        for where in parts:
            connection = database.connect()
            try:
                cursor = connection.cursor()
                cursor.execute(f"declare c no scroll cursor for select * from ({HISTORY}) as asked where {where}")
                while rows := (cursor.execute("fetch 10000 from c"), cursor.fetchall())[1]:
                    yield from map(tuple, rows)
            finally:
                connection.close()

    parts = spark.sparkContext.parallelize(wheres, len(wheres))
    return spark.createDataFrame(parts.mapPartitions(read), COLUMNS), store, changes


def from_files(spark, given):
    """Files of the export's columns."""
    from pyspark.sql import functions as f

    if given.parquet:
        files = spark.read.parquet(given.parquet)
    else:
        files = spark.read.csv(given.csv, header=True)
    known = {name.strip().lstrip("\ufeff").lower(): name for name in files.columns}

    def column(*names):
        found = next((known[name] for name in names if name in known), None)
        return None if found is None else files[f"`{found}`"]

    reader, book = column("reader", "user_id"), column("book", "item_id", "book_id")
    if reader is None or book is None:
        sys.exit(f"the columns reader and book are needed; there are {', '.join(files.columns)}")
    stars, shelf, changed = column("stars", "rating"), column("shelf"), column("changed_at")
    nothing = f.lit(0)
    halves = nothing if stars is None else f.coalesce(f.round(stars.cast("double") * 2), nothing)
    shelves = nothing
    for name, number in SHELVES.items():
        shelves = shelves if shelf is None else f.when(f.lower(shelf) == name, number).otherwise(shelves)
    flags = nothing
    for name, bit in (("dismissed", DISMISSED), ("owned", OWNED), ("interacted", INTERACTED)):
        flag = column(name)
        flags = flags if flag is None else flags + f.when(flag.cast("string").isin("1", "true", "True"), bit).otherwise(0)
    if shelf is None and column("interacted") is None:
        # Who lists readers and books and no more has said that they were chosen.
        flags = flags + (f.lit(INTERACTED) if stars is None else f.when(halves == 0, INTERACTED).otherwise(0))
    at = nothing if changed is None else f.coalesce(changed.cast("timestamp").cast("long"), nothing)
    named = [("reader", reader, "int"), ("book", book, "int"), ("stars", halves, "int"), ("shelf", shelves, "int"),
             ("flags", flags, "int"), ("changed_at", at, "long")]
    ratings = files.select(*(value.cast(kind).alias(name) for name, value, kind in named))
    ratings = ratings.where("reader > 0 and book > 0")
    latest = f.max_by(f.struct("stars", "shelf", "flags", "changed_at"), f.struct("changed_at", "stars"))
    ratings = ratings.groupBy("reader", "book").agg(latest.alias("latest")).select("reader", "book", "latest.*")
    return ratings, "", 0


def to_parquet(ratings, path):
    """As the export has it."""
    from pyspark.sql import functions as f

    shelf = f.lit(None).cast("string")
    for name, number in SHELVES.items():
        shelf = f.when(f.col("shelf") == number, name).otherwise(shelf)
    flag = lambda bit: f.col("flags").bitwiseAND(bit) != 0
    ratings.select(
        "reader", "book", f.when(f.col("stars") > 0, f.col("stars") / 2).alias("stars"), shelf.alias("shelf"),
        flag(DISMISSED).alias("dismissed"), flag(OWNED).alias("owned"), flag(INTERACTED).alias("interacted"),
        f.timestamp_seconds("changed_at").alias("changed_at"),
    ).write.mode("overwrite").parquet(path)


def positives(ratings):
    """What is liked, by the server's rule (`opinion` in recommendations/src/knowledge.rs)."""
    from pyspark.sql import functions as f

    dismissed, interacted = ((f.col("flags").bitwiseAND(bit) != 0) for bit in (DISMISSED, INTERACTED))
    unrated = (f.col("stars") == 0) & (f.col("shelf").isin(READING, READ) | (interacted & f.col("shelf").isin(0, 1)))
    return ratings.where(~dismissed & ((f.col("stars") >= 7) | unrated)).select("reader", "book", "changed_at")


# ---- training


def summary(likes):
    """How many there are, and how many a row has: the means of the conversion."""
    from pyspark.sql import functions as f

    def side(name):
        counts = likes.groupBy(name).agg(f.count("*").alias("n"))
        weight = f.pow("n", f.lit(ROW_POWER))
        mean = f.sum(f.col("n") * weight) / f.sum(weight)
        return counts.agg(f.count("*").alias("rows"), f.sum("n").alias("all"), mean.alias("mean")).first()

    readers, books = side("reader"), side("book")
    if not readers["all"]:
        sys.exit("there are no positive ratings to learn from")
    times = likes.agg(f.min("changed_at").alias("first"), f.max("changed_at").alias("last"), f.max("reader").alias("reader")).first()
    return {
        "readers": readers["rows"], "books": books["rows"], "interactions": readers["all"],
        "reader_mean": readers["mean"], "book_mean": books["mean"],
        "from": times["first"], "to": times["last"], "simulated": times["reader"] >= FIRST_SIMULATED,
    }


def fit(likes, given, reg_param):
    """The books' numbers, ascending, and their factors, a row each."""
    from pyspark.ml.recommendation import ALS
    from pyspark.sql import functions as f

    blocks = given.blocks or given.partitions
    als = ALS(
        rank=given.factors, maxIter=given.iterations, regParam=reg_param, alpha=given.confidence - 1.0, implicitPrefs=True,
        numUserBlocks=blocks, numItemBlocks=blocks, userCol="reader", itemCol="book", ratingCol="liked", seed=given.seed, checkpointInterval=CHECKPOINT_EVERY,
    )
    model = als.fit(likes.select("reader", "book", f.lit(1.0).cast("float").alias("liked")))
    books, rows = [], []
    for row in model.itemFactors.orderBy("id").toLocalIterator():
        books.append(row["id"])
        rows.append(numpy.asarray(row["features"], dtype="<f4"))
    return numpy.array(books, dtype="<i4"), numpy.vstack(rows)


def popularity(likes, books):
    """How many readers like each book."""
    counts = {row["book"]: row["count"] for row in likes.groupBy("book").count().toLocalIterator()}
    return numpy.array([counts[book] for book in books.tolist()], dtype="<f4")


# ---- writing


def safetensors(tensors):
    """The file format of https://huggingface.co/docs/safetensors: a header's length, the header as JSON, the numbers."""
    names = {"<i4": "I32", "<f4": "F32"}
    header, data, at = {}, [], 0
    for name, tensor in tensors.items():
        piece = numpy.ascontiguousarray(tensor).tobytes()
        header[name] = {"dtype": names[tensor.dtype.str], "shape": list(tensor.shape), "data_offsets": [at, at + len(piece)]}
        data.append(piece)
        at += len(piece)
    text = json.dumps(header, separators=(",", ":")).encode()
    # So that the numbers begin at a multiple of eight.
    text += b" " * (-len(text) % 8)
    return b"".join([struct.pack("<Q", len(text)), text, *data])


def write(url, name, data):
    """Puts an object whole or not at all, as the server does."""
    if url.startswith("file:///"):
        path = Path(unquote(urlsplit(url).path)) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"{path.name}.{os.getpid()}")
        with open(unfinished, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
    else:
        import boto3
        import io

        bucket, _, prefix = url.removeprefix("s3://").strip("/").partition("/")
        # In pieces where it is long; an upload that is not completed leaves no object.
        key = f"{prefix.strip('/')}/{name}".lstrip("/")
        boto3.client("s3").upload_fileobj(io.BytesIO(data), bucket, key)


def main():
    given = arguments()
    begun = time.time()
    spark = session(given)
    ratings, store, changes = (from_database if given.database_url else from_files)(spark, given)
    if given.to_parquet:
        to_parquet(ratings, given.to_parquet)
        return
    likes = positives(ratings).cache()
    data = summary(likes)
    mean = math.sqrt(data["reader_mean"] * data["book_mean"])
    reg_param = given.reg_param or given.regularization / mean
    print(f"{data['interactions']} positives of {data['readers']} readers and {data['books']} books; regParam {reg_param:.6g}, "
          f"alpha {given.confidence - 1.0:.6g}", file=sys.stderr)
    books, factors = fit(likes, given, reg_param)
    if not numpy.isfinite(factors).all():
        sys.exit("the factors are not finite: raise --regularization")
    tensors = safetensors({
        "books": books,
        "popularity": popularity(likes, books),
        "says": numpy.array(SAYS, dtype="<f4"),
        "factors": factors,
        "factors.parameters": numpy.array([reg_param * data["reader_mean"], given.confidence], dtype="<f4"),
    })
    version = f"spark-als-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"
    manifest = {
        "format": FORMAT, "schema": SCHEMA, "version": version, "kind": "als",
        "created_at": int(time.time() * 1000), "seconds": round(time.time() - begun, 3), "store": store,
        "data": {"readers": data["readers"], "books": len(books), "interactions": data["interactions"],
                 "from": data["from"], "to": data["to"], "revision": changes},
        "parameters": {"als.factors": given.factors, "als.regularization": reg_param * mean,
                       "als.confidence": given.confidence, "als.iterations": given.iterations},
        "quality": None, "compared_with": None, "simulated": bool(data["simulated"]),
        "tensors": {"bytes": len(tensors), "sha256": hashlib.sha256(tensors).hexdigest()},
    }
    # The manifest last: without one there is no artefact.
    write(given.objects_url, f"{FOLDER}/{version}/model.safetensors", tensors)
    write(given.objects_url, f"{FOLDER}/{version}/manifest.json", json.dumps(manifest, indent=2).encode() + b"\n")
    spark.stop()
    print(version)


if __name__ == "__main__":
    main()
