"""Trains the digit classifier of the scenarios and writes it as ONNX and as safetensors.

Data: the Optical Recognition of Handwritten Digits data set (E. Alpaydin and C. Kaynak, UCI Machine
Learning Repository, CC BY 4.0), 1,797 images of 8 x 8 pixels from 0 to 16, as scikit-learn ships it;
nothing is downloaded.
Model: 64 pixels -> 32 hidden units (ReLU) -> 10 classes (softmax), 2,410 parameters.

    pip install -r requirements.txt
    for context in ../../layer-order/context ../../multi-stage/context; do python train.py $context; done

The same versions on the same kind of processor give the same bytes; elsewhere the last bits of the
weights may differ, which is why the files themselves are checked in.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

pixels, digits = load_digits(return_X_y=True)
train_x, test_x, train_y, test_y = train_test_split(pixels / 16, digits, test_size=0.2, random_state=0)
model = MLPClassifier(hidden_layer_sizes=(32,), max_iter=400, random_state=0).fit(train_x, train_y)
print(f"accuracy on the held-out fifth: {model.score(test_x, test_y):.3f}", file=sys.stderr)

# The model takes raw pixels: their scale belongs to it, not to its callers.
w0, w1 = (np.float32(w) for w in model.coefs_)
b0, b1 = (np.float32(b) for b in model.intercepts_)
tensors = {"w0": w0 / np.float32(16), "b0": b0, "w1": w1, "b1": b1}

graph = helper.make_graph(
    nodes=[
        helper.make_node("Gemm", ["pixels", "w0", "b0"], ["sums"]),
        helper.make_node("Relu", ["sums"], ["hidden"]),
        helper.make_node("Gemm", ["hidden", "w1", "b1"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ],
    name="digits",
    inputs=[helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 64])],
    outputs=[helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 10])],
    initializer=[numpy_helper.from_array(tensor, name) for name, tensor in tensors.items()],
)
proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9, producer_name="digits")
onnx.checker.check_model(proto)

context = Path(sys.argv[1])
(context / "model.onnx").write_bytes(proto.SerializeToString(deterministic=True))
(context / "model.safetensors").write_bytes(save(tensors))
