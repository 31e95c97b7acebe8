//! The Dockerfile instructions behind an image's layers, as its history has them.

use oci_spec::image::ImageConfiguration;

/// The instruction of each of `layers` layers; none where the history is not of these layers.
pub fn instructions(config: &ImageConfiguration, layers: usize) -> Vec<String> {
    let history = config.history().iter().flatten();
    let made: Vec<String> = history
        .filter(|entry| entry.empty_layer() != Some(true))
        .map(|entry| as_written(entry.created_by().as_deref().unwrap_or_default()))
        .collect();
    if made.len() == layers { made } else { Vec::new() }
}

/// An instruction as its Dockerfile has it: BuildKit's history puts build arguments and the shell into a `RUN`,
/// and its own name behind.
fn as_written(created_by: &str) -> String {
    let text = created_by.trim_end().trim_end_matches("# buildkit").trim_end();
    const SHELL: &str = "/bin/sh -c ";
    match text.strip_prefix("RUN ").and_then(|rest| Some((rest, rest.find(SHELL)?))) {
        Some((rest, at)) if at == 0 || rest.starts_with('|') => format!("RUN {}", &rest[at + SHELL.len()..]),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_shown_as_they_were_written() {
        for (history, written) in [
            ("RUN |2 A=b C=d e /bin/sh -c rm -rf /tmp/x # buildkit", "RUN rm -rf /tmp/x"),
            ("RUN /bin/sh -c echo /bin/sh -c x # buildkit", "RUN echo /bin/sh -c x"),
            ("RUN echo /bin/sh -c x", "RUN echo /bin/sh -c x"),
            ("COPY . . # buildkit", "COPY . ."),
            ("", ""),
        ] {
            assert_eq!(as_written(history), written, "{history}");
        }
    }
}
