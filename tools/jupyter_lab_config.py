"""How `make lab` starts JupyterLab: it asks no other host for news, updates or extensions."""

from pathlib import Path

c = get_config()  # noqa: F821  (JupyterLab runs this file, and provides the name)
c.LabApp.app_settings_dir = str(Path(__file__).parent / "lab_settings")
c.LabApp.extension_manager = "readonly"
