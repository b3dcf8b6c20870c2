"""What happens when in a Sphinx build: lock, run the pages, read them with their outputs, publish, sum up."""

from __future__ import annotations

import contextlib
import functools
import os
from pathlib import Path

from jinja2 import FileSystemBytecodeCache
from myst_nb.core.config import NbParserConfig
from myst_nb.sphinx_ext import add_global_html_resources
from myst_parser.config.main import MdParserConfig
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

from sitekit import OPTIONS, pages, settings_from
from sitekit.execution import SERVER, Settings, executed, warm_server
from sitekit.forkserver import AVAILABLE
from sitekit.progress import Progress
from sitekit.replace import lock, replace_folder

log = logging.getLogger(__name__)
ENVIRONMENT = "environment.pickle"
UNFINISHED = "unfinished"


def connect(app) -> None:
    """Take part in the build's events."""
    app.add_source_parser(pages.ExecutedParser, override=True)
    app.connect("config-inited", _begin, priority=100)
    app.connect("builder-inited", _run_pages)
    app.connect("env-get-outdated", _changed_results)
    app.connect("env-purge-doc", _forget)
    app.connect("env-merge-info", _merge)
    app.connect("doctree-read", _remember)
    app.connect("build-finished", _end, priority=1000)


def start_early(app) -> contextlib.ExitStack:
    """With an empty cache the warm process will be needed: have it import while Sphinx sets itself up."""
    early, settings = contextlib.ExitStack(), _settings(app)
    if AVAILABLE and SERVER not in os.environ and not any(settings.cache_dir.glob("*/*.json")):
        os.environ[SERVER] = f"{settings.key()} {early.enter_context(warm_server(settings))}"
        early.callback(os.environ.pop, SERVER)
    return early


def _settings(app) -> Settings:
    return settings_from({f"sitekit_{name}": app.config[f"sitekit_{name}"] for name in OPTIONS}, app.confdir)


def _begin(app, config) -> None:
    """Wait for any other build into the same folder, and distrust what one that was killed has left there."""
    app.sitekit_pages, app.sitekit_results = {}, {}
    config.nb_execution_mode = "off"
    app.sitekit_lock = lock(Path(app.doctreedir, "lock"), lambda: log.info("waiting for another build to finish"))
    if Path(app.doctreedir, UNFINISHED).exists():
        log.info("the last build did not finish: reading all pages again")
        Path(app.doctreedir, ENVIRONMENT).unlink(missing_ok=True)


def _run_pages(app) -> None:
    """Run what must be run, before Sphinx reads a page; if any fails, report all that did, and stop."""
    if app.builder.format == "html":  # MyST-NB brings its style sheet last, so a first build would differ from a second
        Path(app.outdir, "_static").mkdir(parents=True, exist_ok=True)
        add_global_html_resources(app, None)
    app.env.find_files(app.config, app.builder)
    markdown = getattr(app.env, "myst_config", MdParserConfig())
    notebooks = getattr(app.env, "mystnb_config", NbParserConfig())
    found = [
        page
        for docname in sorted(app.env.found_docs)
        if (page := pages.read(Path(app.env.doc2path(docname)), docname, markdown, notebooks))
    ]
    settings = _settings(app)
    if not AVAILABLE:
        log.info("no forking on this system: each page starts its own Python")
    app.sitekit_say = functools.partial(print, flush=True) if app.config.sitekit_publish else log.info
    app.sitekit_progress = Progress(app.sitekit_say)
    try:
        app.sitekit_results = executed(found, settings, app.sitekit_progress.finished, app.sitekit_progress.started)
    finally:
        app.sitekit_progress.close()
        app.sitekit_early.close()
    failures = [failure for result in app.sitekit_results.values() for failure in result.failures]
    if failures:
        app.sitekit_lock.close()
        summary = app.sitekit_progress.summary(app.sitekit_results.values(), "the site is as it was")
        # An exception that Sphinx knows would be shown with a traceback of Sphinx, and a plea to report it.
        raise SystemExit("\n\n".join(["", *map(str, failures), summary]))
    app.sitekit_pages = {docname: result.notebook for docname, result in app.sitekit_results.items()}
    Path(app.doctreedir, UNFINISHED).touch()
    if environment := getattr(getattr(app.builder, "templates", None), "environment", None):  # keep compiled templates, as Jinja offers
        compiled = settings.cache_dir / "templates"
        compiled.mkdir(parents=True, exist_ok=True)
        environment.bytecode_cache = FileSystemBytecodeCache(str(compiled))


def _read_with(env: BuildEnvironment) -> dict[str, str]:
    """For each page as Sphinx has read it: the digest of the results that it was read with."""
    if not hasattr(env, "sitekit_digests"):
        env.sitekit_digests = {}
    return env.sitekit_digests


def _changed_results(app, env, added, changed, removed) -> list[str]:
    known = _read_with(env)
    return [
        docname
        for docname in env.all_docs
        if docname not in removed and known.get(docname) != _digest(app, docname)
    ]


def _digest(app, docname: str) -> str | None:
    result = app.sitekit_results.get(docname)
    return result and result.digest


def _remember(app, doctree) -> None:
    if digest := _digest(app, app.env.docname):
        _read_with(app.env)[app.env.docname] = digest


def _forget(app, env, docname: str) -> None:
    _read_with(env).pop(docname, None)


def _merge(app, env, docnames, other) -> None:
    _read_with(env).update({name: digest for name, digest in _read_with(other).items() if name in docnames})


def _end(app, exception) -> None:
    """Publish a build that went well, and sum it up."""
    if exception is None:
        site = Path(app.outdir)
        warned = app._fail_on_warnings and app._warncount
        if app.config.sitekit_publish and not warned:
            site = Path(app.confdir, app.config.sitekit_publish)
            replace_folder(Path(app.outdir), site)
        Path(app.doctreedir, UNFINISHED).unlink(missing_ok=True)
        where = "not published, for the warnings above" if warned and app.config.sitekit_publish else _where(site)
        app.sitekit_say(app.sitekit_progress.summary(app.sitekit_results.values(), where))
    app.sitekit_lock.close()


def _where(site: Path) -> str:
    with contextlib.suppress(ValueError):
        return os.path.relpath(site / "index.html")
    return str(site / "index.html")
