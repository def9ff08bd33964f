"""An example for each command, which its help ends with."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

FOOTING = "--purpose investigation --legal-basis court-order --case KE-2026-17"
EXAMPLES: Mapping[str, str] = MappingProxyType({
    "up": "--data state --port 8443",
    "demo": "--data demo-data --port 8443",
    "submit": "sellers.csv --map sellers.yaml --sign working.pem --profile profile.json",
    "convert": "users.xlsx --map marketplace-accounts",
    "template": "marketplace-accounts users.xlsx",
    "map": "sellers.csv --out sellers.yaml --answer region=ID",
    "ask": f"question.graphql --var id=u100 {FOOTING}",
    "export": f"network.graphml --format graphml --phone +254712345678 --hops 2 {FOOTING}",
    "taxii": "bundles/rhino bundles/pangolin --password-file taxii.txt",
    "expand": f"Phone:value=+6281234567801 --hops 2 {FOOTING}",
    "evidence": "--answer answer.json --out evidence.zip --profile investigator.json",
    "verify": "evidence.zip --trust trust.json",
    "scan": "--log https://graph.example.org --org pasar --key recipient.json --trust trust.json",
    "witness": "--name witness.example.org --log graph.example.org/log+1a2b3c4d+AZx... --data witness --port 8445",
    "match": f"--phone +254712345678 {FOOTING}",
    "backup": "/backup/graphsvc --data state --secrets /safe/2026-11.secrets",
    "restore": "/backup/graphsvc --data restored --secrets /safe/2026-11.secrets --checkpoint newest.note",
    "rebuild": "--data state",
    "sign": "recall --body recall.json --subject records --after 1204 --key officer.pem --org pasar "
            "--origin graph.example.org/log",
    "token": "police-ke.investigator --data demo-data",
    "case": "KE-2026-17 --title 'Phones of a shop' --legal-basis court-order",
    "cases": "--profile investigator.json",
    "submissions": "--first 10 --profile profile.json",
    "access-log": "--since 2026-01-31T00:00:00Z --first 50",
    "act": "answer-question --sub REQUEST --body text.json --sign investigator.pem",
    "requests": "--held --state open",
    "decide": "REQUEST --grant identity --until 2026-12-31T00:00:00Z --sign officer.pem",
    "grants": "--asked --profile investigator.json",
    "recall": "--submission 1204 --row 17 --reason 'wrong seller' --sign officer.pem",
    "notices": "--acknowledge 1310 --outcome deleted --sign officer.pem",
    "hold": "--submission 1204 --reason 'litigation 12/26' --sign officer.pem",
    "release": "1311 --reason settled --sign officer.pem",
    "erase": "--submission 1204 --row 17 --reason 'request of the data subject' --sign officer.pem --yes",
    "purge": "--profile operator.json",
    "doctor": "--profile operator.json",
    "reapply": "1204 --row 17 --profile operator.json",
    "subject-access": "Phone:value=+254710000001 --html report.html",
    "keys new": "officer.pem",
    "keys show": "officer.pem --json",
    "keys request": "officer.pem --org harbour --origin graph.example.org/log --person dpo@harbour.example "
                    "--out asked.json",
    "keys add": "working.pem --person feed@harbour.example --role submitter --root root.pem --profile harbour.json",
    "keys enrol": "asked.json --root root.pem --role officer --prev 1188 --out officer.jws",
    "keys rotate": "KEY-ID --new next.pem --person budi --role submitter --prev 1188 --out rotate.jws --root root.pem "
                   "--org pasar --origin graph.example.org/log",
    "keys revoke": "KEY-ID --reason stolen --prev 1188 --out revoke.jws --root root.pem --org pasar "
                   "--origin graph.example.org/log",
    "keys send": "officer.jws --profile harbour.json",
    "keys list": "--org harbour",
    "keys rewrap": "--data state",
    "trust show": "trust.json",
    "trust log": "--data state",
    "trust new": "trust.json --log graph.example.org/log+1a2b3c4d+AZx... --root pasar=KEY",
    "group list": "--profile officer.json",
    "group create": "ivory-route --purpose 'Ivory by parcel' --sign officer.pem",
    "group invite": "ivory-route customs-cn --until 2026-12-31T00:00:00Z --sign officer.pem",
    "group accept": "ivory-route --sign officer.pem",
    "group leave": "ivory-route --sign officer.pem",
    "group remove": "ivory-route customs-cn --sign officer.pem",
    "group share": "ivory-route --submission 1204 --row 17 --sign officer.pem",
    "group unshare": "ivory-route --submission 1204 --sign officer.pem",
    "members list": "--json",
    "members add": "harbour --kind company --jurisdiction KE --name Harbour --root-key KEY --profile operator.json",
    "members update": "harbour --contact desk@harbour.example --profile operator.json",
    "members contact": "--contact trust@pasar.example --sign officer.pem",
    "members leave": "harbour --records keep --reason 'contract ended' --yes --profile operator.json",
    "find name": f"'nyota shop' --kind Account {FOOTING}",
    "find timeline": f"Account:site=shopee,id=u17 --since 2026-01-31T00:00:00Z {FOOTING}",
    "find common": f"Phone:value=+254712345678 Phone:value=+6281234567801 {FOOTING}",
    "rings detect": "edges.csv --links links.csv --out rings.json",
    "rings report": "rings.json --ring 1 --out pictures",
    "rings search": "--since 2026-01-01T00:00:00Z --kind Phone --wait --sign analyst.pem --purpose analysis "
                    "--legal-basis court-order --case KE-2026-17",
    "rings runs": f"--first 10 {FOOTING}",
    "rings cancel": "1402 --sign analyst.pem",
    "rings list": f"--significant --tag none {FOOTING}",
    "rings show": f"RING {FOOTING}",
    "rings save": f"--out rings.json {FOOTING}",
    "rings compare": f"1402 1516 {FOOTING}",
    "rings accept": "RING --note 'seen at the depot' --sign analyst.pem",
    "rings dismiss": "RING --reason 'a family' --sign analyst.pem",
    "rings reopen": "RING --reason 'a new witness' --sign analyst.pem",
    "rings annotate": "RING --text 'the same printer' --sign analyst.pem",
    "rings merge": "RING --with OTHER --reason 'one cousin' --sign analyst.pem",
    "rings split": "RING --part HANDLE,HANDLE --part HANDLE,HANDLE --reason 'two towns' --sign analyst.pem",
    "policy check": "policies",
    "policy fmt": "policies --check",
    "policy explain": "policies --kind police --role investigator --purpose investigation --owner pasar "
                      "--handling 'tlp-2.0 AMBER'",
    "policy diff": "before after --out changes.json",
    "policy list": "--part pasar",
    "policy propose": "pasar policies --note 'export through customs only' --sign officer.pem",
    "policy show": "1a2b3c4d",
    "policy pull": "policies",
    "policy approve": "1a2b3c4d --sign officer.pem",
    "policy rollback": "pasar 1a2b3c4d --note 'too narrow' --sign officer.pem",
    "policy why": "--submission 1204 --row 17 --org police-ke --role investigator",
})  # fmt: skip
"""By the words of a command: what may follow them."""


def example_of(words: str) -> str | None:
    """The example of a command, whole."""
    return f"Example: graphsvc {words} {EXAMPLES[words]}" if words in EXAMPLES else None
