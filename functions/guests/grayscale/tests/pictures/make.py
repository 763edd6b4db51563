#!/usr/bin/env python3
"""Makes the pictures beside it, all of the same: four squares of eight pixels each way, red and green above blue and white.

Needs Pillow.
"""

import os
import struct
import zlib
from pathlib import Path

from PIL import Image

os.chdir(Path(__file__).parent)

picture = Image.new("RGB", (16, 16))
for at, colour in {(0, 0): "#f00", (8, 0): "#0f0", (0, 8): "#00f", (8, 8): "#fff"}.items():
    picture.paste(colour, (*at, at[0] + 8, at[1] + 8))

seen_through = picture.convert("RGBA")
seen_through.putalpha(128)
turned = Image.Exif()
turned[0x0112] = 6  # the camera was held so that its top was to the right

picture.save("rgb.png")
seen_through.save("rgba.png")
picture.quantize(4).save("palette.png")
picture.convert("L").save("grey.png")
picture.save("baseline.jpg", quality=95)
picture.save("progressive.jpg", quality=95, progressive=True)
picture.convert("L").save("grey.jpg", quality=95)
picture.convert("CMYK").save("cmyk.jpg", quality=95)
picture.transpose(Image.Transpose.ROTATE_90).save("turned.jpg", quality=95, exif=turned)
picture.save("lossy.webp", quality=95)
picture.save("lossless.webp", lossless=True)
seen_through.save("rgba.webp", lossless=True)
picture.save("rgb.bmp")
picture.quantize(4).save("palette.bmp")
picture.save("still.gif")
# The second picture has colours of its own.
picture.save("animated.gif", save_all=True, append_images=[picture.rotate(180)], duration=[70, 140], loop=3, disposal=2)


def write_png(name: str, bits: int, interlaced: bool) -> None:
    """PNGs of the kinds that Pillow cannot write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    # The first column and row of each pass of Adam7, and its steps.
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    rows = b""
    for left, top, across, down in passes if interlaced else [(0, 0, 1, 1)]:
        for y in range(top, 16, down):
            samples = [sample for x in range(left, 16, across) for sample in picture.getpixel((x, y))]
            rows += b"\0" + b"".join(bytes([sample]) * (bits // 8) for sample in samples)
    header = struct.pack(">IIBBBBB", 16, 16, bits, 2, 0, 0, interlaced)
    Path(name).write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )


write_png("deep.png", 16, False)
write_png("interlaced.png", 8, True)
