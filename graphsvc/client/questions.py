"""What an organisation asks about its own cases, submissions and disclosures: GraphQL documents."""

from __future__ import annotations

REGISTER_CASE = """mutation($reference: String!, $title: String!, $legalBasis: String!) {
  registerCase(reference: $reference, title: $title, legalBasis: $legalBasis) {
    reference title legalBasis registeredAt } }"""
CASES = "{ cases { reference title legalBasis registeredAt } }"
SUBMISSIONS = """query($first: Int!) {
  submissions(first: $first) { index receivedAt mediaType rows accepted rejected applied } }"""
ACCESS_LOG = """query($since: String, $until: String, $first: Int!, $before: Int) {
  accessLog(since: $since, until: $until, first: $first, before: $before) {
    entries { index at reader person purpose legalBasis case signed export
      late { index at rule law } records { submission row hit } }
    nextBefore toldLate { rule law purposes legalBases askers owners delay } } }"""
