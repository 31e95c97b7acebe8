//! Which Pythons an image has, by their standard libraries. No program of the image is run.

use std::collections::BTreeSet;

use super::entry::split;
use super::{Image, OciError, merge};

/// The minor versions of the Pythons in `image`, such as `3.11`: a folder `lib/python3.11` with a standard
/// library in it is one, wherever it stands. A virtual environment has none of its own. What comes after the
/// second number does not show there.
///
/// # Errors
/// The layers cannot be merged.
pub fn pythons(image: &Image) -> Result<BTreeSet<String>, OciError> {
    let tree = merge(&image.layers)?;
    let there = tree.iter().filter(|(_, node)| node.entry.is_some());
    Ok(there.filter_map(|(path, _)| version(path)).collect())
}

fn version(path: &[u8]) -> Option<String> {
    let (folder, name) = split(path);
    let (above, folder) = split(folder);
    let (_, above) = split(above);
    let version = folder.strip_prefix(b"python").filter(|_| name == b"os.py" && above == b"lib")?;
    let (major, minor) = std::str::from_utf8(version).ok()?.split_once('.')?;
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (number(major) && number(minor)).then(|| format!("{major}.{minor}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::testing::{TarBuilder, image};

    #[test]
    fn a_standard_library_is_a_python() {
        for (path, expected) in [
            ("usr/local/lib/python3.11/os.py", vec!["3.11"]),
            ("opt/conda/lib/python3.13/os.py", vec!["3.13"]),
            ("lib/python3.9/os.py", vec!["3.9"]),
            // Of a virtual environment, of a package, and nothing that Python installs.
            ("opt/venv/lib/python3.11/site-packages/os.py", vec![]),
            ("app/python3.11/os.py", vec![]),
            ("usr/lib/python3/os.py", vec![]),
            ("usr/lib/python3.x/os.py", vec![]),
            ("os.py", vec![]),
        ] {
            assert_eq!(version(path.as_bytes()).into_iter().collect::<Vec<_>>(), expected, "{path}");
        }
    }

    #[test]
    fn one_that_a_later_layer_hides_is_gone() {
        let both =
            TarBuilder::new().file("usr/lib/python3.9/os.py", b"").file("usr/lib/python3.11/os.py", b"");
        let later = TarBuilder::new().whiteout("usr/lib/python3.9");
        assert_eq!(pythons(&image(&[&both])).unwrap(), ["3.11".to_owned(), "3.9".to_owned()].into());
        assert_eq!(pythons(&image(&[&both, &later])).unwrap(), ["3.11".to_owned()].into());
    }
}
