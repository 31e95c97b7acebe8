//! What is particular to a registry's requests.

use http::Method;
use http::request::Parts;

use crate::supply::backend::Routes;

/// Of a registry: no blob is taken over from another repository, and the times of blobs are kept.
pub(super) const ROUTES: Routes = Routes { name: "registry", target, timed: is_blob };

fn is_blob(parts: &Parts) -> bool {
    parts.method == Method::GET && parts.uri.path().contains("/blobs/")
}

/// The path and query alone, without the offer to take a blob over from another repository: what one image
/// pushed would cost the other nothing, and each is to be measured as if it were alone.
fn target(parts: &Parts) -> String {
    let path = parts.uri.path();
    let query = parts.uri.query().unwrap_or_default();
    let begins_upload = parts.method == Method::POST && path.contains("/blobs/uploads");
    let kept: Vec<&str> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .filter(|pair| !(begins_upload && (pair.starts_with("mount=") || pair.starts_with("from="))))
        .collect();
    if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn target_of(method: Method, uri: &str) -> String {
        let request = Request::builder().method(method).uri(uri).body(()).unwrap();
        target(&request.into_parts().0)
    }

    #[test]
    fn no_repository_takes_a_blob_from_another() {
        let uploads = "/v2/a/b/blobs/uploads/";
        assert_eq!(target_of(Method::POST, &format!("{uploads}?mount=sha256:ab&from=c")), uploads);
        let whole = format!("{uploads}?digest=sha256:ab");
        assert_eq!(target_of(Method::POST, &format!("{whole}&from=c")), whole);
        assert_eq!(target_of(Method::GET, "/v2/a/tags/list?n=5&from=c"), "/v2/a/tags/list?n=5&from=c");
    }
}
