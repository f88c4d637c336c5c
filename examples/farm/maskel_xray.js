// SPDX-License-Identifier: GPL-3.0-or-later

// Job type for Flamenco: X-rays of characters, the frames split over the workers.
// Put it into the folder `scripts` beside the flamenco-manager program; see docs/headless.md.

const JOB_TYPE = {
    label: "MaSkel X-rays",
    description: "X-rays of characters from their silhouettes, for placing bones",
    settings: [
        { key: "frames", type: "string", required: true,
          eval: "f'{C.scene.frame_start}-{C.scene.frame_end}'",
          evalInfo: { showLinkButton: true, description: "Scene frame range" },
          description: "Frames. Examples: '47', '1-30', '3, 5-10, 47-327'" },
        { key: "chunk_size", type: "int32", default: 10, visible: "submission", propargs: { min: 1 },
          description: "Frames a task; starting Blender and the server takes some seconds each time" },
        { key: "cameras", type: "string", default: "all", required: true,
          description: "Cameras: all, names or globs; names with spaces in quotes" },
        { key: "characters", type: "string", required: true,
          eval: "f'\"{C.object.name}\"' if C.object else ''",
          evalInfo: { showLinkButton: true, description: "Active object" },
          description: "Objects, armatures or collections; names with spaces in quotes; each gets X-rays of its own" },
        { key: "style", type: "string", default: "dxa", choices: ["dxa", "radiograph", "bone", "inverted"],
          description: "How the X-rays are displayed" },
        { key: "view", type: "string", default: "unknown", choices: ["unknown", "front", "back", "left", "right"],
          description: "Side of the characters that the cameras see" },
        { key: "size", type: "int32", default: 0, propargs: { min: 0, max: 8192 }, visible: "submission",
          description: "Longer side in pixels; 0 as the render" },
        { key: "formats", type: "string", default: "mask", visible: "submission",
          description: "What to write beside the X-rays: mask, layers, joints between commas, or none" },

        { key: "output_root", type: "string", subtype: "dir_path", required: true, visible: "submission",
          eval: "str(abspath('//xrays'))",
          description: "Folder for the results; each job gets a folder of its own in it" },
        { key: "output_path", type: "string", subtype: "dir_path", editable: false,
          eval: "str(Path(abspath(settings.output_root), jobname, '{timestamp}'))",
          description: "Where the results go" },

        { key: "server", type: "string", required: false, visible: "submission",
          description: "Address of a running server; empty: each worker uses its own MASKEL_SERVER, or starts one" },
        { key: "token_file", type: "string", subtype: "file_path", required: false, visible: "submission",
          description: "File with that server's token, as the workers see it" },

        { key: "blendfile", type: "string", required: true, visible: "web",
          description: "Path of the blend file" },
    ],
};

function compileJob(job) {
    const settings = job.settings;
    const folder = outputFolder(job);
    // so that the job shows where its results went
    settings.output_path = folder;

    const cameras = shellSplit(settings.cameras);
    const characters = shellSplit(settings.characters);
    if (!cameras.length) throw "no camera is named";
    if (!characters.length) throw "no character is named";

    for (const chunk of frameChunker(settings.frames, settings.chunk_size)) {
        const task = author.Task(`xray-${chunk}`, "blender");
        task.addCommand(author.Command("blender-render", {
            exe: "{blender}",
            exeArgs: "{blenderArgs}",
            argsBefore: [],
            blendfile: settings.blendfile,
            args: commandLine(settings, cameras, characters, chunk, folder),
        }));
        job.addTask(task);
    }
}

function commandLine(settings, cameras, characters, chunk, folder) {
    // "=" everywhere: a name or a frame may begin with a dash
    const args = ["--command", "maskel"];
    for (const name of cameras) args.push(`--camera=${name}`);
    for (const name of characters) args.push(`--character=${name}`);
    args.push(
        `--frames=${chunk}`,
        `--style=${settings.style}`,
        `--view=${settings.view}`,
        `--size=${settings.size}`,
        `--format=${settings.formats}`,
        // the same pattern for every task: two of them must not name files differently
        `--output=${path.join(folder, "{camera}", "{character}_{frame:04d}.png")}`,
        // one a task: a task that is tried again goes on where it was
        `--manifest=${path.join(folder, "manifests", `${chunk.replace(/[^0-9-]/g, "_")}.json`)}`,
    );
    if (settings.server) args.push(`--server=${settings.server}`);
    if (settings.token_file) args.push(`--token-file=${settings.token_file}`);
    return args;
}

function outputFolder(job) {
    const wanted = job.settings.output_path;
    if (!wanted) throw "no output_path setting";
    return wanted.replace("{timestamp}", formatTimestampLocal(job.created));
}
