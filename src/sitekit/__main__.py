"""The command line, ``python -m sitekit COMMAND``: ``--help`` says what each command does."""

from __future__ import annotations

import argparse
import functools
import os
import sys
from collections.abc import Sequence
from pathlib import Path


LOOKS = {
    "screenshots": "photograph the built pages, wide and on a phone, light and dark, into _build/screenshots",
    "lighthouse": "judge some of the built pages with Lighthouse, into _build/lighthouse",
}


def main(argv: list[str] | None = None) -> int:
    """Do what the arguments say; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m sitekit", description="Build the site of executed pages.")
    parser.add_argument("-c", "--conf", type=Path, default=Path("."), metavar="DIR", help="folder of conf.py (default: here)")
    parser.add_argument("--source", default="docs", help="folder of the pages, from there (default: docs)")
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="run pages and check their claims, without building the site")
    check.add_argument("pages", nargs="+", type=Path, metavar="PAGE")
    rerun = commands.add_parser("rerun", help="run the pages of an environment again, and compare with their records")
    rerun.add_argument("environment", help="its name, as in the pages' front matter")
    rerun.add_argument("--record", action="store_true", help="write new records where they differ")
    matrix = commands.add_parser("matrix", help="run the pages' claims on every backend and version of Keras, and record what differs")
    matrix.add_argument("pages", nargs="*", type=Path, metavar="PAGE", help="only these; the record keeps what it has of the others")
    matrix.add_argument("--changed", action="store_true", help="only pages whose code is not what the record was made of")
    html = commands.add_parser("html", help="build the site into _build/html")
    html.add_argument("sphinx", nargs="*", help="options for sphinx-build, after --")
    for name, does in LOOKS.items():
        look = commands.add_parser(name, help=does)
        look.add_argument("pages", nargs="*", metavar="PAGE", help="only these, such as layers/lstm")
    live = commands.add_parser("live", help="serve the site; build it again and reload the browser when a file is saved")
    live.add_argument("--port", type=int, default=8000)
    options = parser.parse_args(argv)
    confdir = options.conf.resolve()
    if options.command == "check":
        return check_pages(options.pages, confdir)
    if options.command == "html":
        return build_site(confdir, options.source, ["-W", "--keep-going", *options.sphinx])
    if options.command == "rerun":
        from sitekit.rerun import rerun as run_again

        return run_again(confdir, options.source, options.environment, options.record)
    if options.command == "matrix":
        from sitekit.matrix import matrix as run_everywhere

        return run_everywhere(confdir, options.source, options.pages, options.changed)
    if options.command in LOOKS:
        return look_at_site(options.command, confdir, options.pages)
    from sitekit.live import serve

    return serve(confdir, options.source, options.port)


def check_pages(paths: Sequence[Path], confdir: Path) -> int:
    """Run the pages at `paths`, and say which claims hold and what failed."""
    from sitekit import pages, read_configuration, settings_from
    from sitekit.execution import executed
    from sitekit.progress import Progress

    config = read_configuration(confdir)
    found = [page for path in paths if (page := pages.read(path.resolve(), os.path.relpath(path, confdir)))]
    progress = Progress(functools.partial(print, flush=True))
    results = executed(found, settings_from(config, confdir), progress.finished, progress.started).values()
    progress.close()
    for result in results:
        for claim in pages.claims_in(result.notebook):
            print("  " + claim["text/plain"])
        for failure in result.failures:
            print(failure)
    print(progress.summary(results))
    return int(any(result.failures for result in results))


def build_site(confdir: str | Path, source: str, more: Sequence[str] = ()) -> int:
    """Build aside, and replace ``_build/html`` whole when all went well; return the exit status."""
    from sphinx.cmd.build import build_main

    confdir = Path(confdir)
    work = confdir / "_build" / "work"
    return build_main([
        "-b", "html", "-q", "-c", str(confdir), "-d", str(work / "doctrees"),
        "-D", "sitekit_publish=_build/html", *more, str(confdir / source), str(work / "html"),
    ])


def look_at_site(command: str, confdir: Path, pages: Sequence[str]) -> int:
    """Photograph or judge the site in ``_build/html``; return the exit status."""
    from sitekit.lighthouse import judge
    from sitekit.screenshots import photograph

    look = photograph if command == "screenshots" else judge
    return look(confdir / "_build" / "html", confdir / "_build" / command, pages)


if __name__ == "__main__":
    sys.exit(main())
