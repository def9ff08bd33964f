//! The optional accelerator of graphsvc: what it makes is byte for byte what the reference in Python makes.
//!
//! It takes bytes and returns bytes, keeps nothing but the keys that an object of it was made with, and does no I/O.

#![forbid(unsafe_code)]

mod boxes;
mod canon;
mod draft;
mod entry;
mod fault;
mod handles;
mod msgpack;
mod noise;
mod prepare;
mod run;

use std::collections::HashMap;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use zeroize::Zeroizing;

use boxes::Key;
use entry::{DayKey, Epoch};
use fault::Fault;

/// Runs of more bytes than this are sealed with the interpreter free for others. To win it back may take longer than
/// to seal a small one.
const LONG: usize = 8_192;

/// The day keys of an epoch, for sealing runs of plain reads.
#[pyclass(frozen, module = "graphsvc_native")]
struct EpochKeys(Epoch);

#[pymethods]
impl EpochKeys {
    /// `pairs` maps recipients to (key, tag key), 32 bytes each. Raises ValueError.
    #[new]
    fn new(index: u64, pairs: HashMap<String, (DayKeyBytes, DayKeyBytes)>) -> Self {
        let made =
            |(key, tag_key): (DayKeyBytes, DayKeyBytes)| DayKey { key: key.0, tagging: boxes::keyed(&*tag_key.0) };
        EpochKeys(Epoch { index, keys: pairs.into_iter().map(|(name, pair)| (name, made(pair))).collect() })
    }

    /// The outcomes of a run, both in MessagePack; None where the reference has to do it.
    ///
    /// `random` has exactly as many bytes as the run needs. Raises ValueError for what is malformed.
    fn seal_run<'py>(&self, py: Python<'py>, run: &[u8], random: &[u8]) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let seal = || run::seal_run(run, random, &self.0);
        match if run.len() > LONG { py.detach(seal) } else { seal() } {
            Ok(sealed) => Ok(Some(PyBytes::new(py, &sealed))),
            Err(Fault::Elsewhere) => Ok(None),
            Err(Fault::Malformed(what)) => Err(PyValueError::new_err(what)),
        }
    }
}

/// A key of 32 bytes from a Python `bytes`.
struct DayKeyBytes(Key);

impl<'a, 'py> FromPyObject<'a, 'py> for DayKeyBytes {
    type Error = PyErr;

    fn extract(value: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let bytes: &[u8] = value.extract()?;
        let key = bytes.try_into().map_err(|_| PyValueError::new_err("a day key has 32 bytes"))?;
        Ok(DayKeyBytes(Zeroizing::new(key)))
    }
}

/// The handles of one organisation, under a key of 64 bytes.
#[pyclass(frozen, module = "graphsvc_native")]
struct HandleCipher(handles::HandleKey);

#[pymethods]
impl HandleCipher {
    /// Raises ValueError for a key of another length.
    #[new]
    fn new(key: &[u8]) -> PyResult<Self> {
        let key = key.try_into().map_err(|_| PyValueError::new_err("a key for handles has 64 bytes"))?;
        Ok(HandleCipher(Zeroizing::new(key)))
    }

    /// The handle of kind byte and number, 25 bytes. Raises ValueError for another length.
    fn seal(&self, plain: &[u8]) -> PyResult<String> {
        let plain = plain.try_into().ok().and_then(|plain| handles::seal(&self.0, plain));
        plain.ok_or_else(|| PyValueError::new_err("what a handle holds has 25 bytes"))
    }
}

#[pymodule]
fn graphsvc_native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<EpochKeys>()?;
    module.add_class::<HandleCipher>()
}
