"""``cnntrain fit --print-config``: the config as it will be trained, with comments."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cnntrain.config.document import KeyPath, parse_document
from cnntrain.config.read import Config, dump_plan, read_config
from cnntrain.data.locate import DataFolders
from cnntrain.errors import CnntrainError, ExitCode
from cnntrain.network.network import Network
from cnntrain.text import printable
from cnntrain.training.experiment import build_network


def run_print_config(
    path: Path, settings: Sequence[str], seed: int | None, data_dir: Path | None
) -> ExitCode:
    """Print the resolved config on stdout."""
    config = read_config(path, settings, seed)
    print(printable(commented(config, DataFolders.of(data_dir, path.parent))), end="")
    return ExitCode.DONE


def commented(config: Config, folders: DataFolders) -> str:
    """The resolved config: ``default`` after what the file leaves open, shapes after layers."""
    text = dump_plan(config.plan)
    document = parse_document(text, "config")
    comments: dict[int, str] = {}
    for path, (line, _) in document.positions.items():
        if path and not _says(config.source.tree, path) and not _has_parts(document.tree, path):
            comments.setdefault(line, "default")
    for item, comment in _shapes(config, folders).items():
        line, _ = document.positions[("network", item)]
        comments[line] = comment
    lines = text.splitlines()
    return "".join(
        f"{line:<40}  # {comments[number]}\n" if number in comments else f"{line}\n"
        for number, line in enumerate(lines, start=1)
    )


def _says(tree: Any, path: KeyPath) -> bool:
    """Whether the user's file has an entry at ``path``; short forms count."""
    for key in path:
        inside = range(len(tree)) if isinstance(tree, list) else tree
        if not isinstance(tree, dict | list) or key not in inside:
            return bool(tree == key)
        tree = tree[key]  # type: ignore[index]
    return True


def _has_parts(tree: Any, path: KeyPath) -> bool:
    for key in path:
        tree = tree[key]
    return isinstance(tree, dict | list) and bool(tree)


def _shapes(config: Config, folders: DataFolders) -> dict[int, str]:
    """A comment for every item of the network; none if the sample shape is not known."""
    try:
        network = build_network(config.plan, folders.find)
    except CnntrainError:
        return {}
    return {item: _shape_comment(network, item) for item in {node.item for node in network.nodes}}


def _shape_comment(network: Network, item: int) -> str:
    nodes = [node for node in network.nodes if node.item == item]
    names = ", ".join(node.name for node in nodes)
    return f"{names}: {nodes[0].in_shape} -> {nodes[-1].out_shape}"
