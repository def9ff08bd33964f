//! Boxes and their keys, as `graphsvc_verify.boxes` has them.

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::fault::{Fault, Result};

/// HMAC-SHA-256 with its key taken in.
pub type Keyed = Hmac<Sha256>;
/// A key that is wiped when it is let go.
pub type Key = Zeroizing<[u8; 32]>;

pub const CLASSES: [usize; 3] = [512, 2_048, 8_192];
const COMMITMENT: usize = 32;
const TAG: usize = 16;
const OVERHEAD: usize = COMMITMENT + TAG + 4;
const INFO: &[u8] = b"graphsvc box v1";

/// Take a key in.
pub fn keyed(key: &[u8]) -> Keyed {
    // HMAC takes keys of all lengths.
    <Keyed as KeyInit>::new_from_slice(key).unwrap_or_else(|_| unreachable!("HMAC takes any key"))
}

/// HMAC over the parts, one after the other.
pub fn mac(state: &Keyed, parts: &[&[u8]]) -> [u8; 32] {
    let mut state = state.clone();
    for part in parts {
        state.update(part);
    }
    state.finalize().into_bytes().into()
}

/// The size in bytes of the box around `content` bytes.
pub fn size_class(content: usize) -> usize {
    let need = content + OVERHEAD;
    CLASSES.into_iter().find(|size| need <= *size).unwrap_or_else(|| need.next_power_of_two())
}

/// S of one section, by HKDF; `salt` is HMAC under the entry's nonce.
pub fn section_key(salt: &Keyed, day_key: &[u8; 32], info: &[u8]) -> Key {
    let inner = Zeroizing::new(mac(salt, &[day_key]));
    Zeroizing::new(mac(&keyed(&*inner), &[info, &[1]]))
}

/// The box of `size` bytes of the parts of a content under S.
pub fn seal(key: &[u8; 32], content: &[&[u8]], size: usize) -> Result<Vec<u8>> {
    let expand = keyed(key);
    let inner = Zeroizing::new(mac(&expand, &[INFO, &[1]]));
    let commitment = mac(&expand, &[&*inner, INFO, &[2]]);
    let length = content.iter().map(|part| part.len()).sum::<usize>();
    if length + OVERHEAD > size {
        return Err(Fault::Elsewhere);
    }
    let mut sealed = Vec::with_capacity(size);
    sealed.extend_from_slice(&commitment);
    sealed.extend(u32::try_from(length).map_err(|_| Fault::Elsewhere)?.to_be_bytes());
    for part in content {
        sealed.extend_from_slice(part);
    }
    sealed.resize(size - TAG, 0);
    let cipher = Aes256Gcm::new((&*inner).into());
    let tag = cipher
        .encrypt_inout_detached(&[0; 12].into(), &[], (&mut sealed[COMMITMENT..]).into())
        .map_err(|_| Fault::Elsewhere)?;
    sealed.extend_from_slice(&tag);
    Ok(sealed)
}
