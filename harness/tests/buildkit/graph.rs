//! What waits for what: the graph that BuildKit reports of stages which need nothing of each other.

use std::collections::{BTreeSet, HashMap};

use harness::engine::buildkit::Vertex;

use crate::support::{dir, engine, request, step, token};

#[tokio::test]
async fn stages_meet_where_they_are_copied_and_a_link_is_no_instruction() {
    let engine = engine().await;
    let token = token();
    let files = dir(&[(
        "Dockerfile",
        &format!(
            "FROM base AS one\nRUN echo 1 {token} > /one\nFROM base AS two\nRUN echo 2 {token} > /two\n\
             FROM base\nCOPY --link --from=one /one /one\nCOPY --link --from=two /two /two\n"
        ),
    )]);
    let built = engine.kit.build(request(&files)).await.unwrap();

    let instructions = built.vertexes.iter().filter(|vertex| vertex.is_instruction());
    assert_eq!(instructions.count(), 4, "as in the Dockerfile: {:#?}", built.vertexes);
    let links: Vec<&Vertex> = built.vertexes.iter().filter(|vertex| vertex.is_link()).collect();
    assert_eq!(links.len(), 2, "{:#?}", built.vertexes);

    let by_digest: HashMap<&str, &Vertex> =
        built.vertexes.iter().map(|vertex| (vertex.digest.as_str(), vertex)).collect();
    let above = |vertex: &Vertex| {
        let mut seen = BTreeSet::new();
        let mut open = vertex.inputs.clone();
        while let Some(input) = open.pop() {
            if let Some(found) = by_digest.get(input.as_str()).filter(|_| seen.insert(input.clone())) {
                open.extend(found.inputs.iter().cloned());
            }
        }
        seen
    };
    let (one, two) = (step(&built, "RUN echo 1"), step(&built, "RUN echo 2"));
    assert!(!above(one).contains(&two.digest) && !above(two).contains(&one.digest));
    let copied = above(step(&built, "] COPY --link --from=one"));
    assert!(copied.contains(&one.digest) && !copied.contains(&two.digest));
    let upon_all = links.iter().map(|link| above(link)).find(|above| above.contains(&two.digest)).unwrap();
    assert!(upon_all.contains(&one.digest), "the last link lies upon the one before");
}
