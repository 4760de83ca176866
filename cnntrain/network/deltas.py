"""∂C/∂y of the nodes of a network, on the way back through it."""

from collections.abc import Sequence

from cnntrain.network.graph import AT_INPUT, Node
from cnntrain.ops.sums import add_to, added
from cnntrain.types import Array


class Deltas:
    """The sum of what comes back from all that read a node.

    The last addition is left to layers that do it in passing (``Layer.overwrites_dy``).
    """

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._nodes = nodes
        self._sums: dict[int, Array] = {}
        self._new: set[int] = set()  # nodes whose array there may be overwritten
        self._beside: dict[int, Array] = {}  # what is still to be added to it

    def give(self, k: int, part: Array, is_new: bool) -> None:
        """Another part of that of node k; ``is_new``: others may change its memory."""
        if k not in self._sums:
            self._sums[k] = part
            if is_new:
                self._new.add(k)
            return
        self._new.add(k)  # as a sum, if nothing else
        delta, more = self._sums[k], self._beside.pop(k, None)
        before = delta if more is None else add_to(delta, more)
        if is_new and k != AT_INPUT and self._nodes[k].layer.overwrites_dy:
            self._sums[k], self._beside[k] = part, before
        else:
            self._sums[k] = (add_to if is_new else added)(part, before)

    def take(self, k: int) -> tuple[Array, Array | None]:
        """That of node k, and what its layer is to add to it."""
        return self._sums.pop(k), self._beside.pop(k, None)

    def may_overwrite(self, k: int) -> bool:
        """Whether its layer can use the memory of that array, and nothing else refers to it."""
        return k in self._new and self._nodes[k].layer.overwrites_dy

    def of_input(self) -> Array | None:
        """∂C/∂x, if it has been worked out."""
        return self._sums.get(AT_INPUT)
