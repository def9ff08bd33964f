//! From a draft to its header and sections, before they are sealed: as `graphsvc.ledger.entry` does it.

use std::collections::{HashMap, HashSet};

use crate::boxes::{Key, Keyed, keyed, mac};
use crate::canon::{b64u_of, encode, encode_members, members, number, put, quote, quote_or_null, root, sha256};
use crate::draft::{Disclosure, Draft, Hits, Late, Part};
use crate::fault::{Fault, Result};
use crate::msgpack::Reader;

/// Random bytes of an entry itself, and for each of its owners.
pub const DRAWN: usize = 96;
pub const DRAWN_EACH: usize = 64;
const READ: &str = "read";

/// A section before it is sealed: its content in two parts around an owner's numbers.
pub struct Section<'a> {
    pub recipient: &'a str,
    pub role: String,
    pub before: Vec<u8>,
    pub after: Vec<u8>,
    /// Of an owner's section; all others get theirs when their tag is known.
    pub line: Option<[u8; 32]>,
}

/// What a receipt, and the ledger's own index, say of one owner.
pub struct Opening<'a> {
    pub owner: &'a str,
    /// The owner's leaves for the receipt: JSON `[[c, handle, groups], …]`.
    pub leaves: Vec<u8>,
    /// By submission: rows shown, and rows only hit, as big-endian uint32.
    pub shown: Rows,
    pub hit: Rows,
    pub late: Option<Late<'a>>,
}

/// Rows by submission, in the order of their first appearance.
#[derive(Default)]
pub struct Rows {
    places: HashMap<u64, usize>,
    pub listed: Vec<(u64, Vec<u8>)>,
}

impl Rows {
    fn note(&mut self, submission: u64, row: u32) {
        let place = *self.places.entry(submission).or_insert_with(|| {
            self.listed.push((submission, Vec::new()));
            self.listed.len() - 1
        });
        self.listed[place].1.extend(row.to_be_bytes());
    }
}

pub struct Prepared<'a> {
    pub nonce: &'a [u8; 32],
    pub header_key: Key,
    pub header_mac: Keyed,
    pub header: Vec<u8>,
    pub sections: Vec<Section<'a>>,
    pub openings: Vec<Opening<'a>>,
}

struct Summary<'a> {
    text: Vec<u8>,
    late: Option<Late<'a>>,
}

/// `random` has [`DRAWN`] bytes, and [`DRAWN_EACH`] for each owner.
pub fn prepare<'a>(draft: &Draft<'a>, random: &'a [u8]) -> Result<Prepared<'a>> {
    let (drawn, each) = random.split_at_checked(DRAWN).ok_or(Fault::Malformed("too few random bytes"))?;
    let ([nonce, header_key, ..], _) = drawn.as_chunks::<32>() else {
        return Err(Fault::Malformed("too few random bytes"));
    };
    let (each, _) = each.as_chunks::<DRAWN_EACH>();
    let mut named = HashSet::new();
    if !draft.owners.iter().all(|part| named.insert((part.owner, part.late.is_none()))) {
        return Err(Fault::Elsewhere);
    }
    let header_mac = keyed(header_key);
    let (mut summaries, mut sections, mut openings) = (Vec::new(), Vec::new(), Vec::new());
    for (part, drawn) in draft.owners.iter().zip(each) {
        let (seed, drawn_salt) = drawn.split_at(32);
        let salt = match (draft.type_ == READ, part.late) {
            (false, _) => drawn_salt.try_into().map_err(|_| Fault::Malformed("too few random bytes"))?,
            (true, None) => mac(&header_mac, &[b"facts", part.owner.as_bytes()]),
            (true, Some(_)) => mac(&header_mac, &[b"later", part.owner.as_bytes()]),
        };
        let (summary, section, opening) = prepare_owner(part, seed, &salt)?;
        summaries.push(summary);
        sections.push(section);
        openings.push(opening);
    }
    let mut key = b"{\"headerKey\":\"".to_vec();
    put(&mut key, &[&b64u_of(header_key), b"\"}"]);
    let plain = |recipient, role: &str| Section {
        recipient,
        role: role.to_owned(),
        before: key.clone(),
        after: Vec::new(),
        line: None,
    };
    sections.extend(draft.requester.map(|requester| plain(requester, "requester")));
    sections.push(plain("oversight", "oversight"));
    Ok(Prepared {
        nonce,
        header_key: Key::new(*header_key),
        header_mac,
        header: header(draft, &summaries)?,
        sections,
        openings,
    })
}

fn header(draft: &Draft<'_>, summaries: &[Summary<'_>]) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(1_024);
    out.extend_from_slice(b"{\"answer\":");
    quote_or_null(&mut out, draft.asked.answer);
    put(&mut out, &[b",\"answerSalt\":\"", &b64u_of(draft.asked.salt), b"\",\"at\":"]);
    match draft.at {
        Some(at) => out.extend_from_slice(at.to_string().as_bytes()),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"basis\":");
    quote_or_null(&mut out, draft.basis);
    out.extend_from_slice(b",\"body\":");
    body(&mut out, draft, summaries)?;
    out.extend_from_slice(b",\"case\":");
    quote_or_null(&mut out, draft.case);
    out.extend_from_slice(b",\"owners\":[");
    joined(&mut out, summaries.iter().filter(|one| one.late.is_none()));
    out.extend_from_slice(b"],\"policy\":");
    quote_or_null(&mut out, draft.policy);
    out.extend_from_slice(b",\"purpose\":");
    quote_or_null(&mut out, draft.purpose);
    out.extend_from_slice(b",\"query\":");
    quote_or_null(&mut out, draft.asked.query);
    out.extend_from_slice(b",\"v\":1,\"who\":");
    match draft.who {
        Some(who) => encode(&mut out, &mut Reader::new(who))?,
        None => out.extend_from_slice(b"null"),
    }
    out.push(b'}');
    Ok(out)
}

fn joined<'a>(out: &mut Vec<u8>, summaries: impl Iterator<Item = &'a Summary<'a>>) {
    for (at, summary) in summaries.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(&summary.text);
    }
}

/// The body, with who is told late, by rule, as its member `later`.
fn body(out: &mut Vec<u8>, draft: &Draft<'_>, summaries: &[Summary<'_>]) -> Result<()> {
    let mut from = Reader::new(draft.body);
    let count = from.map()?;
    let mut said = members(&mut from, count)?;
    let mut rules: Vec<Late<'_>> = Vec::new();
    for late in summaries.iter().filter_map(|one| one.late) {
        if !rules.contains(&late) {
            rules.push(late);
        }
    }
    if rules.is_empty() {
        return encode_members(out, &mut said);
    }
    said.retain(|(name, _)| *name != "later");
    let (mut first, mut last): (Vec<_>, Vec<_>) = said.into_iter().partition(|(name, _)| *name < "later");
    encode_members(out, &mut first)?;
    out.pop();
    out.extend_from_slice(if first.is_empty() { b"\"later\":[" } else { b",\"later\":[" });
    for (at, late) in rules.iter().enumerate() {
        out.extend_from_slice(if at > 0 { b",{\"due\":" } else { b"{\"due\":" });
        quote_or_null(out, Some(late.due).filter(|due| !due.is_empty()));
        out.extend_from_slice(b",\"law\":");
        quote(out, late.law);
        out.extend_from_slice(b",\"owners\":[");
        joined(out, summaries.iter().filter(|one| one.late.as_ref() == Some(late)));
        out.extend_from_slice(b"],\"rule\":");
        quote(out, late.rule);
        out.push(b'}');
    }
    out.push(b']');
    let start = out.len();
    encode_members(out, &mut last)?;
    if last.is_empty() {
        out.truncate(start);
        out.push(b'}');
    } else {
        out[start] = b',';
    }
    Ok(())
}

/// What was shown of one owner's records: hashes of the leaves, texts for its section and for the receipt.
struct Told<'a> {
    hashes: Vec<[u8; 32]>,
    lines: Vec<u8>,
    leaves: Vec<u8>,
    submissions: Vec<u64>,
    places: HashMap<u64, usize>,
    groups: Vec<(&'a [u8], Vec<u8>)>,
    hits: Vec<u8>,
}

impl<'a> Told<'a> {
    fn place(&mut self, submission: u64) -> usize {
        *self.places.entry(submission).or_insert_with(|| {
            self.submissions.push(submission);
            self.submissions.len() - 1
        })
    }

    /// The number and the JSON text of a list of groups.
    fn group(&mut self, raw: &'a [u8]) -> Result<usize> {
        if let Some(at) = self.groups.iter().position(|(known, _)| *known == raw) {
            return Ok(at);
        }
        let mut from = Reader::new(raw);
        let mut text = b"[".to_vec();
        for at in 0..from.list()? {
            if at > 0 {
                text.push(b',');
            }
            quote(&mut text, from.text()?);
        }
        text.push(b']');
        self.groups.push((raw, text));
        Ok(self.groups.len() - 1)
    }

    fn leaf(&mut self, c: &[u8; 32], handle: &[u8], groups: &[u8]) {
        self.hashes.push(sha256(&[b"\0", c, b"{\"groups\":", groups, b",\"handle\":", handle, b"}"]));
        let first: &[u8] = if self.leaves.len() > 1 { b",[\"" } else { b"[\"" };
        put(&mut self.leaves, &[first, &b64u_of(c), b"\",", handle, b",", groups, b"]"]);
    }

    fn show(&mut self, salt: &[u8; 32], one: &Disclosure<'a>) -> Result<()> {
        let mut text = b"{\"row\":".to_vec();
        number(&mut text, u64::from(one.row));
        text.extend_from_slice(b",\"submission\":");
        number(&mut text, one.submission);
        text.push(b'}');
        let c = sha256(&[salt, &text]);
        let (group, place) = (self.group(one.groups)?, self.place(one.submission));
        text.clear();
        quote(&mut text, one.handle);
        let groups = core::mem::take(&mut self.groups[group].1);
        self.leaf(&c, &text, &groups);
        self.groups[group].1 = groups;
        self.lines.extend_from_slice(if self.lines.is_empty() { b"[" } else { b",[" });
        number(&mut self.lines, place as u64);
        self.lines.push(b',');
        number(&mut self.lines, u64::from(one.row));
        put(&mut self.lines, &[b",", &text, b","]);
        number(&mut self.lines, group as u64);
        self.lines.push(b']');
        Ok(())
    }

    fn hit(&mut self, salt: &[u8; 32], hits: &Hits) {
        let head: &[u8] = if hits.more { b"{\"more\":true,\"records\":[" } else { b"{\"more\":false,\"records\":[" };
        let (mut whole, mut placed) = (head.to_vec(), head.to_vec());
        for (at, (submission, row)) in hits.records.iter().enumerate() {
            let place = self.place(*submission) as u64;
            for (text, first) in [(&mut whole, *submission), (&mut placed, place)] {
                text.extend_from_slice(if at > 0 { b",[" } else { b"[" });
                number(text, first);
                text.push(b',');
                number(text, u64::from(*row));
                text.push(b']');
            }
        }
        let c = sha256(&[salt, &whole, b"]}"]);
        self.leaf(&c, b"\"\"", b"[\"hit\"]");
        put(&mut self.hits, &[b"\"hits\":", &placed, b"]},"]);
    }
}

fn prepare_owner<'a>(
    part: &Part<'a>,
    seed: &[u8],
    facts_salt: &[u8; 32],
) -> Result<(Summary<'a>, Section<'a>, Opening<'a>)> {
    let mut told = Told {
        hashes: Vec::with_capacity(part.disclosures.len() + 1),
        lines: Vec::with_capacity(part.disclosures.len() * 72),
        leaves: b"[".to_vec(),
        submissions: Vec::new(),
        places: HashMap::new(),
        groups: Vec::new(),
        hits: Vec::new(),
    };
    let (mut shown, mut hit) = (Rows::default(), Rows::default());
    let salts = keyed(seed);
    for (position, one) in (0u64..).zip(&part.disclosures) {
        told.show(&mac(&salts, &[&position.to_be_bytes()]), one)?;
        shown.note(one.submission, one.row);
    }
    if let Some(hits) = &part.hits {
        let position = part.disclosures.len() as u64;
        told.hit(&mac(&salts, &[&position.to_be_bytes()]), hits);
        hits.records.iter().for_each(|(submission, row)| hit.note(*submission, *row));
    }
    told.leaves.push(b']');
    let (mut before, facts) = facts(part, facts_salt)?;
    put(&mut before, &[b",\"factsSalt\":\"", &b64u_of(facts_salt), b"\",\"groups\":["]);
    for (at, (_, text)) in told.groups.iter().enumerate() {
        put(&mut before, &[if at > 0 { b"," } else { b"" }, text]);
    }
    put(&mut before, &[b"],", &told.hits, b"\"leaves\":[", &told.lines, b"],\"owner\":"]);
    let mut owner = Vec::new();
    quote(&mut owner, part.owner);
    before.extend_from_slice(&owner);
    let mut after = b"\"seed\":\"".to_vec();
    put(&mut after, &[&b64u_of(seed), b"\",\"submissions\":["]);
    for (at, submission) in told.submissions.iter().enumerate() {
        if at > 0 {
            after.push(b',');
        }
        number(&mut after, *submission);
    }
    after.extend_from_slice(b"]}");
    let mut text = b"{\"facts\":\"".to_vec();
    let total = b64u_of(&root(told.hashes));
    put(&mut text, &[&b64u_of(&facts), b"\",\"owner\":", &owner, b",\"root\":\"", &total, b"\"}"]);
    let line = Some(sha256(&[b"graphsvc line v1", &text]));
    let section = if part.late.is_none() {
        Section { recipient: part.owner, role: "owner".to_owned(), before, after, line }
    } else {
        put(&mut before, &[b",", &after]);
        Section { recipient: "oversight", role: format!("later {}", part.owner), before, after: Vec::new(), line }
    };
    let opening = Opening { owner: part.owner, leaves: told.leaves, shown, hit, late: part.late };
    Ok((Summary { text, late: part.late }, section, opening))
}

/// An owner's section up to its facts, and the root over them.
fn facts(part: &Part<'_>, salt: &[u8; 32]) -> Result<(Vec<u8>, [u8; 32])> {
    let mut from = Reader::new(part.facts);
    let count = from.map()?;
    let mut told = members(&mut from, count)?;
    let mut before = Vec::with_capacity(part.disclosures.len() * 72 + 512);
    before.extend_from_slice(b"{\"facts\":");
    encode_members(&mut before, &mut told)?;
    let hidden = keyed(salt);
    let mut leaves = Vec::with_capacity(told.len());
    for (name, value) in told {
        let mut pair = b"[".to_vec();
        quote(&mut pair, name);
        pair.push(b',');
        encode(&mut pair, &mut Reader::new(value))?;
        leaves.push(sha256(&[b"\0", &mac(&hidden, &[name.as_bytes()]), &pair, b"]"]));
    }
    Ok((before, root(leaves)))
}
