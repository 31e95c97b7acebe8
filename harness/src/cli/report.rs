//! `report DIR`: makes the report of a run anew and prints it.

use std::io::Write as _;
use std::path::Path;

use anyhow::Result;

use super::colour;
use crate::error::BadInput;
use crate::record::RunDir;
use crate::report::{self, Report};

/// The forms that can be printed.
const FORMATS: [&str; 3] = ["text", "md", "json"];

/// Writes the derived files of the run at `dir` and prints its report as `format`.
///
/// # Errors
/// [`BadInput`] when there is no run at `dir` or no such format.
pub fn run(dir: &Path, format: &str) -> Result<()> {
    if !FORMATS.contains(&format) {
        return Err(BadInput(format!(
            "there is no format `{format}`: write --format {}",
            FORMATS.join(", --format ")
        ))
        .into());
    }
    let dir = RunDir::open(dir)?;
    report::write(&dir)?;
    let records = dir.read()?;
    let report = Report::of(&records);
    let text = match format {
        "md" => report::markdown(&report),
        "json" => report::json(&report),
        _ => report::terminal(&report, colour::on_stdout()),
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_format_is_bad_input_that_names_those_there_are() {
        let error = run(Path::new("/nonexistent"), "html").unwrap_err();
        assert!(error.is::<BadInput>());
        assert!(error.to_string().contains("--format text, --format md, --format json"), "{error}");
        assert!(run(Path::new("/nonexistent"), "md").unwrap_err().is::<BadInput>());
    }
}
