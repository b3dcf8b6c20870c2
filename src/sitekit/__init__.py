"""Sphinx extension: pages of code are executed fast, in parallel, and only when something they depend on has changed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

OPTIONS = {  # configuration value without "sitekit_" -> its default; what they mean is in sitekit.execution.Settings
    "preload": ("numpy", "matplotlib.pyplot", "keras"),
    "env": {},
    "page_timeout": 600,
    "cell_timeout": 300,
    "memory_limit": 4096,
    "workers": 0,
    "seed": 0,
    "cache_dir": ".cache/pages",
    "root": ".",  # seen from the folder of conf.py
}


def read_configuration(confdir: Path) -> dict[str, Any]:
    """What ``conf.py`` says, without a Sphinx application; nothing if there is no such file."""
    from sphinx.config import eval_config_file

    path = Path(confdir, "conf.py")
    return eval_config_file(path, None) if path.exists() else {}


def settings_from(config: Mapping[str, Any], confdir: Path):
    """The settings in a ``conf.py``: its ``sitekit_…`` values, or their defaults."""
    from sitekit.execution import Settings

    values = {name: config.get(f"sitekit_{name}", default) for name, default in OPTIONS.items()}
    root = Path(confdir, values["root"]).resolve()
    return Settings(**{**values, "root": root, "cache_dir": root / values["cache_dir"]})


def setup(app) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    from sitekit.build import connect, start_early

    app.setup_extension("myst_nb")
    for name, default in OPTIONS.items():
        app.add_config_value(f"sitekit_{name}", default, "", types=(type(default), list, float))
    app.add_config_value("sitekit_publish", "", "")  # folder to replace with the finished site; our lines show under -q
    app.sitekit_early = start_early(app)
    connect(app)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "env_version": 1}
