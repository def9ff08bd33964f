//! A run of plain reads as it is handed in: the structs of `graphsvc.ledger.runs.Run` in MessagePack.

use std::collections::HashMap;

use crate::canon::LIMIT;
use crate::fault::{Fault, Result};
use crate::msgpack::Reader;

/// Owners with their (next owner_seq, index of their last entry).
pub type Numbers<'a> = HashMap<&'a str, (u64, Option<u64>)>;

const MISSING: Fault = Fault::Malformed("a member is missing");

pub struct Run<'a> {
    pub origin: &'a str,
    pub index: u64,
    pub t: &'a str,
    pub key_head: Option<u64>,
    pub numbers: Numbers<'a>,
    pub drafts: Vec<Draft<'a>>,
}

/// A read. `who`, each part's `facts` and `body` are MessagePack still.
#[derive(Default)]
pub struct Draft<'a> {
    pub type_: &'a str,
    pub who: Option<&'a [u8]>,
    pub purpose: Option<&'a str>,
    pub basis: Option<&'a str>,
    pub case: Option<&'a str>,
    pub policy: Option<&'a str>,
    pub at: Option<i64>,
    pub requester: Option<&'a str>,
    pub owners: Vec<Part<'a>>,
    pub body: &'a [u8],
    pub asked: Asked<'a>,
}

#[derive(Default)]
pub struct Asked<'a> {
    pub salt: &'a [u8],
    pub query: Option<&'a str>,
    pub answer: Option<&'a str>,
}

#[derive(Default)]
pub struct Part<'a> {
    pub owner: &'a str,
    pub facts: &'a [u8],
    pub disclosures: Vec<Disclosure<'a>>,
    pub hits: Option<Hits>,
    pub late: Option<Late<'a>>,
}

pub struct Disclosure<'a> {
    pub submission: u64,
    pub row: u32,
    pub handle: &'a str,
    /// A list of texts in MessagePack.
    pub groups: &'a [u8],
}

#[derive(Default)]
pub struct Hits {
    pub records: Vec<(u64, u32)>,
    pub more: bool,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
pub struct Late<'a> {
    pub rule: &'a str,
    pub law: &'a str,
    pub due: &'a str,
}

pub fn read_run(data: &[u8]) -> Result<Run<'_>> {
    let mut from = Reader::new(data);
    let (mut origin, mut index, mut t, mut key_head, mut numbers, mut drafts) = (None, None, None, None, None, None);
    for _ in 0..from.map()? {
        match from.text()? {
            "origin" => origin = Some(from.text()?),
            "index" => index = Some(from.integer()?),
            "t" => t = Some(from.text()?),
            "key_head" => key_head = Some(from.integer_or_nil()?),
            "numbers" => numbers = Some(read_numbers(&mut from)?),
            "drafts" => drafts = Some(each(&mut from, read_draft)?),
            _ => return Err(Fault::Elsewhere),
        }
    }
    if !from.is_empty() {
        return Err(Fault::Malformed("something follows the run"));
    }
    Ok(Run {
        origin: origin.ok_or(MISSING)?,
        index: index.ok_or(MISSING)?,
        t: t.ok_or(MISSING)?,
        key_head: key_head.ok_or(MISSING)?,
        numbers: numbers.ok_or(MISSING)?,
        drafts: drafts.ok_or(MISSING)?,
    })
}

/// The items of a list.
fn each<'a, T>(from: &mut Reader<'a>, read: impl Fn(&mut Reader<'a>) -> Result<T>) -> Result<Vec<T>> {
    (0..from.list()?).map(|_| read(from)).collect()
}

fn read_numbers<'a>(from: &mut Reader<'a>) -> Result<Numbers<'a>> {
    (0..from.map()?)
        .map(|_| {
            let owner = from.text()?;
            expect(from, 2)?;
            Ok((owner, (from.integer()?, from.integer_or_nil()?)))
        })
        .collect()
}

fn expect(from: &mut Reader<'_>, count: usize) -> Result<()> {
    if from.list()? == count { Ok(()) } else { Err(Fault::Malformed("a list has another length than is expected")) }
}

/// Passes over a member that a plain read has at its default; whatever else it holds is no work for this place.
fn default(from: &mut Reader<'_>) -> Result<()> {
    match from.raw()? {
        [0xc0 | 0xc2 | 0x90 | 0x80] => Ok(()),
        _ => Err(Fault::Elsewhere),
    }
}

fn read_draft<'a>(from: &mut Reader<'a>) -> Result<Draft<'a>> {
    let mut draft = Draft { body: &[0x80], ..Draft::default() };
    let mut asked = None;
    for _ in 0..from.map()? {
        match from.text()? {
            "type" => draft.type_ = from.text()?,
            "who" => draft.who = if from.nil() { None } else { Some(from.raw()?) },
            "purpose" => draft.purpose = from.text_or_nil()?,
            "basis" => draft.basis = from.text_or_nil()?,
            "case" => draft.case = from.text_or_nil()?,
            "policy" => draft.policy = from.text_or_nil()?,
            "at" => draft.at = from.integer_or_nil()?,
            "requester" => draft.requester = from.text_or_nil()?,
            "owners" => draft.owners = each(from, read_part)?,
            "body" => draft.body = from.raw()?,
            "asked" => asked = if from.nil() { None } else { Some(read_asked(from)?) },
            "read" => drop(from.boolean()?),
            "query" | "answer" | "acts" | "signed" | "public" | "sees" | "concerns" | "registry" | "effects" => {
                default(from)?;
            }
            _ => return Err(Fault::Elsewhere),
        }
    }
    draft.asked = asked.ok_or(Fault::Elsewhere)?;
    let plain = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit() || b".-".contains(&letter);
    if draft.type_.is_empty() || !draft.type_.bytes().all(plain) {
        return Err(Fault::Elsewhere);
    }
    Ok(draft)
}

fn read_asked<'a>(from: &mut Reader<'a>) -> Result<Asked<'a>> {
    let mut asked = Asked::default();
    for _ in 0..from.map()? {
        match from.text()? {
            "salt" => asked.salt = from.bytes()?,
            "query" => asked.query = from.text_or_nil()?,
            "answer" => asked.answer = from.text_or_nil()?,
            _ => return Err(Fault::Elsewhere),
        }
    }
    Ok(asked)
}

fn read_part<'a>(from: &mut Reader<'a>) -> Result<Part<'a>> {
    let mut part = Part { facts: &[0x80], ..Part::default() };
    for _ in 0..from.map()? {
        match from.text()? {
            "owner" => part.owner = from.text()?,
            "facts" => part.facts = from.raw()?,
            "disclosures" => part.disclosures = each(from, read_disclosure)?,
            "hits" => part.hits = if from.nil() { None } else { Some(read_hits(from)?) },
            "late" => part.late = if from.nil() { None } else { Some(read_late(from)?) },
            _ => return Err(Fault::Elsewhere),
        }
    }
    Ok(part)
}

fn read_disclosure<'a>(from: &mut Reader<'a>) -> Result<Disclosure<'a>> {
    expect(from, 4)?;
    let (submission, row, handle) = (read_submission(from)?, from.integer()?, from.text()?);
    Ok(Disclosure { submission, row, handle, groups: from.raw()? })
}

fn read_submission(from: &mut Reader<'_>) -> Result<u64> {
    let index: u64 = from.integer()?;
    if index < LIMIT { Ok(index) } else { Err(Fault::Elsewhere) }
}

fn read_hits(from: &mut Reader<'_>) -> Result<Hits> {
    let mut hits = Hits::default();
    for _ in 0..from.map()? {
        match from.text()? {
            "records" => {
                hits.records = each(from, |from| {
                    expect(from, 2)?;
                    Ok((read_submission(from)?, from.integer()?))
                })?;
            }
            "more" => hits.more = from.boolean()?,
            _ => return Err(Fault::Elsewhere),
        }
    }
    Ok(hits)
}

fn read_late<'a>(from: &mut Reader<'a>) -> Result<Late<'a>> {
    let mut late = Late::default();
    for _ in 0..from.map()? {
        match from.text()? {
            "rule" => late.rule = from.text()?,
            "law" => late.law = from.text()?,
            "due" => late.due = from.text()?,
            _ => return Err(Fault::Elsewhere),
        }
    }
    Ok(late)
}
