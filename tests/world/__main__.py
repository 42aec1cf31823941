"""`python -m tests.world build | run -- COMMAND… | shards N ARGS… | up`."""

from __future__ import annotations

import sys

from tests.world import shards
from tests.world.build import BuildError, build

USAGE = """\
usage: python -m tests.world build              download and build what a world is made of
       python -m tests.world run -- COMMAND…    the same, then COMMAND where a world can live
       python -m tests.world shards N ARGS…     pytest with these files and options in N worlds
       python -m tests.world up                 the same, then a world to look at, until Ctrl-C"""


def main(args: list[str]) -> int:
    from tests.world.namespace import NoNamespaceError, run  # noqa: PLC0415
    from tests.world.visit import live, up  # noqa: PLC0415

    try:
        match args:
            case ["build"]:
                build(everything=True)
                return 0
            case ["run", "--", *command] if command:
                build(everything=True)
                return run(command)
            case ["shards", count, *rest] if count.isdecimal() and rest:
                build(everything=True)
                return shards.run(int(count), rest)
            case ["up"]:
                build()
                return up()
            case ["live", folder]:
                return live(folder)
            case _:
                pass
    except (BuildError, NoNamespaceError) as error:
        print(f"test world: {error}", file=sys.stderr)
        return 1
    print(USAGE, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
