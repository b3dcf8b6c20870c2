"""Running pages: each in a kernel of its own, as many at a time as there are cores, and only if the cache has not got it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import logging
import os
import platform
import queue
import re
import signal
import site
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from sitekit import forkserver, kernels, records, recorder
from sitekit.cache import Cache, dependencies, fingerprint
from sitekit.forkserver import AVAILABLE, ForkServer, own_path
from sitekit.kernels import kernel_manager
from sitekit.pages import Page, claims_in

STARTUP = 120  # seconds for a kernel to answer, on a machine that is busy
SERVER = "SITEKIT_SERVER"  # environment variable: the settings' key and the address of a fork server that outlives a build
PASSED_ON = ("PATH", "TMPDIR", "TEMP", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "SYSTEMROOT", "PYTHONPATH", "VIRTUAL_ENV")
QUIET = logging.Logger("nbclient", logging.CRITICAL + 1)  # what matters is reported as the page's failure
ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Settings:
    """How pages are run.

    Parameters
    ----------
    root : Path
        The project's folder: what a page reads below it is a dependency.
    cache_dir : Path
        Where results are kept.
    preload : sequence of str
        What the warm process imports.
    env : mapping
        Environment variables of every page.
    page_timeout, cell_timeout : float
        Seconds.
    memory_limit : int
        Megabytes that a page may take.
    workers : int
        Pages at a time.
    seed : int
        What random number generators start from in every page.
    runs : str
        The environment whose pages are run here; of the others the records are shown.
    """

    root: Path
    cache_dir: Path
    preload: Sequence[str] = ("numpy", "matplotlib.pyplot", "keras")
    env: Mapping[str, str] = field(default_factory=dict)
    page_timeout: float = 600
    cell_timeout: float = 300
    memory_limit: int = 4096
    workers: int = 0
    seed: int = 0
    runs: str = ""

    @property
    def processes(self) -> int:
        """Pages at a time: as many as this process may use cores, unless it was said."""
        return self.workers or (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)

    def environment(self) -> dict[str, str]:
        """The whole environment of a page: nothing of the user's shell or home folder that could change a result."""
        home = self.cache_dir / "home"
        own = {
            "HOME": str(home), "IPYTHONDIR": str(home / "ipython"), "MPLCONFIGDIR": str(home / "matplotlib"),
            "PYTHONUSERBASE": site.getuserbase(), "PYTHONHASHSEED": str(self.seed), "PYTHONUNBUFFERED": "1",
            "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
            "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1",
            "TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0", "CUDA_VISIBLE_DEVICES": "-1",
            "MPLBACKEND": "module://matplotlib_inline.backend_inline", "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        }
        return {**{name: os.environ[name] for name in PASSED_ON if name in os.environ}, **own, **self.env}

    def key(self) -> str:
        """Hash of all that bears on every page's outputs and is known before any runs."""
        environment = {name: value for name, value in self.environment().items() if name not in PASSED_ON}
        machinery = [recorder.digest(module.__file__) for module in (kernels, recorder, forkserver)]
        preload = list(self.preload)
        return fingerprint([str(self.root), sys.version, platform.machine(), environment, preload, machinery, pins(self.root)])


def pins(root: Path) -> dict[str, str | None]:
    """Each line of ``requirements.txt`` with the version that is installed; all that is installed if there is no such file."""
    requirements, present = root / "requirements.txt", installed()
    if not requirements.is_file():
        return present
    lines = [line.partition("#")[0].strip() for line in requirements.read_text("utf-8").splitlines()]
    names = {line: re.match(r"[A-Za-z0-9][\w.-]*", line) for line in lines}
    return {line: present.get(_normal(name[0])) for line, name in names.items() if name}


@functools.cache
def installed() -> dict[str, str]:
    """Name -> version of every installed distribution, from its folder's name; to open each would take a while."""
    folders = [folder for entry in reversed(sys.path) for folder in Path(entry or ".").glob("*.dist-info")]
    return {_normal(name): number for name, _, number in (folder.stem.rpartition("-") for folder in folders)}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@dataclass(frozen=True)
class Failure:
    """Why a page is not right, and where."""

    path: Path
    line: int
    cell: int
    reason: str
    detail: str = ""

    def __str__(self) -> str:
        detail = "".join(f"\n    {line}" for line in self.detail.splitlines())
        return f"{os.path.relpath(self.path)}:{self.line}: cell {self.cell}: {self.reason}{detail}"


class PageTimeout(Exception):
    """A page or a cell takes longer than it may."""


@dataclass
class Result:
    """A page that ran, now or in an earlier build."""

    page: Page
    notebook: NotebookNode
    seconds: float = 0.0
    from_cache: bool = False
    record: dict | None = None  # of a page that is not run here
    failures: list[Failure] = field(default_factory=list)
    running: int = 0  # the cell that is, or was last

    @property
    def claims(self) -> int:
        """How many claims the page's outputs show."""
        return len(claims_in(self.notebook))

    @property
    def digest(self) -> str:
        """Hash of what a reader sees of the results."""
        recorded = self.record and {key: self.record[key] for key in ("versions", "date")}
        return fingerprint({**kept(self), "seconds": None, "recorded": recorded})


def executed(pages: Sequence[Page], settings: Settings, finished: Callable[[Result], None] = lambda _: None,
             started: Callable[[int], None] = lambda _: None) -> dict[str, Result]:
    """Run the pages that the cache has no result for, and return all results by page name.

    Parameters
    ----------
    pages : sequence of Page
        What to run.
    settings : Settings
        How.
    finished : callable
        Called with each `Result` as it comes.
    started : callable
        Called with the number of pages to run, if there are any, before the first.
    """
    cache, common = Cache(settings.cache_dir, settings.root), settings.key()
    keys = {page.docname: fingerprint([common, os.path.relpath(page.path, settings.root), page.code]) for page in pages}
    results, missing = {}, []
    for page in pages:
        if page.environment != settings.runs:
            result = _recorded(page)
        elif found := cache.get(keys[page.docname]):
            result = _restored(page, found)
        else:
            missing.append(page)
            continue
        results[page.docname] = result
        finished(result)
    if missing:
        started(len(missing))
        for result in asyncio.run(_run_all(missing, settings, cache, keys, finished)):
            results[result.page.docname] = result
    return {page.docname: results[page.docname] for page in pages}


async def _run_all(pages, settings: Settings, cache: Cache, keys: Mapping[str, str], finished) -> list[Result]:
    free = asyncio.Semaphore(settings.processes)

    async def run_one(page: Page, server: str | None) -> Result:
        async with free:
            with tempfile.TemporaryDirectory(prefix="page-") as scratch:
                record = Path(scratch, "record")
                result = await run(page, settings, server, Path(scratch))
                found = dependencies(record.read_text("utf-8") if record.exists() else "", settings.root)
        if not result.failures:
            cache.put(keys[page.docname], kept(result), found)
        finished(result)
        return result

    with warm_server(settings) as server:
        return await asyncio.gather(*(run_one(page, server) for page in pages))


@contextlib.contextmanager
def warm_server(settings: Settings):
    """The address of a fork server for pages: the one that the environment names, or one for the time of the block."""
    (settings.cache_dir / "home").mkdir(parents=True, exist_ok=True)
    key, _, address = os.environ.get(SERVER, "").partition(" ")
    if not AVAILABLE:
        yield None
    elif key == settings.key():
        yield address
    else:
        with ForkServer([*kernels.PRELOAD, *settings.preload], settings.environment()) as server:
            yield server.address


async def run(page: Page, settings: Settings, server: str | None, scratch: Path) -> Result:
    """Run one page in its own process; what goes wrong there is in the result."""
    manager = kernel_manager(
        scratch, server=server, cwd=page.path.parent, env=_page_environment(settings, scratch),
        arguments={"preload": list(settings.preload), "memory_limit": settings.memory_limit, "seed": settings.seed},
    )
    client = NotebookClient(nbformat.from_dict(page.notebook), km=manager, log=QUIET)
    result, cells = Result(page, client.nb), []
    try:
        await client.async_start_new_kernel()
        await asyncio.wait_for(_connect(client, manager), STARTUP)
        cells.append(asyncio.ensure_future(_run_cells(client, result, settings, scratch)))
        # Not asyncio.wait_for: nbclient takes being cancelled for the kernel's death.
        if not (await asyncio.wait(cells, timeout=settings.page_timeout))[0]:
            raise PageTimeout(f"the page has not finished after {settings.page_timeout:g} s, and was stopped")
        cells[0].result()
    except (DeadKernelError, PageTimeout, asyncio.TimeoutError, RuntimeError, OSError) as error:
        _fail(result, result.running, *await _last_words(manager, error, scratch / "stderr"))
    finally:
        for task in cells:
            task.cancel()
        await asyncio.gather(*cells, return_exceptions=True)
        await _end(client, manager)
    return result


async def _connect(client: NotebookClient, manager) -> None:
    """Connect to the kernel as soon as it answers on both of the channels that are used.

    jupyter_client's own ``wait_for_ready`` ends with a fixed wait, half as long as a small page takes to run.
    """
    sockets = [Path(f"{manager.ip}-{manager.ports[0]}")] if manager.transport == "ipc" else []
    while not all(socket.exists() for socket in sockets):  # connecting too early would be tried again after 0.1 s
        if await manager.is_alive() is False:
            raise DeadKernelError("the page's process ended before it could run a cell")
        await asyncio.sleep(0.005)
    client.kc = manager.client()
    client.kc.allow_stdin = False
    client.kc.start_channels()
    while True:
        asked = client.kc.kernel_info()
        reply = await client.async_wait_for_reply(asked)
        with contextlib.suppress(queue.Empty):  # no word of it on the channel for outputs: not connected yet
            while (await client.kc.iopub_channel.get_msg(timeout=0.03))["parent_header"].get("msg_id") != asked:
                pass
            break
    client.nb.metadata["language_info"] = reply["content"]["language_info"]


async def _run_cells(client: NotebookClient, result: Result, settings: Settings, scratch: Path) -> None:
    began = time.perf_counter()
    client.timeout = settings.cell_timeout
    streams = {name: Unread(scratch / name) for name in ("stdout", "stderr")}
    for index, cell in enumerate(client.nb.cells):
        if cell.cell_type != "code":
            continue
        result.running, name = index, None
        try:
            await client.async_execute_cell(cell, index, execution_count=client.code_cells_executed + 1)
        except CellTimeoutError:
            raise PageTimeout(f"the cell has not finished after {settings.cell_timeout:g} s, and was stopped") from None
        except CellExecutionError as error:
            name = error.ename
            _fail(result, index, *_explain(error, cell))
        for stream, unread in streams.items():
            if text := unread():
                cell.outputs.append(nbformat.v4.new_output("stream", name=stream, text=text))
        _check_outputs(result, index, cell)
        if name not in (None, "ClaimError"):  # after a false claim the page's variables are as they should be
            break
    client.set_widgets_metadata()
    result.seconds = time.perf_counter() - began


class Unread:
    """What has been written to a file since the last call."""

    def __init__(self, path: Path):
        self._path = path
        self._from = path.stat().st_size

    def __call__(self) -> str:
        with open(self._path, "rb") as file:
            file.seek(self._from)
            data = file.read()
        self._from += len(data)
        return data.decode("utf-8", errors="replace")


def _check_outputs(result: Result, index: int, cell: NotebookNode) -> None:
    """Fail a cell that says something on stderr, or does not raise what it should."""
    tags = cell.metadata.get("tags", ())
    noise = "".join(output.text for output in cell.outputs if output.output_type == "stream" and output.name == "stderr")
    if noise and "allow-stderr" not in tags:
        _fail(result, index, "it writes to stderr (tag the cell `allow-stderr` if it should)", _tail(noise))
    if "raises-exception" in tags and not any(output.output_type == "error" for output in cell.outputs):
        _fail(result, index, "it is tagged `raises-exception`, and raised none")


def _explain(error: CellExecutionError, cell: NotebookNode) -> tuple[str, str, int]:
    """The reason, the traceback's last frames, and the line of the cell."""
    raised = next((output for output in cell.outputs if output.output_type == "error"), None)
    frames = [text for frame in raised.traceback if (text := ANSI.sub("", frame)).startswith(("Cell ", "File "))] if raised else []
    lines = re.findall(r"^(?:Cell In\[\d+\], line |-+> )(\d+)", "\n".join(frames), re.M)
    shown = "\n".join(frames[-2:]) if error.ename != "ClaimError" else ""  # a claim says all in its sentence
    return f"{error.ename}: {ANSI.sub('', error.evalue)}", _tail(shown), int(lines[0]) if lines else 1


async def _last_words(manager, error: Exception, stderr: Path) -> tuple[str, str, int]:
    """What became of a kernel that is gone or stuck, where its code was, and that line of the cell."""
    process = manager.provisioner.process
    status = process and process.poll()
    reason = str(error) or type(error).__name__
    if process and status is None and isinstance(error, PageTimeout) and hasattr(signal, "SIGUSR1"):
        process.send_signal(signal.SIGUSR1)
        await asyncio.sleep(0.3)
    elif status is not None:
        how = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        reason = f"the page's process ended ({how})"
    said = stderr.read_text("utf-8", errors="replace") if stderr.exists() else ""
    own, _, _ = said.partition(os.path.join("site-packages", "IPython", "core"))  # the frames below run the cell
    lines = re.findall(r"ipykernel_\d+[\\/]\d+\.py\", line (\d+)", own)
    return reason, _tail(own.rpartition("\n")[0]), int(lines[-1]) if lines else 1


def _fail(result: Result, index: int, reason: str, detail: str = "", offset: int = 1) -> None:
    number = sum(cell.cell_type == "code" for cell in result.notebook.cells[: index + 1])
    result.failures.append(Failure(result.page.path, result.page.line(index, offset), number, reason, detail))


def _tail(text: str, lines: int = 12) -> str:
    return "\n".join(ANSI.sub("", text).rstrip().splitlines()[-lines:])


async def _end(client: NotebookClient, manager) -> None:
    """Kill the page's process. There is nothing in it that is still wanted, and asking would take longer."""
    if manager.provisioner.has_process:
        manager.provisioner.process.kill()
        await asyncio.to_thread(manager.provisioner.process.wait)
    if client.kc is not None:
        client.kc.stop_channels()
    manager.provisioner.process = None
    with contextlib.suppress(Exception):
        await manager._async_cleanup_resources()


def _page_environment(settings: Settings, scratch: Path) -> dict[str, str]:
    environment = settings.environment()
    hooks = str(Path(__file__).parent / "hooks")
    ignored = [settings.cache_dir, *(path for path in (Path(sys.prefix),) if path.is_relative_to(settings.root))]
    record = {"root": str(settings.root), "ignored": [str(path) for path in ignored], "record": str(scratch / "record")}
    return {**environment, "PYTHONPATH": os.pathsep.join([hooks, own_path(environment)]), "SITEKIT_RECORD": json.dumps(record)}


def kept(result: Result) -> dict:
    """What the cache keeps of a result; prose is not in it, so that editing prose runs nothing."""
    cells = [[cell.execution_count, cell.outputs] for cell in result.notebook.cells if cell.cell_type == "code"]
    metadata = {key: result.notebook.metadata[key] for key in ("language_info", "widgets") if key in result.notebook.metadata}
    return {"cells": cells, "metadata": metadata, "seconds": result.seconds}


def _recorded(page: Page) -> Result:
    """What a page gave where it could run; a failure if that is not known."""
    try:
        record = records.read(page)
    except ValueError as error:
        result = Result(page, nbformat.from_dict(page.notebook))
        _fail(result, page.first, str(error))
        return result
    result = _restored(page, record["result"])
    result.from_cache, result.record = False, record
    return result


def _restored(page: Page, result: dict) -> Result:
    notebook = nbformat.from_dict(page.notebook)
    ran = iter(result["cells"])
    for cell in notebook.cells:
        if cell.cell_type == "code":
            count, outputs = next(ran)
            cell.execution_count, cell.outputs = count, nbformat.from_dict(outputs)
    notebook.metadata.update(nbformat.from_dict(result["metadata"]))
    return Result(page, notebook, result["seconds"], from_cache=True)
