//! MessagePack, as far as runs need it: read in place, without copying; written to the end of a buffer.

use crate::fault::{Fault, Result};

const CUT: Fault = Fault::Malformed("the message ends too early");
const KIND: Fault = Fault::Malformed("a value has another kind than is expected here");
/// Values lie at most this deep within each other.
const DEEPEST: usize = 32;

/// Reads one value after the other. Nothing is taken at its word: a length is compared with what is there.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    left: &'a [u8],
}

/// What a value is, with its content or its number of items.
pub enum Value<'a> {
    Nil,
    Bool(bool),
    Int(i128),
    Text(&'a str),
    Bytes(&'a [u8]),
    List(usize),
    Map(usize),
    Other,
}

impl<'a> Reader<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Reader { left: data }
    }

    pub fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    fn take(&mut self, size: usize) -> Result<&'a [u8]> {
        let (taken, left) = self.left.split_at_checked(size).ok_or(CUT)?;
        self.left = left;
        Ok(taken)
    }

    fn number(&mut self, size: usize) -> Result<u64> {
        Ok(self.take(size)?.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    }

    fn length(&mut self, size: usize) -> Result<usize> {
        usize::try_from(self.number(size)?).map_err(|_| CUT)
    }

    fn text_of(&mut self, size: usize) -> Result<Value<'a>> {
        let bytes = self.take(size)?;
        Ok(Value::Text(core::str::from_utf8(bytes).map_err(|_| Fault::Malformed("a text is not UTF-8"))?))
    }

    fn bytes_of(&mut self, size: usize) -> Result<Value<'a>> {
        Ok(Value::Bytes(self.take(size)?))
    }

    /// The number of items of a list or map; each has at least one byte (in a map two).
    fn items(&self, count: usize, each: usize) -> Result<usize> {
        if count > self.left.len() / each { Err(CUT) } else { Ok(count) }
    }

    /// The next value; of a list or map only its head, the items follow.
    pub fn value(&mut self) -> Result<Value<'a>> {
        let head = self.take(1)?[0];
        Ok(match head {
            0x00..=0x7f => Value::Int(i128::from(head)),
            0x80..=0x8f => Value::Map(self.items(usize::from(head & 0x0f), 2)?),
            0x90..=0x9f => Value::List(self.items(usize::from(head & 0x0f), 1)?),
            0xa0..=0xbf => self.text_of(usize::from(head & 0x1f))?,
            0xc0 => Value::Nil,
            0xc2 | 0xc3 => Value::Bool(head == 0xc3),
            0xc4..=0xc6 => {
                let size = self.length(1 << (head - 0xc4))?;
                self.bytes_of(size)?
            }
            0xcc..=0xcf => Value::Int(i128::from(self.number(1 << (head - 0xcc))?)),
            0xd0..=0xd3 => {
                let size = 1usize << (head - 0xd0);
                let shift = 64 - 8 * size;
                #[expect(clippy::cast_possible_wrap, reason = "the sign is in the highest bit of what was read")]
                let signed = (self.number(size)? << shift) as i64 >> shift;
                Value::Int(i128::from(signed))
            }
            0xd9..=0xdb => {
                let size = self.length(1 << (head - 0xd9))?;
                self.text_of(size)?
            }
            0xdc | 0xdd => {
                let count = self.length(2 << (head - 0xdc))?;
                Value::List(self.items(count, 1)?)
            }
            0xde | 0xdf => {
                let count = self.length(2 << (head - 0xde))?;
                Value::Map(self.items(count, 2)?)
            }
            0xe0..=0xff => Value::Int(i128::from(head) - 256),
            // Fractions and extensions have no canonical JSON.
            0xca => self.other(4)?,
            0xcb => self.other(8)?,
            0xd4..=0xd8 => self.other(1 + (1 << (head - 0xd4)))?,
            0xc7..=0xc9 => {
                let size = self.length(1 << (head - 0xc7))?;
                self.take(1)?;
                self.other(size)?
            }
            0xc1 => return Err(KIND),
        })
    }

    fn other(&mut self, size: usize) -> Result<Value<'a>> {
        self.take(size)?;
        Ok(Value::Other)
    }

    pub fn text(&mut self) -> Result<&'a str> {
        self.text_or_nil()?.ok_or(KIND)
    }

    pub fn text_or_nil(&mut self) -> Result<Option<&'a str>> {
        match self.value()? {
            Value::Text(text) => Ok(Some(text)),
            Value::Nil => Ok(None),
            _ => Err(KIND),
        }
    }

    pub fn bytes(&mut self) -> Result<&'a [u8]> {
        match self.value()? {
            Value::Bytes(bytes) => Ok(bytes),
            _ => Err(KIND),
        }
    }

    pub fn boolean(&mut self) -> Result<bool> {
        match self.value()? {
            Value::Bool(value) => Ok(value),
            _ => Err(KIND),
        }
    }

    /// An integer in a range; one outside it is for the reference to refuse.
    pub fn integer<N: TryFrom<i128>>(&mut self) -> Result<N> {
        self.integer_or_nil()?.ok_or(KIND)
    }

    pub fn integer_or_nil<N: TryFrom<i128>>(&mut self) -> Result<Option<N>> {
        match self.value()? {
            Value::Int(value) => Ok(Some(N::try_from(value).map_err(|_| Fault::Elsewhere)?)),
            Value::Nil => Ok(None),
            _ => Err(KIND),
        }
    }

    pub fn list(&mut self) -> Result<usize> {
        match self.value()? {
            Value::List(count) => Ok(count),
            _ => Err(KIND),
        }
    }

    pub fn map(&mut self) -> Result<usize> {
        match self.value()? {
            Value::Map(count) => Ok(count),
            _ => Err(KIND),
        }
    }

    /// Whether the next value is nil; it is then passed over.
    pub fn nil(&mut self) -> bool {
        let found = self.left.first() == Some(&0xc0);
        if found {
            self.left = &self.left[1..];
        }
        found
    }

    /// The bytes of the next value, items included.
    pub fn raw(&mut self) -> Result<&'a [u8]> {
        let start = self.left;
        self.skip(DEEPEST)?;
        Ok(&start[..start.len() - self.left.len()])
    }

    fn skip(&mut self, deep: usize) -> Result<()> {
        let items = match self.value()? {
            Value::List(count) => count,
            Value::Map(count) => count * 2,
            _ => return Ok(()),
        };
        let deep = deep.checked_sub(1).ok_or(Fault::Elsewhere)?;
        (0..items).try_for_each(|_| self.skip(deep))
    }
}

fn head(out: &mut Vec<u8>, size: usize, heads: [u8; 3]) {
    if let Ok(size) = u8::try_from(size)
        && heads[0] != 0
    {
        out.extend([heads[0], size]);
    } else if let Ok(size) = u16::try_from(size) {
        out.push(heads[1]);
        out.extend(size.to_be_bytes());
    } else {
        out.push(heads[2]);
        // A message has less than 4 GiB: it is made from one that has.
        out.extend(u32::try_from(size).unwrap_or(u32::MAX).to_be_bytes());
    }
}

pub fn write_text(out: &mut Vec<u8>, text: &str) {
    head(out, text.len(), [0xd9, 0xda, 0xdb]);
    out.extend_from_slice(text.as_bytes());
}

pub fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    head(out, bytes.len(), [0xc4, 0xc5, 0xc6]);
    out.extend_from_slice(bytes);
}

pub fn write_list(out: &mut Vec<u8>, count: usize) {
    head(out, count, [0, 0xdc, 0xdd]);
}

pub fn write_map(out: &mut Vec<u8>, count: usize) {
    head(out, count, [0, 0xde, 0xdf]);
}

pub fn write_number(out: &mut Vec<u8>, number: u64) {
    out.push(0xcf);
    out.extend(number.to_be_bytes());
}

pub fn write_bool(out: &mut Vec<u8>, value: bool) {
    out.push(if value { 0xc3 } else { 0xc2 });
}
