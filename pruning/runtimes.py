"""Other runtimes than torch, where they are installed: a network as ONNX, run by ONNX Runtime or OpenVINO."""

import importlib.util
import io
import warnings
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from pruning.errors import UserError

Run = Callable[[], object]  # one forward pass of a fixed input
NEEDS = {"torch": (), "onnxruntime": ("onnx", "onnxruntime"), "openvino": ("onnx", "openvino")}


def require(runtime: str) -> None:
    """Raise UserError when a package that the runtime needs is not installed."""
    missing = [name for name in NEEDS[runtime] if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(
            f"{runtime} needs {' and '.join(missing)}, which this Python does not have.",
            do=f"pip install {' '.join(missing)}, or choose the runtime torch.",
        )


def runner(runtime: str, model: nn.Module, x: Tensor) -> Run:
    """The network in eval mode on `x` (N, …), on as many threads as torch has."""
    return (lambda: model(x)) if runtime == "torch" else RUNNERS[runtime](onnx(model, x), x)


def onnx(model: nn.Module, x: Tensor) -> bytes:
    """The network as ONNX for inputs of this shape, batch norms folded."""
    file = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporter that takes a second, not ten, is called old
        torch.onnx.export(model.eval(), (x,), file, dynamo=False)  # type: ignore[arg-type]
    return file.getvalue()


def onnxruntime(network: bytes, x: Tensor) -> Run:
    import onnxruntime as runtime

    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = torch.get_num_threads(), 1
    options.log_severity_level = 3
    session = runtime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    given = {session.get_inputs()[0].name: x.cpu().numpy()}
    return lambda: session.run(None, given)


def openvino(network: bytes, x: Tensor) -> Run:
    import openvino as runtime

    core = runtime.Core()
    hints = {
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
    }
    compiled = core.compile_model(core.read_model(network), "CPU", hints)
    request, given = compiled.create_infer_request(), x.cpu().numpy()
    return lambda: request.infer([given])


RUNNERS: Mapping[str, Callable[[bytes, Tensor], Run]] = {"onnxruntime": onnxruntime, "openvino": openvino}
