//! Random bytes that fill up an entry: AES-256 in counter mode under the run's seed, from zero.

use aes::Aes256;
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit, StreamCipher};

pub struct Noise(Ctr128BE<Aes256>);

impl Noise {
    pub fn new(seed: &[u8; 32]) -> Self {
        Noise(Ctr128BE::new(seed.into(), &[0; 16].into()))
    }

    /// The next bytes, never given out again.
    pub fn fill(&mut self, place: &mut [u8]) {
        place.fill(0);
        self.0.apply_keystream(place);
    }

    pub fn take<const SIZE: usize>(&mut self) -> [u8; SIZE] {
        let mut taken = [0; SIZE];
        self.fill(&mut taken);
        taken
    }
}
