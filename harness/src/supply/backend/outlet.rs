//! Where a server's bytes leave: counted, and held back where a download is to be interrupted.

use std::io;

use tokio::sync::watch;

/// Counts the bytes of bodies that a server sends. Whoever wants to see a download interrupted says after how many
/// bytes it is to stall, waits until it does, and lets go: what was held back then is never sent.
#[derive(Debug)]
pub(in crate::supply) struct Outlet {
    state: watch::Sender<State>,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    sent: u64,
    /// Nothing leaves beyond this many bytes.
    until: Option<u64>,
    /// Senders that are held back.
    held: usize,
    /// Raised whenever they are let go.
    let_go: u64,
}

impl Default for Outlet {
    fn default() -> Self {
        Self { state: watch::Sender::new(State::default()) }
    }
}

impl Outlet {
    /// Bytes that left so far.
    pub(in crate::supply) fn sent(&self) -> u64 {
        self.state.borrow().sent
    }

    /// Counts `bytes` that are about to leave; waits as long as they are held back.
    ///
    /// # Errors
    /// They are not to leave any more.
    pub(in crate::supply) async fn pass(&self, bytes: usize) -> io::Result<()> {
        let mut seen = 0;
        let mut fits = false;
        self.state.send_modify(|state| {
            let sent = state.sent + bytes as u64;
            fits = state.until.is_none_or(|until| sent <= until);
            seen = state.let_go;
            if fits {
                state.sent = sent;
            } else {
                state.held += 1;
            }
        });
        if fits {
            return Ok(());
        }
        let _held = Held(self);
        // The sender is ours, so that it cannot be gone.
        let _ = self.state.subscribe().wait_for(|state| state.let_go > seen).await;
        Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the download is interrupted"))
    }

    /// Holds back what comes after `bytes` more.
    pub(in crate::supply) fn stall_after(&self, bytes: u64) {
        self.state.send_modify(|state| state.until = Some(state.sent + bytes));
    }

    /// Waits until something is held back.
    pub(in crate::supply) async fn stalled(&self) {
        let _ = self.state.subscribe().wait_for(|state| state.held > 0).await;
    }

    /// Gives up what is held back, and holds back nothing from now on.
    pub(in crate::supply) fn let_go(&self) {
        self.state.send_modify(|state| {
            state.until = None;
            state.let_go += 1;
        });
    }
}

/// A sender that waits; also one whose client has gone in the meantime stops waiting.
struct Held<'o>(&'o Outlet);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.state.send_modify(|state| state.held -= 1);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn what_is_held_back_is_never_sent_and_what_follows_is() {
        let outlet = Arc::new(Outlet::default());
        outlet.pass(100).await.unwrap();
        outlet.stall_after(50);
        outlet.pass(50).await.unwrap();
        let beyond = {
            let outlet = Arc::clone(&outlet);
            tokio::spawn(async move { outlet.pass(1).await })
        };
        outlet.stalled().await;
        assert_eq!(outlet.sent(), 150);
        outlet.let_go();
        assert!(beyond.await.unwrap().is_err());
        outlet.pass(7).await.unwrap();
        assert_eq!(outlet.sent(), 157, "what was held back is not counted");
    }

    #[tokio::test]
    async fn a_client_that_has_gone_holds_nothing_up() {
        let outlet = Outlet::default();
        outlet.stall_after(0);
        {
            let waiting = outlet.pass(1);
            tokio::pin!(waiting);
            assert!(futures_util::poll!(&mut waiting).is_pending());
            outlet.stalled().await;
        }
        assert_eq!(outlet.state.borrow().held, 0);
    }
}
