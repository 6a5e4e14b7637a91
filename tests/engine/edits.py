"""Edits as people make them, to the text of a handful of files; total, so that any will do."""

import re
from collections.abc import Callable, Mapping

from bot.model import Entry
from tests.engine.memory_git import Files, MemoryGit

APP = "configs/app.yaml"
SETTINGS = "configs/settings.json"
SERVICE = "service.toml"
NOTES = "notes.txt"
OVERLAY = "overlays/site.yaml"
ANCHORS = "configs/anchors.yml"
DOCUMENTS = "configs/documents.yaml"

Edit = Callable[[str, int], str]

START = {
    APP: """\
# application 0
name: app
database:
  host: db0
  port: 5432  # usual
limits: {cpu: 1, memory: 2}
shape: 0
replicas: 1
workers:
- name: a
  size: 0
- name: b
  size: 0
""",
    SETTINGS: """\
{
  "name": "app",
  "timeout": 0,
  "nested": {
    "a": 0,
    "b": [1, 2]
  },
  "replicas": 0
}
""",
    SERVICE: """\
# service 0
title = "service"
level = 0

[server]
port = 0  # usual
replicas = 0

[server.tls]
strict = 0
""",
    NOTES: "".join(f"line {number}: 0\n" for number in range(7)),
    OVERLAY: "site: 0\nreplicas: 0\n",
    ANCHORS: """\
defaults: &defaults
  level: 0
  mode: "0"
service:
  <<: *defaults
  own: 0
copy: *defaults
text: |
  first 0
  last
"dotted.key": 0
list: [1, 0]
ports: [{name: a, port: 0}, {name: b, port: 0}]
rules:
  - id: one
    when: {day: 0, hour: 0}
  - id: two
    when:
      day: 0
""",
    DOCUMENTS: """\
kind: A
metadata:
  name: x
value: 0
---
kind: A
metadata:
  name: y
  labels:
    tier: 0
value: 0
""",
    "run.sh": "#!/bin/sh\necho 0\n",
}


def _set(before: str, after: str = "") -> Edit:
    """Put a number where the expression says, if it is there."""
    expression = re.compile(rf"(?m)({before})[\w\"]+({after})")
    return lambda text, n: expression.sub(rf"\g<1>{n}\g<2>", text, count=1)


def _line(text: str, after: str, *, quoted: bool = False) -> Edit:
    """Have a line with a number below another one, or with zero do not."""
    own = re.compile(rf"(?m)^{re.escape(text)}.*\n")
    place = re.compile(rf"(?m)^{re.escape(after)}.*\n")

    def edit(content: str, n: int) -> str:
        content = own.sub("", content)
        line = f"{text}{n},\n" if quoted else f"{text}{n}\n"
        return place.sub(lambda match: match[0] + line, content, count=1) if n else content

    return edit


def _worker(text: str, n: int) -> str:
    text = re.sub(r"- name: c\n  size: \w+\n", "", text)
    return f"{text}- name: c\n  size: {n}\n" if n and "workers:\n" in text else text


def _reorder(text: str, n: int) -> str:
    first, second = ("a", "b") if n % 2 else ("b", "a")
    expression = rf"(- name: {first}\n  size: \w+\n)(- name: {second}\n  size: \w+\n)"
    return re.sub(expression, r"\2\1", text)


def _shape(text: str, n: int) -> str:
    deep = f"shape:\n  one: {n}\n  two: 2\n" if n % 2 else f"shape: {n}\n"
    return re.sub(r"(?m)^shape:.*\n(  (?:one|two).*\n)*", deep, text)


def _document(text: str, n: int) -> str:
    text = re.sub(r"---\nkind: B\n.*\n", "", text)
    return f"{text}---\nkind: B\nn: {n}\n" if n else text


def _override(text: str, n: int) -> str:
    text = re.sub(r"(?m)(  own: .*\n)  level: .*\n", r"\1", text)
    return re.sub(r"(?m)(  own: .*\n)", rf"\g<1>  level: {n}\n", text) if n else text


def _port(text: str, n: int) -> str:
    text = re.sub(r", \{name: c, port: \w+\}", "", text)
    return text.replace("}]", f"}}, {{name: c, port: {n}}}]") if n else text


def _rule(text: str, n: int) -> str:
    text = re.sub(r"  - id: new\n    when: \w+\n", "", text)
    return text.replace("rules:\n", f"rules:\n  - id: new\n    when: {n}\n") if n else text


def _marked(text: str, n: int) -> str:
    plain = text.removeprefix("\ufeff")
    return "\ufeff" + plain if n == 3 else plain


def _break(text: str, n: int) -> str:
    whole = text.replace("}{: [\n", "")
    return whole + "}{: [\n" if n == 3 else whole


def _crlf(text: str, n: int) -> str:
    plain = text.replace("\r\n", "\n")
    return plain.replace("\n", "\r\n") if n == 3 else plain


ANY = (_set(r"^replicas: "), _set(r"^site: "), _line("extra: ", "name: "), _break, _crlf, _marked)

EDITS: Mapping[str, tuple[Edit, ...]] = {
    APP: (
        _set(r"^  host: "),
        _set(r"^  port: "),
        _set(r"^replicas: "),
        _set(r"\{cpu: "),
        _set(r"- name: a\n  size: "),
        _set(r"- name: b\n  size: "),
        _shape,
        _worker,
        _reorder,
        _line("extra: ", "name: "),
        _line("  user: ", "  host: "),
        _line("# remark ", "name: "),
        _set(r"^# application "),
        _set(r"# usual"),
        _break,
        _crlf,
        _marked,
    ),
    ANCHORS: (
        _set(r"^  level: "),
        _set(r"^  mode: "),
        _override,
        _set(r"^  own: "),
        _set(r"^copy: "),
        _set(r"^  first "),
        _set(r"^\"dotted.key\": "),
        _set(r"^list: \[1, "),
        _set(r"name: a, port: "),
        _set(r"name: b, port: "),
        _port,
        _set(r"\{day: "),
        _set(r"hour: "),
        _set(r"^      day: "),
        _rule,
        _line('"an other": ', "copy: "),
        _crlf,
    ),
    DOCUMENTS: (
        _set(r"name: x\nvalue: "),
        _set(r"^    tier: "),
        _set(r"tier: \w+\nvalue: "),
        _line("    team: ", "    tier: "),
        _document,
        _line("# remark ", "---"),
        _break,
    ),
    SETTINGS: (
        _set(r'"timeout": '),
        _set(r'"a": '),
        _set(r'"b": \[', r", 2\]"),
        _set(r'"replicas": '),
        _line('  "extra": ', '  "name": ', quoted=True),
        _line('    "c": ', '  "nested": ', quoted=True),
        _crlf,
    ),
    SERVICE: (
        _set(r"^level = "),
        _set(r"^port = "),
        _set(r"^strict = "),
        _set(r"^replicas = "),
        _set(r"^# service "),
        _line("extra = ", "title = "),
        _line("host = ", "[server]"),
        _crlf,
    ),
    NOTES: tuple(_set(rf"^line {number}: ") for number in range(7)),
    "run.sh": (_set(r"^echo "),),
}


def edit_file(git: MemoryGit, files: Files, which: int, how: int, n: int) -> dict[str, Entry]:
    """Return `files` with one edit made to the text of one."""
    texts = [path for path in sorted(files) if files[path].is_file]
    if not texts:
        return dict(files)
    path = texts[which % len(texts)]
    entry = files[path]
    edits = EDITS.get(path.replace("-moved", ""), ANY)
    (data,) = git.read([entry.oid])
    text = edits[how % len(edits)](data.decode(), n)
    return {**files, path: git.blob(text.encode(), entry.mode)}


def change_files(git: MemoryGit, files: Files, which: int, how: int, n: int) -> dict[str, Entry]:
    """Return `files` with a file added, removed, renamed, or of another mode."""
    changed = dict(files)
    path = sorted(files)[which % len(files)] if files else NOTES
    match how % 6:
        case 0:
            changed[f"configs/new-{n}.yaml"] = git.blob(b"name: new\nreplicas: %d\n" % n)
        case 1:
            changed.pop(path, None)
        case 2 if path in changed:
            stem, dot, ending = path.rpartition(".")
            changed[f"{stem.removesuffix('-moved')}-moved{dot}{ending}"] = changed.pop(path)
        case 3 if path in changed and changed[path].is_file:
            changed[path] = Entry("100755" if n % 2 else "100644", changed[path].oid)
        case 4:
            changed["link"] = git.blob(b"notes-%d.txt" % n, "120000")
        case _:
            changed["module"] = Entry("160000", f"{n + 1:040x}")
    return changed
