"""``python -m cnntrain``, and the console script of the same name."""

from cnntrain.cli import run

if __name__ == "__main__":
    run()
