#!/usr/bin/python3
# SPDX-License-Identifier: PostgreSQL
"""page.py PAGE NAME...: is it whole, does it need nothing else, are its charts
drawn, and do the names show as they are?"""
import sys
import xml.etree.ElementTree as ET

page, names = sys.argv[1], sys.argv[2:]
text = open(page, encoding="utf-8").read()
root = ET.fromstring(text)  # strict: a name that broke out would not parse


def of(css, tag=None):
    return [e for e in root.iter()
            if css in e.get("class", "").split() and tag in (None, e.tag)]


allowed = set("""html head meta title style body main header h1 h2 h3 p code dl
    div dt dd section svg path text circle rect ul li i b table tr th td
    footer""".split())
tags = {e.tag for e in root.iter()}
assert tags <= allowed, tags - allowed
for e in root.iter():
    for key, value in e.attrib.items():
        assert not key.startswith("on") and key not in ("href", "src"), key
        assert "url(" not in value, value
assert "url(" not in text and "@import" not in text
shown = "".join(root.itertext())
for name in names:
    assert name in shown, name

heads = [e.text for e in root.iter("h2")]
assert heads == ["Growth", "New bytes per day", "Durations", "Deduplication",
                 "Retention", "Verified", "Runs"], heads
for svg in root.iter("svg"):
    assert svg.get("role") == "img" and svg.get("aria-label")
bars = [float(e.get("height")) for e in of("bar")]
assert len(bars) >= 15 and max(bars) > 90, bars
assert len(of("line")) >= 5, len(of("line"))
for e in of("dot") + of("bar"):
    assert e.find("title").text
for e in root.iter("circle"):
    assert 0 <= float(e.get("cx")) <= 920 and 0 <= float(e.get("cy")) <= 230
assert len(of("failed", "path")) >= 5
days = {css: len(of(css, "rect")) for css in ("k0", "k1", "k2", "k3", "k4", "kg")}
assert days["k0"] > 300, days
assert days["k2"] and days["k3"] and days["k4"] and days["kg"], days
# Of the groups as many calendars and ages as charts have lines for.
assert len(of("year")) == len(of("age")) == len(root.findall(".//h3")) >= 3
assert of("never") and any("FAILED: command" in (e.text or "")
                           for e in of("FAILED", "td"))
