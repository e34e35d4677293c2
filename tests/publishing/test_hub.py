"""`hf://OWNER/NAME`, from a server that speaks as the Hugging Face Hub does."""

import http.server
import json
import threading
import zlib

import numpy as np
import pytest

import cafct_keras
from cafct_keras.errors import UserError
from cafct_keras.runs import hub
from pipelines.optional import MissingPackageError
from tests.publishing.test_published import predicted

huggingface_hub = pytest.importorskip("huggingface_hub", reason="the extra hub is not installed")
COMMIT = "c" * 40


@pytest.fixture
def server(published, tmp_path, monkeypatch):
    """Serves `published` as the model `liver/small`; yields the names of the files that were fetched."""
    fetched = []
    files = {path.name: path.read_bytes() for path in published.iterdir()}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.do_GET()

        def do_GET(self):
            path = self.path.partition("?")[0]
            if path.startswith("/api/models/liver/small/"):
                siblings = [{"rfilename": name} for name in files]
                tree = [{"type": "file", "path": name, "size": len(files[name]), "oid": name} for name in files]
                is_tree = path.startswith("/api/models/liver/small/tree")
                return self.answer(
                    json.dumps(tree if is_tree else {"id": "liver/small", "sha": COMMIT, "siblings": siblings}).encode()
                )
            name = path.rpartition("/")[2]
            if path == f"/liver/small/resolve/{COMMIT}/{name}" and name in files:
                if self.command == "GET":
                    fetched.append(name)
                return self.answer(files[name], {"X-Repo-Commit": COMMIT, "ETag": f'"{zlib.crc32(files[name]):x}"'})
            return self.answer(b"", {"X-Error-Code": "RepoNotFound"}, 404)

        def answer(self, content, headers=(), code=200):
            self.send_response(code)
            for key, value in {
                "Content-Length": len(content),
                "Content-Type": "application/json",
                **dict(headers),
            }.items():
                self.send_header(key, str(value))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        def log_message(self, *arguments):
            pass

    served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    download = huggingface_hub.snapshot_download
    endpoint = {"endpoint": f"http://127.0.0.1:{served.server_port}", "cache_dir": tmp_path / "cache"}
    monkeypatch.setattr(
        huggingface_hub, "snapshot_download", lambda *args, **kwargs: download(*args, **kwargs, **endpoint)
    )
    hub._download.cache_clear()
    yield fetched
    hub._download.cache_clear()
    served.shutdown()
    served.server_close()


def test_a_model_is_downloaded_once(published, server):
    for address in ("hf://liver/small", "hf://liver/small", "hf://liver/small@main"):
        np.testing.assert_array_equal(predicted(address), predicted(published))
    assert sorted(server) == ["README.md", "SHA256SUMS", "config.json", "model.safetensors"]
    assert cafct_keras.runs.Run.open("hf://liver/small").name == "shared"


def test_what_cannot_be_downloaded(server, monkeypatch):
    with pytest.raises(UserError, match=r"hf://liver/other: cannot be downloaded \(.*\); check the name") as raised:
        cafct_keras.load_model("hf://liver/other")
    assert len(str(raised.value).splitlines()) == 1
    for address in ("hf://liver", "hf://liver/small/again", "hf://../small@"):
        with pytest.raises(UserError, match="not the address of a model"):
            cafct_keras.load_model(address)
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    with pytest.raises(MissingPackageError, match=r"cafct-keras\[hub\]"):
        cafct_keras.load_model("hf://liver/third")
