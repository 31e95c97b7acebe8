//! What a DiffCopy call asks for, from its metadata.

use tonic::metadata::MetadataMap;

/// The part of a directory that a call asks for.
pub(super) struct Wanted {
    pub(super) dir: String,
    pub(super) include: Vec<String>,
    pub(super) exclude: Vec<String>,
    pub(super) follow: Vec<String>,
}

impl Wanted {
    /// Reads a call's metadata.
    pub(super) fn read(metadata: &MetadataMap) -> Self {
        let list = |key: &str| {
            let encoded = metadata.get(format!("{key}-encoded")).is_some_and(|value| value == "1");
            let values = metadata.get_all(key).iter().filter_map(|value| value.to_str().ok());
            values.map(|v| if encoded { query_unescape(v) } else { v.to_owned() }).collect::<Vec<_>>()
        };
        Self {
            dir: list("dir-name").pop().unwrap_or_default(),
            include: list("include-patterns"),
            exclude: list("exclude-patterns"),
            follow: list("followpaths"),
        }
    }

    /// Whether it is content that `COPY` may copy, and not the ignore file, which is always sent.
    pub(super) fn is_content(&self) -> bool {
        self.dir == "context" && self.follow != [".dockerignore"]
    }
}

/// Go's `url.QueryUnescape`, in which BuildKit sends what is not ASCII.
fn query_unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        rest = behind;
        let hex = || {
            let digits = std::str::from_utf8(behind.get(..2)?).ok()?;
            u8::from_str_radix(digits, 16).ok()
        };
        match (first, hex()) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &behind[2..];
            }
            (b'+', _) => bytes.push(b' '),
            (&byte, _) => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lists_and_what_is_not_ascii() {
        let mut metadata = MetadataMap::new();
        for (key, value) in [
            ("dir-name", "context"),
            ("exclude-patterns", "*.log"),
            ("exclude-patterns", "!a+b%20.log"),
            ("followpaths", "d%C3%A9j%C3%A0+vu%2B.txt"),
            ("followpaths-encoded", "1"),
        ] {
            metadata.append(key, value.parse().unwrap());
        }
        let wanted = Wanted::read(&metadata);
        assert_eq!(wanted.dir, "context");
        assert_eq!(wanted.exclude, ["*.log", "!a+b%20.log"], "sent as it is");
        assert_eq!(wanted.follow, ["d\u{e9}j\u{e0} vu+.txt"]);
        assert!(wanted.include.is_empty() && wanted.is_content());
    }

    #[test]
    fn the_ignore_file_is_no_content() {
        let mut metadata = MetadataMap::new();
        metadata.append("dir-name", "context".parse().unwrap());
        metadata.append("followpaths", ".dockerignore".parse().unwrap());
        assert!(!Wanted::read(&metadata).is_content());
        metadata.append("followpaths", "a".parse().unwrap());
        assert!(Wanted::read(&metadata).is_content());
    }
}
