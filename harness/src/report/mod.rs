//! The report: what a run directory says, in forms for people and for programs.
//!
//! Made from the records alone. No clock and no environment: the same directory gives the same bytes on
//! another machine, a year later.

mod aa;
mod answers;
mod brief;
mod causes;
mod contents;
mod cost;
mod development;
mod difference;
mod exchange;
mod facts;
mod gate;
mod html;
mod json;
mod labels;
mod markdown;
mod model;
mod overlap;
mod plots;
mod power;
mod price;
mod rebuilds;
mod releases;
#[cfg(test)]
mod schema;
mod startup;
mod summary;
mod terminal;
#[cfg(test)]
mod tests;

use anyhow::Result;

pub use brief::brief;
pub use difference::{Line, difference};
pub use exchange::{bencher, github_action_benchmark};
pub use gate::gate;
pub use html::html;
pub use json::json;
pub use markdown::markdown;
pub use model::{Report, ScenarioReport};
pub use rebuilds::terminal as terminal_rebuilds;
pub use summary::summary;
pub use terminal::{
    first_look as terminal_first_look, footer as terminal_footer, scenario as terminal_scenario, terminal,
};

use crate::record::RunDir;

/// Makes every derived file of a run directory anew: `claims.csv`, `report.md`, `report.html`, `plots/*.svg`; from
/// the `report` on what was read from it.
///
/// # Errors
/// When a file cannot be written.
pub fn write(dir: &RunDir, report: &Report<'_>) -> Result<()> {
    let claims: Vec<_> = report.claims().map(|(_, row)| row.clone()).collect();
    dir.write_claims(&claims)?;
    std::thread::scope(|scope| {
        // It takes as long as all the rest together.
        let page = scope.spawn(|| html(report));
        for scenario in &report.scenarios {
            if let Some(svg) = plots::build_times(&scenario.rows)? {
                dir.write_derived(&plots::file(&scenario.rows.plan.name), &svg)?;
            }
        }
        dir.write_derived("report.md", &markdown(report))?;
        let page = page.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        dir.write_derived("report.html", &page)
    })
}
