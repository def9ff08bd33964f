"""JSON Schema 2020-12 of the native submission format, made from the schema: contributors check rows with it.

It says what shape a draft has and which words it may use. Check digits, pairs of kinds that a link may join and refs
are checked by the service and by a dry run of the client, because JSON Schema can't say them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphsvc.model.bounds import MAX_ENTITIES, MAX_ROW_CLAIMS
from graphsvc.model.references import MAX_OWN_REFERENCE
from graphsvc.model.schema import Attribute, Kind, LinkKind, Schema

DIALECT = "https://json-schema.org/draft/2020-12/schema"


JsonSchema = dict[str, Any]
"""A JSON Schema, or a part of one."""


def submission_schema(schema: Schema) -> JsonSchema:
    """The JSON Schema of one NDJSON line (a draft), as plain dicts in a fixed order."""
    defs: JsonSchema = {
        "observed": _object({"since": {"type": "string"}, "until": {"type": "string"}}, []),
        "handling": _handling(schema),
        "grading": _grading(schema),
        "origin": _object({"organisation": {"type": "string"}, "reference": {"type": "string"}}, []),
    }
    for name, codelist in sorted(schema.codelists.items()):
        defs[f"code-{name}"] = {"title": codelist.title, "enum": list(codelist.codes)}
    for kind in schema.kinds.values():
        defs[f"entity-{kind.name}"] = _entity(kind)
    for link in schema.links.values():
        defs[f"link-{link.name}"] = _link(link)
    properties = {
        "entities": {
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_ENTITIES,
            "items": {"oneOf": [{"$ref": f"#/$defs/entity-{name}"} for name in schema.kinds]},
        },
        "links": {
            "type": "array",
            "maxItems": MAX_ROW_CLAIMS - 1,
            "items": {"oneOf": [{"$ref": f"#/$defs/link-{name}"} for name in schema.links]},
        },
        "row": {"type": "integer", "description": "Ignored: rows are counted by the service"},
        "observed": {"$ref": "#/$defs/observed"},
        "grading": {"$ref": "#/$defs/grading"},
        "handling": {"$ref": "#/$defs/handling"},
        "pap": {"$ref": "#/$defs/code-pap"},
        "purposes": {"type": "array", "items": {"$ref": "#/$defs/code-purposes"}, "uniqueItems": True},
        "legalBasis": {"$ref": "#/$defs/code-legal-bases"},
        "groups": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
        "expires": {"type": "string", "description": "RFC 3339 with offset, or a date"},
        "origin": {
            "$ref": "#/$defs/origin",
            "description": "Where you have it from: the organisation's slug (left out: your own), and its reference",
        },
        "supersedes": _supersedes(),
    }
    head = {"$schema": DIALECT, "title": "One line of a graphsvc submission", "$comment": f"schema {schema.digest}"}
    return head | _object(properties, ["entities"]) | {"$defs": defs}


def _supersedes() -> JsonSchema:
    place = {"submission": {"type": "integer", "minimum": 0}, "row": {"type": "integer", "minimum": 0}}
    own = "Your own name of this row, as the number of an advert: the next row with the same one supersedes this one"
    reference = {"type": "string", "minLength": 1, "maxLength": MAX_OWN_REFERENCE, "description": own}
    return {
        **_object({**place, "reference": reference}, []),
        "anyOf": [{"required": ["reference"]}, {"required": ["submission", "row"]}],
        "dependentRequired": {"submission": ["row"], "row": ["submission"]},
        "description": "Older records of yours that this one corrects, by place or by reference: they are taken back",
    }


def _object(properties: Mapping[str, Any], required: list[str]) -> JsonSchema:
    made: JsonSchema = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    if required:
        made["required"] = required
    return made


def _entity(kind: Kind) -> JsonSchema:
    forms = []
    for form in kind.keys:
        parts = {name: {**type_.json, "description": type_.title} for name, type_ in form.parts}
        forms.append(_object(parts, list(parts)))
    properties = {
        "ref": {"type": "string"},
        "kind": {"const": kind.name},
        "key": forms[0] if len(forms) == 1 else {"anyOf": forms},
        "attributes": _attributes(kind.attributes),
        "region": {"type": "string", "description": "Country of its telephone numbers that are written without one"},
    }
    return {"title": kind.title} | _object(properties, ["ref", "kind", "key"])


def _link(link: LinkKind) -> JsonSchema:
    properties = {
        "kind": {"const": link.name},
        "from": {"type": "string", "description": f"ref of: {', '.join(link.sources)}"},
        "to": {"type": "string", "description": f"ref of: {', '.join(link.targets)}"},
        "attributes": _attributes(link.attributes),
        "observed": {"$ref": "#/$defs/observed"},
    }
    return {"title": link.title} | _object(properties, ["kind", "from", "to"])


def _attributes(attributes: Mapping[str, Attribute]) -> JsonSchema:
    properties = {}
    for name, attribute in attributes.items():
        one = dict(attribute.type.json)
        value = {"anyOf": [one, {"type": "array", "items": one}]} if attribute.many else one
        properties[name] = value | {"description": f"{attribute.title} ({attribute.type.name}, {attribute.group})"}
    return _object(properties, [])


def _handling(schema: Schema) -> JsonSchema:
    ways = []
    for name in sorted(schema.codelists):
        if name.startswith("handling-"):
            parts = {"scheme": {"const": name.removeprefix("handling-")}, "code": {"$ref": f"#/$defs/code-{name}"}}
            ways.append(_object(parts, ["scheme", "code"]))
    return {"oneOf": ways}


def _grading(schema: Schema) -> JsonSchema:
    ways = []
    for name in sorted(schema.codelists):
        if name.endswith("-information"):
            scheme = name.removesuffix("-information")
            parts = {
                "scheme": {"const": scheme},
                "source": {"$ref": f"#/$defs/code-{scheme}-source"},
                "information": {"$ref": f"#/$defs/code-{scheme}-information"},
            }
            ways.append(_object(parts, ["scheme", "source", "information"]))
    return {"oneOf": ways}
