"""What several layers ask of the shape of their input."""

from cnntrain.errors import NotAnImage
from cnntrain.types import Shape


def require_image(in_shape: Shape) -> None:
    """Raise ``NotAnImage``, a ``ShapeError``, unless the input is (C, H, W)."""
    if len(in_shape) != 3:
        raise NotAnImage(f"needs an image of shape (C, H, W), but the input is {in_shape}")
