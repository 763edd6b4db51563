"""What a picture shows, as a Python service would find it out: Pillow and onnxruntime, on one thread.

    python classify.py FOLDER CALLS

Prints two medians in milliseconds: from the picture's file in memory to the sentence, and the model alone.
"""

import html
import io
import pathlib
import statistics
import sys
import time
import urllib.parse

import numpy as np
import onnxruntime
from PIL import Image

PICTURES = ["cat.bmp", "grace_hopper.bmp", "parrot.jpg", "hot_dog.jpg"]

folder, calls = pathlib.Path(sys.argv[1]), int(sys.argv[2])
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(
    str(folder / "mobilenet_v2_1.0_224.onnx"), options, providers=["CPUExecutionProvider"]
)
[image] = session.get_inputs()
_, height, width, _ = image.shape
labels = (folder / "imagenet_labels.txt").read_text().splitlines()


def classify(file):
    picture = Image.open(io.BytesIO(file)).convert("RGB").resize((width, height), Image.Resampling.BILINEAR)
    start = time.perf_counter()
    [scores] = session.run(None, {image.name: np.asarray(picture)[None]})[0]
    took = time.perf_counter() - start
    top = int(scores.argmax())
    if scores[top] <= 50:
        return "Nothing was recognised in the picture", took
    link = f"https://www.google.com/search?q={urllib.parse.quote(labels[top], safe='')}"
    return f"It is likely a <a href='{link}'>{html.escape(labels[top])}</a> in the picture", took


files = [(folder / picture).read_bytes() for picture in PICTURES]
whole, model = [], []
for number in range(calls + 1):
    for file in files:
        start = time.perf_counter()
        sentence, took = classify(file)
        if number:  # The first time of each does not count.
            whole.append(time.perf_counter() - start)
            model.append(took)
print(statistics.median(whole) * 1000, statistics.median(model) * 1000)
