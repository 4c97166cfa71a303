"""TensorRT engines: built from a model file, and proven against it."""
