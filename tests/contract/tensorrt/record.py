"""`python tests/contract/tensorrt/record.py`: writes down what TensorRT's real bindings offer.

The binding wheels of the package index hold all classes and signatures but not the
libraries behind them. Empty libraries with the few symbols that the linker asks for let
the bindings be imported and looked at; nothing in them can be run.
"""

import inspect
import json
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

HERE = Path(__file__).parent
# What JetPack 6 brings, and the newest.
VERSIONS = {"10.3": "tensorrt-cu12-bindings==10.3.0", "11.4": "tensorrt-cu13-bindings==11.4.0.106"}
Classes: TypeAlias = dict[str, dict[str, list[str]]]
SYMBOLS = re.compile(r"^(create\w+_INTERNAL|get\w*PluginRegistry|getNvOnnx\w+|initLibNv\w+)$")
SIGNATURE = re.compile(r"^(?:\d+\. )?(\w+\(.*\).*)$")


class CannotRecord(Exception):
    """The bindings, or what is needed to look at them, cannot be had on this machine."""


def main() -> None:
    for version, requirement in VERSIONS.items():
        text = as_text(requirement, record(requirement))
        (HERE / f"api-{version}.json").write_text(text, encoding="utf-8")
        print(f"api-{version}.json: {len(text)} bytes")


def as_text(requirement: str, classes: Classes) -> str:
    """JSON with a line for each member, so that a difference reads well."""
    lines = [
        f"  {json.dumps(name)}: {{\n"
        + ",\n".join(f"   {json.dumps(m)}: {json.dumps(s)}" for m, s in sorted(members.items()))
        + "\n  }"
        for name, members in sorted(classes.items())
    ]
    body = ",\n".join(lines)
    return f'{{\n "from": {json.dumps(requirement)},\n "classes": {{\n{body}\n }}\n}}\n'


def record(requirement: str) -> Classes:
    """Class, member, signatures; an enumeration's values and properties have none.

    Raises:
        CannotRecord: No wheel for this Python, no package index, or no C compiler.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        unpack(requirement, folder)
        make_empty_libraries(folder)
        told = ran([sys.executable, __file__, "look", str(folder)], {"LD_LIBRARY_PATH": name})
        found: Classes = json.loads(told)
        return found


def unpack(requirement: str, folder: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--no-deps"]
    ran([*pip, "--only-binary", ":all:", "--dest", str(folder), requirement])
    for wheel in folder.glob("*.whl"):
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(folder)


def make_empty_libraries(folder: Path) -> None:
    """One empty library under each name that the bindings are linked against."""
    (bindings,) = folder.glob("tensorrt_bindings/tensorrt.so")
    undefined = ran(["nm", "-D", "--undefined-only", str(bindings)]).split()
    source = "".join(f"void *{s}(void) {{ return 0; }}\n" for s in undefined if SYMBOLS.match(s))
    (folder / "empty.c").write_text(source)
    needed = re.findall(r"NEEDED.*\[(libnv\w+\.so\.\d+)\]", ran(["readelf", "-d", str(bindings)]))
    for library in needed:
        soname = f"-Wl,-soname,{library}"
        compiled = ["-o", str(folder / library), str(folder / "empty.c")]
        ran(["cc", "-shared", "-fPIC", soname, *compiled])


def ran(command: Sequence[str], environment: dict[str, str] | None = None) -> str:
    if shutil.which(command[0]) is None:
        raise CannotRecord(f"{command[0]} is not installed")
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        last = (done.stderr.strip() or "no word").splitlines()[-1]
        raise CannotRecord(f"{command[0]} {command[-1]}: {last}")
    return done.stdout


def look(folder: str) -> None:
    """In a process of its own: import the bindings and print what they hold."""
    sys.path.insert(0, folder)
    import tensorrt_bindings as trt  # noqa: PLC0415 unpacked a moment ago

    found: Classes = {"": {"__version__": [], **members(trt)}}
    for name, one in vars(trt).items():
        if is_public(name) and inspect.isclass(one) and one.__module__.startswith(trt.__name__):
            found[name] = members(one)
    print(json.dumps(found))


def members(of: Any) -> dict[str, list[str]]:
    """What can be named on a class; of the module, its functions."""
    names = [name for name in dir(of) if is_public(name) or name == "__init__"]
    found = {name: signatures(getattr(of, name)) for name in names}
    return found if inspect.isclass(of) else {name: s for name, s in found.items() if s}


def is_public(name: str) -> bool:
    return not name.startswith("_")


def signatures(member: Any) -> list[str]:
    """The lines of pybind11's docstring that are signatures; none of its prose."""
    if not callable(member) or isinstance(member, property):
        return []
    lines = (SIGNATURE.match(line.strip()) for line in (member.__doc__ or "").splitlines())
    own = getattr(member, "__name__", "")
    shown = [line[1] for line in lines if line and line[1].startswith((f"{own}(", "__init__("))]
    # The heading over several signatures says nothing.
    found = [text for text in shown if "(*args" not in text]
    return [text.replace("tensorrt_bindings.tensorrt.", "") for text in found]


if __name__ == "__main__":
    if sys.argv[1:2] == ["look"]:
        look(sys.argv[2])
    else:
        main()
