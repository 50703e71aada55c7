"""A vade-server of our own, as a Python trainer sees it: on a free port of the
loopback, in a folder of its own, ended with the `with` block.
"""

import importlib
import pathlib
import subprocess
import sys
import time

import grpc

from redis_server import resident_bytes

ROOT = pathlib.Path(__file__).resolve().parents[2]
METHODS = {
    "CreateRun": ("run_pb2", "CreateRunRequest", "Run"),
    "SampleBatch": ("batch_pb2", "SampleBatchRequest", "SampleBatchResponse"),
    "ReleaseBatch": ("batch_pb2", "ReleaseBatchRequest", "Batch"),
    "ReportRewards": ("report_pb2", "ReportRewardsRequest",
                      "ReportRewardsResponse"),
}


def make_messages(folder):
    """Compiles the API's messages and makes them importable."""
    folder.mkdir(parents=True, exist_ok=True)
    protos = sorted((ROOT / "proto" / "vade").rglob("*.proto"))
    subprocess.run(["protoc", f"-I{ROOT / 'proto'}", f"--python_out={folder}",
                    *map(str, protos)], check=True)
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def messages(name):
    return importlib.import_module(f"vade.sampler.v1.{name}")


class VadeServer:
    def __init__(self, bin_folder, folder, *server_flags):
        self._program = bin_folder / "vade-server"
        self._folder = pathlib.Path(folder)
        self._flags = server_flags
        self._address = "127.0.0.1:0"

    def __enter__(self):
        self._folder.mkdir(parents=True)
        make_messages(self._folder / "messages")
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()

    def start(self):
        """Starts it and waits until it has loaded what it had written."""
        port_file = self._folder / "port"
        port_file.unlink(missing_ok=True)
        with open(self._folder / "log", "ab") as log:
            self._process = subprocess.Popen(
                [str(self._program), f"--data={self._folder / 'data'}",
                 f"--address={self._address}", f"--port-file={port_file}",
                 *self._flags], stderr=log, stdout=log)
        while not port_file.exists():
            if self._process.poll() is not None:
                sys.exit((self._folder / "log").read_text())
            time.sleep(0.005)
        self._address = f"127.0.0.1:{port_file.read_text().strip()}"
        self._channel = grpc.insecure_channel(
            self._address, options=[("grpc.max_receive_message_length", -1)])
        self._calls = {name: self._call(name, *types)
                       for name, types in METHODS.items()}
        self._await_health()

    def _await_health(self):
        """HealthCheckRequest is empty here, SERVING is 1 in field 1."""
        check = self._channel.unary_unary("/grpc.health.v1.Health/Check")
        while check(b"", wait_for_ready=True, timeout=300) != b"\x08\x01":
            time.sleep(0.005)

    def _call(self, name, module, request, response):
        return self._channel.unary_unary(
            f"/vade.sampler.v1.Sampler/{name}",
            request_serializer=getattr(
                messages(module), request).SerializeToString,
            response_deserializer=getattr(
                messages(module), response).FromString)

    def call(self, name, request):
        return self._calls[name](request, timeout=600)

    def import_prompts(self, run, ids):
        """Streams them, 10000 in a message."""
        prompt_pb2 = messages("prompt_pb2")
        ids = iter(ids)

        def chunks():
            while True:
                chunk = prompt_pb2.ImportPromptsRequest(run=run)
                for _, prompt_id in zip(range(10_000), ids):
                    chunk.prompts.add().id = prompt_id
                if not chunk.prompts:
                    return
                yield chunk

        stream = self._channel.stream_unary(
            "/vade.sampler.v1.Sampler/ImportPrompts",
            request_serializer=(
                prompt_pb2.ImportPromptsRequest.SerializeToString),
            response_deserializer=prompt_pb2.ImportPromptsResponse.FromString)
        return stream(chunks(), timeout=3600)

    def kill(self):
        self._channel.close()
        self._process.kill()
        self._process.wait()

    def resident_bytes(self):
        return resident_bytes(self._process.pid)
