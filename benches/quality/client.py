"""The generated client of a running Dépêche server, made from `proto/` when it is needed."""

import importlib
import pathlib
import sys
import tempfile

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"


class Client:
    """`client.messages(name)` is the module of a contract file, `client.stub(name, service)` a stub."""

    def __init__(self, address):
        import grpc
        import grpc_tools
        from grpc_tools import protoc

        self.folder = tempfile.TemporaryDirectory()
        files = [str(path.relative_to(PROTO)) for path in sorted(PROTO.rglob("*.proto"))]
        well_known = pathlib.Path(grpc_tools.__file__).parent / "_proto"
        includes = [f"-I{PROTO}", f"-I{well_known}"]
        arguments = ["protoc", *includes, f"--python_out={self.folder.name}", f"--grpc_python_out={self.folder.name}"]
        if protoc.main([*arguments, *files]) != 0:
            sys.exit(f"cannot compile the protocol in {PROTO}")
        sys.path.insert(0, self.folder.name)
        self.channel = grpc.insecure_channel(address)

    def messages(self, name):
        return importlib.import_module(f"depeche.v1.{name}_pb2")

    def stub(self, name, service):
        return getattr(importlib.import_module(f"depeche.v1.{name}_pb2_grpc"), f"{service}Stub")(self.channel)


class Translator:
    """Translates one text a call."""

    def __init__(self, address):
        client = Client(address)
        self.messages = client.messages("translation")
        self.stub = client.stub("translation", "TranslationService")

    def translate(self, text, source, target):
        """The `Translation` message."""
        request = self.messages.TranslateRequest(text=text, source_language=source, target_languages=[target])
        return self.stub.Translate(request, timeout=120, wait_for_ready=True).translations[0]
