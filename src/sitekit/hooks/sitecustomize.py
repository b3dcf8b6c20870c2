"""Python runs this at its start: child processes of a page record what they read, as the page does."""

from sitekit.recorder import install_from_environment

install_from_environment()
