//! What start-ups are measured on: the GPUs that are asked for, and a node to pull to.

use std::collections::BTreeMap;

use anyhow::{Result, bail};

use super::job::Job;
use crate::cache::Cache;
use crate::cli::GpuChoice;
use crate::cli::progress::ProgressLine;
use crate::engine::Gpus;
use crate::measure::Node;
use crate::record::{GpuInfo, RunInfo};
use crate::scenario::{Pair, Scenario};

/// The variable that says when the driver loads the device code of a program.
const MODULE_LOADING: &str = "CUDA_MODULE_LOADING";

/// The machine's GPUs as far as containers are to have them, or why they are to have none.
///
/// # Errors
/// They are required, and there are none.
pub(super) fn gpus(choice: GpuChoice) -> Result<Result<Gpus, String>> {
    match (choice, Gpus::find) {
        (GpuChoice::Off, _) => Ok(Err("no GPU is to be used (--gpu off)".to_owned())),
        (GpuChoice::Auto, find) => Ok(find().map_err(|why| format!("no GPU ({why})"))),
        (GpuChoice::Require, find) => match find() {
            Ok(gpus) => Ok(Ok(gpus)),
            Err(why) => bail!(
                "--gpu require, and this machine has no GPU: {why}; load its driver (`nvidia-smi` must list it), or leave \
                 --gpu out, and the phases on a GPU are not measured"
            ),
        },
    }
}

/// Brings the node up where a scenario needs it; or says why there is none.
///
/// # Errors
/// A GPU is required, and containers of the node cannot have it.
pub(super) async fn node(
    choice: GpuChoice,
    gpus: &Result<Gpus, String>,
    job: &Job,
    cache: &Cache,
    line: &ProgressLine,
) -> Result<Result<Node, String>> {
    if job.measured().all(|scenario| scenario.startup.is_none()) {
        return Ok(Err("no scenario needs a node".to_owned()));
    }
    line.setting_up("bringing up a node to pull to");
    let note = |text: &str| line.say(text);
    let wanted = gpus.as_ref().map(drop).map_err(Clone::clone);
    let node = Node::up(cache, wanted, &note).await.map_err(|error| format!("{error:#}"));
    match (&node, choice) {
        (Err(why), GpuChoice::Require) => bail!("--gpu require, and {why}"),
        (Ok(node), GpuChoice::Require) => {
            if let Err(why) = node.gpu() {
                bail!(
                    "--gpu require, and there is {why}; install NVIDIA's container toolkit, or write a description with \
                     `nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml`"
                );
            }
        }
        (Err(why), _) => line.say(&format!("start-ups are not measured: {why}")),
        (Ok(_), _) => {}
    }
    Ok(node)
}

/// Notes in the record what start-ups are measured on.
///
/// # Errors
/// The node does not answer.
pub(super) async fn note(
    info: &mut RunInfo,
    job: &Job,
    node: &Node,
    gpus: &Result<Gpus, String>,
) -> Result<()> {
    info.node = Some(node.engine().info().await?);
    if let (Ok(gpus), Ok(access)) = (gpus, node.gpu()) {
        info.gpu = Some(GpuInfo {
            names: gpus.names.clone(),
            // All are asked for.
            visible_devices: gpus.names.len().try_into().unwrap_or(u32::MAX),
            driver: gpus.driver.clone(),
            cuda: gpus.cuda.clone(),
            persistence_mode: gpus.persistence_mode.clone(),
            access: access.to_string(),
            module_loading: module_loading(&job.scenarios)?,
        });
    }
    Ok(())
}

fn module_loading(scenarios: &[Scenario]) -> Result<BTreeMap<String, Pair<String>>> {
    let mut all = BTreeMap::new();
    for scenario in scenarios.iter().filter(|scenario| scenario.startup.is_some()) {
        let text = |path| std::fs::read_to_string(path).map(|text| assigned(&text));
        let files = &scenario.variants;
        let pair =
            Pair { naive: text(&files.naive.dockerfile)?, optimized: text(&files.optimized.dockerfile)? };
        all.insert(scenario.name.clone(), pair);
    }
    Ok(all)
}

/// What the last `ENV` of a Dockerfile makes of the variable.
fn assigned(dockerfile: &str) -> String {
    let mut words = dockerfile.split_whitespace().rev();
    let assigned = words.find_map(|word| word.strip_prefix(MODULE_LOADING)?.strip_prefix('='));
    assigned.unwrap_or("default").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gpu_that_is_not_to_be_used_is_no_error() {
        assert!(gpus(GpuChoice::Off).unwrap().unwrap_err().contains("--gpu off"));
    }

    #[test]
    fn the_last_assignment_counts() {
        assert_eq!(assigned("FROM x\nENV A=1 CUDA_MODULE_LOADING=EAGER\n"), "EAGER");
        assert_eq!(assigned("FROM x\n"), "default");
    }
}
