"""The pages of the Python packages: every public class and function with every parameter."""

import ast
import inspect
import itertools
import re
import textwrap
import typing
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from pydantic import BaseModel

from tests.docs.reference.docstrings import Docstring, cell, markdown, parsed, table

OF_LIGHTNING = ("trainer", "pl_module")
"""Parameters that Lightning's hooks have, too; the page says once what they are."""

TWINS = {"AsyncClient": "Client"}
"""Classes with the methods of another; only what differs is written again."""

_HEAD = ("parameter", "type", "default", "about")


class PythonPage:
    """Writes what a package exports, and collects the parameters that no docstring explains.

    Args:
        package: the imported package; its ``__all__`` says what is public.
        intro: text of the page before the first name.
        inherited: classes of others, whose methods are left to their own documentation.
    """

    def __init__(self, package: Any, intro: str, inherited: tuple[type, ...] = ()) -> None:
        self._package = package
        self._intro = intro
        self._inherited = (BaseModel, Exception, *inherited)
        self.missing: list[str] = []

    def text(self) -> str:
        """Return the page."""
        things = {name: getattr(self._package, name) for name in sorted(self._package.__all__, key=str.lower)}
        errors = {name: each for name, each in things.items() if _is_error(each)}
        parts = [f"# {self._package.__name__}", self._intro]
        for name, each in things.items():
            if name not in errors:
                parts += (
                    self._class(name, each) if inspect.isclass(each) else self._function(name, each, "##")
                )
        if errors:
            parts += ["## Errors", self._errors(errors)]
            parts += self._class("Refused", errors["Refused"], "###") if "Refused" in errors else []
        return "\n\n".join(parts) + "\n"

    def _errors(self, errors: dict[str, type]) -> str:
        rows = []
        for name, each in errors.items():
            status = getattr(each, "status", "-")
            rows.append((f"`{name}`", f"`{each.__base__.__name__}`", f"{status}", cell(_first_line(each))))
        return table(("error", "is a", "HTTP status", "means"), rows)

    def _class(self, name: str, kind: type, level: str = "##") -> Iterator[str]:
        doc = parsed(inspect.getdoc(kind))
        if name in TWINS:
            doc.items["Args"] = self._documented(TWINS[name]) | doc.arguments
        yield f"{level} {name}"
        yield markdown(doc.text)
        if issubclass(kind, BaseModel):
            rows = [
                (
                    f"`{field}`",
                    f"`{_type(info.annotation)}`",
                    _default(info.default, info.default_factory),
                    self._about(f"{name}.{field}", field, doc, info.description),
                )
                for field, info in kind.model_fields.items()
            ]
            if rows:
                yield table(("field", *_HEAD[1:]), rows)
        elif "__init__" in {each for base in kind.__mro__[:-1] for each in vars(base)} and not _is_plain(
            kind
        ):
            yield from self._parameters(name, kind, doc, [kind])
        yield from _raises(doc)
        yield from self._members(name, kind, level + "#")

    def _members(self, name: str, kind: type, level: str) -> Iterator[str]:
        twin = TWINS.get(name)
        if twin is not None:
            same = [each for each in vars(kind) if _same(kind, getattr(self._package, twin), each)]
            yield f"As in `{twin}`, but awaited: " + ", ".join(f"`{each}`" for each in same) + "."
        ours = [base for base in kind.__mro__ if base.__module__.split(".")[0] == self._package.__name__]
        own = _attributes(kind)
        of_others = {each for base in self._inherited if issubclass(kind, base) for each in dir(base)}
        public_bases = [base for base in ours if base is not kind and base.__name__ in self._package.__all__]
        seen: set[str] = set()
        for base in ours:
            for member, raw in vars(base).items():
                theirs = member in of_others and not (member in own and base is kind)
                known = any(issubclass(public, base) for public in public_bases)
                overrides = any(hasattr(other, member) for other in ours[ours.index(base) + 1 :])
                if member.startswith("_") or member in seen or theirs or known or overrides:
                    continue
                if (twin is not None and member in same) or hasattr(raw, "__freak_action__"):
                    continue
                seen.add(member)
                yield from self._member(name, member, raw, level)
        rows = [(f"`{attribute}`", cell(text)) for attribute, text in own.items() if attribute not in seen]
        if rows:
            yield table(("attribute", "about"), rows)

    def _member(self, name: str, member: str, raw: Any, level: str) -> Iterator[str]:
        if isinstance(raw, property | cached_property):
            getter = raw.fget if isinstance(raw, property) else raw.func
            yield f"{level} {name}.{member}"
            doc = parsed(inspect.getdoc(getter))
            yield f"*attribute, `{_type(_annotations(getter).get('return', Any))}`.* {markdown(doc.text)}"
            yield from _raises(doc)
        elif isinstance(raw, classmethod | staticmethod):
            yield from self._function(f"{name}.{member}", raw.__func__, level)
        elif inspect.isfunction(raw):
            yield from self._function(f"{name}.{member}", raw, level)

    def _function(self, name: str, function: Any, level: str) -> Iterator[str]:
        doc = parsed(inspect.getdoc(function))
        yield f"{level} {name}"
        yield markdown(doc.text)
        yield from self._parameters(name, function, doc, [])
        for told in doc.prose.values():
            yield f"Returns: {markdown(told)}"
        yield from _raises(doc)

    def _parameters(self, name: str, function: Any, doc: Docstring, more: list[Any]) -> Iterator[str]:
        parameters = [
            each for each in _signature(function).parameters.values() if each.name not in ("self", "cls")
        ]
        rows = []
        shown = []
        keyword_only = False
        for each, options in _expanded(parameters):
            if each.kind is each.KEYWORD_ONLY and not keyword_only:
                keyword_only = True
                if not any(other.kind is other.VAR_POSITIONAL for other in parameters):
                    shown.append("*")
            star = {each.VAR_POSITIONAL: "*", each.VAR_KEYWORD: "**"}.get(each.kind, "")
            default = _default(each.default)
            shown.append(f"{star}{each.name}" + (f"={default.strip('`')}" if default else ""))
            about = self._about(f"{name}({each.name})", each.name, doc, options.get(each.name))
            rows.append((f"`{star}{each.name}`", f"`{_type(each.annotation)}`", default, about))
        yield f"`{name}({', '.join(shown)})`"
        if rows:
            yield table(_HEAD, rows)

    def _about(self, where: str, name: str, doc: Docstring, description: str | None = None) -> str:
        """Return what is said of a parameter; note it as missing where nothing is."""
        if name in doc.arguments:
            return cell(doc.arguments[name])
        if description:
            return cell(description)
        if name in OF_LIGHTNING:
            return "Lightning's"
        if f"``{name}``" in doc.text:
            return "see above"
        elsewhere = re.search(
            r"as (?:in|for) (?:``(\w+)``|(the constructor))|see ``(\w+)`` for the", doc.text
        )
        if elsewhere and (elsewhere[3] is None or name in self._documented(elsewhere[3])):
            return "as in " + (elsewhere[2] or f"`{elsewhere[1] or elsewhere[3]}`")
        self.missing.append(f"{self._package.__name__}: {where}")
        return "**undocumented**"

    def _documented(self, name: str) -> dict[str, str]:
        return parsed(inspect.getdoc(getattr(self._package, name, None))).arguments


def _same(kind: type, twin: type, member: str) -> bool:
    """Whether a member is public and takes the same parameters as that of the twin."""
    if member.startswith("_") or not hasattr(twin, member):
        return False
    mine, other = getattr(kind, member), getattr(twin, member)
    return not callable(mine) or _parameters_of(mine) == _parameters_of(other)


def _parameters_of(function: Any) -> list[tuple[str, Any]]:
    return [(each.name, each.default) for each in inspect.signature(function).parameters.values()]


def _signature(function: Any) -> inspect.Signature:
    if inspect.isclass(function):
        return inspect.signature(function.__init__)
    return inspect.signature(function)


def _annotations(function: Any) -> dict[str, Any]:
    return getattr(function, "__annotations__", {})


def _expanded(parameters: list[inspect.Parameter]) -> Iterator[tuple[inspect.Parameter, dict[str, str]]]:
    """Yield parameters with texts; in place of ``**options: Unpack[Options]`` the keys of ``Options``."""
    for each in parameters:
        if each.name.startswith("_"):
            continue
        if typing.get_origin(each.annotation) is typing.Unpack and each.kind is each.VAR_KEYWORD:
            (options,) = typing.get_args(each.annotation)
            texts = parsed(inspect.getdoc(options)).arguments | _attributes(options)
            for name, kind in typing.get_type_hints(options).items():
                yield inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=kind), texts
        else:
            yield each, {}


def _attributes(kind: type) -> dict[str, str]:
    """Return the texts below the public attributes that a class defines."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    except (OSError, TypeError):
        return {}
    (body,) = (node.body for node in tree.body if isinstance(node, ast.ClassDef))
    found = {}
    for node, after in itertools.pairwise(body):
        target = node.target if isinstance(node, ast.AnnAssign) else None
        if isinstance(target, ast.Name) and isinstance(after, ast.Expr) and not target.id.startswith("_"):
            text = after.value.value if isinstance(after.value, ast.Constant) else None
            if isinstance(text, str):
                found[target.id] = text
    return found


def _raises(doc: Docstring) -> Iterator[str]:
    for error, text in doc.items.get("Raises", {}).items():
        yield f"Raises `{error}`: {cell(text)}"


def _type(annotation: Any) -> str:
    if annotation in (inspect.Parameter.empty, None):
        return "None" if annotation is None else "Any"
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    text = re.sub(r"<function (\w+) at 0x\w+>", r"\1", text)
    text = re.sub(r"ForwardRef\('([^']+)'\)", r"\1", text)
    text = re.sub(r"\b(?:\w+\.)+(\w+)", r"\1", text).replace("~", "").replace("NoneType", "None")
    text = re.sub(r"^Optional\[(.*)\]$", r"\1 | None", text)
    text = re.sub(r"^Union\[(.*), None\]$", r"Union[\1] | None", text)
    return text.replace("|", "\\|")


def _default(default: Any, factory: Any = None) -> str:
    if default is inspect.Parameter.empty or default is ...:
        return ""
    if factory is not None:
        return "made anew"
    text = re.sub(r" at 0x\w+", "", repr(default))
    return "" if "Undefined" in text else f"`{text}`"


def _first_line(kind: type) -> str:
    return (inspect.getdoc(kind) or "").partition("\n\n")[0]


def _is_error(thing: Any) -> bool:
    return inspect.isclass(thing) and issubclass(thing, Exception)


def _is_plain(kind: type) -> bool:
    """Whether a class takes no arguments of its own."""
    try:
        return kind.__init__ in (object.__init__, Exception.__init__) or not [
            each for each in inspect.signature(kind.__init__).parameters if each != "self"
        ]
    except ValueError:
        return True
