"""Models for and from other tools: ONNX, PyTorch's safetensors, and a file that needs only NumPy.

May import: everything up to runs.
"""
