//! A package mirror of this machine, as the machine names it and as builds see it.

use crate::debian::Source;

/// One mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mirror {
    /// The machine's own URI, ending in a slash.
    pub(super) upstream: String,
    /// What follows `http://` inside a build: host, port and path, no login, ending in a slash.
    inside: String,
}

impl Mirror {
    /// The mirror of an apt source; none unless it is reached by HTTP or HTTPS.
    ///
    /// Inside a build it is always plain HTTP: there the proxy fetches, with the machine's certificates
    /// and logins, and slim images have no certificates. apt checks signatures, not the line.
    pub(super) fn of(source: &Source) -> Option<Self> {
        let (scheme, rest) = source.uri.split_once("://")?;
        if !matches!(scheme, "http" | "https") {
            return None;
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let host = authority.rsplit('@').next()?;
        let path = path.trim_end_matches('/');
        let inside = if path.is_empty() { format!("{host}/") } else { format!("{host}/{path}/") };
        let slash = if source.uri.ends_with('/') { "" } else { "/" };
        Some(Self { upstream: format!("{}{slash}", source.uri), inside })
    }

    /// The URI that apt sources inside a build carry.
    pub(super) fn inside(&self) -> String {
        format!("http://{}", self.inside)
    }

    /// What the machine calls a URL that a build asked for; none if it is not on this mirror.
    pub(super) fn upstream_of(&self, authority: &str, path: &str) -> Option<String> {
        let asked = format!("{authority}{path}");
        let rest = asked.strip_prefix(&self.inside)?;
        (!rest.split('/').any(|part| part == "..")).then(|| format!("{}{rest}", self.upstream))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mirror(uri: &str) -> Option<Mirror> {
        Mirror::of(&Source {
            uri: uri.into(),
            release: "stable".into(),
            codename: "stable".into(),
            origin: "Debian".into(),
            components: vec!["main".into()],
            signed_by: None,
        })
    }

    #[test]
    fn builds_see_plain_http_without_the_login() {
        let mirror = mirror("https://user:secret@mirror.example:8443/debian").unwrap();
        assert_eq!(mirror.inside(), "http://mirror.example:8443/debian/");
        assert_eq!(
            mirror.upstream_of("mirror.example:8443", "/debian/pool/a.deb").as_deref(),
            Some("https://user:secret@mirror.example:8443/debian/pool/a.deb")
        );
    }

    #[test]
    fn only_what_is_on_the_mirror_is() {
        let mirror = mirror("http://mirror.example/debian/").unwrap();
        for (host, path) in [
            ("other.example", "/debian/pool/a.deb"),
            ("mirror.example", "/private/a"),
            ("mirror.example", "/debian/../private/a"),
            ("mirror.example:81", "/debian/pool/a.deb"),
        ] {
            assert_eq!(mirror.upstream_of(host, path), None, "{host}{path}");
        }
    }

    #[test]
    fn a_mirror_on_disk_is_none_that_a_build_can_see() {
        assert_eq!(mirror("file:/srv/debian"), None);
        assert_eq!(mirror("mirror+file:///etc/apt/mirrors"), None);
    }
}
