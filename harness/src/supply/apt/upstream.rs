//! Fetching a file as the machine's own apt would.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

const HELPER: &str = "/usr/lib/apt/apt-helper";

/// Why a file is not here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FetchError {
    /// The mirror has no such file.
    Absent,
    /// Anything else, in apt's words.
    Failed(String),
}

/// Fetches `url` to `target` with the machine's proxies, certificates and logins.
pub(super) async fn fetch(url: &str, target: &Path) -> Result<(), FetchError> {
    let output = Command::new(HELPER)
        // apt's own user may not write into a cache below a home.
        .args(["-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=2"])
        .args(["download-file", url])
        .arg(target)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| FetchError::Failed(format!("cannot run {HELPER}: {error}")))?;
    if output.status.success() && target.is_file() {
        return Ok(());
    }
    Err(judged(&String::from_utf8_lossy(&output.stderr)))
}

fn judged(said: &str) -> FetchError {
    let error = said.lines().find(|line| line.starts_with("E:")).unwrap_or("apt-helper failed");
    // `E: Failed to fetch URL  404  Not Found [IP: …]`; mirrors on disk say it otherwise.
    if ["  404  ", "File not found", "(2: No such file"].iter().any(|said| error.contains(said)) {
        return FetchError::Absent;
    }
    FetchError::Failed(error.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_the_mirror_lacks_is_told_from_a_mirror_that_does_not_answer() {
        assert_eq!(
            judged("E: Failed to fetch http://m/x  404  Not Found [IP: 1.2.3.4 80]"),
            FetchError::Absent
        );
        let unreachable = judged("W: x\nE: Failed to fetch http://m/x  Could not connect to m:80");
        assert!(matches!(unreachable, FetchError::Failed(said) if said.contains("Could not connect")));
    }
}
