"""The script that the exec wrapper starts in the place of /var/runtime/bootstrap.py.

Python compiles a script at every start and caches what it imports, so this file holds next to nothing.
"""

import sys


def start() -> None:
    layer = __file__.rpartition("/streaming_runtime/")[0]
    sys.path.insert(0, layer)
    from streaming_runtime.search_path import arrange

    arrange(layer)
    from streaming_runtime.loop import run

    run()


if __name__ == "__main__":
    start()
