#!/usr/bin/env python3
"""What the checks of a running Dépêche server find and repair in a file of lines.

    pip install grpcio grpcio-tools
    python benches/quality/fidelity.py flores-dev.fr --output checked.tsv

A line is a request of its own. Printed: warnings and lines with one, by kind; lines whose text a check repaired or another
attempt improved, by the server's own counters. `--output` gets source, translation and warnings of every line, to be read
by eye: what a warning is worth no program can tell. The counters count what is computed: start the server with
`--cache-bytes 0`, or lines that it was asked for before are missing from them.
"""

import argparse
import pathlib
import re
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from client import Translator

CHECKS = re.compile(r"^depeche_fidelity_checks_total\{(.*)\} (\d+)$", re.MULTILINE)


def checks(admin):
    """Counts by check and outcome, of all models."""
    text = urllib.request.urlopen(f"http://{admin}/metrics").read().decode()
    counts = Counter()
    for labels, count in CHECKS.findall(text):
        labels = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        counts[labels["check"], labels["outcome"]] += int(count)
    return counts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("--server", default="localhost:50051")
    parser.add_argument("--admin", default="localhost:9464")
    parser.add_argument("--from", dest="source_language", default="fr")
    parser.add_argument("--to", dest="target_language", default="en")
    parser.add_argument("--output", type=pathlib.Path)
    parser.add_argument("--concurrency", type=int, default=32)
    options = parser.parse_args()

    lines = [line for line in options.source.read_text(encoding="utf-8").splitlines() if line.strip()]
    server = Translator(options.server)
    before = checks(options.admin)
    with ThreadPoolExecutor(options.concurrency) as pool:
        ask = lambda line: server.translate(line, options.source_language, options.target_language)
        translations = list(pool.map(ask, lines))
    code = server.messages.WarningCode
    kinds, warned = Counter(), 0
    for translation in translations:
        kinds.update(code.Name(warning.code) for warning in translation.warnings)
        warned += bool(translation.warnings)
    print(f"{len(lines)} lines, {warned} with a warning ({100 * warned / len(lines):.1f}%)")
    for kind, count in kinds.most_common():
        print(f"  {count} x {kind}")
    for (check, outcome), count in sorted((checks(options.admin) - before).items()):
        if outcome != "faithful":
            print(f"  {check} {outcome}: {count}")
    if options.output:
        rows = zip(lines, translations)
        row = lambda line, found: "\t".join([line, found.text, " | ".join(w.message for w in found.warnings)])
        options.output.write_text("".join(row(*pair).rstrip() + "\n" for pair in rows), encoding="utf-8")


if __name__ == "__main__":
    main()
