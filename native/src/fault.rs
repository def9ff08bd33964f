//! What can be wrong with what is handed in.

/// Why a run was not sealed here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The message is not of its form: the caller's mistake.
    Malformed(&'static str),
    /// A value that only the reference in Python knows what to make of, as one that it refuses and says why.
    Elsewhere,
}

pub type Result<T> = core::result::Result<T, Fault>;
