"""Khronos' gltf-validator (npm), where node and the package are: in viewer/node_modules, or named by NODE_PATH."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

_VIEWER = Path(__file__).parents[1] / "viewer"
_SCRIPT = """
const validator = require('gltf-validator'), fs = require('fs');
(async () => {
  const out = [];
  for (const file of process.argv.slice(1)) {
    const report = await validator.validateBytes(new Uint8Array(fs.readFileSync(file)), {maxIssues: 20});
    out.push({file, issues: report.issues});
  }
  console.log(JSON.stringify(out));
})();
"""


def gltf_faults(files: Sequence[Path]) -> list[dict[str, Any]]:
    """Return errors and warnings that gltf-validator has for some GLBs; skip the test where it is not installed."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    words = [node, "-e", _SCRIPT, *(str(file.resolve()) for file in files)]
    done = subprocess.run(words, cwd=_VIEWER, capture_output=True, text=True, timeout=120, check=False)
    if "Cannot find module 'gltf-validator'" in done.stderr:
        pytest.skip("gltf-validator is not installed: run `npm ci` in viewer/, or name its folder in NODE_PATH")
    assert done.returncode == 0, done.stderr
    messages = [message for one in json.loads(done.stdout) for message in one["issues"]["messages"]]
    return [message for message in messages if message["severity"] < 2]
