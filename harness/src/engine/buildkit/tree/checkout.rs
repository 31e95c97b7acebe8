//! The same files in another checkout: what a build is told of them, and what it must not depend on.

use std::borrow::Cow;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::Node;
use super::node::Content;
use crate::engine::buildkit::{Checkout, Times};

/// How far times lie apart.
const SPREAD_S: i64 = 2 * 365 * 24 * 60 * 60;

impl Checkout {
    /// `node` at `path`, as it would be there. As it lies here, it is the one that was read.
    pub(super) fn of<'n>(&self, path: &str, node: &'n Node) -> Cow<'n, Node> {
        if *self == Self::default() {
            return Cow::Borrowed(node);
        }
        let mut seen = node.clone();
        if let Some(times) = self.times {
            seen.modified = times.of(path);
        }
        if let Some(umask) = self.umask {
            let kept = match node.content {
                Content::Symlink { .. } => node.mode,
                Content::Dir => 0o777 & !umask,
                _ if node.mode & 0o100 != 0 => 0o777 & !umask,
                _ => 0o666 & !umask,
            };
            seen.mode = node.mode & 0o7000 | kept & 0o777;
        }
        if let (Some(moved), Content::Symlink { target }) = (&self.moved, &node.content)
            && let Ok(below) = Path::new(target).strip_prefix(&moved.from)
            && let Some(target) = moved.to.join(below).to_str()
        {
            seen.content = Content::Symlink { target: target.to_owned() };
        }
        Cow::Owned(seen)
    }
}

impl Times {
    /// When the file at `path` was last changed, in nanoseconds since 1970: about as likely before the moment as after.
    fn of(self, path: &str) -> i64 {
        let digest = Sha256::new().chain_update(self.seed.to_le_bytes()).chain_update(path).finalize();
        let chance = digest.iter().take(6).fold(0_i64, |chance, byte| chance << 8 | i64::from(*byte));
        // In nanoseconds too: a time that falls on a whole second is stored otherwise in a tar.
        let seconds = self.around + chance % (2 * SPREAD_S) - SPREAD_S;
        seconds.abs().saturating_mul(1_000_000_000).saturating_add(chance % 1_000_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::buildkit::Moved;

    fn node(content: Content, mode: u32) -> Node {
        Node { content, mode, modified: 17 }
    }

    #[test]
    fn as_it_lies_here_nothing_is_changed() {
        let link = node(Content::Symlink { target: "/here/a".to_owned() }, 0o777);
        let seen = Checkout::default().of("link", &link);
        assert_eq!((seen.mode, seen.modified), (0o777, 17));
        assert!(matches!(&seen.content, Content::Symlink { target } if target == "/here/a"));
    }

    #[test]
    fn a_umask_takes_away_what_version_control_does_not_keep() {
        let checkout = Checkout { umask: Some(0o077), ..Checkout::default() };
        let mode = |content, mode| checkout.of("f", &node(content, mode)).mode;
        let file = || Content::Edited([].into());
        assert_eq!(mode(file(), 0o644), 0o600);
        assert_eq!(mode(file(), 0o755), 0o700);
        assert_eq!(mode(Content::Dir, 0o755), 0o700);
        let wide = Checkout { umask: Some(0o002), ..Checkout::default() };
        assert_eq!(wide.of("f", &node(file(), 0o600)).mode, 0o664);
    }

    #[test]
    fn times_lie_before_and_after_the_moment_and_never_before_1970() {
        let around = 1_700_000_000;
        let of = |seed, path: &str| Times { around, seed }.of(path) / 1_000_000_000;
        let times: Vec<i64> = (0..100).map(|n| of(1, &n.to_string())).collect();
        let before = times.iter().filter(|time| **time < around).count();
        assert!((20..80).contains(&before), "{before} of 100");
        assert_eq!(of(1, "a"), of(1, "a"));
        assert_ne!(of(1, "a"), of(2, "a"));
        assert!((0..100).all(|n| Times { around: 0, seed: n }.of("a") >= 0));
    }

    #[test]
    fn a_link_into_the_context_follows_it_and_others_stay() {
        let moved = Moved { from: "/here".into(), to: "/elsewhere".into() };
        let checkout = Checkout { moved: Some(moved), ..Checkout::default() };
        let target = |target: &str| {
            let link = node(Content::Symlink { target: target.to_owned() }, 0o777);
            match checkout.of("link", &link).into_owned().content {
                Content::Symlink { target } => target,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(target("/here/models/a"), "/elsewhere/models/a");
        assert_eq!(target("/heretic"), "/heretic");
        assert_eq!(target("models/a"), "models/a");
    }
}
