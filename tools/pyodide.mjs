// Runs the scenario of tests/world/test_recorder.py in Pyodide, and compares its digest with tests/world/digest.txt.
// `node tools/pyodide.mjs <pyodide.mjs>`, from the root of the project. PyYAML is the one of .venv; cryptography is fetched.

import { execFileSync } from "node:child_process";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const SCENARIO = `
import ast, os, platform, sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, os.getcwd())
tests = Path("tests/world")
values = {}
for line in ast.parse((tests / "test_recorder.py").read_text()).body:
    if isinstance(line, ast.Assign) and line.targets[0].id == "SCENARIO":
        exec(ast.literal_eval(line.value), values)
name = f"Python {platform.python_version()} on {platform.machine()}"
[name, (tests / "digest.txt").read_text().strip(), values["c"].trace.digest()]
`;

function mount(python, folder, source) {
    python.FS.mkdirTree(`/project/${folder}`);
    python.mountNodeFS(`/project/${folder}`, resolve(source));
}

const yaml = execFileSync(".venv/bin/python", ["-c", "import yaml; print(yaml.__path__[0])"], { encoding: "utf8" });
const { loadPyodide } = await import(pathToFileURL(resolve(process.argv[2])));
const python = await loadPyodide();
await python.loadPackage("cryptography"); // certificates; it comes from where Pyodide keeps its packages
for (const folder of ["swarmlab", "data", "tests/world"]) mount(python, folder, folder);
mount(python, "yaml", yaml.trim()); // all that the engine needs besides itself; its part in C does not load, and need not
python.FS.chdir("/project");

try {
    const [name, expected, found] = python.runPython(SCENARIO).toJs();
    const verdict = found === expected ? "the same" : "ANOTHER ONE";
    console.log(`${"written down".padEnd(24)}${expected}\n${name.padEnd(24)}${found}  ${verdict}`);
    process.exitCode = found === expected ? 0 : 1;
} catch (error) {
    console.error(error.message); // Python's own words are enough
    process.exitCode = 1;
}
