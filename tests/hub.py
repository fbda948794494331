"""A stand-in for the hub on this machine's loopback: repositories of files, served as the hub's HTTP interface lays them out.

with hub() as server:
    server.add("models", "some/model", folder)
    subprocess.run(..., env={**os.environ, **server.environment(cache)})
"""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit


def commit_of(folder: Path) -> str:
    """A commit that follows from the files."""
    state = hashlib.sha1()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        state.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return state.hexdigest()


@dataclass
class Hub:
    """Repositories by kind ("models", "datasets") and name; `gated` ones are named, and their files refused."""

    address: str
    repositories: dict[tuple[str, str], dict[str, Path]] = field(default_factory=dict)  # revisions and commits to folders
    gated: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def add(self, kind: str, name: str, folder: Path, revision: str = "main") -> str:
        """Serve a folder as a repository's branch, and keep what was served before by its commit; the new commit."""
        commit = commit_of(folder)
        self.repositories.setdefault((kind, name), {}).update({revision: folder, commit: folder})
        return commit

    def environment(self, cache: Path) -> dict[str, str]:
        """What makes the hub's client ask here."""
        return {
            "HF_ENDPOINT": self.address,
            "HF_HOME": str(cache),
            "HF_HUB_OFFLINE": "0",
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
        }


def _information(name: str, folder: Path) -> dict[str, Any]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    siblings = [{"rfilename": path.relative_to(folder).as_posix(), "size": path.stat().st_size} for path in files]
    return {
        "id": name,
        "modelId": name,
        "sha": commit_of(folder),
        "siblings": siblings,
        "private": False,
        "tags": [],
        "downloads": 0,
        "likes": 0,
    }


def _tree(folder: Path) -> list[dict[str, Any]]:
    found = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_dir():
            found.append({"type": "directory", "path": name, "oid": "0" * 40, "size": 0})
        else:
            found.append(
                {"type": "file", "path": name, "oid": hashlib.sha1(path.read_bytes()).hexdigest(), "size": path.stat().st_size}
            )
    return found


@contextmanager
def hub() -> Iterator[Hub]:
    """A server on a free port for as long as this holds."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *words: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", "0"))
            paths = json.loads(self.rfile.read(length) or b"{}").get("paths", []) if length else []
            parts = unquote(urlsplit(self.path).path).strip("/").split("/")
            folder = self._folder(parts[1], "/".join(parts[2:4]), "/".join(parts[5:]))
            if folder is None:
                return self._refuse(404, "RevisionNotFound")
            self._send(json.dumps([entry for entry in _tree(folder) if entry["path"] in paths]).encode(), {}, True)

        def _folder(self, kind: str, name: str, revision: str) -> Path | None:
            return served.repositories.get((kind, name), {}).get(revision)

        def _answer(self, body: bool) -> None:
            path = unquote(urlsplit(self.path).path).strip("/")
            served.asked.append(f"{self.command} {path}")
            parts = path.split("/")
            if parts[0] == "api":
                kind, name, rest = parts[1], "/".join(parts[2:4]), parts[4:]
                if (kind, name) not in served.repositories:
                    return self._refuse(404, "RepoNotFound")
                what = rest[0] if rest else "revision"
                revision = "/".join(rest[1:]) or "main"
                folder = self._folder(kind, name, revision)
                if folder is None and what == "tree":  # revision and a folder below it
                    folder = self._folder(kind, name, rest[1])
                if folder is None:
                    return self._refuse(404, "RevisionNotFound")
                found = _tree(folder) if what == "tree" else _information(name, folder)
                return self._send(json.dumps(found).encode(), {"Content-Type": "application/json"}, body)
            kind = "datasets" if parts[0] == "datasets" else "models"
            parts = parts[1:] if kind == "datasets" else parts
            name, at = "/".join(parts[:2]), parts.index("resolve") if "resolve" in parts else -1
            if at < 0 or (kind, name) not in served.repositories:
                return self._refuse(404, "RepoNotFound")
            if name in served.gated:
                return self._refuse(403, "GatedRepo")
            for end in range(at + 2, len(parts)):
                folder = self._folder(kind, name, "/".join(parts[at + 1 : end]))
                if folder is not None:
                    file = folder / "/".join(parts[end:])
                    if not file.is_file():
                        return self._refuse(404, "EntryNotFound", {"X-Repo-Commit": commit_of(folder)})
                    content = file.read_bytes()
                    tag = {"ETag": f'"{hashlib.sha1(content).hexdigest()}"', "X-Repo-Commit": commit_of(folder)}
                    return self._send(content, tag, body)
            return self._refuse(404, "RevisionNotFound")

        def _send(self, content: bytes, headers: dict[str, str], body: bool) -> None:
            self.send_response(200)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if body:
                self.wfile.write(content)

        def _refuse(self, code: int, why: str, headers: dict[str, str] | None = None) -> None:
            self.send_response(code)
            for key, value in {"X-Error-Code": why, "X-Error-Message": why, "Content-Length": "0", **(headers or {})}.items():
                self.send_header(key, value)
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = Hub(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
