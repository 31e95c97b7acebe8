//! A tar taken apart into its members, and put together again with checksums that hold.

use tar::{EntryType, Header};

use crate::rng::Rng;
use crate::scramble;

const BLOCK: usize = 512;

/// One header block and the content behind it, without what fills up its last block.
#[derive(Debug, Clone)]
pub struct Member {
    pub header: Box<[u8; BLOCK]>,
    pub content: Vec<u8>,
}

impl Member {
    /// A plain file.
    pub fn file(path: &str, content: Vec<u8>) -> Self {
        let mut header = Header::new_ustar();
        header.set_path(path).expect("a short path");
        header.set_mode(0o644);
        Self { header: Box::new(*header.as_bytes()), content }
    }

    /// The name in its header block.
    pub fn name(&self) -> String {
        let name = &self.header[..100];
        let end = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
        String::from_utf8_lossy(&name[..end]).into_owned()
    }

    /// Gives it another name of the same length.
    pub fn rename(&mut self, name: &str) {
        let end = name.len().min(100);
        self.header[..end].copy_from_slice(&name.as_bytes()[..end]);
    }

    fn header_only(&self) -> bool {
        matches!(
            EntryType::new(self.header[156]),
            EntryType::Link
                | EntryType::Symlink
                | EntryType::Char
                | EntryType::Block
                | EntryType::Directory
                | EntryType::Fifo
        )
    }
}

/// The members of `tar` as far as they can be told apart, and what lies behind them.
pub fn split(tar: &[u8]) -> (Vec<Member>, Vec<u8>) {
    let mut members = Vec::new();
    let mut rest = tar;
    while let Some((block, behind)) = rest.split_first_chunk::<BLOCK>() {
        if block.iter().all(|&byte| byte == 0) {
            break;
        }
        let mut member = Member { header: Box::new(*block), content: Vec::new() };
        let size = Header::from_byte_slice(block).entry_size().unwrap_or(0);
        let size = if member.header_only() { 0 } else { usize::try_from(size).unwrap_or(usize::MAX) };
        member.content = behind[..size.min(behind.len())].to_vec();
        rest = &behind[size.checked_next_multiple_of(BLOCK).unwrap_or(usize::MAX).min(behind.len())..];
        members.push(member);
    }
    (members, rest.to_vec())
}

/// The tar of `members`; `sized` says whether each header is to say how long its content is, true to the facts.
pub fn join(members: &[Member], rest: &[u8], sized: bool) -> Vec<u8> {
    let mut tar = Vec::new();
    for member in members {
        let mut header = Header::from_byte_slice(&member.header[..]).clone();
        if sized && !member.header_only() {
            header.set_size(member.content.len() as u64);
        }
        header.set_cksum();
        tar.extend(header.as_bytes());
        tar.extend(&member.content);
        tar.resize(tar.len().next_multiple_of(BLOCK), 0);
    }
    tar.extend(rest);
    tar
}

/// Changes a tar somewhere, so that a reader still gets to what was changed.
pub fn mutate(tar: &[u8], rng: &mut Rng, room: usize) -> Vec<u8> {
    let (mut members, rest) = split(tar);
    if members.is_empty() || rng.once_in(8) {
        let (members, rest) = split(&scramble(tar, room));
        return join(&members, &rest, false);
    }
    let at = rng.below(members.len());
    let mut sized = true;
    match rng.below(9) {
        0 | 1 => {
            let changed = scramble(&members[at].header[..], BLOCK);
            members[at].header[..changed.len()].copy_from_slice(&changed);
            sized = false;
        }
        2..=4 => {
            let free = room.saturating_sub(tar.len());
            members[at].content = scramble(&members[at].content, members[at].content.len() + free);
        }
        5 => {
            let copy = members[at].clone();
            members.insert(rng.below(members.len() + 1), copy);
        }
        6 => drop(members.remove(at)),
        7 => {
            let other = rng.below(members.len());
            members.swap(at, other);
        }
        // One field alone: type, or where the magic stands.
        _ => match rng.below(2) {
            0 => members[at].header[156] = b"\x000123456789xgLKSDVM"[rng.below(19)],
            _ => members[at].header[257..265]
                .copy_from_slice([b"ustar\x0000", b"ustar  \0", &[0; 8]][rng.below(3)]),
        },
    }
    join(&members, &rest, sized)
}
