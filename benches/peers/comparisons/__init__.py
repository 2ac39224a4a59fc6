"""The comparisons by the peer's name, one file a peer. Each is a function from the command's options to works, and
installs what the peer needs before it returns."""

from . import ctranslate2, fxtranslate, llama_cpp, transformers

COMPARISONS = {
    "fxtranslate": fxtranslate.works,
    "ctranslate2": ctranslate2.works,
    "llama.cpp": llama_cpp.works,
    "transformers": transformers.works,
}
