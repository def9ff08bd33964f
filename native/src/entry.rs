//! From a prepared entry and its place to the leaf, its objects and its receipt: as `graphsvc.ledger.sealing` does it.

use std::collections::HashMap;

use crate::boxes::{CLASSES, Key, Keyed, keyed, mac, seal, section_key, size_class};
use crate::canon::{b64u, b64u_of, named, number, number_or_null, put, quote, sha256};
use crate::draft::{Draft, Late, Numbers, Run};
use crate::fault::{Fault, Result};
use crate::msgpack::{write_bool, write_bytes, write_list, write_map, write_number, write_text};
use crate::noise::Noise;
use crate::prepare::{Opening, Prepared};

const FULL: usize = 60_000;
const FEWEST: usize = 4;
const MAX_SECTIONS: usize = 64;
const MAX_LEAF: usize = 65_535;

/// A recipient's pair of an epoch.
pub struct DayKey {
    pub key: Key,
    pub tagging: Keyed,
}

pub type DayKeys = HashMap<String, DayKey>;

/// A section as it stands in the entry.
struct Sealed {
    tag: [u8; 16],
    body: Vec<u8>,
    line: [u8; 32],
}

struct Objects(Vec<(Vec<u8>, Vec<u8>)>);

impl Objects {
    /// Keep an object; returns its digest.
    fn keep(&mut self, data: Vec<u8>) -> Vec<u8> {
        let mut name = Vec::with_capacity(71);
        named(&mut name, &sha256(&[&data]));
        self.0.push((name.clone(), data));
        name
    }
}

/// The keys in force, and the index of their `keys` entry.
pub struct Epoch {
    pub index: u64,
    pub keys: DayKeys,
}

/// Append a `Finished` in MessagePack.
pub fn finish(
    out: &mut Vec<u8>,
    run: &Run<'_>,
    draft: &Draft<'_>,
    prepared: &Prepared<'_>,
    epoch: &Epoch,
    numbers: &Numbers<'_>,
    noise: &mut Noise,
) -> Result<()> {
    let header = seal(&prepared.header_key, &[&prepared.header], size_class(prepared.header.len()).max(CLASSES[1]))?;
    let mut parts = sections(run, prepared, epoch, numbers)?;
    add_dummies(&mut parts, prepared, noise);
    let mut objects = Objects(Vec::new());
    let (header, sections, wanted) = inline(header, parts, &mut objects);
    let mut leaf = Vec::with_capacity(header.len() + sections.len() + 512);
    leaf.extend_from_slice(b"{\"acts\":[\"");
    named(&mut leaf, &noise.take());
    leaf.extend_from_slice(b"\"],\"epoch\":");
    number(&mut leaf, epoch.index);
    put(&mut leaf, &[b",\"header\":", &header, b",\"keyHead\":"]);
    number_or_null(&mut leaf, run.key_head);
    put(&mut leaf, &[b",\"nonce\":\"", &b64u_of(prepared.nonce), b"\",\"sections\":", &sections]);
    put(&mut leaf, &[b",\"t\":\"", run.t.as_bytes(), b"\",\"type\":\"", draft.type_.as_bytes(), b"\",\"v\":1}"]);
    if leaf.len() > MAX_LEAF {
        return Err(Fault::Elsewhere);
    }
    write_list(out, 7);
    write_text(out, "Finished");
    write_bytes(out, &leaf);
    write_bytes(out, &sha256(&[b"\0", &leaf]));
    write_map(out, objects.0.len());
    for (name, data) in &objects.0 {
        write_text(out, core::str::from_utf8(name).map_err(|_| Fault::Elsewhere)?);
        write_bytes(out, data);
    }
    write_bytes(out, &members(prepared, &leaf, &objects, &wanted));
    write_rows(out, &prepared.openings);
    Ok(())
}

fn sections(run: &Run<'_>, prepared: &Prepared<'_>, epoch: &Epoch, numbers: &Numbers<'_>) -> Result<Vec<Sealed>> {
    let salt = keyed(prepared.nonce);
    let mut parts = Vec::with_capacity(prepared.sections.len().max(FEWEST));
    for section in &prepared.sections {
        let mut between = Vec::new();
        if section.role == "owner" {
            let (seq, prev) = numbers.get(section.recipient).ok_or(Fault::Elsewhere)?;
            between.extend_from_slice(b",\"ownerSeq\":");
            number(&mut between, *seq);
            between.extend_from_slice(b",\"prev\":");
            number_or_null(&mut between, *prev);
            between.push(b',');
        }
        let pair = epoch.keys.get(section.recipient).ok_or(Fault::Elsewhere)?;
        let mut tag = [0; 16];
        tag.copy_from_slice(&mac(&pair.tagging, &[section.role.as_bytes(), prepared.nonce])[..16]);
        let mut info = b"[".to_vec();
        quote(&mut info, run.origin);
        info.push(b',');
        quote(&mut info, &section.role);
        put(&mut info, &[b",\"", &b64u_of(&tag), b"\","]);
        number(&mut info, epoch.index);
        info.push(b']');
        let length = section.before.len() + between.len() + section.after.len();
        let told = section.line.is_some();
        let size = size_class(length).max(if told { CLASSES[1] } else { 0 });
        let key = section_key(&salt, &pair.key, &info);
        let body = seal(&key, &[&section.before, &between, &section.after], size)?;
        let line = section.line.unwrap_or_else(|| other_line(prepared, &tag));
        parts.push(Sealed { tag, body, line });
    }
    Ok(parts)
}

fn other_line(prepared: &Prepared<'_>, tag: &[u8; 16]) -> [u8; 32] {
    mac(&prepared.header_mac, &[b"line", tag])
}

/// Random sections that fill up the number to a power of two.
fn add_dummies(parts: &mut Vec<Sealed>, prepared: &Prepared<'_>, noise: &mut Noise) {
    let missing = parts.len().next_power_of_two().max(FEWEST) - parts.len();
    let mut sizes: Vec<usize> = parts.iter().map(|part| part.body.len()).filter(|size| *size > CLASSES[0]).collect();
    if sizes.is_empty() {
        sizes.push(CLASSES[1]);
    }
    let mut chosen = vec![0; missing];
    noise.fill(&mut chosen);
    for choice in chosen {
        let tag = noise.take();
        let mut body = vec![0; sizes[usize::from(choice) % sizes.len()]];
        noise.fill(&mut body);
        parts.push(Sealed { tag, body, line: other_line(prepared, &tag) });
    }
}

/// The places of the boxes that become objects; the header's place is 0.
fn outside(sizes: &[usize], many: bool) -> Vec<bool> {
    let inline = |size: usize| size <= CLASSES[2];
    let mut total =
        if many { 0 } else { sizes.iter().filter(|size| inline(**size)).map(|size| size * 4 / 3 + 95).sum() };
    let mut outside: Vec<bool> = sizes.iter().map(|size| !inline(*size)).collect();
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by_key(|place| core::cmp::Reverse(sizes[*place]));
    for place in order {
        if total <= FULL {
            break;
        }
        if !outside[place] {
            outside[place] = true;
            total -= sizes[place] * 4 / 3 - 60;
        }
    }
    outside
}

/// Header and sections as JSON, and the digests of the objects without which the entry's receipt can't be checked.
fn inline(header: Vec<u8>, mut parts: Vec<Sealed>, objects: &mut Objects) -> (Vec<u8>, Vec<u8>, Vec<Vec<u8>>) {
    let many = parts.len() > MAX_SECTIONS;
    let sizes: Vec<usize> = core::iter::once(header.len()).chain(parts.iter().map(|part| part.body.len())).collect();
    let outside = outside(&sizes, many);
    let mut wanted = Vec::new();
    let mut head = Vec::new();
    if outside[0] {
        let name = objects.keep(header);
        put(&mut head, &[b"{\"object\":\"", &name, b"\"}"]);
        wanted.push(name);
    } else {
        head.extend_from_slice(b"{\"box\":\"");
        b64u(&mut head, &header);
        head.extend_from_slice(b"\"}");
    }
    // Objects are kept in the order in which the parts were made, texts are sorted by tag.
    let names: Vec<Option<Vec<u8>>> = parts
        .iter_mut()
        .zip(&outside[1..])
        .map(|(part, out)| out.then(|| objects.keep(core::mem::take(&mut part.body))))
        .collect();
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|place| parts[*place].tag);
    let mut sections = Vec::with_capacity(sizes.iter().sum::<usize>() * 4 / 3 + 128 * parts.len());
    sections.push(b'[');
    for (at, place) in order.into_iter().enumerate() {
        let part = &parts[place];
        sections.extend_from_slice(if at > 0 { b",{" } else { b"{" });
        if names[place].is_none() {
            sections.extend_from_slice(b"\"box\":\"");
            b64u(&mut sections, &part.body);
            sections.extend_from_slice(b"\",");
        }
        sections.extend_from_slice(b"\"line\":\"");
        b64u(&mut sections, &part.line);
        if let Some(name) = &names[place] {
            put(&mut sections, &[b"\",\"object\":\"", name]);
        }
        sections.extend_from_slice(b"\",\"tag\":\"");
        b64u(&mut sections, &part.tag);
        sections.extend_from_slice(b"\"}");
    }
    sections.push(b']');
    if many {
        let name = objects.keep(sections);
        sections = Vec::new();
        put(&mut sections, &[b"{\"object\":\"", &name, b"\"}"]);
        wanted.push(name);
    }
    (head, sections, wanted)
}

/// JSON for the entry's receipt: `{leaf, openings[, objects]}`.
fn members(prepared: &Prepared<'_>, leaf: &[u8], objects: &Objects, wanted: &[Vec<u8>]) -> Vec<u8> {
    let size = leaf.len() * 4 / 3 + prepared.openings.iter().map(|one| one.leaves.len() + 128).sum::<usize>() + 256;
    let mut out = Vec::with_capacity(size);
    out.extend_from_slice(b"{\"leaf\":\"");
    b64u(&mut out, leaf);
    out.extend_from_slice(b"\",\"openings\":{\"headerKey\":\"");
    b64u(&mut out, &*prepared.header_key);
    out.extend_from_slice(b"\",\"owners\":[");
    let mut rules: Vec<Late<'_>> = Vec::new();
    let now = prepared.openings.iter().filter(|one| one.late.is_none());
    opened(&mut out, now);
    for late in prepared.openings.iter().filter_map(|one| one.late) {
        if !rules.contains(&late) {
            rules.push(late);
        }
    }
    if !rules.is_empty() {
        out.extend_from_slice(b"],\"later\":[");
        let late =
            rules.iter().flat_map(|late| prepared.openings.iter().filter(move |one| one.late.as_ref() == Some(late)));
        opened(&mut out, late);
    }
    out.extend_from_slice(b"]}");
    let outside: Vec<_> = objects.0.iter().filter(|(name, _)| wanted.contains(name)).collect();
    if !outside.is_empty() {
        out.extend_from_slice(b",\"objects\":{");
        for (at, (name, data)) in outside.into_iter().enumerate() {
            put(&mut out, &[if at > 0 { b",\"" } else { b"\"" }, name, b"\":\""]);
            b64u(&mut out, data);
            out.push(b'"');
        }
        out.push(b'}');
    }
    out.push(b'}');
    out
}

fn opened<'a>(out: &mut Vec<u8>, openings: impl Iterator<Item = &'a Opening<'a>>) {
    for (at, opening) in openings.enumerate() {
        out.extend_from_slice(if at > 0 { b",{\"owner\":" } else { b"{\"owner\":" });
        quote(out, opening.owner);
        put(out, &[b",\"leaves\":", &opening.leaves, b"}"]);
    }
}

/// What was shown, and what was hit and is told late, for the ledger's own index.
fn write_rows(out: &mut Vec<u8>, openings: &[Opening<'_>]) {
    let told = || openings.iter().filter(|one| one.late.is_none());
    write_list(out, told().map(|one| one.shown.listed.len() + one.hit.listed.len()).sum());
    for opening in told() {
        for (hit, rows) in [(false, &opening.shown), (true, &opening.hit)] {
            for (submission, packed) in &rows.listed {
                write_list(out, 4);
                write_text(out, opening.owner);
                write_number(out, *submission);
                write_bool(out, hit);
                write_bytes(out, packed);
            }
        }
    }
    let later = || openings.iter().filter_map(|one| one.late.map(|late| (one, late)));
    write_list(out, later().map(|(one, _)| one.hit.listed.len()).sum());
    for (opening, late) in later() {
        for (submission, packed) in &opening.hit.listed {
            write_list(out, 4);
            write_text(out, opening.owner);
            write_map(out, 3);
            for (name, text) in [("rule", late.rule), ("law", late.law), ("due", late.due)] {
                write_text(out, name);
                write_text(out, text);
            }
            write_number(out, *submission);
            write_bytes(out, packed);
        }
    }
}
