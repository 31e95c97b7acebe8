//! What counts known vulnerabilities, and why nothing does.

use super::job::Job;
use crate::cli::progress::ProgressLine;
use crate::measure::Scanner;

/// The scanner of this machine, where one was asked for. A resumed run looks for what it looked for before, with the
/// same scanner and database: what two of them count does not mix.
pub(super) async fn scanner(asked: bool, job: &Job, line: &ProgressLine) -> Option<Scanner> {
    let before = job.earlier.as_ref().map(|dir| dir.info().scanner.as_ref());
    let wanted = match before {
        None => asked,
        Some(before) => before.is_some(),
    };
    if !wanted {
        return None;
    }
    let Some(mut scanner) = Scanner::find().await else {
        line.say("not measured: vulnerabilities; none of Trivy, Grype, Snyk and pip-audit is on PATH");
        return None;
    };
    match before.flatten() {
        Some(before) if *before != scanner.info => {
            line.say(&format!(
                "not measured from here on: vulnerabilities; the run's were counted by {before}, and this machine has {}: \
                 what two of them count does not mix",
                scanner.info
            ));
            return None;
        }
        Some(_) => {}
        None => {
            line.setting_up(&format!("bringing the database of {} up to date", scanner.info.name));
            if let Err(error) = scanner.update().await {
                line.say(&format!(
                    "the database of {} is not brought up to date: {error:#}",
                    scanner.info.name
                ));
            }
        }
    }
    Some(scanner)
}
