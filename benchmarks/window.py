"""What the user of a Blender window waits for: seconds from click to plane, and stalls of the window during a batch.

    MASKEL_COMMAND=.venv/bin/maskel python benchmarks/window.py [--blender PROGRAM]

Needs Xvfb and ImageMagick's `import`. The scenario is `speed` of tests/window/scenarios.py: 512 pixels, a warm server, five
X-rays, then ten cameras. Adds to docs/measurements/window.json; status 1 if an aim is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

from tests.window.play import find_blender, install, play, series  # noqa: E402

CLICK_SECONDS, STALL_SECONDS = 1.5, 0.050
RESULTS = REPOSITORY / "docs" / "measurements" / "window.json"


def in_ms(seconds: list[float]) -> dict[str, float]:
    """Median, 99th percentile and longest."""
    ordered = sorted(seconds)
    return {
        "median": round(1e3 * statistics.median(ordered), 1),
        "p99": round(1e3 * ordered[int(0.99 * (len(ordered) - 1))], 1),
        "longest": round(1e3 * ordered[-1], 1),
    }


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blender", metavar="PROGRAM", default=find_blender())
    options = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        resources = Path(folder) / "blender"
        install(options.blender, resources)
        played = play("speed", Path(folder) / "out", resources, options.blender)
    if played.error:
        raise SystemExit(played.error)
    values = played.values
    click = values["click to plane, s"]
    result = {
        "click_to_plane_s": {"median": round(statistics.median(click), 2), "longest": round(max(click), 2)},
        "cameras": len(values["silhouettes, s"]),
        "stall_ms": in_ms(values["ticks, s"]),
        "silhouette_ms": in_ms(values["silhouettes, s"]),
        "between_timers_ms": in_ms(values["gaps, s"]),
        "between_timers_idle_ms": in_ms(values["idle gaps, s"]),
        "load_before": round(load, 1),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, software OpenGL",
    }
    print(json.dumps(result, indent=1))
    stored = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    stored[series(options.blender)] = result
    RESULTS.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
    missed = result["click_to_plane_s"]["median"] > CLICK_SECONDS
    return 1 if missed or max(values["ticks, s"]) > STALL_SECONDS else 0


if __name__ == "__main__":
    sys.exit(main())
