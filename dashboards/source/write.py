"""Writes every board, or with --check compares the files with what would be written."""

import argparse
import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from board import Board
from boards import ALL

DIRECTORY = Path(__file__).resolve().parent.parent


def main() -> int:
    """Writes or compares, and says what differs."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--check", action="store_true", help="write nothing; fail where a file differs")
    check = arguments.parse_args().check
    wanted = {f"{board.name}.json": _text(board) for board in (make() for make in ALL)}
    stale = [name for name, text in wanted.items() if _read(DIRECTORY / name) != text]
    extra = sorted(path.name for path in DIRECTORY.glob("*.json") if path.name not in wanted)
    if check:
        for name in [*stale, *extra]:
            print(f"dashboards/{name} is not what dashboards/source gives: run dashboards/build", file=sys.stderr)
        return 1 if stale or extra else 0
    for name in stale:
        (DIRECTORY / name).write_text(wanted[name], encoding="utf-8")
        print(f"wrote dashboards/{name}")
    for name in extra:
        (DIRECTORY / name).unlink()
        print(f"removed dashboards/{name}")
    return 0


def _text(board: Board) -> str:
    return JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False).encode(board.build()) + "\n"


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


if __name__ == "__main__":
    sys.exit(main())
