//! A run of plain reads, sealed one after the other: as `graphsvc.ledger.runs.seal_run` does it.

use crate::draft::{Draft, read_run};
use crate::entry::{Epoch, finish};
use crate::fault::{Fault, Result};
use crate::msgpack::write_list;
use crate::noise::Noise;
use crate::prepare::{DRAWN, DRAWN_EACH, prepare};

const SEED: usize = 32;
const RANDOM: Fault = Fault::Malformed("there are more or fewer random bytes than the run needs");

/// The outcomes of a run in MessagePack. `random` has a seed of 32 bytes, then 96 bytes for each draft and 64 for each
/// of its owners, in their order.
pub fn seal_run(message: &[u8], random: &[u8], epoch: &Epoch) -> Result<Vec<u8>> {
    let run = read_run(message)?;
    let (seed, mut left) = random.split_first_chunk::<SEED>().ok_or(RANDOM)?;
    let need = |draft: &Draft<'_>| DRAWN + DRAWN_EACH * draft.owners.len();
    if left.len() != run.drafts.iter().map(need).sum::<usize>() {
        return Err(RANDOM);
    }
    let (mut noise, mut numbers) = (Noise::new(seed), run.numbers.clone());
    let mut out = Vec::with_capacity(message.len() * 2 + 32_768 * run.drafts.len().min(128));
    write_list(&mut out, run.drafts.len());
    for (index, draft) in (run.index..).zip(&run.drafts) {
        let (drawn, rest) = left.split_at_checked(need(draft)).ok_or(RANDOM)?;
        left = rest;
        let prepared = prepare(draft, drawn)?;
        finish(&mut out, &run, draft, &prepared, epoch, &numbers, &mut noise)?;
        for part in draft.owners.iter().filter(|part| part.late.is_none()) {
            let (seq, last) = numbers.get_mut(part.owner).ok_or(Fault::Elsewhere)?;
            *seq = seq.checked_add(1).ok_or(Fault::Elsewhere)?;
            *last = Some(index);
        }
    }
    Ok(out)
}
