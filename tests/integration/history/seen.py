#!/usr/bin/python3
# SPDX-License-Identifier: PostgreSQL
"""seen.py PAGE PICTURE light|dark: is there ink of each colour of the page in
its picture, in the order in which the charts follow each other?"""
import re
import sys

from PIL import Image

page, picture, scheme = sys.argv[1:]
css = open(page, encoding="utf-8").read()
blocks = re.findall(r":root\{([^}]*)\}", css)
assert len(blocks) == 2
words = dict(re.findall(r"--(\w+):#([0-9a-f]+)",
                        blocks[0 if scheme == "light" else 1]))


def rgb(name):
    v = words[name]
    v = v if len(v) == 6 else "".join(c + c for c in v)
    return tuple(int(v[i:i + 2], 16) for i in (0, 2, 4))


image = Image.open(picture).convert("RGB")
assert image.size == (1100, 4400), image.size
pixels = image.load()
rows = {name: [] for name in words}
# A pin has the colour of a line.
names = {rgb(name): name for name in words if name != "kp"}
for y in range(image.height):
    for x in range(image.width):
        name = names.get(pixels[x, y])
        if name:
            rows[name].append(y)
# How much of each there has to be: what is drawn, and by how many pixels.
least = {"bg": 100000, "card": 500000, "text": 3000, "grid": 5000,
         "bar": 3000, "s0": 500, "s1": 300, "s2": 300, "s3": 20, "bad": 300,
         "k0": 50000, "k2": 1000, "k3": 200, "k4": 200, "kg": 5000,
         "warn": 1000, "good": 20}
for name, n in least.items():
    assert len(rows[name]) >= n, (scheme, name, len(rows[name]), n)
assert pixels[3, 3] == rgb("bg")
# Growth is above the bars, these above the calendars, those above the ages.
middle = {name: sorted(v)[len(v) // 2] for name, v in rows.items() if v}
order = min(rows["s2"]), middle["bar"], middle["k0"], middle["warn"]
assert list(order) == sorted(set(order)), order
