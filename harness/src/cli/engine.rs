//! `engine up|down|env`: a look inside with one's own docker client.

use std::io::Write as _;

use anyhow::{Result, bail};

use super::session::interrupted;
use crate::cache::Cache;
use crate::engine::{Choice, Data, Engine, Home, Status, managed_status, take_down};

/// Brings the managed engine up and leaves it up.
///
/// # Errors
/// If it does not come up, a run uses it, or the user interrupts it.
pub async fn up(cache: &Cache) -> Result<()> {
    let home = Home::of(cache)?;
    let (mut engine, version) = tokio::select! {
        up = bring_up(&home) => up?,
        // Until it is told to stay, it goes down with what brings it up.
        () = interrupted() => bail!("interrupted while the managed engine was brought up"),
    };
    engine.set_stays(true)?;
    writeln!(
        std::io::stdout(),
        "Docker Engine {version} is up at {}\n\
         Use it:     eval \"$(cargo xtask engine env)\"; docker image ls\n\
         Measure:    cargo xtask bench uses it as it is, and leaves it up\n\
         Take down:  cargo xtask engine down",
        engine.address()
    )?;
    engine.down(Data::Keep).await
}

/// The managed engine and its version. Unless it stayed up before, it goes down with the value.
async fn bring_up(home: &Home) -> Result<(Engine, String)> {
    let note = |line: &str| eprintln!("{line}");
    let engine = Engine::open(home, &Choice::Managed, Data::Keep, &note).await?;
    let version = engine.info().await?.version;
    Ok((engine, version))
}

/// Takes down a managed engine that stays up or that a killed run left behind.
///
/// # Errors
/// If a run uses it, or something of it does not end.
pub async fn down(cache: &Cache) -> Result<()> {
    let was_up = take_down(&Home::of(cache)?).await?;
    let said = if was_up { "The managed engine is down." } else { "The managed engine was not up." };
    writeln!(std::io::stdout(), "{said}")?;
    Ok(())
}

/// Prints what makes a docker client speak to the managed engine, for `eval`.
///
/// # Errors
/// If it is not up.
pub fn env(cache: &Cache) -> Result<()> {
    match managed_status(&Home::of(cache)?)? {
        Status::Stays(address) => {
            writeln!(std::io::stdout(), "export DOCKER_HOST={}", quoted(&address.to_string()))?;
            Ok(())
        }
        Status::InUse { pid } => bail!(
            "a run (process {pid}) uses the managed engine, and a look inside would be measured too: \
             wait until it ends, then `cargo xtask engine up`"
        ),
        Status::Down | Status::LeftBehind => {
            bail!("the managed engine is not up: bring it up with `cargo xtask engine up`")
        }
    }
}

/// One word of a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::quoted;

    #[test]
    fn a_shell_reads_back_what_was_meant() {
        let path = "unix:///home/o'neill/my cache/$HOME/docker.sock";
        let script = format!("printf %s {}", quoted(path));
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), path);
    }
}
