//! Handles: AES-SIV under an organisation's key, in base64url, as `graphsvc.graph.handles` has them.

use aes_siv::KeyInit;
use aes_siv::siv::Aes256Siv;
use zeroize::Zeroizing;

use crate::canon::b64u_of;

/// What is sealed: the kind byte and the number's 24.
pub const PLAIN: usize = 25;
const SEALED: usize = PLAIN + 16;

pub fn seal(key: &[u8; 64], plain: &[u8; PLAIN]) -> Option<String> {
    let mut buffer = *plain;
    let tag = cipher(key).encrypt_inout_detached([[]; 0], (&mut buffer[..]).into()).ok()?;
    let mut sealed = [0; SEALED];
    sealed[..16].copy_from_slice(&tag);
    sealed[16..].copy_from_slice(&buffer);
    String::from_utf8(b64u_of(&sealed)).ok()
}

fn cipher(key: &[u8; 64]) -> Aes256Siv {
    Aes256Siv::new(key.into())
}

pub type HandleKey = Zeroizing<[u8; 64]>;
