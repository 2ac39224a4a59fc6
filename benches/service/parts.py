"""The parts of the measurement. Each returns its section of the results as Markdown."""

import json
import pathlib
import statistics
import subprocess
import threading
import time

import articles
import plot
from server import BINARY, MEGABYTE, ROOT, Server, depeche

CLIENTS = [1, 2, 4, 8, 16, 32, 64, 128, 256]
# Nothing is refused: the curve is to show what waiting costs, not when the service would say no. Nothing is kept: the
# same articles come again and again, and the models are to be measured.
PATIENT = ["--queue-wait", "10m", "--queue-tokens", "10000000", "--cache-bytes", "0"]
SATURATING_CLIENTS = 64
SAMPLED_ARTICLES = 150
ROUNDS = 7
# How often a round asks for as many articles as were sampled, drawn from them by chance, and gives the engine all of their
# sentences. Each side has a fixed amount of work, and is timed from its beginning to its end. The service shares the two
# cores with the generator of the load.
PASSES = 3
SETTLED = 100


def verdict(good):
    return "reached" if good else "**missed**"


def start(options, folder):
    seconds = []
    for _ in range(9):
        with Server() as server:
            seconds.append(server.ready_seconds)
    median, most = statistics.median(seconds), max(seconds)
    return (f"## Start\n\nReady with `fr-en` after {median * 1e3:.0f} ms (the median of {len(seconds)} starts; at most "
            f"{most * 1e3:.0f} ms); the goal of 500 ms is {verdict(median < 0.5)}.")


def memory(options, folder):
    if not (options.models / "en-pt").is_dir():
        options.models.mkdir(parents=True, exist_ok=True)
        depeche("models", "pull", "en-pt", "--models", options.models)
    article = folder / "0000.txt"
    with Server("--models", options.models, "--preload", "fr-en,en-pt") as server:
        loaded = server.memory()
        depeche("translate", article, "--to", "pt", "--server", server.url)
        used = server.memory()
    row = lambda name, at: f"| {name} | {at['VmRSS'] / MEGABYTE:.1f} MB | {at['RssAnon'] / MEGABYTE:.1f} MB |"
    return "\n".join([
        "## Memory with fr-en and en-pt", "", "| when | resident | of it not mapped files |", "| --- | --- | --- |",
        row("both loaded, nothing asked", loaded), row("after an article fr→en→pt", used), "",
        f"The goal of 150 MB for both, loaded, is {verdict(loaded['VmRSS'] < 150 * MEGABYTE)}.",
    ])


def load(server, folder, *flags):
    return json.loads(depeche("load", folder, "--server", server.url, "--timeout", "5m", "--json", "--quiet", *flags))


def curve(options, folder):
    with Server(*PATIENT) as server:
        steps = ",".join(map(str, CLIENTS))
        report = load(server, folder, "--steps", steps, "--step-duration", f"{options.step_seconds}s", "--warmup", "5s")
    rows = [(clients, step["ok_per_second"], step["latency_ms"]["p50"], step["latency_ms"]["p99"], step["errors"])
            for clients, step in zip(CLIENTS, report["steps"], strict=True)]
    peak = max(row[1] for row in rows)
    saturated = [row[1] for row in rows if row[1] >= 0.9 * peak]
    first = next(row[0] for row in rows if row[1] >= 0.9 * peak)
    after = min(row[1] for row in rows if row[0] >= first)
    lines = ["## Cost curve", "", "![throughput and latency by articles at a time](service-curve.svg)", "",
             "| articles at a time | articles/s | p50 | p99 | errors |", "| --- | --- | --- | --- | --- |"]
    lines += [f"| {clients} | {rate:.1f} | {p50:,.0f} ms | {p99:,.0f} ms | {errors} |" for clients, rate, p50, p99, errors in rows]
    lines += ["", f"From {first} at a time on it is never below {after / peak:.0%} of the peak ({peak:.1f} articles/s). "
              f"Closed loop, {options.step_seconds} s a step, {report['run']['articles']} articles of "
              f"{report['run']['article_characters'] / report['run']['articles']:.0f} characters on the average, the server with "
              f"`{' '.join(PATIENT)}`, so that nobody is refused and nothing is answered from the cache."]
    if options.results:
        latency = [("p50", [(row[0], row[2]) for row in rows]), ("p99", [(row[0], row[3]) for row in rows])]
        plot.write(options.results / "service-curve.svg", [
            plot.Panel("Throughput", "articles at a time", "articles/s", [("", [(row[0], row[1]) for row in rows])], log_x=True),
            plot.Panel("Latency", "articles at a time", "ms", latency, log_x=True, log_y=True),
        ])
    return "\n".join(lines)


def engine(options, folder):
    """The service at saturation and `depeche bench` in turns, on the same articles and their sentences."""
    target = ROOT / "target/service"
    some = target / "sampled"
    sentences = target / "sentences.fr.txt"
    with Server(*PATIENT) as server:
        count = sample(server, folder, some, sentences)

        def of_service(seed):
            requests = PASSES * SAMPLED_ARTICLES
            report = load(server, some, "--clients", SATURATING_CLIENTS, "--requests", requests, "--seed", seed)
            if report["total"]["ok"] != requests:
                raise SystemExit(f"{report['total']['ok']} of {requests} articles were answered: {report['failures']}")
            [method] = report["methods"]
            return method["sentences"] / report["total"]["seconds"]

        def of_engine(_):
            alone = json.loads(depeche("bench", sentences, "--json", "--alone", 0, "--repeat", 1))
            return alone["sentences_per_second"]["median"]

        rounds = []
        for number in range(ROUNDS):
            sides = [of_service, of_engine]
            # Each begins every other round.
            told = {side: side(number) for side in (sides if number % 2 == 0 else reversed(sides))}
            rounds.append(tuple(told[side] for side in sides))
    ratios = [service / alone for service, alone in rounds]
    ratio = statistics.median(ratios)
    service, alone = (statistics.median(side) for side in zip(*rounds))
    return (f"## Service and engine\n\nAt saturation ({SATURATING_CLIENTS} articles at a time) the service translates {service:.0f} "
            f"sentences/s, the engine alone (`depeche bench`, the same {count} sentences of {SAMPLED_ARTICLES} articles) {alone:.0f}: "
            f"{ratio:.0%} ({min(ratios):.0%} to {max(ratios):.0%} in {ROUNDS} rounds in turns); the goal of 90% is "
            f"{verdict(ratio >= 0.9)}.")


def sample(server, folder, some, sentences):
    """Copies articles whose sentences all fit the model's window, and writes these, a line each: how many."""
    some.mkdir(parents=True, exist_ok=True)
    for old in some.iterdir():
        old.unlink()
    lines = []
    for file in sorted(folder.glob("*.txt")):
        text = file.read_bytes()
        told = json.loads(depeche("translate", file, "--from", "fr", "--to", "en", "--json", "--server", server.url))
        spans = [sentence["sourceSpan"] for sentence in told["translations"][0]["sentences"]]
        found = [" ".join(text[span.get("start", 0):span["end"]].decode().split()) for span in spans]
        if all(len(line.split()) <= articles.LONGEST_SENTENCE for line in found):
            (some / file.name).write_bytes(text)
            lines += found
        if len(list(some.iterdir())) == SAMPLED_ARTICLES:
            break
    sentences.write_text(("\n".join(lines) + "\n") * PASSES, encoding="utf-8")
    return len(lines)


def soak(options, folder):
    """Resident memory over 1,000 articles, eight at a time."""
    count = articles.COUNT
    with Server(*PATIENT) as server:
        command = [BINARY, "load", folder, "--server", server.url, "--clients", "8", "--requests", str(count), "--timeout", "5m",
                   "--json", "--quiet"]
        run = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True)
        report = {}
        reader = threading.Thread(target=lambda: report.update(json.loads(run.stdout.read())))
        reader.start()
        samples = []
        while reader.is_alive():
            samples.append((server.answered(), server.memory()["VmRSS"] / MEGABYTE))
            time.sleep(0.1)
        samples.append((server.answered(), server.memory()["VmRSS"] / MEGABYTE))
    if report["total"]["ok"] != count:
        raise SystemExit(f"{report['total']['ok']} of {count} articles were answered: {report['failures']}")
    after = [megabytes for articles_done, megabytes in samples if articles_done >= SETTLED]
    middle = len(after) // 2
    early, late = statistics.mean(after[:middle]), statistics.mean(after[middle:])
    if options.results:
        plot.write(options.results / "service-memory.svg", [
            plot.Panel("Resident memory", "articles answered", "MB", [("", samples)]),
        ])
    return "\n".join([
        "## A thousand articles", "", "![resident memory by articles](service-memory.svg)", "",
        f"{count} articles, drawn from {report['run']['articles']}, eight at a time, in {report['total']['seconds']:.0f} s. Resident: "
        f"{samples[0][1]:.0f} MB before, {after[0]:.0f} MB after the first {SETTLED}, {samples[-1][1]:.0f} MB at the end; in the first "
        f"half of the rest {early:.1f} MB on the average, in the second {late:.1f} MB ({late - early:+.1f}), at most {max(after):.0f} "
        f"MB.",
    ])
