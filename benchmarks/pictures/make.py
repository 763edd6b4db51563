#!/usr/bin/env python3
"""Makes the pictures beside it, both the same: a megapixel of soft light, hard edges and a little noise, as photographs have them.

Needs Pillow.
"""

import os
import random
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

SIDE = 1024
os.chdir(Path(__file__).parent)
chance = random.Random(1)

picture = Image.merge("RGB", [
    Image.linear_gradient("L").rotate(turn).resize((SIDE, SIDE)) for turn in (0, 90, 180)
])
draw = ImageDraw.Draw(picture)
for _ in range(300):
    x, y, size = chance.randrange(SIDE), chance.randrange(SIDE), chance.randrange(10, 90)
    colour = tuple(chance.randrange(256) for _ in range(3))
    draw.ellipse((x, y, x + size, y + chance.randrange(10, 90)), fill=colour)
picture = picture.filter(ImageFilter.GaussianBlur(1))
noise = Image.frombytes("L", (SIDE, SIDE), bytes(128 + chance.randrange(-2, 3) for _ in range(SIDE * SIDE)))
picture = Image.blend(picture, noise.convert("RGB"), 0.2)

picture.save("megapixel.jpg", quality=85)
picture.save("megapixel.png")
