"""Post-training quantization: a float ONNX network and samples to a QDQ network, with what it costs."""
