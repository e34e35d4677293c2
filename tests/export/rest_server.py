"""A stand-in for TensorFlow Serving's REST API, for tests: what the server itself does is not tested here.

Like the server, it takes the highest numbered version of a folder, loads it in a TensorFlow session by its tag `serve`,
and feeds and fetches the tensors of its signatures. It knows neither Keras nor this package. The forms of requests and
answers follow https://www.tensorflow.org/tfx/serving/api_rest.
"""

import contextlib
import http.server
import json
import pathlib
import re
import threading

import numpy as np
import tensorflow as tf

PATH = re.compile(r"/v1/models/(?P<name>[^/:]+)(/versions/(?P<version>\d+))?(?P<verb>:predict|/metadata)?")


class Servable:
    """One version of a model."""

    def __init__(self, directory):
        self._session = tf.compat.v1.Session(graph=tf.Graph())
        with self._session.graph.as_default():
            loaded = tf.compat.v1.saved_model.load(self._session, ["serve"], str(directory))
        self._signatures = dict(loaded.signature_def)

    def predict(self, request):
        """The answer to the body of a `:predict` request."""
        name = request.get("signature_name", "serving_default")
        if name not in self._signatures:
            raise ValueError(f"Serving signature key {name!r} not found.")
        (form,) = {"inputs", "instances"} & set(request)
        value = request[form]
        ((key, given),) = self._signatures[name].inputs.items()
        value = self._tensor(value[key] if isinstance(value, dict) else value, given)
        tensors = {each: info.name for each, info in self._signatures[name].outputs.items()}
        (result,) = self._session.run(tensors, {given.name: value}).values()
        return {{"inputs": "outputs", "instances": "predictions"}[form]: result.tolist()}

    @staticmethod
    def _tensor(value, info):
        """JSON as the tensor of an input: integers only where it takes integers."""
        dtype = tf.as_dtype(info.dtype)
        array = np.array(value)
        if dtype.is_integer and array.dtype.kind != "i":
            raise ValueError(f"JSON Value: {array.flat[0]} Type: Number is not of expected type: {dtype.name}")
        return array.astype(dtype.as_numpy_dtype)


@contextlib.contextmanager
def serving(name, base_path):
    """Serves the versions of a folder under a model's name; yields the server's address."""
    versions = {int(path.name): path for path in pathlib.Path(base_path).iterdir() if path.name.isdecimal()}
    servables = {max(versions): Servable(versions[max(versions)])}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self._answer(PATH.fullmatch(self.path), None)

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(PATH.fullmatch(self.path), body)

        def _answer(self, asked, body):
            version = int(asked["version"] or max(servables)) if asked else None
            if version is None or asked["name"] != name or version not in servables:
                self._send(404, {"error": f"Could not find any versions of model {self.path}"})
            elif body is None:
                status = {"version": str(version), "state": "AVAILABLE", "status": {"error_code": "OK"}}
                self._send(200, {"model_version_status": [status]})
            else:
                try:
                    self._send(200, servables[version].predict(json.loads(body)))
                except Exception as error:
                    self._send(400, {"error": str(error)})

        def _send(self, code, answer):
            content = json.dumps(answer).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
