//! What ran and what was cached.

use crate::support::{dir, edit, engine, request, step, token};

const DOCKERFILE: &str = "FROM base\nWORKDIR /app\nCOPY deps ./\nRUN cat deps > installed\nCOPY src src\nRUN cat src/main > built\n";

#[tokio::test]
async fn flags_tell_cold_from_noop_from_edit() {
    let engine = engine().await;
    let files =
        dir(&[("Dockerfile", DOCKERFILE), ("deps", &token()), ("src/main", &token()), ("other", "unused")]);
    let (key, namespace) = (token(), token());
    let ask = || {
        let mut request = request(&files);
        (request.shared_key, request.cache_mount_namespace) = (key.clone(), namespace.clone());
        request
    };
    let flags = |outcome: &_| {
        ["COPY deps", "RUN cat deps", "COPY src", "RUN cat src"].map(|text| step(outcome, text).cached)
    };

    let cold = engine.kit.build(ask()).await.unwrap();
    assert_eq!(flags(&cold), [false; 4]);
    assert_eq!(cold.context_bytes, 32, "only what COPY names is sent, and it is counted");
    let installs = step(&cold, "RUN cat deps");
    assert!(installs.started < installs.completed);

    let noop = engine.kit.build(ask()).await.unwrap();
    assert_eq!(flags(&noop), [true; 4]);
    assert!(noop.vertexes.iter().filter(|vertex| vertex.is_instruction()).all(|vertex| vertex.cached));
    assert_eq!(noop.context_bytes, 0);

    let mut edited = ask();
    edited.context.overlay.insert("src/main".to_owned(), edit("something else", 1));
    let edited = engine.kit.build(edited).await.unwrap();
    assert_eq!(flags(&edited), [true, true, false, false]);
    assert_eq!(edited.context_bytes, 14);

    let mut again = ask();
    again.no_cache = true;
    let again = engine.kit.build(again).await.unwrap();
    assert_eq!(flags(&again)[1..], [false; 3]);
}

#[tokio::test]
async fn a_fresh_namespace_finds_cache_mounts_empty() {
    let engine = engine().await;
    let files = dir(&[(
        "Dockerfile",
        "FROM base\nARG WANT TURN\nRUN --mount=type=cache,target=/c \\\n ls /c && test \"$(ls /c)\" = \"$WANT\" && touch /c/mark\n",
    )]);
    let ask = |namespace: &str, want: &str| {
        let mut request = request(&files);
        request.cache_mount_namespace = namespace.to_owned();
        request.build_args.insert("WANT".to_owned(), want.to_owned());
        request.build_args.insert("TURN".to_owned(), token());
        request
    };
    let (first, second) = (token(), token());
    engine.kit.build(ask(&first, "")).await.expect("empty at first");
    engine.kit.build(ask(&first, "mark")).await.expect("kept in its namespace");
    engine.kit.build(ask(&second, "")).await.expect("empty in another");
}

#[tokio::test]
async fn edits_of_equal_size_are_told_apart() {
    let engine = engine().await;
    let files = dir(&[
        ("Dockerfile", "FROM base\nARG WANT\nCOPY f /\nRUN test \"$(cat /f)\" = \"$WANT\"\n"),
        ("f", "0"),
    ]);
    let key = token();
    for turn in 1..4 {
        let text = format!("{}-{turn}", token());
        let mut request = request(&files);
        request.shared_key = key.clone();
        request.context.overlay.insert("f".to_owned(), edit(&text, turn));
        request.build_args.insert("WANT".to_owned(), text);
        engine.kit.build(request).await.expect("the edit is what the build sees");
    }
}

/// BuildKit takes a file of known size and time as unchanged, whatever is in it: why cold builds use a fresh key.
#[tokio::test]
async fn a_fresh_key_sees_what_size_and_time_do_not_show() {
    let engine = engine().await;
    let files = dir(&[("Dockerfile", "FROM base\nARG WANT\nCOPY f /\nRUN test \"$(cat /f)\" = \"$WANT\"\n")]);
    let (key, path, before, after) = (token(), files.path().join("f"), token(), token());
    let put = |text: &str| {
        std::fs::write(&path, text).unwrap();
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(edit("", 0).modified).unwrap();
    };
    let ask = |key: &str, want: &str| {
        let mut request = request(&files);
        request.shared_key = key.to_owned();
        request.build_args.insert("WANT".to_owned(), want.to_owned());
        request
    };
    put(&before);
    engine.kit.build(ask(&key, &before)).await.unwrap();
    put(&after);
    let stale = engine.kit.build(ask(&key, &after)).await;
    assert!(stale.is_err(), "the trap is gone: the key may be kept after all");
    engine.kit.build(ask(&token(), &after)).await.expect("a fresh key sends it all");
}
