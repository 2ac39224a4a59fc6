"""Our side."""

import json
import pathlib
import sys

from . import environment

ROOT = pathlib.Path(__file__).resolve().parents[3]
BINARY = ROOT / "target/release/depeche"
STORE = ROOT / "target/peers/models"


def check():
    if not BINARY.exists():
        sys.exit(f"there is no {BINARY}: `cargo build --release`")


def pull(model):
    """The folder of a model of the catalogue, fetched if it is not there."""
    folder = STORE / model
    if not folder.is_dir():
        STORE.mkdir(parents=True, exist_ok=True)
        environment.run([BINARY, "models", "pull", model, "--models", STORE])
    return folder


def bench(file, model, **flags):
    """The figures of `depeche bench`; of rates the median."""
    named = [[f"--{name.replace('_', '-')}", str(value)] for name, value in flags.items()]
    told = environment.run([BINARY, "bench", file, "--model", model, "--json", *sum(named, [])])
    return {key: median(value) for key, value in json.loads(told).items()}


def median(value):
    return value["median"] if isinstance(value, dict) and "median" in value else value
