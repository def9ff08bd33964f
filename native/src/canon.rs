//! Canonical JSON (RFC 8785), base64url without padding, digests: as `graphsvc_verify.canonical` has them.

use crate::fault::{Fault, Result};
use crate::msgpack::{Reader, Value};
use sha2::{Digest, Sha256};

/// Integers lie strictly between -2^53 and 2^53.
pub const LIMIT: u64 = 1 << 53;
const HEX: &[u8; 16] = b"0123456789abcdef";
const URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// Each 12 bits as two characters.
static PAIRS: [[u8; 2]; 4096] = pairs();

const fn pairs() -> [[u8; 2]; 4096] {
    let mut table = [[0; 2]; 4096];
    let mut at = 0;
    while at < 4096 {
        table[at] = [URL[at >> 6], URL[at & 63]];
        at += 1;
    }
    table
}

/// Append the bytes of all parts.
pub fn put(out: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        out.extend_from_slice(part);
    }
}

/// Append base64url without padding.
pub fn b64u(out: &mut Vec<u8>, data: &[u8]) {
    let start = out.len();
    out.resize(start + (data.len() * 4).div_ceil(3), 0);
    let (whole, rest) = data.as_chunks::<3>();
    let (places, end) = out[start..].as_chunks_mut::<4>();
    for (place, [a, b, c]) in places.iter_mut().zip(whole) {
        let first = PAIRS[usize::from(*a) << 4 | usize::from(*b) >> 4];
        let second = PAIRS[(usize::from(*b) & 15) << 8 | usize::from(*c)];
        *place = [first[0], first[1], second[0], second[1]];
    }
    match (rest, end) {
        ([a], [one, two]) => [*one, *two] = PAIRS[usize::from(*a) << 4],
        ([a, b], [one, two, three]) => {
            [*one, *two] = PAIRS[usize::from(*a) << 4 | usize::from(*b) >> 4];
            *three = URL[(usize::from(*b) & 15) << 2];
        }
        _ => (),
    }
}

/// base64url without padding, as bytes of ASCII.
pub fn b64u_of(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    b64u(&mut out, data);
    out
}

/// Append `sha256:` and 64 hex digits.
pub fn named(out: &mut Vec<u8>, hash: &[u8; 32]) {
    out.extend_from_slice(b"sha256:");
    for byte in hash {
        out.extend([HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    }
}

/// Append a decimal number.
pub fn number(out: &mut Vec<u8>, mut value: u64) {
    let (mut digits, mut at) = ([0u8; 20], 20);
    loop {
        at -= 1;
        let digit = (value % 10) as u8;
        digits[at] = b'0' + digit;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Append a number, or `null`.
pub fn number_or_null(out: &mut Vec<u8>, value: Option<u64>) {
    match value {
        Some(value) => number(out, value),
        None => out.extend_from_slice(b"null"),
    }
}

/// Append a string.
pub fn quote(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut done = 0;
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        if *byte >= 0x20 && *byte != b'"' && *byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[done..at]);
        done = at + 1;
        out.push(b'\\');
        match byte {
            b'"' | b'\\' => out.push(*byte),
            0x08 => out.push(b'b'),
            0x09 => out.push(b't'),
            0x0a => out.push(b'n'),
            0x0c => out.push(b'f'),
            0x0d => out.push(b'r'),
            _ => put(out, &[b"u00", &[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]]),
        }
    }
    out.extend_from_slice(&bytes[done..]);
    out.push(b'"');
}

/// Append a string, or `null`.
pub fn quote_or_null(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => quote(out, text),
        None => out.extend_from_slice(b"null"),
    }
}

/// Append a value of MessagePack as canonical JSON.
pub fn encode(out: &mut Vec<u8>, from: &mut Reader<'_>) -> Result<()> {
    match from.value()? {
        Value::Nil => out.extend_from_slice(b"null"),
        Value::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
        Value::Int(value) => {
            let size = u64::try_from(value.unsigned_abs()).ok().filter(|size| *size < LIMIT).ok_or(Fault::Elsewhere)?;
            if value < 0 {
                out.push(b'-');
            }
            number(out, size);
        }
        Value::Text(text) => quote(out, text),
        Value::List(count) => {
            out.push(b'[');
            for at in 0..count {
                if at > 0 {
                    out.push(b',');
                }
                encode(out, from)?;
            }
            out.push(b']');
        }
        Value::Map(count) => {
            let mut members = members(from, count)?;
            encode_members(out, &mut members)?;
        }
        Value::Bytes(_) | Value::Other => return Err(Fault::Elsewhere),
    }
    Ok(())
}

/// Name and value of each member of a map; the value is MessagePack, at a depth that was checked.
pub type Members<'a> = Vec<(&'a str, &'a [u8])>;

/// The members of a map whose head is read. Names beyond ASCII have an order of their own: the reference's work.
pub fn members<'a>(from: &mut Reader<'a>, count: usize) -> Result<Members<'a>> {
    let mut found = Vec::with_capacity(count);
    for _ in 0..count {
        let Value::Text(name) = from.value()? else { return Err(Fault::Elsewhere) };
        if !name.is_ascii() {
            return Err(Fault::Elsewhere);
        }
        found.push((name, from.raw()?));
    }
    Ok(found)
}

/// Append an object; its members are sorted first.
pub fn encode_members(out: &mut Vec<u8>, members: &mut Members<'_>) -> Result<()> {
    members.sort_unstable_by_key(|(name, _)| *name);
    if members.windows(2).any(|two| two[0].0 == two[1].0) {
        return Err(Fault::Elsewhere);
    }
    out.push(b'{');
    for (at, (name, value)) in members.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        quote(out, name);
        out.push(b':');
        encode(out, &mut Reader::new(value))?;
    }
    out.push(b'}');
    Ok(())
}

/// SHA-256 over the parts, one after the other.
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut state = Sha256::new();
    for part in parts {
        state.update(part);
    }
    state.finalize().into()
}

/// The root of RFC 6962 over leaf hashes.
pub fn root(mut level: Vec<[u8; 32]>) -> [u8; 32] {
    if level.is_empty() {
        return sha256(&[]);
    }
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|two| match two {
                [left, right] => sha256(&[b"\x01", left, right]),
                _ => two[0],
            })
            .collect();
    }
    level[0]
}
