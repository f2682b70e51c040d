"""The launcher as a module, although its file name has no extension."""

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from types import ModuleType

from app.cli.shell.operated_gateway import CHECKOUT


def load_launcher() -> ModuleType:
    """Return a fresh module of the launcher."""
    loader = SourceFileLoader("postern", str(CHECKOUT / "postern"))
    spec = spec_from_loader("postern", loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module
