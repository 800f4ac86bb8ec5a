"""A gRPC server on loopback that answers TF Serving's Predict out of SavedModels.

It proves messages and graphs, not TF Serving itself. As TF Serving does, it runs the signatures in a C++ session, which
feeds tensors of whatever shape comes, and it refuses by the same codes: NOT_FOUND for a model or version,
FAILED_PRECONDITION for a signature, INVALID_ARGUMENT for inputs that are missing, unknown or not to be parsed, and the
session's own code for all that the graph refuses.
"""

import concurrent.futures
import contextlib

import grpc
import tensorflow as tf
from tensorflow_serving.apis import prediction_service_pb2_grpc as service
from tensorflow_serving.apis.predict_pb2 import PredictResponse

CODES = {code.value[0]: code for code in grpc.StatusCode}


class Refused(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code, self.message = code, message


class Servable:
    """One version of a model in a session."""

    def __init__(self, path):
        graph = tf.Graph()
        self.session = tf.compat.v1.Session(graph=graph)
        with graph.as_default():
            self.signatures = tf.compat.v1.saved_model.load(self.session, ["serve"], str(path)).signature_def

    def predict(self, signature_name, inputs):
        if signature_name not in self.signatures:
            message = f'Serving signature key "{signature_name}" not found.'
            raise Refused(grpc.StatusCode.FAILED_PRECONDITION, message)
        signature = self.signatures[signature_name]
        extra, missing = set(inputs) - set(signature.inputs), set(signature.inputs) - set(inputs)
        if extra or missing:
            message = f"Sent extra: {sorted(extra)}. Missing but required: {sorted(missing)}."
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, message)
        feeds = {}
        for name, tensor in inputs.items():
            try:
                feeds[self._tensor(signature.inputs[name])] = tf.make_ndarray(tensor)
            except (TypeError, ValueError) as error:
                message = f"tensor parsing error: {name}"
                raise Refused(grpc.StatusCode.INVALID_ARGUMENT, message) from error
        fetches = [self._tensor(output) for output in signature.outputs.values()]
        # `Session.run` would look at the shapes first, which the C++ session does not.
        try:
            values = self.session._call_tf_sessionrun(None, feeds, fetches, [], None)
        except tf.errors.OpError as error:
            raise Refused(CODES[error.error_code], error.message) from error
        return dict(zip(signature.outputs, values, strict=True))

    def _tensor(self, info):
        return self.session.graph.get_tensor_by_name(info.name)._as_tf_output()


class Predictions(service.PredictionServiceServicer):
    """Args: versions: `{(name, version): path}`, labels: `{(name, label): version}`."""

    def __init__(self, versions, labels):
        self.servables = {key: Servable(path) for key, path in versions.items()}
        self.labels = labels

    def Predict(self, request, context):
        try:
            return self.predict(request)
        except Refused as refused:
            context.abort(refused.code, refused.message)

    def predict(self, request):
        spec = request.model_spec
        of_model = [version for name, version in self.servables if name == spec.name]
        version = max(of_model, default=None)
        if spec.HasField("version"):
            version = spec.version.value
        elif spec.version_label:
            version = self.labels.get((spec.name, spec.version_label))
        if version not in of_model:
            raise Refused(grpc.StatusCode.NOT_FOUND, f"Servable not found for request: {spec.name}, {version}")
        response = PredictResponse()
        response.model_spec.CopyFrom(spec)
        response.model_spec.version.value = version
        outputs = self.servables[spec.name, version].predict(spec.signature_name or "serving_default", request.inputs)
        for name, value in outputs.items():
            response.outputs[name].CopyFrom(tf.make_tensor_proto(value))
        return response


@contextlib.contextmanager
def serving(versions, labels=None):
    """Yields the address `localhost:PORT` of a server of `versions`, `{(name, version): path}`."""
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(2), options=options)
    service.add_PredictionServiceServicer_to_server(Predictions(versions, labels or {}), server)
    port = server.add_insecure_port("localhost:0")
    server.start()
    try:
        yield f"localhost:{port}"
    finally:
        server.stop(grace=None).wait()
