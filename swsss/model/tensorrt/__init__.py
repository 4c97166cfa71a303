"""TensorRT engines and their sidecars: the libraries, and what both the export and the engine know of them."""
