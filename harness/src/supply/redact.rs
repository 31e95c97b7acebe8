//! Taking the names of the machine's mirrors out of text.

use std::collections::BTreeSet;

use regex::Regex;

use crate::debian::Source;

/// What stands in their place.
pub const WORD: &str = "‹mirror›";

/// Replaces the hosts that this machine's packages come from, with logins and ports, wherever they occur.
///
/// A run directory is shown to others; where its machine fetches packages is none of their business.
#[derive(Debug, Clone)]
pub struct Redactor {
    pattern: Option<Regex>,
}

impl Redactor {
    /// Hides `hosts`.
    pub(super) fn new(hosts: &BTreeSet<String>) -> Self {
        let mut hosts: Vec<&String> = hosts.iter().collect();
        // The longest first: a host may end in the name of another.
        hosts.sort_by_key(|host| std::cmp::Reverse(host.len()));
        let any = hosts.iter().map(|host| regex::escape(host)).collect::<Vec<_>>().join("|");
        // A login before it and a port behind it go with it; so do sub-domains. In the names of apt's lists it ends
        // at an underscore, which stays.
        let pattern = format!(
            r"(?i)(?:[^\s/@:'\x22]+:[^\s/@'\x22]+@)?(?:[a-z0-9-]+\.)*\b(?:{any})(?:\b(?::\d+)?|(?<rest>_))"
        );
        Self { pattern: (!any.is_empty()).then(|| Regex::new(&pattern).ok()).flatten() }
    }

    /// `text` without the hosts.
    pub fn redact(&self, text: &str) -> String {
        match &self.pattern {
            Some(pattern) => pattern.replace_all(text, format!("{WORD}${{rest}}")).into_owned(),
            None => text.to_owned(),
        }
    }
}

/// The hosts of apt's sources.
pub(super) fn of_sources(sources: &[Source]) -> BTreeSet<String> {
    sources.iter().filter_map(Source::host).map(str::to_owned).filter(|host| !is_loopback(host)).collect()
}

/// The hosts in settings: those of URLs, and those that pip trusts by name.
pub(super) fn of_settings(settings: &str) -> BTreeSet<String> {
    let mut hosts = BTreeSet::new();
    for line in settings.lines() {
        for (start, _) in line.match_indices("://") {
            let rest = &line[start + 3..];
            let end = rest.find(|c: char| c.is_whitespace() || "/'\",;".contains(c)).unwrap_or(rest.len());
            let host = rest[..end].rsplit('@').next().unwrap_or_default();
            hosts.insert(host.split(':').next().unwrap_or_default().to_owned());
        }
        if let Some((key, value)) = line.split_once('=')
            && key.to_lowercase().replace('_', "-").ends_with("trusted-host")
        {
            // `pip config list` shows a list with its line breaks escaped.
            let value = value.replace("\\n", " ");
            let names = value.split(|c: char| c.is_whitespace() || "'\",".contains(c));
            hosts.extend(names.map(|name| name.split(':').next().unwrap_or_default().to_owned()));
        }
    }
    hosts.retain(|host| !host.is_empty() && !is_loopback(host));
    hosts
}

/// The environment's settings of package tools and proxies, one a line.
pub(super) fn environment() -> String {
    let tells = |key: &str| {
        let key = key.to_lowercase();
        key.ends_with("_proxy")
            || ["pip_", "uv_", "pipenv_", "poetry_"].iter().any(|tool| key.starts_with(tool))
    };
    std::env::vars().filter(|(key, _)| tells(key)).map(|(key, value)| format!("{key}={value}\n")).collect()
}

fn is_loopback(host: &str) -> bool {
    // `[` is what is left of an IPv6 address up to its first colon, and `*` is a proxy's wildcard.
    host == "localhost" || host.starts_with("127.") || matches!(host, "[" | "*")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_from_settings_of_all_kinds() {
        let settings = "global.index-url='https://user:pw@index.corp.example:8443/simple'\n\
                        global.extra-index-url='https://one.example/simple https://two.example/simple'\n\
                        install.trusted-host='bare.example\\nother.example:80'\n\
                        http_proxy=http://127.0.0.1:3128\nPIP_CERT=/etc/ssl/cert.pem\n";
        let hosts = of_settings(settings);
        let expected = ["bare.example", "index.corp.example", "one.example", "two.example"];
        for host in expected {
            assert!(hosts.contains(host), "{host} in {hosts:?}");
        }
        assert!(!hosts.iter().any(|host| host.starts_with("127.") || host.contains('/')), "{hosts:?}");
    }

    #[test]
    fn nothing_of_a_mirrors_address_is_left() {
        let redactor = Redactor::new(&["deb.example".to_owned(), "example".to_owned()].into());
        let text =
            "Get:1 http://u:p@deb.example:8080/debian InRelease\nHTTPS://CDN.DEB.EXAMPLE/x and deb.examples";
        assert_eq!(
            redactor.redact(text),
            format!("Get:1 http://{WORD}/debian InRelease\nHTTPS://{WORD}/x and deb.examples")
        );
        let list = "var/lib/apt/lists/deb.example_debian_dists_stable_InRelease";
        assert_eq!(
            redactor.redact(list),
            format!("var/lib/apt/lists/{WORD}_debian_dists_stable_InRelease"),
            "the name of a list"
        );
    }

    #[test]
    fn without_mirrors_text_stays_as_it_is() {
        assert_eq!(Redactor::new(&BTreeSet::new()).redact("http://a.example"), "http://a.example");
    }
}
