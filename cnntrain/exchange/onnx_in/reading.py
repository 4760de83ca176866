"""Which function reads which operator of ONNX."""

from collections.abc import Callable

from cnntrain.exchange.onnx_in.draft import Draft, Value
from cnntrain.exchange.onnx_in.graph import Op
from cnntrain.registry import listed
from cnntrain.types import Array

# what arithmetic and indexing with attributes and constants of the wrong shape or type raise
SENSELESS = (TypeError, ValueError, LookupError, ArithmeticError, AttributeError)

Reader = Callable[[Draft, Op], Value | Array]
READERS: dict[str, Reader] = {}


def reads(*kinds: str) -> Callable[[Reader], Reader]:
    """``@reads("Conv")``: this function adds the layers of the operator to the draft."""

    def enter(reader: Reader) -> Reader:
        READERS.update(dict.fromkeys(kinds, reader))
        return reader

    return enter


def read_op(draft: Draft, op: Op) -> None:
    """Read one operator; refuse it by its name if anything about it is not supported."""
    if op.kind not in READERS:
        op.refuse("this operator is not supported")
    try:
        found = READERS[op.kind](draft, op)
    except SENSELESS as error:
        op.refuse(f"its attributes or constants make no sense ({error})")
    op.check_all_asked()
    further = [name for name in op.outputs[1:] if draft.readers[name]]
    if further:
        op.refuse(f"its further outputs {listed(further)} are not supported")
    if isinstance(found, Value):
        draft.values[op.outputs[0]] = found
    else:
        draft.constants[op.outputs[0]] = found
