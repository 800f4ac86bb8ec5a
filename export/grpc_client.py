"""Draws images from TF Serving over gRPC, or completes images, and saves them as .npy.

    python grpc_client.py qrgan-digits --n 64 --seed 0
    python grpc_client.py pixeliqn-digits --images digits.npy --mask top.npy --version-label canary

Needs tensorflow-serving-api, and no qrkeras.
"""

import argparse

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc


def connect(address, megabytes):
    """A stub whose replies may be as large as `megabytes`; gRPC's own limit is 4."""
    options = [("grpc.max_receive_message_length", int(megabytes * 2**20))]
    return prediction_service_pb2_grpc.PredictionServiceStub(grpc.insecure_channel(address, options))


def predict(stub, model, signature, inputs, deadline, version_label=None):
    """The outputs of one request, NumPy arrays by name.

    Args:
      inputs: NumPy arrays by name, of the signature's dtypes.   deadline: seconds.
      version_label: such as stable or canary; None: the newest version that is served.
    Raises: grpc.RpcError.
    """
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = model, signature
    if version_label is not None:
        request.model_spec.version_label = version_label
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    response = stub.Predict(request, timeout=deadline)
    return {name: tf.make_ndarray(value) for name, value in response.outputs.items()}


def array_of(argument, path):
    """The array in a .npy file. Raises: ValueError, with the argument's name."""
    try:
        return np.load(path)
    except OSError as error:
        raise ValueError(f"{argument}: {path}: {error.strerror}") from error
    except (ValueError, EOFError) as error:
        raise ValueError(f"{argument}: {path} holds no array as numpy.save writes it") from error


def to_complete(images, mask):
    """The inputs of `inpaint` but for the seed, from two .npy files. Raises: ValueError for what does not fit."""
    if mask is None:
        raise ValueError("--mask must be given with --images")
    images, mask = array_of("--images", images), array_of("--mask", mask)
    if images.ndim != 4 or images.dtype != "uint8":
        raise ValueError(f"--images must be uint8 (n, height, width, channels), got {images.dtype} {images.shape}")
    if mask.shape not in (images.shape[1:3], images.shape[:3]):
        fitting = f"{images.shape[1:3]} or {images.shape[:3]}"
        raise ValueError(f"--mask must be {fitting}, as --images, got {mask.shape}")
    return {"images": images, "mask": np.broadcast_to(mask, images.shape[:3]).astype("uint8")}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--address", default="localhost:8500")
    parser.add_argument("--version-label", help="such as stable or canary; else the newest version that is served")
    parser.add_argument("--n", type=int, default=16, help="samples")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--class-label", type=int, help="class of every image, where the model has classes")
    parser.add_argument("--images", help=".npy of uint8 (n, height, width, channels), to complete")
    parser.add_argument("--mask", help=".npy of (height, width) or (n, height, width), 1 where a pixel is known")
    parser.add_argument("--deadline", type=float, default=60, help="seconds until the client gives up")
    parser.add_argument("--max-message-mb", type=float, default=64, help="largest reply that is accepted")
    parser.add_argument("--output", default="samples.npy")
    arguments = parser.parse_args()
    signature, inputs, n = "sample", {}, arguments.n
    if arguments.images:
        try:
            inputs = to_complete(arguments.images, arguments.mask)
        except ValueError as error:
            parser.error(str(error))
        signature, n = "inpaint", len(inputs["images"])
    inputs["seed"] = np.stack([np.full(n, arguments.seed), np.arange(n)], axis=1).astype("int32")
    if arguments.class_label is not None:
        inputs["label"] = np.full(n, arguments.class_label, "int32")

    stub = connect(arguments.address, arguments.max_message_mb)
    try:
        outputs = predict(stub, arguments.model, signature, inputs, arguments.deadline, arguments.version_label)
    except grpc.RpcError as error:
        raise SystemExit(f"{error.code().name}: {error.details()}") from None
    (samples,) = outputs.values()
    np.save(arguments.output, samples)
    print(arguments.output, samples.shape, samples.dtype)


if __name__ == "__main__":
    main()
