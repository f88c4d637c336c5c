#!/bin/sh
# Tries the extension in a Blender program, in a user folder of its own: builds the zip with that Blender, installs it, runs the
# command on a small scene, checks exit statuses, files and what is placed.
#   tools/blender_check.sh [BLENDER]
# MASKEL_SERVER and MASKEL_TOKEN_FILE, or MASKEL_COMMAND, name the server; without them a stand-in for it is started.
set -eu
blender=${1:-blender}
repo=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export BLENDER_USER_RESOURCES="$work/user"
stand_in="python3 $repo/tests/fakes/xray_server.py"
if [ -z "${MASKEL_SERVER:-}${MASKEL_COMMAND:-}" ]; then
  export MASKEL_COMMAND="$stand_in"
fi
failed() { cat "$work/log"; echo "FAILED: $*" >&2; exit 1; }
expect() { # STATUS COMMAND...
  wanted=$1; shift
  status=0; "$@" > "$work/log" 2>&1 || status=$?
  [ "$status" = "$wanted" ] || failed "status $status instead of $wanted: $*"
  if grep -q Traceback "$work/log"; then failed "a traceback: $*"; fi
  echo "ok ($status): $*"
}
maskel() { # STATUS ARGUMENTS...
  wanted=$1; shift
  expect "$wanted" "$blender" -b "$work/scene.blend" --command maskel "$@"
}
says() { grep -qF -- "$1" "$work/log" || failed "not said: $1"; }
python() { expect 0 "$blender" -b "$1" --python-exit-code 3 --python-expr "$2"; }
cat > "$work/scene.py" <<PY
import sys
sys.path.insert(0, "$repo")
import bpy
from benchmarks import blender_scene as bench
scene = bench.empty_scene()
body, rig = bench.figure(scene)
friend = body.copy()
friend.name, friend.location.x = "Friend ä", 0.8
scene.collection.objects.link(friend)
bench.add_camera(scene, "Side", (4.5, 0.0, 1.1))
bench.add_camera(scene, "Front")
bench.set_resolution(scene, 400, 500)
for frame, x in ((1, -0.2), (9, 0.2)):
    rig.location.x = x
    rig.keyframe_insert("location", index=0, frame=frame)
scene.frame_set(1)
bpy.ops.wm.save_as_mainfile(filepath="$work/scene.blend")
PY
"$blender" --version | head -1
expect 0 python3 "$repo/tools/extension.py" --blender "$blender" --output "$work"
expect 0 "$blender" -b --command extension install-file -r user_default --enable "$work"/maskel_blender-*.zip
expect 0 "$blender" -b --factory-startup --python-exit-code 3 --python "$work/scene.py"

maskel 0 --help
maskel 2
maskel 2 --output "$work/none" --target Nobody
maskel 2 --output "$work/none" --frames 5-1
maskel 2 --output "$work/none/{nothing}"
maskel 2 --output "$work/none" --placement plane
[ ! -e "$work/none" ] || failed "wrong use has begun something"

# cameras, one of which is missing
maskel 1 --camera Nowhere --camera Front --output "$work/some"
says Nowhere
[ -s "$work/some/Front.xray.png" ] && [ -s "$work/some/Front.mask.png" ] || failed "no files"

# cameras, frames, characters, all kinds of file, a manifest; the second time nothing is made
set -- --camera all --frames 1-5x2 --character Figure --character "Friend ä" --format mask,layers,joints --size 128 \
  --output "$work/all/{camera}/{character}_{frame:04d}.png" --manifest "$work/m.json"
maskel 0 "$@"
says "finished: 12 done, 0 failed"
[ "$(find "$work/all" -name '*_000[135].png' | wc -l)" = 12 ] || failed "not 12 X-rays"
[ "$(find "$work/all" -type f | wc -l)" = 72 ] || failed "not 72 files"
maskel 0 "$@"
says "finished: 12 done (12 before), 0 failed"
rm "$work/all/Front/Figure_0003.png"
maskel 0 "$@" --progress json
says '"status": "finished"'
says '"skipped": 11'

# Ctrl-C in the middle, then on to the end
if [ "${MASKEL_COMMAND:-}" = "$stand_in" ]; then
  MASKEL_FAKE_FAULT="slow 0.2" "$blender" -b "$work/scene.blend" --command maskel --frames 1-40 --size 64 \
    --output "$work/long" --manifest "$work/long.json" > "$work/log" 2>&1 &
  child=$!
  tries=0
  until [ -n "$(find "$work/long" -name '*.png' 2>/dev/null)" ]; do
    tries=$((tries + 1)); [ $tries -lt 300 ] || failed "the batch does not begin"
    sleep 0.1
  done
  kill -INT $child
  status=0; wait $child || status=$?
  [ $status = 130 ] || failed "Ctrl-C: status $status instead of 130"
  says "interrupted:"
  grep -q '"status": "interrupted"' "$work/long.json" || failed "the manifest does not say so"
  echo "ok (130): Ctrl-C"
  maskel 0 --frames 1-40 --size 64 --output "$work/long" --manifest "$work/long.json"
  says "finished: 40 done ("
  [ "$(find "$work/long" -name '00[0-9][0-9].png' | wc -l)" = 40 ] || failed "not 40 X-rays"
fi

# placed and saved: over the file, as a copy, in other ways
maskel 0 --camera Front --output "$work/out" --save
python "$work/scene.blend" "import bpy; o = bpy.data.collections['MaSkel'].objects[0]; assert o['maskel_camera'] == 'Front' and o.data.uv_layers; i = bpy.data.images[o.name]; assert i.packed_file and tuple(i.size) == (400, 500)"
for placement in empty background; do
  maskel 0 --camera Side --output "$work/out" --save "$work/$placement.blend" --placement $placement
  [ -s "$work/$placement.blend" ] || failed "no copy"
done
python "$work/empty.blend" "import bpy; assert [o.type for o in bpy.data.collections['MaSkel'].objects if o.get('maskel_camera') == 'Side'] == ['EMPTY']"
python "$work/background.blend" "import bpy; assert [b.image.name for b in bpy.data.objects['Side'].data.background_images]"

# loopback needs no online access
expect 0 "$blender" -b "$work/scene.blend" --offline-mode --command maskel --output "$work/offline"
expect 0 "$blender" -b "$work/scene.blend" --offline-mode --python-exit-code 3 --python-expr \
  "import bpy; assert not bpy.app.online_access; assert bpy.ops.maskel.generate(camera='Side') == {'FINISHED'}; assert 'Side' in {o.get('maskel_camera') for o in bpy.data.collections['MaSkel'].objects}"
echo "The extension works in this Blender."
