"""Engines: ONNX Runtime and TensorRT."""
