"""Layers, losses, data sources and other kinds of installed packages.

A package names its modules under the entry point group ``cnntrain.plugins``; importing them
registers their kinds, which then are kinds like our own:

    [project.entry-points."cnntrain.plugins"]
    shrink = "my_package.shrink"

Only what is installed is imported. No config and no checkpoint can name a module.
"""

from functools import cache
from importlib.metadata import EntryPoint, entry_points

from cnntrain.errors import PluginError

GROUP = "cnntrain.plugins"


@cache
def load_plugins() -> tuple[str, ...]:
    """Import the plug-ins of all installed packages, once; returns their names.

    ``PluginError`` if one cannot be imported, or has a kind of a name that is taken.
    """
    found = sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value))
    for point in found:
        _load(point)
    return tuple(point.name for point in found)


def _load(point: EntryPoint) -> None:
    try:
        point.load()
    except Exception as error:  # whatever the code of others raises
        package = point.dist.name if point.dist else "?"
        raise PluginError(
            f"plug-in {point.name!r} ({point.value}) of the package {package!r} cannot be imported "
            f"({type(error).__name__}: {error}); update or uninstall that package"
        ) from None
