"""Writes the part of catalog.toml that describes Mozilla's archive of Firefox Translations students.

    python models/mozilla.py mozilla-archive.json > part.toml

`part.toml` replaces everything in catalog.toml below the line that names this script. The input lists
the archive, the Git LFS repository mozilla/firefox-translations-models, at one revision:

    { "repository", "revision", "licence", "models": [
        { "architecture", "source", "target", "folder", "flores": { "bleu", "comet" },
          "model_bytes", "model_sha256",                    the model file, unpacked
          "files": [{ "name", "bytes", "sha256" }] } ] }    as they lie there, gzip

Only the standard library is needed.
"""

import json
import re
import sys

# Roles of files that the engine reads; the archive's quality models are not among them.
READ = re.compile(r"(model|lex|vocab|srcvocab|trgvocab)\.")
METRICS = ["bleu", "comet"]
LICENCE_URL = "https://www.mozilla.org/MPL/2.0/"


def text(value):
    """A TOML string; JSON's escapes are a subset of TOML's."""
    return json.dumps(value, ensure_ascii=False)


def inline(**fields):
    """An inline table, without the fields that are not known."""
    known = {key: value for key, value in fields.items() if value is not None}
    return "{ " + ", ".join(f"{key} = {shown(value)}" for key, value in known.items()) + " }"


def shown(value):
    if isinstance(value, list):
        return "[" + ", ".join(value) + "]"
    return text(value) if isinstance(value, str) else str(value)


def entry(archive, model):
    source, target = model["source"], model["target"]
    lines = [
        "[[model]]",
        f"id = {text('-'.join([source, target, model['architecture']]).lower())}",
        'task = "translation"',
        'engine = "student"',
        f"architecture = {text(model['architecture'])}",
        f"source_languages = [{text(source)}]",
        f"target_languages = [{text(target)}]",
        f"licence = {text(archive['licence'])}",
        f"licence_url = {text(LICENCE_URL)}",
        'checked = "form"',
        "source = "
        + inline(kind="mozilla-archive", repository=archive["repository"], revision=archive["revision"]),
    ]
    figures = [(metric, model["flores"].get(metric)) for metric in METRICS]
    figures = [
        inline(
            metric=metric,
            value=float(value),
            set="flores-devtest",
            reference=f"https://github.com/{archive['repository']}",
        )
        for metric, value in figures
        if value is not None
    ]
    if figures:
        lines += ["quality = [", *(f"  {figure}," for figure in figures), "]"]
    lines.append("files = [")
    for file in sorted(model["files"], key=lambda file: file["name"]):
        if not READ.match(file["name"]):
            continue
        weights = file["name"].startswith("model.")
        packed = inline(
            path=f"{model['folder']}/{file['name']}", bytes=file["bytes"], sha256=file["sha256"]
        )
        lines.append(
            "  "
            + inline(
                path=file["name"].removesuffix(".gz"),
                bytes=model["model_bytes"] if weights else None,
                sha256=model["model_sha256"] if weights else None,
                download=[packed],
            )
            + ","
        )
    lines.append("]")
    return "\n".join(lines)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        archive = json.load(file)
    models = sorted(
        archive["models"], key=lambda model: (model["source"], model["target"], model["architecture"])
    )
    print("\n\n".join(entry(archive, model) for model in models))


if __name__ == "__main__":
    main()
