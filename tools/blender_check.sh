#!/bin/sh
# Tries the extension in a Blender program, in a user folder of its own: builds the zip with that Blender, installs it, runs the
# command on a small scene, checks exit statuses and pictures.
#   tools/blender_check.sh [BLENDER]
# MASKEL_SERVER and MASKEL_TOKEN_FILE, or MASKEL_COMMAND, name the server; without them a stand-in for it is started.
set -eu
blender=${1:-blender}
repo=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export BLENDER_USER_RESOURCES="$work/user"
if [ -z "${MASKEL_SERVER:-}${MASKEL_COMMAND:-}" ]; then
  export MASKEL_COMMAND="python3 $repo/tests/fakes/xray_server.py"
fi
expect() { # STATUS COMMAND...
  wanted=$1; shift
  status=0; "$@" > "$work/log" 2>&1 || status=$?
  if [ "$status" != "$wanted" ]; then cat "$work/log"; echo "FAILED ($status instead of $wanted): $*" >&2; exit 1; fi
  echo "ok ($status): $*"
}
cat > "$work/scene.py" <<PY
import sys
sys.path.insert(0, "$repo")
import bpy
from benchmarks import blender_scene as bench
scene = bench.empty_scene()
bench.figure(scene)
bench.add_camera(scene, "Front")
bench.set_resolution(scene, 400, 500)
bpy.ops.wm.save_as_mainfile(filepath="$work/scene.blend")
PY
"$blender" --version | head -1
expect 0 python3 "$repo/tools/extension.py" --blender "$blender" --output "$work"
expect 0 "$blender" -b --command extension install-file -r user_default --enable "$work"/maskel_blender-*.zip
expect 0 "$blender" -b --factory-startup --python-exit-code 3 --python "$work/scene.py"
expect 0 "$blender" -b "$work/scene.blend" --command maskel --camera Front --output "$work/out" --save
test -s "$work/out/Front.mask.png"
test -s "$work/out/Front.xray.png"
expect 1 "$blender" -b "$work/scene.blend" --command maskel --camera Nowhere --output "$work/out"
expect 2 "$blender" -b "$work/scene.blend" --command maskel
expect 2 "$blender" -b "$work/scene.blend" --command maskel --output "$work/out" --target Nobody
expect 0 "$blender" -b "$work/scene.blend" --python-exit-code 3 --python-expr \
  "import bpy; o = bpy.data.collections['MaSkel'].objects[0]; assert o['maskel_camera'] == 'Front' and o.data.uv_layers; i = bpy.data.images[o.name]; assert i.packed_file and tuple(i.size) == (400, 500)"
expect 0 "$blender" -b "$work/scene.blend" --offline-mode --python-exit-code 3 --python-expr \
  "import bpy; assert bpy.ops.maskel.generate() == {'FINISHED'}; assert [o.type for o in bpy.data.collections['MaSkel'].objects] == ['MESH', 'EMPTY']"
echo "The extension works in this Blender."
