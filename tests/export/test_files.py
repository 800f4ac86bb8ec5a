"""TF Serving's configuration, read by its own messages, and the commands of export/README.md."""

import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format, wrappers_pb2
from tensorflow.python.tools import saved_model_cli
from tensorflow_serving.config import model_server_config_pb2

EXPORT = pathlib.Path(__file__).parents[2] / "export"
COMPOSE = (EXPORT / "compose.yaml").read_text()


def test_models_config():
    config = text_format.Parse((EXPORT / "models.config").read_text(), model_server_config_pb2.ModelServerConfig())
    (model,) = config.model_config_list.config
    assert model.base_path == f"/models/{model.name}" and model.model_platform == "tensorflow"
    versions = list(model.model_version_policy.specific.versions)
    assert dict(model.version_labels) == {"stable": versions[0], "canary": versions[1]}


def batching_parameters():
    """TF Serving's `BatchingParameters`, which its package of messages lacks; fields and numbers from
    tensorflow_serving/servables/tensorflow/session_bundle_config.proto."""
    int64, text = wrappers_pb2.Int64Value.DESCRIPTOR, wrappers_pb2.StringValue.DESCRIPTOR
    fields = [
        ("max_batch_size", 1, int64),
        ("batch_timeout_micros", 2, int64),
        ("max_enqueued_batches", 3, int64),
        ("num_batch_threads", 4, int64),
        ("thread_pool_name", 5, text),
        ("allowed_batch_sizes", 6, None),
    ]
    file = descriptor_pb2.FileDescriptorProto(name="batching.proto", syntax="proto3", package="tensorflow.serving.test")
    file.dependency.append("google/protobuf/wrappers.proto")
    message = file.message_type.add(name="BatchingParameters")
    for name, number, wrapper in fields:
        field = message.field.add(name=name, number=number, label=1 if wrapper else 3)
        if wrapper:
            field.type, field.type_name = 11, f".{wrapper.full_name}"
        else:
            field.type = 3
    pool = descriptor_pool.Default()
    pool.Add(file) if not hasattr(pool, "AddSerializedFile") else pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tensorflow.serving.test.BatchingParameters"))()


def test_batching_config():
    found = text_format.Parse((EXPORT / "batching.config").read_text(), batching_parameters())
    sizes = list(found.allowed_batch_sizes)
    # TF Serving wants them to increase and to end in the largest batch.
    assert sizes == sorted(set(sizes)) and sizes[-1] == found.max_batch_size.value
    assert found.num_batch_threads.value >= 1 and found.max_enqueued_batches.value >= 1


def test_compose_file_names_what_is_there():
    flags = dict(re.findall(r"- --(\w+)=(\S+)", COMPOSE))
    # tensorflow_serving/model_servers/main.cc
    assert set(flags) <= {
        "model_config_file",
        "model_config_file_poll_wait_seconds",
        "allow_version_labels_for_unavailable_models",
        "enable_batching",
        "batching_parameters_file",
        "rest_api_timeout_in_ms",
    }
    mounts = dict(re.findall(r"- (\S+):(/\w+):ro", COMPOSE.replace("${MODELS:?the folder of the exports}", "MODELS")))
    assert mounts == {"MODELS": "/models", ".": "/config"}
    for flag in ("model_config_file", "batching_parameters_file"):
        assert (EXPORT / pathlib.Path(flags[flag]).relative_to("/config")).is_file()
    assert flags["enable_batching"] == "true", "--batching_parameters_file alone makes TF Serving abort"
    assert re.findall(r"- (\S+):850[01] ", COMPOSE) == ["127.0.0.1:8500", "127.0.0.1:8501"]


def readme_commands(verb):
    """`saved_model_cli VERB` commands of the README, as argument lists."""
    text = (EXPORT / "README.md").read_text().replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip().startswith(f"saved_model_cli {verb}")]
    assert lines, f"the README shows saved_model_cli {verb}"
    return lines


def test_saved_model_cli_shows_every_signature(served_folder, capsys):
    (line,) = readme_commands("show")
    arguments = line.split()[1:]
    arguments[arguments.index("--dir") + 1] = str(served_folder / "pixels" / "1")
    parsed = saved_model_cli.create_parser().parse_args(arguments)
    parsed.func()
    shown = capsys.readouterr().out
    for signature in ("serving_default", "sample", "sample_png", "inpaint", "inpaint_quantile"):
        assert f"signature_def['{signature}']" in shown
    assert "inputs['mask'] tensor_info:\n        dtype: DT_UINT8\n        shape: (-1, 8, 8)" in shown


def test_saved_model_cli_runs_as_the_readme_says(served_folder, served_models, tmp_path):
    (line,) = readme_commands("run")
    line = line.replace("served/qrgan-digits/1", str(served_folder / "images" / "1"))
    cli = "import sys; from tensorflow.python.tools import saved_model_cli; sys.exit(saved_model_cli.main())"
    command = line.replace("saved_model_cli", f'"{sys.executable}" -c "{cli}"', 1)
    done = subprocess.run(command, shell=True, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    drawn = np.load(tmp_path / "images.npy")
    # Seeds (0, 0) and (0, 1) are those of `sample(2, seed=0)`.
    np.testing.assert_allclose(drawn.astype(int), served_models["images"].sample(2, seed=0), atol=1)


@pytest.mark.parametrize("word", ["models.config", "batching.config", "compose.yaml", "grpc_client.py"])
def test_readme_tells_of_every_file(word):
    assert word in (EXPORT / "README.md").read_text()
