"""From a checkpoint to one self-contained model file (ONNX, INT8, TensorRT)."""
