"""The command line: ``python -m sitekit check PAGE…`` and ``python -m sitekit html``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path


def main(argv: list[str] | None = None) -> int:
    """Do what the arguments say; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m sitekit", description="Build the site of executed pages.")
    parser.add_argument("-c", "--conf", type=Path, default=Path("."), metavar="DIR", help="folder of conf.py (default: here)")
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="run pages and check their claims, without building the site")
    check.add_argument("pages", nargs="+", type=Path, metavar="PAGE")
    check.add_argument("--force", action="store_true", help="run them even if nothing has changed")
    html = commands.add_parser("html", help="build the site into _build/html")
    html.add_argument("--source", default="docs", help="folder of the pages (default: docs)")
    html.add_argument("sphinx", nargs="*", help="options for sphinx-build, after --")
    options = parser.parse_args(argv)
    if options.command == "html":
        return build_site(options.conf, options.source, options.sphinx)
    return check_pages(options.pages, options.conf.resolve(), options.force)


def check_pages(paths: list[Path], confdir: Path, force: bool = False) -> int:
    """Run the pages at `paths`, and say which claims hold and what failed."""
    from sitekit import pages, settings_from
    from sitekit.execution import executed
    from sitekit.progress import Progress
    from sphinx.config import eval_config_file

    config = eval_config_file(str(confdir / "conf.py"), None) if (confdir / "conf.py").exists() else {}
    settings = settings_from(config, confdir)
    found = [page for path in paths if (page := pages.read(path.resolve(), os.path.relpath(path, confdir)))]
    progress = Progress(lambda line: print(line, flush=True))
    results = executed(found, settings, progress.finished, progress.started).values()
    progress.close()
    for result in results:
        for output in (output for cell in result.notebook.cells for output in cell.get("outputs", ())):
            if pages.CLAIM in output.get("data", {}):
                print("  " + output.data["text/plain"])
        for failure in result.failures:
            print(failure)
    print(progress.summary(results))
    return int(any(result.failures for result in results))


def build_site(confdir: Path, source: str, more: list[str] = ()) -> int:
    """Build aside, and replace ``_build/html`` whole when all went well."""
    from sphinx.cmd.build import build_main

    work = confdir / "_build" / "work"
    return build_main([
        "-b", "html", "-W", "--keep-going", "-q", "-c", str(confdir), "-d", str(work / "doctrees"),
        "-D", "sitekit_publish=_build/html", *more, str(confdir / source), str(work / "html"),
    ])


if __name__ == "__main__":
    sys.exit(main())
