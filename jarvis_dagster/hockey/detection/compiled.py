"""Compiled networks, kept from one start to the next.

Belongs here: where they are kept, and when one may be used again. Does not belong here: what is
compiled, and how (``runtime``).

To compile a network takes most of a second of processor time; to read it again a fifth of that, and
its answers are the same to the last bit. Kept ones are in ``jarvis/networks`` of the user's cache
(``XDG_CACHE_HOME``, or ``~/.cache``), which may be deleted at any time. Where nothing can be
written, nothing is kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["compiled"]

log = logging.getLogger(__name__)

_MOST = 40
"""Kept networks; the one that was not used for longest goes first. The largest has 12 MB."""
_REWRITTEN = 1
"""To be raised when ``rewriting`` changes."""
_HASH_BYTES = 32


def compiled(model: Any, digest: str, properties: Mapping[str, Any]) -> Any:
    """``model`` of OpenVINO, compiled for this machine's processor.

    Args:
        digest: SHA-256 of the file that the model was read from.
        properties: Of the compilation.
    """
    import openvino

    core = openvino.Core()
    shapes = [str(value.partial_shape) for value in model.inputs]
    what = repr((digest, _REWRITTEN, shapes, sorted(properties.items()), _processor()))
    path = _folder() / f"{hashlib.sha256(what.encode()).hexdigest()}.network"
    found = _kept(core, path, properties)
    if found is None:
        found = core.compile_model(model, "CPU", properties)
        _keep(path, found)
    return found


@cache
def _processor() -> tuple[str, ...]:
    """What decides how a network is compiled, beside the network."""
    import openvino

    core = openvino.Core()
    facts = [
        core.get_property("CPU", name) for name in ("FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES")
    ]
    limits = [os.environ.get(f"{prefix}_MAX_CPU_ISA", "") for prefix in ("ONEDNN", "DNNL")]
    flags = ""
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
        flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return (openvino.get_version(), *map(str, facts), *limits, flags)


def _folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return Path(base or Path.home() / ".cache") / "jarvis" / "networks"
    except RuntimeError:  # a user without a home
        return Path(os.devnull) / "networks"


def _kept(core: Any, path: Path, properties: Mapping[str, Any]) -> Any:
    """The network in a file; None where there is none, or it was damaged."""
    try:
        content = path.read_bytes()
        os.utime(path)
    except OSError:
        return None
    network = content[_HASH_BYTES:]
    if hashlib.sha256(network).digest() != content[:_HASH_BYTES]:
        log.warning("%s is damaged; the network is compiled again.", path)
        return None
    try:
        return core.import_model(network, "CPU", properties)
    except RuntimeError as error:
        log.warning("%s cannot be used (%s); the network is compiled again.", path, error)
        return None


def _keep(path: Path, network: Any) -> None:
    content = network.export_model().getvalue()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as part:
            part.write(hashlib.sha256(content).digest() + content)
        Path(part.name).replace(path)
        by_use = sorted(path.parent.glob("*.network"), key=lambda kept: -kept.stat().st_mtime)
        for old in by_use[_MOST:]:
            old.unlink(missing_ok=True)
    except OSError as error:
        log.info("Compiled networks are not kept: %s", error)
