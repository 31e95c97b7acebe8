//! The token that makes an edit new.

use sha2::{Digest as _, Sha256};

use super::{Event, Variant};
use crate::hex::hex;

/// Twelve hexadecimal digits, the same for the same arguments and for no others: what replaces
/// [`NONCE_TOKEN`](super::NONCE_TOKEN) in the files of `event`'s build. `attempt` counts the tries of
/// one sample, so that a resumed run does not find its own half-done build in the cache.
pub fn nonce(
    run_id: &str,
    scenario: &str,
    block: u32,
    variant: Variant,
    event: &Event,
    attempt: u32,
) -> String {
    // Lengths are fixed or told, so no two lists of arguments give the same text.
    let lengths = (run_id.len(), scenario.len());
    let text = format!("{lengths:?}:{run_id}:{scenario}:{block}:{variant}:{event}:{attempt}");
    let digest = Sha256::digest(text.as_bytes());
    hex(&digest[..6])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_argument_counts() {
        let edit = Event::Edit("source".into());
        let tokens = BTreeSet::from([
            nonce("r1", "s", 1, Variant::Naive, &Event::Cold, 1),
            nonce("r2", "s", 1, Variant::Naive, &Event::Cold, 1),
            nonce("r1", "t", 1, Variant::Naive, &Event::Cold, 1),
            nonce("r1", "s", 2, Variant::Naive, &Event::Cold, 1),
            nonce("r1", "s", 1, Variant::Optimized, &Event::Cold, 1),
            nonce("r1", "s", 1, Variant::Naive, &edit, 1),
            nonce("r1", "s", 1, Variant::Naive, &edit, 2),
        ]);
        assert_eq!(tokens.len(), 7);
        assert!(tokens.iter().all(|token| token.len() == 12 && token.bytes().all(|b| b.is_ascii_hexdigit())));
        assert!(tokens.contains(&nonce("r1", "s", 1, Variant::Naive, &edit, 2)));
    }
}
